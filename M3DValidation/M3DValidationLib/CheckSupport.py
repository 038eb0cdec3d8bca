"""What the check classes have in common: their requirements, and places in words and numbers."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from .Check import Case
from .Requirement import Finding, Requirement

# A report is read by people: so many places are listed, the rest is counted.
PLACES = 20


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
    """One place in words, LPS mm."""
    return "(" + ", ".join(f"{value:.1f}" for value in point) + ") mm"


def plural(count: int, noun: str, pluralNoun: str = "") -> str:
    """A number with its noun: 1 hole, 2 holes."""
    return f"{count} {noun if count == 1 else pluralNoun or noun + 's'}"
