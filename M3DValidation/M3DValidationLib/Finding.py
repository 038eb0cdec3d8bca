"""What a check found about one requirement."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .Requirement import Requirement


class Verdict(str, Enum):
    """Outcome of a check; the values are the words of the JSON report."""

    PASS = "pass"
    WARNING = "warning"
    FAIL = "fail"
    NOT_ASSESSABLE = "notAssessable"


@dataclass
class Finding:
    """One judged requirement.

    :ivar measured: the value found, in the requirement's unit; text where a number says nothing; None where none is.
    :ivar message: one sentence a clinician understands: what was found, against what, where.
    :ivar evidence: numbers, slice numbers (counted from 1 at the lowest position along the normal), positions (LPS mm)
        and names of pictures behind the verdict; plain JSON values only.
    """

    requirement: Requirement
    verdict: Verdict
    measured: float | str | None
    message: str
    evidence: dict = field(default_factory=dict)

    def asDict(self) -> dict:
        """The finding as the JSON report has it."""
        requirement = self.requirement
        return {
            "requirement": requirement.id,
            "title": requirement.title,
            "verdict": self.verdict.value,
            "measured": self.measured,
            "limit": requirement.passLimit,
            "warningLimit": requirement.warningLimit,
            "sense": requirement.sense,
            "unit": requirement.unit,
            "clause": requirement.clause,
            "source": requirement.source,
            "required": requirement.required,
            "message": self.message,
            "evidence": self.evidence,
        }
