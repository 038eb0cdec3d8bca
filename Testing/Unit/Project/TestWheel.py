"""What pip installs is all that is needed: a wheel is built, looked into, and run from where it was unpacked."""

import email
import json
import os
import re
import subprocess
import sys
import zipfile

import pytest

from M3DTestSupport.Project import ROOT

PACKAGES = {"M3DLib": "M3DExport", "M3DValidationLib": "M3DValidation", "M3DBatchLib": "M3DValidation"}
# Parts of other packages: what the code imports of each extra, and of them what one imports on behalf of another.
IMPORTED_BY_OTHERS = {"lxml": "trimesh", "networkx": "trimesh", "dicom_anonymizer": "dicomanonymizer"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel of this checkout; built without a network and without asking for other packages."""
    pytest.importorskip("hatchling", reason="hatchling builds the wheel; install the extra test")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    (file,) = folder.glob("*.whl")
    with zipfile.ZipFile(file) as archive:
        yield archive


def metadata(wheel):
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    return email.message_from_bytes(wheel.read(name))


@pytest.mark.parametrize("package", PACKAGES)
def test_wheelHoldsEveryFileOfThePackages(wheel, package):
    folder = ROOT / PACKAGES[package]
    files = {
        file.relative_to(folder).as_posix()
        for file in (folder / package).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert files == {name for name in wheel.namelist() if name.startswith(f"{package}/")}
    for name in files:
        if not name.endswith(".py"):
            assert wheel.read(name) == (folder / name).read_bytes(), name


def test_wheelHoldsNothingThatNeedsTheApplication(wheel):
    folders = {name.split("/")[0] for name in wheel.namelist()}
    assert {name for name in folders if not name.endswith((".dist-info", ".data"))} == set(PACKAGES)


def test_wheelBringsTheManPage(wheel):
    (name,) = [name for name in wheel.namelist() if name.endswith(".data/data/share/man/man1/m3d.1")]
    assert wheel.read(name) == (ROOT / "Docs" / "m3d.1").read_bytes()


def test_whatPipShowsIsFilledIn(wheel):
    fields = metadata(wheel)
    assert fields["Author"] == "The SlicerM3D developers"
    assert "Apache-2.0" in (fields["License"], fields["License-Expression"])
    assert "Homepage, https://github.com/SlicerM3D/SlicerM3D" in fields.get_all("Project-URL")
    assert any(name.endswith("LICENSE.txt") for name in wheel.namelist())


def test_unpackedWheelFindsItsDataAndRuns(wheel, tmp_path):
    wheel.extractall(tmp_path)
    code = (
        "import sys, M3DLib, M3DBatchLib.CommandLine as m; print(M3DLib.__file__, file=sys.stderr); "
        "sys.exit(m.main(['profiles', 'implant', '--json']))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stderr.startswith(str(tmp_path))
    assert json.loads(run.stdout)["name"] == "implant"


def test_everyExtraIsImportedByTheCodeAndDescribedInTheReadme(wheel):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    code = "\n".join(
        file.read_text(encoding="utf-8")
        for folder in ("M3DExport", "M3DValidation", "Testing")
        for file in (ROOT / folder).rglob("*.py")
    )
    fields = metadata(wheel)
    for extra in fields.get_all("Provides-Extra"):
        assert f"| `{extra}` |" in readme, f"the README says nothing of the extra {extra}"
        if extra == "test":
            continue
        for line in fields.get_all("Requires-Dist"):
            name, _, condition = line.partition(";")
            if f"'{extra}'" in condition:
                module = re.match(r"[\w-]+", name)[0].lower().replace("-", "_")
                module = IMPORTED_BY_OTHERS.get(module, module)
                assert re.search(rf"^\s*(import|from) {module}\b", code, re.M), f"nothing imports {module}"
