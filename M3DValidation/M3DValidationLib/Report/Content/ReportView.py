"""The report in words: every value as the text that is shown, the same for HTML and PDF. Layout is the templates'."""

from __future__ import annotations

from collections.abc import Mapping

from M3DLib.NumberText import exactNumber, measuredText, squareMillimeters, withUnit

from ...Acquisition.IdentityChecks import RECORD
from .BothDirections import bothDirections
from .ComparisonView import comparisonView, isComparison, titleOf
from .PictureGroups import pictureGroups
from .PlaceViews import modelView, sectionView
from .ReportContent import deviationsBySegment
from .ReportText import date, millimeters, moment, number, percent, personName, place
from .WorstPlaces import worstFirst

WORDS = {
    "pass": "Pass",
    "warning": "Warning",
    "fail": "Fail",
    "notAssessable": "Not assessable",
    "information": "Information",
}
ICONS = {"pass": "✓", "warning": "!", "fail": "✗", "notAssessable": "?", "information": "i"}
CONCLUSIONS = {
    "pass": "Nothing fails.",
    "warning": "Nothing fails, but there are warnings.",
    "fail": "At least one requirement fails.",
    "notAssessable": "Nothing fails, but a check that the profile requires could not be made.",
}
NOTHING_JUDGED = "Nothing is judged: what changed is listed."
# Key, name, and whether it is a signed length ("±"), a length without sign ("mm"), or a share of the area ("%").
_FIGURES = (
    ("meanSigned", "Mean (signed)", "±"),
    ("meanAbsolute", "Mean of the absolute", "mm"),
    ("sd", "Standard deviation", "mm"),
    ("rms", "Root mean square", "mm"),
    ("median", "Median", "±"),
    ("p5", "5th percentile", "±"),
    ("p25", "25th percentile", "±"),
    ("p75", "75th percentile", "±"),
    ("p95", "95th percentile", "±"),
    ("p95Absolute", "95th percentile of the absolute", "mm"),
    ("p99Absolute", "99th percentile of the absolute", "mm"),
    ("minSigned", "Minimum", "±"),
    ("maxSigned", "Maximum", "±"),
    ("coverage", "Area measured", "%"),
    ("withinTolerance", "Area within tolerance", "%"),
    ("overTolerance", "Area where the mesh is too small", "%"),
    ("underTolerance", "Area where the mesh is too large", "%"),
    ("uncertainty95", "Uncertainty of one distance (95 %)", "mm"),
)
_REFERENCES = ("reference-", "calibration-")
_MOST_REGIONS = 10
# What nobody has to act on: folded away on the screen, and in the annex on paper.
_FOLDED = ("pass", "information")
# Less than what is written.
_NO_BIAS_MM = 0.0005
_PARAMETERS = {
    "spacingMm": "distances of voxels, mm",
    "how": "made from",
    "sha256OfBinaryStlInMm": "SHA-256 as binary STL in mm",
    "sha256": "SHA-256 of the profile",
}
_KINDS = {
    "image": "Mesh against scan",
    "scan": "Scan against mesh",
    "control": "Mesh against the control series",
    "segmentation": "Mesh against segment",
    "surface": "Mesh against mesh",
}


PLACE_CONVENTION = (
    "Places are millimeters towards the patient's sides from the origin of the scan (L left, R right, P posterior, "
    "A anterior, S superior, I inferior), as Slicer shows them; in DICOM (LPS) L, P and S are positive, in RAS R, A "
    "and S. They are ordered by their distance from zero, the largest first."
)


PLACES_OF_A_PART = (
    "Places are millimeters from the origin of the model's coordinates, taken as DICOM's (LPS) and written by the "
    "patient's sides (L left, R right, P posterior, A anterior, S superior, I inferior). They are ordered by their "
    "distance from zero, the largest first."
)


def reportView(report: Mapping) -> dict:
    """Texts, lists of texts and numbers for the histogram; nothing in it is markup.

    :param report: content that follows ``Report.schema.json``.
    """
    verdict = report["verdict"]
    rows = [findingView(finding) for finding in report["findings"]]
    clauses: dict[str, list[dict]] = {}
    for row in rows:
        clauses.setdefault(row["clause"], []).append(row)
    counts = report["counts"]
    return {
        "title": titleOf(report),
        "verdict": verdict,
        "verdictWord": WORDS[verdict],
        "verdictIcon": ICONS[verdict],
        "conclusion": CONCLUSIONS.get(verdict, NOTHING_JUDGED),
        "counts": [
            {"key": key, "word": word, "number": str(counts[key])} for key, word in WORDS.items() if key in CONCLUSIONS
        ],
        "override": report.get("override", {}).get("reason", ""),
        "patient": personName(report["case"]["patient"]["name"]) or "not named",
        "case": _caseFacts(report),
        "attention": [row for key in ("fail", "warning") for row in rows if row["verdict"] == key],
        "clauses": [
            {
                "clause": name,
                "rows": clauses[name],
                "open": [row for row in clauses[name] if row["verdict"] not in _FOLDED],
                "folded": [row for row in clauses[name] if row["verdict"] in _FOLDED],
            }
            for name in sorted(clauses)
        ],
        "notAssessable": [{"title": entry["title"], "reason": entry["reason"]} for entry in report["notAssessable"]],
        "bothDirections": bothDirections(report),
        "deviations": _deviations(report),
        "comparison": comparisonView(report),
        "signConvention": report["signConvention"],
        "placeConvention": PLACES_OF_A_PART if isComparison(report) else PLACE_CONVENTION,
        "acquisition": [
            {"attribute": entry["attribute"], "value": date(entry["value"] or "not recorded")}
            for entry in report["acquisition"]
        ],
        "dataFlow": [_step(step) for step in report["dataFlow"]],
        "limits": list(report["limitsOfMethod"]),
        "references": [row for row in rows if row["requirement"].startswith(_REFERENCES)],
        "sections": [sectionView(entry) for entry in report.get("sections", ())],
        "models": [modelView(entry, report) for entry in report.get("models3d", ())],
        **pictureGroups(report),
    }


def _caseFacts(report: Mapping) -> list[dict]:
    """Everything of patient, study, intended use and run."""
    case, profile = report["case"], report["profile"]
    return _pairs(
        ("Patient", personName(case["patient"]["name"]) or "not named"),
        ("Patient ID", case["patient"]["id"]),
        ("Birth date", date(case["patient"]["birthDate"])),
        ("Sex", case["patient"]["sex"]),
        ("Study", case["study"]["description"]),
        ("Study date", date(case["study"]["date"])),
        ("Study ID", case["study"]["id"]),
        ("Accession number", case["study"]["accessionNumber"]),
        ("Study UID", case["study"]["studyInstanceUid"]),
        ("Left out of this report", "; ".join(case.get("leftOut", ()))),
        ("Intended use", report["intendedUse"]["title"]),
        ("What it is for", report["intendedUse"]["description"]),
        ("Profile", f"{profile['name']}, version {profile['version']}"),
        ("SHA-256 of the profile", profile["sha256"]),
        ("Tolerance", f"{exactNumber(report['toleranceMm'])} mm"),
        ("Made", moment(report["made"]["time"])),
        ("Responsible", report["made"]["person"]),
    )


def _pairs(*pairs: tuple[str, str]) -> list[dict]:
    return [{"name": name, "value": value} for name, value in pairs if value]


def findingView(finding: Mapping) -> dict:
    """One entry of the report's ``findings`` in words."""
    limit = ""
    if finding["limit"] is not None:
        sense = "at least" if finding.get("sense") == "atLeast" else "at most"
        sign = "±" if finding.get("signed") else ""
        limit = f"{sense} {sign}{withUnit(exactNumber(finding['limit']), finding['unit'])}"
        if finding.get("warningLimit") not in (None, finding["limit"]):
            limit += f" (warning to {sign}{exactNumber(finding['warningLimit'])})"
    limits = tuple(finding[key] for key in ("limit", "warningLimit") if finding.get(key) is not None)
    limits = (*limits, *(-value for value in limits)) if finding.get("signed") else limits
    measured = measuredText(finding["measured"], finding["unit"], limits)
    key = finding["measured"] if isinstance(finding["measured"], (int, float)) else None
    return {
        "verdict": finding["verdict"],
        "word": WORDS[finding["verdict"]],
        "icon": ICONS[finding["verdict"]],
        "requirement": finding["requirement"],
        "title": finding["title"],
        "attribute": RECORD.get((finding.get("evidence") or {}).get("attribute"), ""),
        "segment": finding.get("segment", ""),
        "measured": measured,
        "sortKey": "" if key is None else repr(key),
        "limit": limit,
        "source": finding["source"],
        "message": finding["message"],
        "clause": finding["clause"],
    }


def _deviations(report: Mapping) -> list[dict]:
    named = deviationsBySegment(report)
    found = []
    for segment, block in named.items():
        for kind, title in _KINDS.items():
            facts = (block or {}).get(kind)
            if facts:
                found.append(_deviation(facts, f"{title}: {segment}" if segment else title))
    return found


def _deviation(facts: Mapping, title: str) -> dict:
    rows = []
    for key, name, kind in _FIGURES:
        if key in facts:
            shown = percent(facts[key]) if kind == "%" else millimeters(facts[key], kind == "±")
            rows.append({"name": name, "value": shown})
    return {
        "title": title,
        "inShort": _inShort(facts),
        "sign": facts["sign"],
        "reference": facts.get("reference", ""),
        "registration": facts["registration"],
        "tolerance": facts["tolerance"],
        "toleranceText": f"{exactNumber(facts['tolerance'])} mm",
        "rows": rows,
        "certainty": " ".join(
            filter(None, [facts.get("meaning", ""), (facts.get("calibration") or {}).get("statement", "")])
        ),
        "notMeasured": [
            f"{entry['reason']}: {percent(entry['areaShare'])} of the area" for entry in facts.get("notMeasured", ())
        ],
        "histogram": facts["histogram"],
        "regionCount": facts["regions"]["count"],
        "regions": [
            {
                "worst": millimeters(region["worst"], signed=True),
                "area": squareMillimeters(region["areaMm2"]),
                "place": place(region["worstPointLps"]),
                "slice": str(region.get("worstSlice") or ""),
            }
            for region in worstFirst(facts["regions"]["largest"])[:_MOST_REGIONS]
        ],
    }


def _inShort(facts: Mapping) -> str:
    """The deviation in one sentence."""
    if facts["meanSigned"] is None:
        return "nothing could be measured."
    if facts["kind"] == "scan":
        return (
            f"{percent(facts['withinTolerance'])} of the edge that the scan shows lies within "
            f"{exactNumber(facts['tolerance'])} mm of the model; 95 % lies within "
            f"{millimeters(facts['p95Absolute'])}. The "
            f"farthest place that the model is too small for, or lacks, is {millimeters(facts['maxSigned'])} away."
        )
    mean = facts["meanSigned"]
    side = f"The mesh is too large by {millimeters(abs(mean))} on average."
    if abs(mean) < _NO_BIAS_MM:
        side = "The mesh is neither too small nor too large on average."
    elif mean > 0:
        side = f"The mesh is too small by {millimeters(abs(mean))} on average."
    largest = facts.get("largest", {}).get("text") or (
        f"The largest deviation is {millimeters(max((facts['minSigned'], facts['maxSigned']), key=abs), signed=True)}."
    )
    within = (
        f"{percent(facts['withinTolerance'])} of the measured surface lies within "
        f"{exactNumber(facts['tolerance'])} mm; 95 % lies within {millimeters(facts['p95Absolute'])}."
    )
    # Whole sentences, so that each can be translated.
    return " ".join([within, side, largest, f"{percent(facts['coverage'])} of the surface could be measured."])


def _step(step: Mapping) -> dict:
    files = step["files"]
    return {
        "title": step["title"],
        "time": moment(step["time"]),
        "person": step.get("person", ""),
        "software": ", ".join(step["software"]),
        "parameters": [
            {"name": _PARAMETERS.get(key, key), "value": _text(value)} for key, value in step["parameters"].items()
        ],
        "files": [{"name": entry["name"], "sha256": entry["sha256"]} for entry in files],
    }


def _text(value: object) -> str:
    return ", ".join(map(number, value)) if isinstance(value, list) else number(value)
