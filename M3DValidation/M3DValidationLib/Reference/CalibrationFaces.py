"""What the fits of all calibration objects share: sizes, pairs of flat faces, robust statistics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from M3DLib.Errors import M3DError

from .CalibrationObjects import ObjectSurface
from .ReferenceReader import CalibrationObject

# Surface points closer together than this share their error: blur and noise reach so far.
_CORRELATION_MM = 2.0


@dataclass
class FittedSize:
    """One size of the object.

    :ivar direction: float64 (3,), unit vector it runs along, LPS.
    :ivar measuredMm: size found.
    :ivar nominalMm: size it should have, None where not known.
    :ivar uncertaintyMm: standard uncertainty: scatter about the fitted shape, and a twentieth of a voxel for the edges.
    """

    direction: np.ndarray
    measuredMm: float
    nominalMm: float | None
    uncertaintyMm: float


def independentCount(weights: np.ndarray) -> float:
    """Number of independent measurements, 1 at least, in points that stand for so much area, mm2 (k,)."""
    return max(1.0, min(len(weights), float(weights.sum()) / _CORRELATION_MM**2))


def facePlace(surface: ObjectSurface, direction: np.ndarray, use: np.ndarray | None = None) -> float | None:
    """Place of the plane facing a direction that holds most of the area, mm along it; None where hardly any does.

    :param direction: float64 (3,), unit vector, LPS. :param use: bool (k,), the points that count; all when None.
    """
    facing = surface.normals @ direction > 0.9
    if use is not None:
        facing &= use
    if facing.sum() < 30:
        return None
    height = surface.points[facing] @ direction
    histogram, edges = np.histogram(
        height, bins=np.arange(height.min() - 0.5, height.max() + 1, 0.5), weights=surface.weights[facing]
    )
    fullest = int(histogram.argmax())
    near = np.abs(height - (edges[fullest] + edges[fullest + 1]) / 2) < 1.0
    return float(np.median(height[near]))


@dataclass
class FaceDistance:
    """Distance between two parallel faces, its standard uncertainty, and the scatter about both planes, mm."""

    distance: float
    uncertainty: float
    spread: float


def betweenFaces(surface: ObjectSurface, axis, center, zone, sides) -> FaceDistance | None:
    """Distance between the two faces square to an axis; None when one of them is not seen.

    Only the middle zone of the faces counts, and both planes are fitted with one tilt, since the axis is never found
    perfectly square to them.

    :param zone: half widths of the zone along the two ``sides``, mm.
    """
    offset = surface.points - center
    across = np.stack([offset @ side for side in sides], axis=1)
    middle = (np.abs(across) <= zone).all(axis=1)
    height = surface.points @ axis
    groups = []
    for sign in (1, -1):
        place = facePlace(surface, sign * axis, middle)
        if place is None:
            return None
        facing = middle & (sign * (surface.normals @ axis) > 0.9)
        groups.append(np.flatnonzero(facing & (np.abs(height - sign * place) < 1.0)))
    number = np.concatenate(groups)
    upper = np.r_[np.ones(len(groups[0])), np.zeros(len(groups[1]))]
    design = np.stack([upper, 1 - upper, across[number, 0], across[number, 1]], axis=1)
    keep = np.ones(len(number), dtype=bool)
    for _ in range(5):
        solution = np.linalg.lstsq(design[keep], height[number][keep], rcond=None)[0]
        residual = height[number] - design @ solution
        keep = noOutliers(residual)
    distance = float(abs(solution[0] - solution[1]) / np.sqrt(1 + solution[2] ** 2 + solution[3] ** 2))
    spread = rootMeanSquare(residual[keep])
    variance = sum(spread**2 / independentCount(surface.weights[group]) for group in groups)
    return FaceDistance(distance, float(np.sqrt(variance)), spread)


def requirePoints(count: int, target: CalibrationObject) -> None:
    """Refuse to fit a shape to a surface of which too little is seen.

    :raises M3DError: there are fewer than 100 points.
    """
    if count < 100:
        raise M3DError(f"The surface of '{target.name}' cannot be made out near the point given for it.")


def noOutliers(residual: np.ndarray) -> np.ndarray:
    """Which residuals (k,), mm, are no outliers, bool (k,): within four times the scaled median deviation."""
    deviation = 1.4826 * np.median(np.abs(residual - np.median(residual)))
    return np.abs(residual - np.median(residual)) <= max(4 * deviation, 1e-6)


def rootMeanSquare(values: np.ndarray) -> float:
    """Root of the mean of the squares of values (k,), in their unit."""
    return float(np.sqrt(np.mean(values**2)))
