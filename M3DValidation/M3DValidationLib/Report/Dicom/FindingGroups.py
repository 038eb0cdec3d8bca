"""The findings in the measurement report: what was measured with its limits (PS3.16 TID 312), and the verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...Profile import loadCatalogue
from .ReportCodes import measurement, named, ownCode, plainText, quantityCode, requirementId, tracked, verdictOf
from .ReportLimits import limitsOf, normalityOf, rangeOf

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
            identifier = requirementId(finding["requirement"])
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


def _properties(finding: Mapping) -> MeasurementProperties | None:
    """The limit as the range that counts as normal, and on which side of it the value lies; None without a limit."""
    limit = rangeOf(finding)
    return None if limit is None else limit.properties(normalityOf(finding))


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
