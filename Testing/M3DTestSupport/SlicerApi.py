"""The recorded Python API of the application: which names exist there."""

from __future__ import annotations

import functools
import json
from pathlib import Path

RECORDING = Path(__file__).resolve().parent.parent / "Data" / "slicer-5.12-api.json"
HINT = "not in the recorded API of Slicer 5.12.3 (if it is new here, run Utilities/TrimSlicerApi.py with the recording)"


@functools.cache
def recording() -> dict:
    """The trimmed recording."""
    return json.loads(RECORDING.read_text(encoding="utf-8"))


@functools.cache
def membersOf(className: str) -> frozenset[str]:
    """All members of a class of qt, ctk or slicer, those of its bases included; empty when it is unknown."""
    entry = recording()["classes"].get(className)
    if entry is None:
        return frozenset()
    members = set(entry["members"])
    bases = [entry["base"]] if entry.get("base") else []
    # A widget's base is recorded as QWidget, and a widget is an object.
    if entry.get("base") == "QWidget" or className == "QWidget":
        bases.append("QObject")
    for base in bases:
        members |= set(recording()["classes"][base]["members"])
    return frozenset(members)


def isClass(module: str, name: str) -> bool:
    """Whether qt, ctk or slicer has a class of this name."""
    entry = recording()["classes"].get(name)
    return entry is not None and entry["module"] == module


def signalsOf(className: str) -> list[str]:
    """Signals of a class as they are written in ``connect``."""
    return recording()["signalsAndSlots"].get(className, {}).get("signals", [])


def slotsOf(className: str) -> list[str]:
    """Slots of a class as they are written in a ``.ui`` file."""
    return recording()["signalsAndSlots"].get(className, {}).get("slots", [])


def propertiesOf(className: str) -> list[str]:
    """Qt properties of a class."""
    return recording()["signalsAndSlots"].get(className, {}).get("properties", [])


def pythonNames(module: str) -> set[str]:
    """Functions and classes of a Python module of the application."""
    entry = recording()["python"].get(module, {"functions": {}, "classes": {}})
    return set(entry["functions"]) | set(entry["classes"])


def pythonMembers(module: str, className: str) -> set[str]:
    """Members of a class of a Python module of the application."""
    return set(recording()["python"][module]["classes"][className])


def slicerNames() -> set[str]:
    """Names in the module ``slicer`` itself, without classes of VTK."""
    return set(recording()["slicer"]) | {
        name for name, entry in recording()["classes"].items() if entry["module"] == "slicer"
    }
