"""The report in words: every value as the text that is shown, the same for HTML and PDF. Layout is the templates'."""

from __future__ import annotations

from collections.abc import Mapping

from .ReportContent import deviationsBySegment

WORDS = {"pass": "Pass", "warning": "Warning", "fail": "Fail", "notAssessable": "Not assessable"}
ICONS = {"pass": "✓", "warning": "!", "fail": "✗", "notAssessable": "?"}
CONCLUSIONS = {
    "pass": "Nothing fails.",
    "warning": "Nothing fails, but there are warnings.",
    "fail": "At least one requirement fails.",
    "notAssessable": "Nothing fails, but a check that the profile requires could not be made.",
}
_FIGURES = (
    ("meanSigned", "Mean (signed)", "mm"),
    ("meanAbsolute", "Mean of the absolute", "mm"),
    ("sd", "Standard deviation", "mm"),
    ("rms", "Root mean square", "mm"),
    ("median", "Median", "mm"),
    ("p5", "5th percentile", "mm"),
    ("p25", "25th percentile", "mm"),
    ("p75", "75th percentile", "mm"),
    ("p95", "95th percentile", "mm"),
    ("p95Absolute", "95th percentile of the absolute", "mm"),
    ("p99Absolute", "99th percentile of the absolute", "mm"),
    ("minSigned", "Minimum", "mm"),
    ("maxSigned", "Maximum", "mm"),
    ("coverage", "Area measured", "%"),
    ("withinTolerance", "Area within tolerance", "%"),
    ("overTolerance", "Area where the mesh is too small", "%"),
    ("underTolerance", "Area where the mesh is too large", "%"),
    ("uncertainty95", "Uncertainty of one distance (95 %)", "mm"),
)
_KINDS = {"image": "Mesh against scan", "segmentation": "Mesh against segment", "surface": "Mesh against mesh"}


def reportView(report: Mapping) -> dict:
    """Texts, lists of texts and numbers for the histogram; nothing in it is markup.

    :param report: content that follows ``Report.schema.json``.
    """
    verdict = report["verdict"]
    case, profile = report["case"], report["profile"]
    rows = [findingView(finding) for finding in report["findings"]]
    clauses: dict[str, list[dict]] = {}
    for row in rows:
        clauses.setdefault(row["clause"], []).append(row)
    counts = report["counts"]
    return {
        "title": "Validation of a 3D model",
        "verdict": verdict,
        "verdictWord": WORDS[verdict],
        "verdictIcon": ICONS[verdict],
        "conclusion": CONCLUSIONS[verdict],
        "counts": [{"key": key, "word": word, "number": str(counts[key])} for key, word in WORDS.items()],
        "override": report.get("override", {}).get("reason", ""),
        "patient": case["patient"]["name"] or "not named",
        "case": _pairs(
            ("Patient", case["patient"]["name"] or "not named"),
            ("Patient ID", case["patient"]["id"]),
            ("Birth date", case["patient"]["birthDate"]),
            ("Sex", case["patient"]["sex"]),
            ("Study", case["study"]["description"]),
            ("Study date", case["study"]["date"]),
            ("Study ID", case["study"]["id"]),
            ("Accession number", case["study"]["accessionNumber"]),
            ("Study UID", case["study"]["studyInstanceUid"]),
            ("Intended use", report["intendedUse"]["title"]),
            ("", report["intendedUse"]["description"]),
            ("Profile", f"{profile['name']}, version {profile['version']}"),
            ("SHA-256 of the profile", profile["sha256"]),
            ("Tolerance", f"{number(report['toleranceMm'])} mm"),
            ("Made", report["made"]["time"]),
            ("Responsible", report["made"]["person"]),
        ),
        "attention": [row for key in ("fail", "warning") for row in rows if row["verdict"] == key],
        "clauses": [{"clause": name, "rows": clauses[name]} for name in sorted(clauses)],
        "notAssessable": [{"title": entry["title"], "reason": entry["reason"]} for entry in report["notAssessable"]],
        "deviations": _deviations(report),
        "signConvention": report["signConvention"],
        "acquisition": [
            {"attribute": entry["attribute"], "value": entry["value"] or "not recorded"}
            for entry in report["acquisition"]
        ],
        "dataFlow": [_step(step) for step in report["dataFlow"]],
        "limits": list(report["limitsOfMethod"]),
        "pictures": [
            {key: picture.get(key, "") for key in ("file", "kind", "title", "alternative")}
            for picture in report["pictures"]
        ],
    }


def number(value: object) -> str:
    """A number with four digits, a dash for none; text stays as it is."""
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return f"{value:.4g}".replace("-", "−")


def _pairs(*pairs: tuple[str, str]) -> list[dict]:
    return [{"name": name, "value": value} for name, value in pairs if value]


def findingView(finding: Mapping) -> dict:
    """One entry of the report's ``findings`` in words."""
    limit = ""
    if finding["limit"] is not None:
        sense = "at least" if finding.get("sense") == "atLeast" else "at most"
        limit = f"{sense} {number(finding['limit'])} {finding['unit']}".strip()
        if finding.get("warningLimit") not in (None, finding["limit"]):
            limit += f" (warning to {number(finding['warningLimit'])})"
    measured = number(finding["measured"])
    if finding["measured"] is not None and not isinstance(finding["measured"], str):
        measured = f"{measured} {finding['unit']}".strip()
    key = finding["measured"] if isinstance(finding["measured"], (int, float)) else None
    return {
        "verdict": finding["verdict"],
        "word": WORDS[finding["verdict"]],
        "icon": ICONS[finding["verdict"]],
        "requirement": finding["requirement"],
        "title": finding["title"],
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
    for key, name, unit in _FIGURES:
        value = facts.get(key)
        if key in facts:
            shown = value * 100 if unit == "%" and value is not None else value
            rows.append({"name": name, "value": f"{number(shown)} {unit}" if value is not None else "not measured"})
    if facts.get("calibration"):
        rows.append({"name": "Certainty of the distances", "value": facts["calibration"]["statement"]})
    return {
        "title": title,
        "sign": facts["sign"],
        "reference": facts.get("reference", ""),
        "registration": facts["registration"],
        "tolerance": facts["tolerance"],
        "toleranceText": f"{number(facts['tolerance'])} mm",
        "rows": rows,
        "notMeasured": [
            f"{entry['reason']}: {number(100 * entry['areaShare'])} % of the area"
            for entry in facts.get("notMeasured", ())
        ],
        "histogram": facts["histogram"],
        "regions": [
            {
                "worst": f"{number(region['worst'])} mm",
                "area": f"{number(region['areaMm2'])} mm²",
                "place": ", ".join(f"{value:.1f}" for value in region["worstPointLps"]),
                "slice": str(region.get("worstSlice") or ""),
            }
            for region in facts["regions"]["largest"][:10]
        ],
    }


def _step(step: Mapping) -> dict:
    files = step["files"]
    return {
        "title": step["title"],
        "time": step["time"],
        "software": ", ".join(step["software"]),
        "parameters": [{"name": key, "value": _text(value)} for key, value in step["parameters"].items()],
        "files": [{"name": entry["name"], "sha256": entry["sha256"]} for entry in files],
    }


def _text(value: object) -> str:
    return ", ".join(map(number, value)) if isinstance(value, list) else number(value)
