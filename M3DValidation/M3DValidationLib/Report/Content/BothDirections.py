"""The two directions between model and scan side by side, and what the scan shows and the model lacks, in words."""

from __future__ import annotations

from collections.abc import Mapping

from .ReportContent import deviationsBySegment
from .ReportText import millimeters, number, percent, place

FROM_MODEL = "From the model to the scan: every place of the model looks for the edge in the image"
FROM_SCAN = "From the scan to the model: every place of the edge in the image looks for the model"
_FIGURES = (
    ("measuredAreaMm2", "Area measured", "mm²"),
    ("withinTolerance", "Within tolerance", "%"),
    ("overTolerance", "Beyond it, model too small or missing there", "%"),
    ("underTolerance", "Beyond it, model too large there", "%"),
    ("meanSigned", "Mean", "mm"),
    ("p95Absolute", "95 % lies within", "mm"),
    ("p99Absolute", "99 % lies within", "mm"),
    ("minSigned", "Smallest signed distance", "mm"),
    ("maxSigned", "Largest signed distance", "mm"),
    ("coverage", "Share that could be measured", "%"),
)
_MOST = 10


def bothDirections(report: Mapping) -> list[dict]:
    """One block per model that was compared with its scan: ``title``, ``rows``, ``pieces``, ``problems``."""
    blocks = []
    for segment, block in deviationsBySegment(report).items():
        scan, image = (block or {}).get("scan"), (block or {}).get("image")
        if not scan or not image:
            continue
        title = "Model and scan in both directions"
        blocks.append(
            {
                "title": f"{title}: {segment}" if segment else title,
                "columns": [FROM_MODEL, FROM_SCAN],
                "rows": [
                    {"name": name, "model": _shown(image.get(key), unit), "scan": _shown(scan.get(key), unit)}
                    for key, name, unit in _FIGURES
                ],
                "pieces": _pieces(scan),
                "problems": list(scan.get("problems", {}).values()),
            }
        )
    return blocks


def _shown(value, unit: str) -> str:
    if value is None:
        return "not measured"
    if unit == "%":
        return percent(value)
    return millimeters(value, signed=False) if unit == "mm" else f"{number(round(value))} {unit}"


def _pieces(scan: Mapping) -> list[dict]:
    """Bodies and faces as rows of one table: what, size, place, slice, more."""
    rows = []
    for key, what in (
        ("bodiesLeftOut", "Missing in the model"),
        ("otherMaterial", "Near the model, of another material (not judged)"),
        ("bodiesAdded", "In the model, but not in the scan"),
        ("filledSpaces", "Enclosed space filled in the model (not judged)"),
    ):
        for body in scan.get(key, [])[:_MOST]:
            extent = " x ".join(number(value) for value in body["sizeMm"])
            rows.append(_row(what, f"{number(round(body['volumeMm3'], 1))} mm³", body, f"{extent} mm{_more(body)}"))
    for key, what in (
        ("cutFaces", "Surface inside the material, without an edge"),
        ("bareFaces", "Surface outside the material, without an edge"),
    ):
        for face in scan.get(key, [])[:_MOST]:
            rows.append(_row(what, f"{number(round(face['areaMm2'], 1))} mm²", face, f"facing {face['facing']}"))
    return rows


def _row(what: str, size: str, entry: Mapping, more: str) -> dict:
    return {
        "what": what,
        "size": size,
        "place": place(entry["centerLps"]),
        "slice": str(entry.get("slice") or ""),
        "more": more,
    }


def _more(body: Mapping) -> str:
    words = []
    if body.get("touchesModel"):
        words.append("joined to the model")
    elif "distanceMm" in body:
        words.append(f"{millimeters(body['distanceMm'])} from the model")
    if body.get("atScanBorder"):
        words.append("continues beyond the scan")
    return "".join(f", {word}" for word in words)
