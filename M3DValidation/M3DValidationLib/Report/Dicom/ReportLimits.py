"""Limits beside the numbers of the measurement report: what counts as normal, and on which side of it a number lies.

PS3.16 TID 310 and TID 312: Normal Range Upper and Lower Limit, the limit in words, where it comes from, and Normality.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from M3DLib.NumberText import exactNumber, withUnit

from ...Profile import loadCatalogue
from ...Requirement import AT_LEAST, AT_MOST
from .ReportCodes import isNumber, plainText, unitCode, writeNumber

if TYPE_CHECKING:
    from highdicom.sr import MeasurementProperties
    from pydicom.sr.coding import Code


@dataclass(frozen=True)
class NormalRange:
    """What a number is judged by.

    :ivar low, high: in ``unit``; None where that side is open.
    :ivar words: the limit as people read it.
    :ivar authority: where it comes from.
    """

    low: float | None
    high: float | None
    unit: str
    words: str
    authority: str

    def times(self, factor: float, unit: str) -> NormalRange:
        """The same range of a number that is written in another unit."""
        low, high = (None if end is None else factor * end for end in (self.low, self.high))
        return NormalRange(low, high, unit, self.words, self.authority)

    @property
    def ends(self) -> tuple[float, ...]:
        """The numbers that decide."""
        return tuple(end for end in (self.low, self.high) if end is not None)

    def contains(self, value: float) -> bool:
        """Whether a number keeps the limit; what lies at it but for rounding does (Requirement.judge)."""
        slack = 1e-9 * max(1.0, abs(value))
        return (self.low is None or value >= self.low - slack) and (self.high is None or value <= self.high + slack)

    def sideOf(self, value: float) -> Code:
        """Code of CID 222 for a number that nothing but this range judges."""
        from pydicom.sr.codedict import codes

        if self.contains(value):
            return codes.cid222.Normal
        isHigh = self.high is not None and value > self.high
        return codes.cid222.AbnormallyHigh if isHigh else codes.cid222.AbnormallyLow

    def properties(self, normality: Code) -> MeasurementProperties:
        """As the properties of a measurement.

        :param normality: code of CID 222.
        """
        from highdicom.sr import MeasurementProperties, NormalRangeProperties

        ends = [(name, value) for name, value in (("lower", self.low), ("upper", self.high)) if value is not None]
        return MeasurementProperties(
            normality=normality,
            normal_range_properties=NormalRangeProperties(
                values=[_end(name, value, self.unit) for name, value in ends],
                description=plainText(self.words),
                authority=plainText(self.authority) or None,
            ),
        )


def _end(name: str, value: float, unit: str):
    from highdicom.sr import NumContentItem, RelationshipTypeValues
    from pydicom.sr.codedict import codes

    code = codes.cid223.NormalRangeUpperLimit if name == "upper" else codes.cid223.NormalRangeLowerLimit
    item = NumContentItem(code, float(value), unitCode(unit), relationship_type=RelationshipTypeValues.HAS_PROPERTIES)
    writeNumber(item, float(value))
    return item


def isSigned(finding: Mapping) -> bool:
    """Whether a finding's number has a sign, and its limit is on both sides."""
    known = loadCatalogue().get(finding["requirement"])
    return bool(finding.get("signed", known is not None and known.signed))


def limitsOf(finding: Mapping) -> tuple[float, ...]:
    """The numbers that a finding's value is judged by, with both signs where the value has one."""
    limits = [value for value in (finding.get("limit"), finding.get("warningLimit")) if isNumber(value)]
    return (*limits, *(-value for value in limits)) if isSigned(finding) else tuple(limits)


def rangeOf(finding: Mapping, signed: bool | None = None) -> NormalRange | None:
    """The limit of a finding as a range; None where there is none.

    :param signed: whether the number that is judged has a sign, when it is not the finding's own.
    """
    limit, sense = finding.get("limit"), finding.get("sense")
    if not isNumber(limit) or sense not in (AT_MOST, AT_LEAST):
        return None
    both = isSigned(finding) if signed is None else signed
    low, high = (None, limit) if sense == AT_MOST else (limit, None)
    if both:
        low, high = -limit, limit
    return NormalRange(low, high, finding["unit"], _inWords(finding, both), str(finding.get("source") or ""))


def _inWords(finding: Mapping, signed: bool) -> str:
    sense, sign = "at least" if finding["sense"] == AT_LEAST else "at most", "±" if signed else ""
    text = f"{sense} {sign}{withUnit(exactNumber(finding['limit']), finding['unit'])}"
    warning = finding.get("warningLimit")
    if isNumber(warning) and warning != finding["limit"]:
        text += f", a warning to {sign}{withUnit(exactNumber(warning), finding['unit'])}"
    return text


def normalityOf(finding: Mapping) -> Code:
    """Code of CID 222 for the value of a finding; the verdict stands beside it as an evaluation."""
    from pydicom.sr.codedict import codes

    verdict, value, limit = finding["verdict"], finding["measured"], rangeOf(finding)
    if verdict == "pass":
        return codes.cid222.Normal
    if verdict not in ("warning", "fail") or not isNumber(value):
        return codes.cid222.NormalityUndetermined
    # What fails for another reason than its number is abnormal without a side.
    return codes.cid222.Abnormal if limit is None or limit.contains(value) else limit.sideOf(value)


def findingsOf(report: Mapping, segment: str, requirements: Iterable[str]) -> dict[str, Mapping]:
    """The findings on one segment by requirement, of those that are named."""
    wanted = set(requirements)
    return {
        finding["requirement"]: finding
        for finding in report.get("findings", ())
        if finding["requirement"] in wanted and str(finding.get("segment") or "") in ("", segment)
    }
