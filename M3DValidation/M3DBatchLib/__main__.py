"""The ``m3d`` command as a file that the application runs, with the status of the command as its exit status::

    Slicer --no-splash --no-main-window --python-script .../M3DBatchLib/__main__.py validate ...

``python -m M3DBatchLib validate ...`` does the same where the packages are installed.
"""

import sys
from pathlib import Path


def addPackages(file):
    """Let the packages beside this file be found: they lie in one folder when installed, in two in the sources."""
    modules = Path(file).resolve().parent.parent
    for folder in (modules, modules.parent / "M3DExport"):
        if folder.is_dir() and str(folder) not in sys.path:
            sys.path.append(str(folder))


if __name__ == "__main__":
    addPackages(__file__)
    from M3DBatchLib.CommandLine import main

    sys.exit(main())
