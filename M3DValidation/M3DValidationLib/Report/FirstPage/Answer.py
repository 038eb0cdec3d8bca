"""What follows for the intended use, as plain JSON values: one block per model, made from the report's own content.

Nothing is measured here. A figure that the report does not have is null, and why not is said; a share of the surface
that was not measured is named wherever a figure on the measured rest stands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..Content.ComparisonView import isVersions
from ..Content.ReportContent import deviationsBySegment
from .AnswerText import changesSentence, sentenceOf, wholeSentence
from .Importance import byImportance, groupOf

# Looked at in this order: how far the model lies from the scan, a part from its model; the segment it was made from
# says nothing of the anatomy and answers only when there is nothing else.
_KINDS = ("image", "surface", "segmentation")
# What is listed of the scan that says the model is not whole, the worst first, with its measure.
_LACKING = (("bodiesLeftOut", "volumeMm3"), ("cutFaces", "areaMm2"), ("bodiesAdded", "volumeMm3"))
_ORDER = ("fail", "notAssessable", "warning", "pass")


def answerOf(report: Mapping) -> dict:
    """The report's ``answer``.

    :param report: content that follows ``Report.schema.json``; its own ``answer``, if any, is not looked at.
    :return: ``verdict``, ``use``, ``sentence``, ``models`` (one block each, see :func:`_modelAnswer`) and, where
        several
        models share one scan, ``scan`` with what is found of the scan alone.
    """
    if isVersions(report):
        said = changesSentence(report["changes"])
        return {
            "verdict": report["verdict"],
            "use": report["intendedUse"]["title"],
            "sentence": said,
            "changes": said,
            "models": [],
            "scan": None,
            "notChecked": [],
        }
    models = report.get("models") or []
    several = len(models) > 1
    findings = report["findings"]
    use = report["intendedUse"]["title"]
    blocks = [_modelAnswer(report, model, _own(findings, model["name"], several), several) for model in models]
    answer = {
        "verdict": report["verdict"],
        "use": use,
        "models": blocks,
        "scan": None,
        "notChecked": [
            {"requirement": entry["requirement"], "title": entry["title"]}
            for entry in sorted(findings, key=byImportance)
            if entry["verdict"] == "notAssessable"
        ],
    }
    if several or not models:
        shared = [entry for entry in findings if not entry.get("segment")]
        answer["scan"] = {"verdict": _verdictOf(shared), "counts": _counts(shared), "limits": limitsOf(shared)}
    for block in blocks:
        block["sentence"] = sentenceOf(block, use)
    answer["sentence"] = wholeSentence(answer)
    return answer


def _own(findings: Sequence[Mapping], name: str, several: bool) -> list[Mapping]:
    """The findings on one model; of the only one, those on the scan too."""
    return [entry for entry in findings if not several or entry.get("segment") == name]


def _verdictOf(findings: Sequence[Mapping]) -> str:
    """What follows from findings, by the rule of the whole report."""
    verdicts = {entry["verdict"] for entry in findings}
    if "fail" in verdicts:
        return "fail"
    if any(entry["verdict"] == "notAssessable" and entry.get("required") for entry in findings):
        return "notAssessable"
    return "warning" if "warning" in verdicts else "pass"


def _counts(findings: Sequence[Mapping]) -> dict[str, int]:
    return {verdict: sum(entry["verdict"] == verdict for entry in findings) for verdict in _ORDER}


def _modelAnswer(report: Mapping, model: Mapping, findings: Sequence[Mapping], several: bool) -> dict:
    """One model: its verdict, limits not met, how far off it is, what it lacks, and what is not known."""
    named = deviationsBySegment(report)
    block = (named.get(model["name"]) if several else next(iter(named.values()), None)) or {}
    deviation, reason = _deviation(block, report)
    scan = block.get("scan") or {}
    return {
        "name": model["name"],
        "madeFrom": model["madeFrom"],
        "verdict": _verdictOf(findings) if several else report["verdict"],
        "counts": _counts(findings),
        "limits": limitsOf(findings),
        "deviation": deviation,
        "notMeasured": reason,
        "covered": _covered(scan),
        "notLookedFor": _notLookedFor(block, report, findings),
        "lacks": _lacks(scan, model.get("boundsLps")),
        "declaredPart": report.get("declaredPart", ""),
    }


def limitsOf(findings: Sequence[Mapping]) -> list[dict]:
    """What fails, could not be assessed although it had to be, or is a warning; what matters most for the use first."""
    chosen = [
        entry
        for entry in findings
        if entry["verdict"] in ("fail", "warning") or (entry["verdict"] == "notAssessable" and entry.get("required"))
    ]
    keys = ("requirement", "title", "verdict", "measured", "limit", "warningLimit", "sense", "unit", "message")
    return [
        {**{key: entry.get(key) for key in keys}, "group": groupOf(entry["requirement"])}
        for entry in sorted(chosen, key=byImportance)
    ]


def _deviation(block: Mapping, report: Mapping) -> tuple[dict | None, str]:
    """How far the surface lies from what it is held against, and why that is not known when it is not."""
    kind = next((kind for kind in _KINDS if block.get(kind)), None)
    problems = block.get("problems") or {}
    wanted = "image" if report["input"].get("image") else None
    facts = block[kind] if kind else None
    if facts is None or facts["p95Absolute"] is None or (wanted == "image" and kind == "segmentation"):
        if facts is not None and facts["p95Absolute"] is None:
            return None, "nothing"
        if problems.get("image"):
            return None, problems["image"]
        return None, "noModel" if wanted and not block and not report.get("models") else _whyNot(report)
    worst = facts.get("largest") or {}
    calibration = facts.get("calibration") or {}
    return {
        "kind": kind,
        "within95Mm": facts["p95Absolute"],
        "uncertainty95Mm": facts.get("uncertainty95"),
        "uncertaintyCalibrated": bool(calibration.get("withinFittedRange")),
        "toleranceMm": facts["tolerance"],
        "withinTolerance": facts["withinTolerance"],
        "measuredShare": facts["coverage"],
        "refinedShare": facts.get("movedShare", 0.0),
        "meanSignedMm": facts["meanSigned"],
        "worst": _worst(facts, worst),
    }, ""


def _whyNot(report: Mapping) -> str:
    if not report["input"].get("image"):
        return "noScan"
    return "notMeasured"


def _worst(facts: Mapping, largest: Mapping) -> dict | None:
    """The place that lies farthest off."""
    if facts.get("worstPointLps") is None:
        return None
    return {
        "mm": max((facts["minSigned"], facts["maxSigned"]), key=abs),
        "pointLps": list(facts["worstPointLps"]),
        "slice": facts.get("worstSlice"),
        "areaMm2": largest.get("areaMm2"),
        "counts": largest.get("counts", True),
    }


def _covered(scan: Mapping) -> dict | None:
    """How much of what the scan shows the model has, and the place that is farthest from it."""
    if scan.get("withinTolerance") is None:
        return None
    return {
        "withinTolerance": scan["withinTolerance"],
        "toleranceMm": scan["tolerance"],
        "measuredShare": scan["coverage"],
        "farthestMm": scan["maxSigned"],
        "pointLps": scan.get("maxPointLps"),
        "slice": scan.get("maxSlice"),
    }


def _notLookedFor(block: Mapping, report: Mapping, findings: Sequence[Mapping]) -> str:
    """Why it is not known whether the model lacks something; "" where that was looked for."""
    if (block.get("scan") or {}).get("withinTolerance") is not None:
        return ""
    if not report["input"].get("image"):
        return "noScan"
    reasons = [entry["message"] for entry in findings if entry["requirement"] == "scan-covered"]
    return reasons[0] if reasons else "notMeasured"


def _lacks(scan: Mapping, bounds: Sequence[Sequence[float]] | None) -> dict | None:
    """The largest piece that one of scan and model has and the other lacks, and on which side of the model it lies."""
    for key, measure in _LACKING:
        pieces = scan.get(key) or []
        if pieces:
            piece = max(pieces, key=lambda entry: entry[measure])
            return {
                "what": key,
                measure: piece[measure],
                "count": len(pieces),
                "centerLps": list(piece["centerLps"]),
                "slice": piece.get("slice"),
                "side": sideOf(piece["centerLps"], bounds),
            }
    return None


def sideOf(point: Sequence[float], bounds: Sequence[Sequence[float]] | None) -> str:
    """On which side of a box a place lies: "left", "right", "posterior", ...; "" near its middle or without a box.

    :param point: LPS mm. :param bounds: lower and upper corner, LPS mm.
    """
    if not bounds:
        return ""
    sides = (("left", "right"), ("posterior", "anterior"), ("superior", "inferior"))
    leans = []
    for axis in range(3):
        half = max((bounds[1][axis] - bounds[0][axis]) / 2, 1e-6)
        leans.append((point[axis] - (bounds[1][axis] + bounds[0][axis]) / 2) / half)
    axis = max(range(3), key=lambda number: abs(leans[number]))
    if abs(leans[axis]) < _MIDDLE:
        return ""
    return sides[axis][leans[axis] < 0]


# Nearer to the middle than this share of the half width, no side is named.
_MIDDLE = 0.25
