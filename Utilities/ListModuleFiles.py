"""Write the lists of files in the modules' CMakeLists.txt from the files that are there.

    python Utilities/ListModuleFiles.py [--check]

Slicer installs what is listed and nothing else: a file that is missing from the list works from the source folder and
is missing in the installed extension. With --check nothing is written; the exit status says whether they are right.
What is made from the command line's parsers (``WriteCommandLineDocs.py``) is brought up to date as well, and the
messages for translators (``ExtractMessages.py``).
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES = ("M3DExport", "M3DValidation")
# What is data of a Python package is installed with the scripts, beside the files that read it.
RESOURCE_FOLDER = "Resources"
_LEFT_OUT = ("__pycache__", "CMakeLists.txt")


def moduleFiles(module):
    """Scripts and resources of a module as CMake has them, relative to its folder, sorted."""
    folder = ROOT / module
    files = sorted(
        file.relative_to(folder).as_posix()
        for file in folder.rglob("*")
        if file.is_file() and not set(file.relative_to(folder).parts) & set(_LEFT_OUT) and not file.name.startswith(".")
    )
    resources = [file for file in files if not file.endswith(".py")]
    return [file for file in files if file.endswith(".py")], resources


def withLists(text, scripts, resources):
    """The text of a CMakeLists.txt with these two lists."""
    for name, files in (("MODULE_PYTHON_SCRIPTS", scripts), ("MODULE_PYTHON_RESOURCES", resources)):
        body = "".join(f"  {file}\n" for file in files)
        text, count = re.subn(rf"set\({name}\n.*?\n?  \)", f"set({name}\n{body}  )", text, flags=re.DOTALL)
        if count != 1:
            sys.exit(f"CMakeLists.txt has {count} lists named {name} instead of one.")
    return text


def main():
    """Bring the lists up to date, or say that they are not."""
    stale = []
    for module in MODULES:
        file = ROOT / module / "CMakeLists.txt"
        text = file.read_text(encoding="utf-8")
        wanted = withLists(text, *moduleFiles(module))
        if wanted != text:
            stale.append(module)
            if "--check" not in sys.argv:
                file.write_text(wanted, encoding="utf-8")
    if stale:
        print(f"{'Stale' if '--check' in sys.argv else 'Updated'}: {', '.join(stale)}")
    status = 0
    for script in ("WriteCommandLineDocs.py", "ExtractMessages.py"):
        command = [sys.executable, str(ROOT / "Utilities" / script), *sys.argv[1:]]
        status = subprocess.run(command, check=False).returncode or status
    sys.exit(1 if stale and "--check" in sys.argv else status)


if __name__ == "__main__":
    main()
