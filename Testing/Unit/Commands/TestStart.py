"""A command starts without reading what the others need, and says the same as if it had."""

import subprocess
import sys

import pytest

from M3DBatchLib.CommandLine import commandsOf, main, makeParser
from M3DTestSupport.Commands import environment

COMMANDS = commandsOf(makeParser())


def printed(capsys, *arguments):
    """What ``m3d`` prints, and its exit status."""
    try:
        status = main(list(arguments))
    except SystemExit as end:
        status = end.code
    return status, *capsys.readouterr()


@pytest.mark.parametrize("name", COMMANDS)
def test_parserOfOneCommandIsThatOfAll(name):
    alone = commandsOf(makeParser(name))
    assert list(alone) == [name]
    assert alone[name].format_help() == COMMANDS[name].format_help()


@pytest.mark.parametrize("name", ["validate", "case", "query"])
def test_helpIsTheSameWithFlagsBeforeTheName(name, capsys):
    plain = printed(capsys, name, "--help")
    assert plain[0] == 0
    assert plain[1] == COMMANDS[name].format_help()
    assert printed(capsys, "-q", name, "--help") == plain
    assert printed(capsys, "--color", "never", name, "--help") == plain


def test_commandsThatAreNotThereAreAnsweredWithAllThatAre(capsys):
    status, _, error = printed(capsys, "validat", "--help")
    assert status == 2
    assert "Did you mean validate?" in error


def test_aNameThatIsAnOptionsValueIsNoCommand(capsys):
    assert printed(capsys, "--config", "validate") == printed(capsys, "--help")


def test_helpOfAllNamesAll(capsys):
    status, out, _ = printed(capsys, "--help")
    assert status == 0
    assert all(f"\n    {name} " in out for name in COMMANDS), out


@pytest.mark.parametrize("name", ["export", "validate"])
def test_parsingReadsNoOtherCommand(name):
    code = (
        "import sys\nfrom M3DBatchLib.CommandLine import main\n"
        f"try: main(['{name}', '--help'])\nexcept SystemExit: pass\n"
        "print([module for module in sys.modules], file=sys.stderr)"
    )
    run = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    read = run.stderr
    assert f"Commands.{name.capitalize()}Command'" in read
    assert "'numpy'" not in read
    assert "Commands.CaseCommand" not in read
