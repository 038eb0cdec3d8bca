"""What the checks of the scan have in common."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable

from M3DLib.Errors import noProgress
from M3DLib.Image.SliceHeader import SliceHeader, sliceHeaders
from M3DLib.Image.SliceStack import SliceStack
from M3DLib.NumberText import exactNumber

from ..Check import Case
from ..Requirement import Finding, Requirement

NO_HEADERS = "The image has no DICOM headers, so this cannot be known."


class ImageCheck(ABC):
    """A check of the scan; subclasses yield at least one finding for each requirement they hold in ``findings``.

    :cvar aboutImageAlone: whether the findings are the same whatever segment is looked at.
    """

    requirementIds: tuple[str, ...] = ()
    aboutImageAlone = False

    def canRun(self, case: Case) -> bool:
        """Whether there is an image."""
        return case.image is not None

    def run(self, case: Case, progress: Callable[[float, str], None] = noProgress) -> list[Finding]:
        """One finding or more for each requirement of this check that the profile holds."""
        held = {}
        for identifier in self.requirementIds:
            requirement = case.profile.requirement(identifier)
            if requirement is not None:
                held[identifier] = requirement
        return list(self.findings(held, case, progress)) if held else []

    @abstractmethod
    def findings(self, held: dict[str, Requirement], case: Case, progress) -> Iterable[Finding]:
        """Findings for the requirements held, by id."""


def headersOf(case: Case) -> list[SliceHeader]:
    """One header per slice along k, read once; empty for images without headers."""
    if "headers" not in case.measurements:
        case.measurements["headers"] = sliceHeaders(case.image)
    return case.measurements["headers"]


def stackOf(case: Case) -> SliceStack | None:
    """The slices as their headers place them; None for images without headers."""
    if "stack" not in case.measurements:
        headers = headersOf(case)
        case.measurements["stack"] = SliceStack.fromHeaders(headers) if headers else None
    return case.measurements["stack"]


def sliceList(indices: Iterable[int], limit: int = 50) -> list[int]:
    """Slice numbers for evidence, counted from 1; so many are listed."""
    return [int(index) + 1 for index in indices][:limit]


def valuesOf(headers: list[SliceHeader], keyword: str) -> dict[str, int]:
    """Texts that the attribute has in the slices, with the number of slices; "" where it is absent."""
    counts: dict[str, int] = {}
    for header in headers:
        value = header.get(keyword, "")
        text = "\\".join(map(str, value)) if not isinstance(value, str) and hasattr(value, "__iter__") else str(value)
        counts[text] = counts.get(text, 0) + 1
    return counts


def inOne(texts: Iterable[str]) -> str:
    """Different values of an attribute as one text: from the least to the largest number, or the first five texts."""
    texts = sorted(texts)
    if len(texts) <= 1:
        return "".join(texts)
    try:
        numbers = [float(text) for text in texts]
    except ValueError:
        return ", ".join(texts[:5]) + (f" and {len(texts) - 5} more" if len(texts) > 5 else "")
    return f"{exactNumber(min(numbers))} to {exactNumber(max(numbers))}"


def numberOrNone(value: float, digits: int = 4) -> float | None:
    """A number rounded for evidence; None for what is not a number."""
    value = float(value)
    return round(value, digits) if math.isfinite(value) else None


def limitOf(requirement: Requirement) -> float:
    """The value up to which the requirement passes; infinite where the profile sets no limit."""
    return math.inf if requirement.passLimit is None else requirement.passLimit
