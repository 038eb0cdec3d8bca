"""Names of case folders that every file system takes, that lead nowhere else, and that no other case has."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from .CasePlan import CasePlan

# What the batch itself writes beside the cases.
RESERVED = ("summary.json", "summary.csv", "summary.html", "junit.xml")
_LONGEST_BYTES = 120
_BAD_CHARACTERS = re.compile(r'[\x00-\x1f\x7f:*?"<>|\\/]')
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def folderProblem(folder: str, column: str) -> str:
    """Why a folder's name cannot be used, in a sentence; "" when it can.

    :param column: where it stands: "id" is one name, "output" may be several with "/" between.
    """
    if not folder:
        return ""
    remedy = " Name a folder in the column output." if column == "id" else ""
    if column == "output" and re.match(r"/|[A-Za-z]:", folder):
        return f"output: '{folder}' is no folder below --output; give a relative one."
    for name in folder.split("/") if column == "output" else [folder]:
        problem = _nameProblem(name)
        if problem:
            return f"{column}: '{name}' is no name for a folder: {problem}.{remedy}"
    if folder.casefold() in RESERVED:
        return f"{column}: '{folder}' is the name of a file of the batch itself.{remedy}"
    return ""


def _nameProblem(name: str) -> str:
    bad = _BAD_CHARACTERS.search(name)
    if not name or name in (".", ".."):
        return "it leads elsewhere"
    if bad:
        return f"it holds the character {bad[0]!r}"
    if name[0] in ".-~" or name[-1] in ". ":
        return "it begins with a dot, dash or tilde, or ends with a dot or space"
    if _DEVICES.fullmatch(name):
        return "Windows has a device of this name"
    if len(name.encode("utf-8", "surrogatepass")) > _LONGEST_BYTES:
        return f"it is longer than {_LONGEST_BYTES} bytes"
    return ""


def folderClashes(plans: Sequence[CasePlan]) -> list[str]:
    """Rows that cannot be told apart or would write into each other's folder.

    Some file systems make no difference between upper and lower case, or between two ways to write an accent.
    """
    problems, ids = [], {}
    for plan in plans:
        if not plan.id:
            continue
        first = ids.setdefault(_folded(plan.id), plan)
        if first is not plan:
            same = "" if first.id == plan.id else f" (there it is written '{first.id}')"
            problems.append(f"Row {plan.row}: the id '{plan.id}' is that of row {first.row}, too{same}.")
    folders = {}
    for plan in plans:
        if not plan.folder:
            continue
        first = folders.setdefault(_folded(plan.folder), plan)
        # Where the ids are the same, that is said already.
        if first is not plan and _folded(first.id) != _folded(plan.id):
            problems.append(f"Row {plan.row}: its folder '{plan.folder}' is that of row {first.row}, too.")
    for inner, outer in _inEachOther([_folded(plan.folder) for plan in plans]):
        problems.append(
            f"Row {plans[inner].row}: its folder '{plans[inner].folder}' lies in that of row {plans[outer].row}."
        )
    return problems


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def _inEachOther(folders: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Pairs of numbers (inner, outer) of folders of which one lies in the other."""
    numbers = {folder: number for number, folder in enumerate(folders)}
    for number, folder in enumerate(folders):
        parts = folder.split("/")
        for length in range(1, len(parts)):
            outer = numbers.get("/".join(parts[:length]))
            if outer is not None:
                yield number, outer
