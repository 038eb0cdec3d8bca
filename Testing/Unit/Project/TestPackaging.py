"""Everything that must be installed into Slicer is installed, by CMake."""

import ast
import re

import pytest

from M3DTestSupport.Project import ROOT

MODULES = ("M3DExport", "M3DValidation")
PACKAGES = {
    "M3DExport": ("M3DLib", "M3DExportPanelLib", "M3DPanelLib"),
    "M3DValidation": ("M3DValidationLib", "M3DValidationPanelLib", "M3DBatchLib"),
}


def listed(module):
    """Files that a module's CMakeLists.txt names, by list."""
    text = (ROOT / module / "CMakeLists.txt").read_text(encoding="utf-8")
    return {
        name: body.split() for name, body in re.findall(r"set\((MODULE_PYTHON_\w+)\s(.*?)\)", text, flags=re.DOTALL)
    }


def present(module):
    """Files under a module's folder that belong to the extension."""
    folder = ROOT / module
    return {
        file.relative_to(folder).as_posix()
        for file in folder.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts and file.name != "CMakeLists.txt"
    }


@pytest.mark.parametrize("module", MODULES)
def test_cmakeListsExactlyWhatIsThere(module):
    files = [file for names in listed(module).values() for file in names]
    assert len(set(files)) == len(files)
    missing = sorted(present(module) - set(files))
    gone = sorted(set(files) - present(module))
    assert (missing, gone) == ([], []), "run: python Utilities/ListModuleFiles.py"


@pytest.mark.parametrize("module", MODULES)
def test_scriptsAndResourcesAreNotMixedUp(module):
    lists = listed(module)
    assert all(file.endswith(".py") for file in lists["MODULE_PYTHON_SCRIPTS"])
    assert not any(file.endswith(".py") for file in lists["MODULE_PYTHON_RESOURCES"])


@pytest.mark.parametrize("module", MODULES)
def test_everyScriptBesideTheModuleIsAModule(module):
    # Slicer takes every script directly in the folder for a module with a class of the file's name.
    for file in (ROOT / module).glob("*.py"):
        classes = {
            node.name for node in ast.parse(file.read_text(encoding="utf-8")).body if isinstance(node, ast.ClassDef)
        }
        assert file.stem in classes


@pytest.mark.parametrize("module", MODULES)
def test_everyPackageIsKnownAndGloballyUnique(module):
    folders = {file.parent.name for file in (ROOT / module).glob("*/__init__.py")}
    assert folders == {name for name in PACKAGES[module] if (ROOT / module / name).is_dir()}
    assert all(name.startswith("M3D") for name in folders)


@pytest.mark.parametrize("module", MODULES)
def test_everyModuleHasItsIconAndPanel(module):
    if (ROOT / module / f"{module}.py").exists():
        assert f"Resources/Icons/{module}.svg" in present(module)


def test_contributorsAreOnePlaceholderUntilTheOwnerNamesPersons():
    # The Extensions Index shows them; who they are is the owner's to say, in these four files.
    names = set()
    for file in ("M3DExport/M3DExport.py", "M3DExport/DICOMEncapsulatedSTLPlugin.py", "M3DValidation/M3DValidation.py"):
        names |= set(re.findall(r'contributors = \["([^"]+)"\]', (ROOT / file).read_text(encoding="utf-8")))
    catalog = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    names |= set(re.findall(r'EXTENSION_CONTRIBUTORS "([^"]+)"', catalog))
    assert names == {"The SlicerM3D contributors"}


def test_picturesOfTheCatalogEntryAreInTheRepository():
    catalog = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    urls = re.search(r'EXTENSION_SCREENSHOTURLS "([^"]+)"', catalog)[1].split()
    urls += re.findall(r'EXTENSION_ICONURL "([^"]+)"', catalog)
    for url in urls:
        assert (ROOT / url.split("/main/")[1]).is_file(), url
    assert any("ValidationPanel" in url for url in urls)
    assert any("ExportPanel" in url for url in urls)
