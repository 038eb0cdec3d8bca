"""Area-weighted statistics of a deviation map, in the words and keys of the report.

Vertices are not spread evenly over a surface: where the mesh is fine there are many. Every figure here weighs a vertex
with the area it stands for, so that refining a part of the mesh changes nothing.
"""

from __future__ import annotations

import numpy as np

from M3DLib.Distance.DeviationMap import QUALITY_TEXT, DeviationMap, Quality
from M3DLib.Errors import M3DError
from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.Mesh.MeshGeometry import vertexGeometry
from M3DLib.WeightedPercentiles import weightedPercentiles

DIRECTIONS = ("left", "right", "posterior", "anterior", "superior", "inferior")
# The deviations whose place is told: the farthest from zero, the smallest and the largest signed one.
PLACES = ("worst", "min", "max")


def deviationStatistics(deviation: DeviationMap, tolerance: float, image: ImageVolume | None = None) -> dict:
    """Plain JSON values: figures in mm or as a share of area (0 to 1); null where there is nothing to measure.

    :param tolerance: mm; deviations up to this size count as within.
    :param image: tells the slices of the worst, the smallest and the largest deviation.
    :return: among the figures ``uncertainty95``, which only a distance from the image has: between two surfaces it is
        computed, and the rounding of coordinates is no measure of how well either shows the anatomy; ``meaning``: what
        the figures do not say, "" where they mean what they seem to.
    :raises M3DError: for a tolerance that is not above 0.
    """
    if not tolerance > 0:
        raise M3DError(f"The tolerance must be above 0 mm, not {tolerance}.")
    good = deviation.reliable & np.isfinite(deviation.distance)
    weights, total = deviation.areas[good], float(deviation.areas.sum())
    facts = {
        "kind": deviation.kind,
        "reference": deviation.reference,
        "sign": deviation.signMeaning,
        "registration": deviation.registration,
        "vertices": len(deviation.distance),
        "measuredVertices": int(good.sum()),
        "areaMm2": total,
        "measuredAreaMm2": float(weights.sum()),
        "coverage": float(weights.sum()) / total if total > 0 else 0.0,
        "tolerance": float(tolerance),
        **summary(deviation.distance[good], weights, tolerance),
        **dict.fromkeys(f"{which}{what}" for which in PLACES for what in ("PointLps", "Slice")),
        "uncertainty95": None,
        "calibration": deviation.calibration,
        "meaning": "",
        "notMeasured": notMeasured(deviation),
        "directions": perDirection(deviation, good, tolerance),
        "settings": deviation.settings,
    }
    if good.any():
        vertices, measured = np.flatnonzero(good), deviation.distance[good]
        for which, place in zip(PLACES, (np.abs(measured).argmax(), measured.argmin(), measured.argmax()), strict=True):
            point = deviation.mesh.points[vertices[place]]
            facts[f"{which}PointLps"] = [round(float(value), 3) for value in point]
            facts[f"{which}Slice"] = None if image is None else sliceNumber(image, point)
        if deviation.uncertainty is not None and deviation.kind == "image":
            facts["uncertainty95"] = float(weightedPercentiles(deviation.uncertainty[good], weights, [50])[0])
    return facts


def summary(values: np.ndarray, weights: np.ndarray, tolerance: float) -> dict:
    """The figures of one set of distances (n,) with areas (n,)."""
    keys = ("meanSigned", "meanAbsolute", "sd", "rms", "median", "p5", "p25", "p75", "p95", "p99", "p95Absolute")
    keys += ("p99Absolute", "minSigned", "maxSigned", "withinTolerance", "overTolerance", "underTolerance")
    total = float(weights.sum())
    if not len(values) or total <= 0:
        return dict.fromkeys(keys)
    values = values.astype(np.float64)
    mean = float(weights @ values / total)
    signed = weightedPercentiles(values, weights, [50, 5, 25, 75, 95, 99])
    absolute = weightedPercentiles(np.abs(values), weights, [95, 99])
    figures = (
        mean,
        float(weights @ np.abs(values) / total),
        float(np.sqrt(weights @ (values - mean) ** 2 / total)),
        float(np.sqrt(weights @ values**2 / total)),
        *map(float, signed),
        *map(float, absolute),
        float(values.min()),
        float(values.max()),
        *(float(weights[which].sum()) / total for which in _sides(values, tolerance)),
    )
    return dict(zip(keys, figures, strict=True))


def _sides(values, tolerance):
    return np.abs(values) <= tolerance, values > tolerance, values < -tolerance


def notMeasured(deviation: DeviationMap) -> list[dict]:
    """Why vertices were left out: reason, number, share of the area; the most frequent first."""
    total = max(float(deviation.areas.sum()), 1e-30)
    reasons = []
    for quality in Quality:
        which = deviation.quality == quality
        if quality != Quality.RELIABLE and which.any():
            share = float(deviation.areas[which].sum()) / total
            reasons.append({"reason": QUALITY_TEXT[quality], "vertices": int(which.sum()), "areaShare": share})
    return sorted(reasons, key=lambda entry: -entry["areaShare"])


def perDirection(deviation: DeviationMap, good: np.ndarray, tolerance: float) -> dict[str, dict]:
    """Figures of the parts of the surface that face left, right, posterior, anterior, superior, inferior."""
    normals = deviation.normals
    if normals is None:
        normals = vertexGeometry(deviation.mesh).normals
    normals = normals[good]
    values, weights = deviation.distance[good], deviation.areas[good]
    axis = np.abs(normals).argmax(axis=1)
    facing = 2 * axis + (normals[np.arange(len(normals)), axis] < 0)
    total = max(float(weights.sum()), 1e-30)
    result = {}
    for number, name in enumerate(DIRECTIONS):
        which = facing == number
        figures = summary(values[which], weights[which], tolerance)
        kept = ("meanSigned", "meanAbsolute", "sd", "p95Absolute", "minSigned", "maxSigned", "withinTolerance")
        result[name] = {"areaShare": float(weights[which].sum()) / total, **{key: figures[key] for key in kept}}
    return result


def sliceNumber(image: ImageVolume, point: np.ndarray) -> int | None:
    """Slice nearest to a position (3,), counted from 1 at the lowest position along the normal; None outside."""
    k = float(image.lpsToIndex(np.asarray(point, dtype=np.float64)[None])[0, 2])
    count = image.dimensions[2]
    if not -0.5 <= k <= count - 0.5:
        return None
    return int(np.clip(np.rint(k), 0, count - 1)) + 1
