"""What the check classes have in common: their requirements, and places in words and numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from M3DLib.NumberText import shareInPercent

from .Check import Case
from .Requirement import Finding, Requirement

# A report is read by people: so many places are listed, the rest is counted.
PLACES = 20
# The patient's sides that the axes of LPS lead to, and those they come from.
_SIDES = (("L", "R"), ("P", "A"), ("S", "I"))


def requirementsOf(case: Case, ids: Iterable[str]) -> dict[str, Requirement]:
    """The requirements of a check that the profile of the case holds, by id."""
    held = case.profile.requirements
    return {id_: held[id_] for id_ in ids if id_ in held}


def allNotAssessable(requirements: dict[str, Requirement], reason: str) -> list[Finding]:
    """One finding per requirement that none could be assessed, with the reason."""
    return [requirement.notAssessable(reason) for requirement in requirements.values()]


def placeList(points: np.ndarray) -> list[list[float]]:
    """The first places of an array (n, 3) as JSON, LPS mm to the micrometer."""
    return [[round(float(value), 3) for value in point] for point in np.asarray(points)[:PLACES]]


def placeText(point: np.ndarray) -> str:
    """One place (LPS mm) in words: "(R 31.0, P 144.0, S 705.9 mm)"."""
    return f"({sidesText(point)} mm)"


def sidesText(point: Sequence[float] | np.ndarray) -> str:
    """One place (LPS mm) as distances towards the patient's sides: "R 31.0, P 144.0, S 705.9".

    That is how Slicer shows the place under the cursor. Whoever thinks in DICOM's LPS or in Slicer's RAS reads the same
    place from it, for each number says its side: no sign can be taken for the other system's.
    """
    shown = []
    for value, (positive, negative) in zip(point, _SIDES, strict=True):
        size = f"{abs(value):.1f}"
        shown.append(f"{negative if value < 0 and float(size) else positive} {size}")
    return ", ".join(shown)


def onPurpose(movedShare: float) -> str:
    """What it means that a refined surface is not where its segment is.

    :param movedShare: share of its area that was moved.
    """
    return (
        f"On {shareInPercent(movedShare)} of its area the surface was moved from the segment's to the edge in the "
        "image (refined): how far is recorded and not judged."
    )
