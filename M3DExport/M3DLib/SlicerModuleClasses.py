"""Classes of the application's modules, which its bare interpreter (PythonSlicer) has on disk but does not load."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from .Errors import M3DError

_FOLDER = "qt-loadable-modules"
# As the application itself loads them when it registers a module.
_FILES = ("vtkSlicer*ModuleMRMLPython.*", "vtkSlicer*ModuleLogicPython.*")


def moduleClass(name: str):
    """A VTK class of one of the application's modules, loaded where that has not happened yet.

    :param name: as it is called in the package ``slicer``.
    :raises M3DError: it is not to be had here.
    """
    import slicer

    if not hasattr(slicer, name):
        for folder in _moduleFolders():
            _load(folder)
    found = getattr(slicer, name, None)
    if found is None:
        raise M3DError(
            f"This Python has Slicer's classes, but not '{name}' of its modules. Run the command in the application: "
            "Slicer --no-main-window --python-script .../M3DBatchLib/__main__.py ARGUMENTS"
        )
    return found


def _moduleFolders() -> list[Path]:
    """Folders that hold the application's modules: those it has put on the path, and those below its home."""
    folders = [Path(entry) for entry in sys.path if Path(entry).name == _FOLDER]
    home = os.environ.get("SLICER_HOME")
    if home:
        folders += sorted(Path(home).glob(f"lib/Slicer-*/{_FOLDER}"))
    return [folder for folder in dict.fromkeys(folders) if folder.is_dir()]


def _load(folder: Path) -> None:
    from slicer.util import importVTKClassesFromDirectory

    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    for files in _FILES:
        importVTKClassesFromDirectory(str(folder), "slicer", filematch=files)
