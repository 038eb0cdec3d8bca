"""What is written about the command line is what the command line is."""

import importlib.util
import re
import shutil
import subprocess

import pytest

from M3DBatchLib.CommandLine import commandsOf, makeParser
from M3DBatchLib.Settings import NAMES, readSettings
from M3DTestSupport.Project import ROOT


@pytest.fixture(scope="module")
def pages():
    spec = importlib.util.spec_from_file_location("WriteCommandLineDocs", ROOT / "Utilities/WriteCommandLineDocs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.pages()


def test_pagesAreThoseOfTheParsers(pages):
    stale = [place for place, text in pages.items() if (ROOT / place).read_text(encoding="utf-8") != text]
    assert stale == [], "run: python Utilities/WriteCommandLineDocs.py"


def test_everyOptionOfEveryCommandIsExplained(pages):
    sections = re.split(r"^## m3d ", pages["Docs/CommandLine.md"], flags=re.M)[1:]
    byName = {section.split("\n")[0]: section for section in sections}
    for name, parser in commandsOf(makeParser()).items():
        options = [option for option in parser._option_string_actions if option.startswith("--")]
        for option in options:
            known = byName[name] + pages["Docs/CommandLine.md"].split("## Exit status")[0]
            assert option in known or option in ("--help",), (name, option)


def test_exampleOfTheSettingsIsRead(tmp_path):
    text = (ROOT / "Docs" / "CommandLine.md").read_text(encoding="utf-8")
    (tmp_path / "m3d.toml").write_text(re.search(r"```toml\n(.*?)```", text, re.S)[1])
    settings = readSettings(str(tmp_path / "m3d.toml"), {})
    assert settings.values["profile"].text == "implant" and set(settings.values) < set(NAMES)


@pytest.mark.skipif(shutil.which("groff") is None, reason="no groff on this machine")
def test_manPageIsSet():
    run = subprocess.run(
        ["groff", "-man", "-Tascii", "-ww", str(ROOT / "Docs" / "m3d.1")], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0 and "EXIT STATUS" in re.sub(r"\x1b\[\d+m|.\x08", "", run.stdout)
    assert "warning: macro" not in run.stderr and "warning: escape" not in run.stderr
