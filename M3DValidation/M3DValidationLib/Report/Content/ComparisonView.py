"""A comparison of a part with its model in words and tables: before, the alignment, after, shape, error budget."""

from __future__ import annotations

from collections.abc import Mapping

from M3DLib.NumberText import cubicMillimeters, fixed, percentage, plural, squareMillimeters

from .ReportText import millimeters, percent, place

_FIGURES = (
    ("meanSigned", "Mean (signed)", True),
    ("sd", "Standard deviation", False),
    ("rms", "Root mean square", False),
    ("p95Absolute", "95 % of sizes within", False),
    ("minSigned", "Smallest", True),
    ("maxSigned", "Largest", True),
)
_AXES = "xyz"


def isComparison(report: Mapping) -> bool:
    """Whether the report is about a part and its model."""
    return "registration" in report and "A" in report


def isVersions(report: Mapping) -> bool:
    """Whether the report is about two versions of a model, of which nothing is judged."""
    return isComparison(report) and bool(report.get("changes"))


def titleOf(report: Mapping) -> str:
    """What the report is."""
    if isVersions(report):
        return "Comparison of two versions of a model"
    if isComparison(report):
        return "Comparison of a part with its model"
    # Reports of earlier versions do not list their models.
    return "Validation of a scan" if report.get("models", [True]) == [] else "Validation of a 3D model"


def comparisonView(report: Mapping) -> dict:
    """``lines`` of text and ``tables`` (``title``, ``head``, ``rows`` of texts); both empty for other reports.

    ``versions`` says whether two versions of a model are compared.
    """
    if not isComparison(report):
        return {"lines": [], "tables": [], "versions": False}
    versions = isVersions(report)
    named = (("A", "the new version"), ("B", "the old one")) if versions else (("A", "the part"), ("B", "the model"))
    lines = [f"{name} ({what}): {_mesh(report[name])}" for name, what in named]
    lines += [f"A: {note}" for note in report["A"].get("warnings", ()) if not report.get("partScan")]
    lines += [f"A was scanned: {note}" for note in (report.get("partScan") or {}).get("notes", ())]
    lines += _sampled(report.get("before"))
    tables = [_alignment(report["registration"]), _beforeAfter(report)]
    tables += _changes(report["changes"]) if versions else [_shape(report.get("shape"))]
    budget = report.get("errorBudget")
    if budget:
        tables.append(_budget(budget))
        lines.append(_dominance(budget))
    return {
        "lines": [line for line in lines if line],
        "tables": [table for table in tables if table],
        "versions": versions,
    }


def _sampled(before: Mapping | None) -> list[str]:
    """That the figures before the alignment are those of some points, where they are."""
    if not before or not before.get("sampled"):
        return []
    points = plural(before["vertices"], "point")
    said = (
        f"Before the alignment {points} spread evenly over A were measured; the smallest and the largest distance were "
        "not looked for."
    )
    return [said]


def comparedNames(report: Mapping) -> dict[str, str]:
    """Names of the two that are compared, by what they are called on page one; nothing for other reports."""
    if not isComparison(report):
        return {}
    first, second = ("newVersion", "oldVersion") if isVersions(report) else ("comparedPart", "comparedModel")
    return {first: report["A"]["name"], second: report["B"]["name"]}


def _mesh(entry: Mapping) -> str:
    size = " x ".join(fixed(value, 1) for value in entry["sizeMm"])
    closed = "closed" if entry["closed"] else "open"
    unit = entry["unit"]
    if entry.get("unitSource") == "assumed":
        unit = f"{unit} (assumed, the file does not say)"
    triangles = plural(entry["triangles"], "triangle")
    return f"{entry['name']}, {entry['format']} in {unit}, {triangles}, {closed}, {size} mm"


def _alignment(registration: Mapping | None) -> dict:
    if registration is None:
        return {"title": "Alignment", "head": ["What", "Value"], "rows": [["How", "none: as in the files"]]}
    rows = [["How", str(registration.get("method") or "pairs of points")]]
    rows.append(["Rotation", f"{fixed(registration['angleDegrees'], 3)} degrees"])
    rows.append(["Residual", millimeters(registration["residual"])])
    for key, name in (
        ("usedShare", "A's surface that lies on B"),
        ("usedShareReference", "B's surface that has A near"),
    ):
        if registration.get(key) is not None:
            rows.append([name, percent(registration[key])])
    rows.append(["Certain to (95 %)", millimeters(registration.get("uncertaintyMm"))])
    rows.append(["Doubtful", registration.get("doubtfulBecause") or "no"])
    for number, other in enumerate(registration.get("alternatives") or (), start=1):
        rows.append([f"Other position {number}", f"turned by {fixed(other['turnedDegrees'], 1)} degrees, fits as well"])
    for row in registration["matrix"][:3]:
        rows.append(["Matrix, A to B", "  ".join(fixed(value, 6) for value in row)])
    return {"title": "Alignment", "head": ["What", "Value"], "rows": rows}


def _beforeAfter(report: Mapping) -> dict | None:
    after = (report["deviation"] or {}).get("surface")
    if not after:
        return None
    before = report.get("before")
    columns = [("Before alignment", before), ("After", after), ("After, seen from B", after.get("reverse"))]
    columns = [(name, facts) for name, facts in columns if facts]
    rows = [[name, *(millimeters(facts[key], signed) for _name, facts in columns)] for key, name, signed in _FIGURES]
    rows.append(["Within tolerance", *(percent(facts["withinTolerance"]) for _name, facts in columns)])
    return {"title": "Before and after", "head": ["Figure", *(name for name, _facts in columns)], "rows": rows}


def _changes(changes: Mapping) -> list[dict | None]:
    """What changed as a whole, and place by place."""
    rows = [["Surface that is not where it was", percent(changes["movedShare"])]]
    rows.append(["Counted as moved from", millimeters(changes["movedMm"])])
    rows.append(["Median of how far it moved", millimeters(changes["medianMm"])])
    if changes["volumeMm3"] is None:
        rows.append(["Volumes", "not known: a mesh is open"])
    else:
        rows.append(["Volume before", cubicMillimeters(changes["volumeMm3"] - changes["volumeChangeMm3"])])
        rows.append(["Volume now", cubicMillimeters(changes["volumeMm3"])])
        rows.append(["Added", cubicMillimeters(changes["addedMm3"])])
        rows.append(["Removed", cubicMillimeters(changes["removedMm3"])])
    whole = {"title": "What changed", "head": ["What", "Value"], "rows": rows}
    if not changes["places"]:
        return [whole]
    listed = [
        [
            str(number),
            entry["kind"],
            "–" if entry["volumeMm3"] is None else cubicMillimeters(entry["volumeMm3"]),
            squareMillimeters(entry["areaMm2"]),
            millimeters(entry["largestMm"]),
            place(entry["pointLps"]),
        ]
        for number, entry in enumerate(changes["places"], start=1)
    ]
    beyond = millimeters(changes["placesBeyondMm"])
    title = f"Places that changed by more than {beyond}"
    left = changes["placeCount"] - len(listed)
    if left > 0:
        title = f"Places that changed by more than {beyond} (the {len(listed)} largest of {changes['placeCount']})"
    return [whole, {"title": title, "head": ["No.", "What", "Volume", "Area", "Up to", "Where"], "rows": listed}]


def _shape(shape: Mapping | None) -> dict | None:
    if not shape:
        return None
    rows = [
        [f"Scale along {axis}", percentage(100 * (scale - 1), True), percentage(100 * sure)]
        for axis, scale, sure in zip(_AXES, shape["scale"], shape["scaleUncertainty95"], strict=True)
    ]
    rows.append(["Even growth", millimeters(shape["growthMm"], True), millimeters(shape["growthUncertainty95Mm"])])
    rows.append(["Warp (95 % of the surface)", millimeters(shape["warpP95Mm"]), ""])
    rows.append(["Warp, largest", millimeters(shape["warpLargestMm"]), ""])
    rows.append(["Roughness (root mean square)", millimeters(shape["roughnessRmsMm"]), ""])
    return {
        "title": "Shape of the deviation (the part against the model: positive is too large)",
        "head": ["What", "Value", "Uncertainty (95 %)"],
        "rows": rows,
    }


def _budget(budget: Mapping) -> dict:
    rows = [
        [
            f"{row['term']}: {row['title']}",
            millimeters(row["biasMm"], True),
            millimeters(row["sdMm"]),
            millimeters(row["p95Mm"]),
            millimeters(row["uncertaintyMm"]),
            row["source"],
        ]
        for row in budget["rows"]
    ]
    return {
        "title": "Error budget (positive bias: too small)",
        "head": ["Error", "Bias", "Spread (SD)", "95 % within", "Uncertainty (95 %)", "Measured by"],
        "rows": rows,
    }


def _dominance(budget: Mapping) -> str:
    missing = ", ".join(budget["missing"])
    said = f"{budget['dominant']} dominates: {percent(budget['share'])} of the squares." if budget["dominant"] else ""
    return f"{said} {f'Not measured: {missing}.' if missing else ''}".strip()
