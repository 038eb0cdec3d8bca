"""A requirement with its limit, how a measured value is judged by it, and the finding that comes of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum

from M3DLib.NumberText import measuredText

AT_MOST = "atMost"
AT_LEAST = "atLeast"
STATED = "stated"


class Verdict(str, Enum):
    """Outcome of a check; the values are the words of the JSON report.

    Information is what is recorded and not judged: it neither passes nor could it not be assessed.
    """

    PASS = "pass"
    WARNING = "warning"
    FAIL = "fail"
    NOT_ASSESSABLE = "notAssessable"
    INFORMATION = "information"


@dataclass(frozen=True)
class Requirement:
    """What is asked of the image, the segmentation, the mesh or their deviation.

    :ivar id: stable identifier ("slice-thickness").
    :ivar title: what is asked for, as a sentence that is true where it is fulfilled ("Slices are thin enough").
    :ivar quantity: what is measured, as the name of a measurement ("Slice thickness"); "" where nothing is.
    :ivar signed: whether the measured number has a sign, and the limit is on its size.
    :ivar clause: clause of ISO/IEC 3532-1:2023 by number and title ("6.2 Image acquisition"); others in ``seeAlso``.
    :ivar sense: "atMost" or "atLeast" for limits on a number; "stated" where the check itself says yes or no.
    :ivar passLimit: the value up to (from) which the requirement passes, in ``unit``; None for "stated".
    :ivar warningLimit: the value up to (from) which it is a warning, not a failure; None where there is no such zone.
    :ivar severity: the worst verdict this requirement can give: "fail" or "warning"; "information" where nothing is
        judged: every finding is information then.
    :ivar required: whether a run in which it could not be assessed may be called complete (exit status 3 when not).
    :ivar source: where the limit comes from: a paper, a guideline, practice, "set by the site".
    :ivar parameters: further numbers the check needs (tolerances, margins), each named with its unit.
    """

    id: str
    title: str
    clause: str
    unit: str = ""
    sense: str = STATED
    passLimit: float | None = None
    warningLimit: float | None = None
    severity: str = "fail"
    required: bool = False
    source: str = ""
    seeAlso: tuple[str, ...] = ()
    parameters: dict = field(default_factory=dict)
    quantity: str = ""
    signed: bool = False

    def judge(self, value: float) -> Verdict:
        """Verdict on a measured number, in the requirement's unit; not a number is not assessable."""
        if value is None or math.isnan(value):
            return self.worst(Verdict.NOT_ASSESSABLE)
        sign = -1 if self.sense == AT_LEAST else 1
        # 1.25 computed as a difference of positions is 1.2500000000000002: rounding decides no verdict.
        value -= sign * 1e-9 * max(1.0, abs(value))
        if self.passLimit is None or sign * value <= sign * self.passLimit:
            return self.worst(Verdict.PASS)
        if self.warningLimit is not None and sign * value <= sign * self.warningLimit:
            return self.worst(Verdict.WARNING)
        return self.worst(Verdict.FAIL)

    def worst(self, verdict: Verdict) -> Verdict:
        """The verdict, softened to what the requirement's severity allows; information where nothing is judged."""
        if self.severity == "information":
            return Verdict.INFORMATION
        if self.severity == "warning" and verdict is Verdict.FAIL:
            return Verdict.WARNING
        return verdict

    @property
    def limits(self) -> tuple[float, ...]:
        """The numbers that a value is judged by, with both signs where it has one."""
        limits = tuple(limit for limit in (self.passLimit, self.warningLimit) if limit is not None)
        return (*limits, *(-limit for limit in limits)) if self.signed else limits

    def written(self, value: float) -> str:
        """A measured number with its unit, as a sentence says it beside its limit."""
        return measuredText(value, self.unit, self.limits)

    def finding(self, measured: float, message: str, **evidence) -> Finding:
        """Finding whose verdict follows from a measured number."""
        return Finding(self, self.judge(measured), float(measured), message, evidence)

    def stated(self, fulfilled: bool, measured: float | str | None, message: str, **evidence) -> Finding:
        """Finding of a check that says yes or no itself."""
        verdict = self.worst(Verdict.PASS if fulfilled else Verdict.FAIL)
        return Finding(self, verdict, measured, message, evidence)

    def notAssessable(self, reason: str, **evidence) -> Finding:
        """Finding of a check that could not be made, with the reason in one sentence."""
        return Finding(self, self.worst(Verdict.NOT_ASSESSABLE), None, reason, evidence)


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
            **({"quantity": requirement.quantity} if requirement.quantity else {}),
            "verdict": self.verdict.value,
            "measured": self.measured,
            "limit": requirement.passLimit,
            "warningLimit": requirement.warningLimit,
            "sense": requirement.sense,
            "unit": requirement.unit,
            **({"signed": True} if requirement.signed else {}),
            "clause": requirement.clause,
            "source": requirement.source,
            "required": requirement.required,
            "message": self.message,
            "evidence": self.evidence,
        }
