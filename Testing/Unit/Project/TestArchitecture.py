"""The plan in Docs/Architecture.md is the house as it stands: its paths exist, and no arrow goes another way."""

import ast
import re

import pytest

from M3DTestSupport.Project import ROOT

PAGE = (ROOT / "Docs" / "Architecture.md").read_text(encoding="utf-8")
MODULE_FOLDERS = ("M3DExport", "M3DValidation")
LIBRARIES = ("M3DLib", "M3DValidationLib")
ADAPTORS = "M3DLib/SlicerAdaptors.py"
EVERYTHING = "every room of `M3DLib` and `M3DValidationLib`"


def withoutModule(path):
    """A path as rooms are named: without the folder of the module."""
    return re.sub(r"^(M3DExport|M3DValidation)/(?=M3D)", "", path)


def plan():
    """Rooms of the table, each with the rooms it may know."""
    rows = re.findall(r"^\| `([^`]+)` \| [^|]+ \|([^|]*)\|$", PAGE, re.MULTILINE)
    named = {withoutModule(room): set(re.findall(r"`([^`]+)`", known)) for room, known in rows}
    for room, known in rows:
        if EVERYTHING in known:
            named[withoutModule(room)] |= {other for other in named if other.split("/")[0] in LIBRARIES}
    return named


def sources():
    """Every script of the extension by its module's dotted name."""
    found = {}
    for folder in MODULE_FOLDERS:
        for file in (ROOT / folder).rglob("*.py"):
            name = file.relative_to(ROOT / folder).with_suffix("").as_posix()
            found[name.removesuffix("/__init__")] = file
    return found


SOURCES = sources()


def roomOf(name):
    """The room a module lies in."""
    if f"{name}.py" == ADAPTORS:
        return ADAPTORS
    return name if SOURCES[name].name == "__init__.py" else name.rpartition("/")[0]


def imports(tree, named=False):
    """The import statements of a module, at its top or in its functions.

    :param named: whether types that are only named count.
    """
    for node in ast.iter_child_nodes(tree):
        if not named and isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.ImportFrom):
            yield node
        yield from imports(node, named)


def importedModules(name, named=False):
    """Modules of the extension that a module imports."""
    room = name if SOURCES[name].name == "__init__.py" else name.rpartition("/")[0]
    for node in imports(ast.parse(SOURCES[name].read_text(encoding="utf-8")), named):
        target = (node.module or "").replace(".", "/")
        if node.level:
            base = room.split("/")[: len(room.split("/")) - node.level + 1]
            target = "/".join([*base, *([target] if target else [])])
        for alias in node.names:
            found = next((one for one in (f"{target}/{alias.name}", target) if one in SOURCES), None)
            if found:
                yield found


def arrows():
    """Every import from one room into another as (module, room, other room)."""
    return sorted(
        (name, roomOf(name), roomOf(other))
        for name in SOURCES
        for other in importedModules(name)
        if roomOf(name) and roomOf(other) and roomOf(name) != roomOf(other)
    )


def test_everyRoomIsInThePlan():
    rooms = {roomOf(name) for name in SOURCES if SOURCES[name].name != "__init__.py"} - {""}
    assert sorted(rooms - set(plan())) == []
    assert sorted(set(plan()) - rooms) == []


def test_noArrowGoesAnotherWayThanThePlan():
    allowed = plan()
    wrong = []
    for name, room, other in arrows():
        belowIt = {"M3DLib"} if room.startswith(("M3DLib/", "M3DPanelLib", "M3DExportPanelLib")) else set(LIBRARIES)
        if other not in allowed[room] | belowIt:
            wrong.append(f"{name} imports from {other}")
    assert wrong == []


def test_arrowsOfThePlanDoNotRunInACircle():
    remaining = plan()
    while remaining:
        free = {room for room, known in remaining.items() if not known & set(remaining) - {room}}
        assert free, f"these rooms know each other in a circle: {sorted(remaining)}"
        remaining = {room: known for room, known in remaining.items() if room not in free}


def test_filesDoNotKnowEachOtherInACircleNotEvenByTypes():
    known = {name: set(importedModules(name, named=True)) - {name} for name in SOURCES}
    knownBy = {name: {other for other in known if name in known[other]} for name in known}
    remaining = set(known)
    while free := {name for name in remaining if not (known[name] & remaining and knownBy[name] & remaining)}:
        remaining -= free
    assert sorted(remaining) == []


def test_everyPathOnThePageExists():
    places = [text for text in re.findall(r"`([^`\s]+)`", PAGE) if "/" in text or text.endswith((".py", ".md"))]
    roots = [ROOT, *(ROOT / folder for folder in MODULE_FOLDERS)]
    assert [text for text in places if not any((root / text).exists() for root in roots)] == []
    assert len(places) > 100


@pytest.mark.parametrize("folder", sorted({file.parent for file in SOURCES.values()}), ids=lambda path: path.name)
def test_noFolderHoldsMoreThanANewcomerCanSurvey(folder):
    assert len([file for file in folder.glob("*.py") if file.name != "__init__.py"]) <= 16


def test_noFileIsLongerThanOneThing():
    tests = list((ROOT / "Testing").rglob("*.py"))
    long = [file.name for file in [*SOURCES.values(), *tests] if len(file.read_text("utf-8").splitlines()) > 350]
    assert long == []
