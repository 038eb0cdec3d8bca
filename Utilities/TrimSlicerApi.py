"""Take what the tests need out of a recording of Slicer's Python API.

    python Utilities/TrimSlicerApi.py RECORDING.json

The recording lists the members of every class and module of the application's Python API as a running application
reported them (slicer, qt, ctk, DICOMLib, SampleData ...). It is large; the contract test reads only the part that the
extension uses, ``Testing/Data/slicer-5.12-api.json``, which this script writes. Run it again with the recording when
the extension begins to use another class of the application.
"""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "Testing" / "Data" / "slicer-5.12-api.json"
ABOUT = (
    "Recorded from Slicer 5.12.3: members of the classes and modules of its Python API that this extension uses, cut "
    "down by Utilities/TrimSlicerApi.py. 'base' names the class whose members are left out of the list."
)
PYTHON_MODULES = (
    "DICOMLib",
    "DICOMLib.DICOMPlugin",
    "DICOMLib.DICOMUtils",
    "SampleData",
    "slicer.ScriptedLoadableModule",
    "slicer.i18n",
    "slicer.packaging",
    "slicer.parameterNodeWrapper",
    "slicer.testing",
    "slicer.util",
)
# Objects that code gets from the application without naming their class.
ALWAYS = ("QObject", "QWidget", "ctkDICOMDatabase", "ctkDICOMIndexer", "qMRMLWidget", "qSlicerDICOMExportable")


def sourceFiles():
    """All Python and .ui files that talk to the application."""
    for folder in ("M3DExport", "M3DValidation", "Testing/Slicer", "Testing/M3DTestSupport"):
        yield from (ROOT / folder).rglob("*.py")
        yield from (ROOT / folder).rglob("*.ui")


def usedNames():
    """Names of classes and modules of the application in the sources."""
    names = set(ALWAYS)
    for file in sourceFiles():
        text = file.read_text(encoding="utf-8")
        names |= set(re.findall(r"\b(?:qt|ctk|slicer)\.(\w+)", text))
        names |= set(re.findall(r"\bclass=\"(\w+)\"", text))
        names |= set(re.findall(r"slicer\.modules\.(\w+)", text))
    return names


def trim(recording):
    """The part of a recording that the sources use."""
    used = usedNames()
    classes = {}
    for module in ("qt", "ctk", "slicer"):
        for name, entry in recording[module].items():
            if name in used and "members" in entry and "kind" not in entry:
                classes[name] = {"module": module, **entry}
    moduleLogics = {name: entry for name, entry in recording["modules"].items() if name in used}
    python = {
        module: {
            "functions": recording["functions"].get(module, {}),
            "classes": {
                name: {member: sign for member, sign in members.items() if not _isNoise(member)}
                for name, members in recording["pythonClasses"].get(module, {}).items()
            },
        }
        for module in PYTHON_MODULES
    }
    return {
        "about": ABOUT,
        "classes": classes,
        "moduleLogics": moduleLogics,
        "python": python,
        "qtNames": recording["qtFunctionsAndConstants"],
        "signalsAndSlots": {name: entry for name, entry in recording["signalsAndSlots"].items() if name in used},
        "slicer": {
            name: {key: value for key, value in entry.items() if key != "base"}
            for name, entry in recording["slicer"].items()
            if name in used and "kind" in entry
        },
        "vtkClasses": [name for name in recording["vtkClasses"] if name in used],
    }


def _isNoise(member):
    """Members that come from unittest or from Qt's enumerations, in classes that derive from those."""
    return member.startswith(("_", "assert", "Pdm")) or (member[:1].isupper() and "_" not in member)


def main():
    """Write the trimmed recording."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    trimmed = trim(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    for module, entry in trimmed["python"].items():
        names = {"DICOMLib": (), "slicer.parameterNodeWrapper": ()}.get(module)
        if names is not None:
            entry["classes"] = {name: {} for name in entry["classes"]}
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(trimmed, indent=0, sort_keys=True) + "\n", encoding="utf-8")
    print(f"{RESULT.relative_to(ROOT)}: {RESULT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
