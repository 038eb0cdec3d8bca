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
    weights = deviation.areas[good]
    facts = {
        "kind": deviation.kind,
        "reference": deviation.reference,
        "sign": deviation.signMeaning,
        "registration": deviation.registration,
        "vertices": len(deviation.distance),
        "measuredVertices": int(good.sum()),
        "areaMm2": float(deviation.areas.sum()),
        "measuredAreaMm2": float(weights.sum()),
        "tolerance": float(tolerance),
        **dict.fromkeys(f"{which}{what}" for which in PLACES for what in ("PointLps", "Slice")),
        **mainFigures(deviation, tolerance),
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
            facts[f"{which}PointLps"] = _place(deviation, vertices[place])
            facts[f"{which}Slice"] = None if image is None else sliceNumber(image, point)
        if deviation.uncertainty is not None and deviation.kind == "image":
            facts["uncertainty95"] = float(weightedPercentiles(deviation.uncertainty[good], weights, [50])[0])
    return facts


def mainFigures(deviation: DeviationMap, tolerance: float) -> dict:
    """Of the values of :func:`deviationStatistics` those of :func:`summary`, ``coverage`` and ``worstPointLps``.

    :param tolerance: mm, above 0; deviations up to this size count as within.
    """
    good = deviation.reliable & np.isfinite(deviation.distance)
    distance, weights, total = deviation.distance[good], deviation.areas[good], float(deviation.areas.sum())
    worst = None
    if len(distance):
        worst = _place(deviation, np.flatnonzero(good)[np.abs(distance).argmax()])
    return {
        **summary(distance, weights, tolerance),
        "coverage": float(weights.sum()) / total if total > 0 else 0.0,
        "worstPointLps": worst,
    }


def _place(deviation: DeviationMap, vertex: int) -> list[float]:
    return [round(float(value), 3) for value in deviation.mesh.points[vertex]]


def summary(values: np.ndarray, weights: np.ndarray, tolerance: float) -> dict:
    """The figures of one set of distances (n,) with areas (n,)."""
    keys = ("meanSigned", "meanAbsolute", "sd", "rms", "median", "p5", "p25", "p75", "p95", "p99", "p95Absolute")
    keys += ("p99Absolute", "minSigned", "maxSigned", "withinTolerance", "overTolerance", "underTolerance")
    total = float(weights.sum())
    if not len(values) or total <= 0:
        return dict.fromkeys(keys)
    values = values.astype(np.float64)
    median, p5, p25, p75, p95, p99 = map(float, weightedPercentiles(values, weights, [50, 5, 25, 75, 95, 99]))
    figures = {
        **_inBrief(values, weights, tolerance, (95, 99)),
        "rms": float(np.sqrt(weights @ values**2 / total)),
        **{"median": median, "p5": p5, "p25": p25, "p75": p75, "p95": p95, "p99": p99},
    }
    return {key: figures[key] for key in keys}


def _inBrief(values: np.ndarray, weights: np.ndarray, tolerance: float, percents: tuple[int, ...] = (95,)) -> dict:
    """Some of the figures of distances, float64 (n,), n > 0, among them percentiles of their sizes."""
    total, size = float(weights.sum()), np.abs(values)
    mean = float(weights @ values / total)
    high = map(float, weightedPercentiles(size, weights, list(percents)))
    shares = (float(weights[which].sum()) / total for which in _sides(values, tolerance))
    return {
        "meanSigned": mean,
        "meanAbsolute": float(weights @ size / total),
        "sd": float(np.sqrt(weights @ (values - mean) ** 2 / total)),
        **dict(zip((f"p{percent}Absolute" for percent in percents), high, strict=True)),
        "minSigned": float(values.min()),
        "maxSigned": float(values.max()),
        **dict(zip(("withinTolerance", "overTolerance", "underTolerance"), shares, strict=True)),
    }


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
    facing = _facing(normals)[good]
    values, weights = deviation.distance[good], deviation.areas[good]
    total = max(float(weights.sum()), 1e-30)
    result = {}
    for number, name in enumerate(DIRECTIONS):
        which = np.flatnonzero(facing == number)
        own, areas = values.take(which).astype(np.float64), weights.take(which)
        share = float(areas.sum())
        figures = _inBrief(own, areas, tolerance) if share > 0 else {}
        kept = ("meanSigned", "meanAbsolute", "sd", "p95Absolute", "minSigned", "maxSigned", "withinTolerance")
        result[name] = {"areaShare": share / total, **{key: figures.get(key) for key in kept}}
    return result


def _facing(normals: np.ndarray) -> np.ndarray:
    """Number of the direction that each normal (n, 3) is nearest to, int8 (n,); of equally near ones the first."""
    columns = np.ascontiguousarray(normals.T)
    x, y, z = np.abs(columns)
    facing = np.where(y > x, np.int8(1), np.int8(0))
    facing[z > np.maximum(x, y)] = 2
    isNegative = np.choose(facing, columns < 0)
    return 2 * facing + isNegative


def sliceNumber(image: ImageVolume, point: np.ndarray) -> int | None:
    """Slice nearest to a position (3,), counted from 1 at the lowest position along the normal; None outside."""
    k = float(image.lpsToIndex(np.asarray(point, dtype=np.float64)[None])[0, 2])
    count = image.dimensions[2]
    if not -0.5 <= k <= count - 0.5:
        return None
    return int(np.clip(np.rint(k), 0, count - 1)) + 1
