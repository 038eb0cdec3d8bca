"""Where the project lies, for tests that read its files or start a Python of their own."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What Slicer and pytest put on the path of Python.
CODE_FOLDERS = (ROOT / "M3DExport", ROOT / "M3DValidation", ROOT / "Testing")


def pythonPath():
    """The value of PYTHONPATH with which another Python finds the packages and these."""
    return os.pathsep.join(map(str, CODE_FOLDERS))
