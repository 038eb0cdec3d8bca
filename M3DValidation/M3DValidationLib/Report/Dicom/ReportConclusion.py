"""The conclusion of the measurement report: the verdict, and what failed by how much, in a few sentences."""

from __future__ import annotations

from collections.abc import Mapping

from M3DLib.NumberText import exactNumber, measuredText, withUnit

from ..Content.ReportView import CONCLUSIONS
from .FindingGroups import quantityOf
from .ReportCodes import VERDICTS, isNumber
from .ReportLimits import limitsOf


def conclusionOf(report: Mapping) -> str:
    """The verdict, the intended use, and everything that fails with measured and allowed value."""
    verdict = report["verdict"]
    # The sentence of the first page; a report of an earlier version has none.
    answer = (report.get("answer") or {}).get("sentence") or CONCLUSIONS[verdict]
    sentences = [
        f"{VERDICTS[verdict]}: {answer}",
        f"Intended use: {report['intendedUse']['title']}, tolerance {exactNumber(report['toleranceMm'])} mm.",
    ]
    for key, heading in (("fail", "Fails"), ("warning", "Warnings")):
        entries = [_entry(finding) for finding in report["findings"] if finding["verdict"] == key]
        if entries:
            sentences.append(f"{heading}: {'; '.join(entries)}.")
    if report["notAssessable"]:
        titles = "; ".join(entry["title"] for entry in report["notAssessable"])
        sentences.append(f"Not assessable: {titles}.")
    return " ".join(sentences)


def _entry(finding: Mapping) -> str:
    segment = f" ({finding['segment']})" if finding.get("segment") else ""
    if not isNumber(finding["measured"]) or not isNumber(finding.get("limit")):
        return f"{finding['title']}{segment}: not so"
    value = measuredText(finding["measured"], finding["unit"], limitsOf(finding))
    sense = "at least" if finding.get("sense") == "atLeast" else "at most"
    limit = withUnit(exactNumber(finding["limit"]), finding["unit"])
    return f"{quantityOf(finding)}{segment} {value}, {sense} {limit} allowed"
