"""The ``m3d`` command as a program, and as a file that the application runs::

    Slicer --no-splash --no-main-window --python-script .../M3DBatchLib/__main__.py validate ...

``python -m M3DBatchLib validate ...`` does the same where the packages are installed.
"""

import sys
from pathlib import Path


def addPackages(file):
    """Let the packages beside this file be found: they lie in one folder when installed, in two in the sources.

    A file that is run can import from its own folder, which is within the package; the application knows the folders
    of modules, but those of a checkout only where they were named to it. They come before packages installed elsewhere:
    what is run is what was named. Where the application has loaded its own already, all come from there, none mixed.
    """
    modules = Path(file).resolve().parent.parent
    isLoaded = "M3DLib" in sys.modules
    for folder in (modules.parent / "M3DExport", modules):
        if folder.is_dir() and str(folder) not in sys.path:
            sys.path.insert(len(sys.path) if isLoaded else 0, str(folder))


def main() -> int:
    """The command that the program's arguments name; returns its exit status.

    Ctrl-C is taken before the rest of the program is read, which takes longer than somebody needs who has mistyped.
    """
    from M3DBatchLib.Interruption import Interruption

    interruption = Interruption()
    from M3DBatchLib.CommandLine import main as runCommand

    return runCommand(interruption=interruption)


if __name__ == "__main__":
    addPackages(__file__)
    sys.exit(main())
