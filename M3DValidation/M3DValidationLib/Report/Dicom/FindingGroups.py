"""The findings in the measurement report: what was measured with its limits (PS3.16 TID 312), and the verdicts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from M3DLib.NumberText import exactNumber, withUnit

from ...Profile import loadCatalogue
from ...Requirement import AT_LEAST, AT_MOST
from .ReportCodes import (
    isNumber,
    measurement,
    named,
    ownCode,
    plainText,
    quantityCode,
    tracked,
    unitCode,
    verdictOf,
    writeNumber,
)

if TYPE_CHECKING:
    from highdicom.sr import MeasurementProperties


def findingGroups(report: Mapping) -> list:
    """Every finding, in one group for the scan and one for each of several segments; the first has the verdict."""
    from highdicom.sr import MeasurementsAndQualitativeEvaluations

    bySegment: dict[str, list] = {"": []}
    for finding in report["findings"]:
        bySegment.setdefault(str(finding.get("segment") or ""), []).append(finding)
    groups = []
    for segment, findings in bySegment.items():
        evaluations, measurements = [], []
        if not segment:
            evaluations += verdictOf(ownCode("verdict", "Verdict of the validation"), report["verdict"])
        for finding in findings:
            identifier = re.sub(r"[^A-Za-z0-9._-]+", "-", finding["requirement"])[:64] or "unnamed"
            evaluations += verdictOf(ownCode(identifier, finding["title"]), finding["verdict"])
            measurements += measurement(
                quantityCode(identifier, quantityOf(finding)),
                finding["measured"],
                finding["unit"],
                limits=limitsOf(finding),
                properties=_properties(finding),
            )
        groups.append(
            MeasurementsAndQualitativeEvaluations(
                tracking_identifier=tracked(named("Findings", segment)),
                finding_type=ownCode("ValidationFindings", "Findings of the validation"),
                measurements=measurements or None,
                qualitative_evaluations=evaluations,
            )
        )
    if report.get("override"):
        _addOverride(groups[0], str(report["override"]["reason"]))
    return groups


def quantityOf(finding: Mapping) -> str:
    """Name of what a finding has measured: its own, or the catalogue's where a report does not say it."""
    known = loadCatalogue().get(finding["requirement"])
    return str(finding.get("quantity") or (known.quantity if known is not None else "") or "Measured value")


def limitsOf(finding: Mapping) -> tuple[float, ...]:
    """The numbers that a finding's value is judged by, with both signs where the value has one."""
    limits = [value for value in (finding.get("limit"), finding.get("warningLimit")) if isNumber(value)]
    return (*limits, *(-value for value in limits)) if _isSigned(finding) else tuple(limits)


def _isSigned(finding: Mapping) -> bool:
    known = loadCatalogue().get(finding["requirement"])
    return bool(finding.get("signed", known is not None and known.signed))


def _properties(finding: Mapping) -> MeasurementProperties | None:
    """The limit as the range that counts as normal, and on which side of it the value lies; None without a limit."""
    from highdicom.sr import MeasurementProperties, NormalRangeProperties

    limit, sense = finding.get("limit"), finding.get("sense")
    if not isNumber(limit) or sense not in (AT_MOST, AT_LEAST):
        return None
    unit, signed = finding["unit"], _isSigned(finding)
    ends = [("upper", limit)] if sense == AT_MOST else [("lower", limit)]
    if signed:
        ends = [("lower", -limit), ("upper", limit)]
    return MeasurementProperties(
        normality=_normality(finding),
        normal_range_properties=NormalRangeProperties(
            values=[_end(name, value, unit) for name, value in ends],
            description=plainText(_inWords(finding, signed)),
            authority=plainText(str(finding.get("source") or "")) or None,
        ),
    )


def _end(name: str, value: float, unit: str):
    from highdicom.sr import NumContentItem, RelationshipTypeValues
    from pydicom.sr.codedict import codes

    code = codes.cid223.NormalRangeUpperLimit if name == "upper" else codes.cid223.NormalRangeLowerLimit
    item = NumContentItem(code, float(value), unitCode(unit), relationship_type=RelationshipTypeValues.HAS_PROPERTIES)
    writeNumber(item, float(value))
    return item


def _inWords(finding: Mapping, signed: bool) -> str:
    sense = "at least" if finding["sense"] == AT_LEAST else "at most"
    text = f"{sense} {'±' if signed else ''}{withUnit(exactNumber(finding['limit']), finding['unit'])}"
    warning = finding.get("warningLimit")
    if isNumber(warning) and warning != finding["limit"]:
        text += f", a warning to {'±' if signed else ''}{withUnit(exactNumber(warning), finding['unit'])}"
    return text


def _normality(finding: Mapping):
    """Code of CID 222 for the value of a finding; the verdict stands beside it as an evaluation."""
    from pydicom.sr.codedict import codes

    verdict, value, limit = finding["verdict"], finding["measured"], finding["limit"]
    if verdict == "pass":
        return codes.cid222.Normal
    if verdict not in ("warning", "fail") or not isNumber(value):
        return codes.cid222.NormalityUndetermined
    if finding["sense"] == AT_MOST and value > limit:
        return codes.cid222.AbnormallyHigh
    if (finding["sense"] == AT_LEAST and value < limit) or (_isSigned(finding) and value < -limit):
        return codes.cid222.AbnormallyLow
    return codes.cid222.Abnormal


def _addOverride(group, reason: str) -> None:
    """Why the model was exported although something fails, beside the verdict."""
    from highdicom.sr import RelationshipTypeValues, TextContentItem

    group[0].ContentSequence.append(
        TextContentItem(
            name=ownCode("override", "Exported although something fails, because"),
            value=plainText(reason),
            relationship_type=RelationshipTypeValues.CONTAINS,
        )
    )
