"""Edges whose neighbor is so near that blur keeps the plateau between them from being reached.

Two opposite edges a distance t apart under a blur s give the profile Phi((x + t) / s) - Phi(x / s): its height is below
the full contrast, and half of that height is reached farther apart than t. Where the blur is known from other edges of
the same image, t follows from the apparent distance, and with it how far each edge seems shifted. Below about three
standard deviations the apparent distance hardly depends on t any more: such walls are called too thin.
"""

from __future__ import annotations

import numpy as np

from .DeviationMap import Quality
from .MeshGeometry import meshEdges

# With less, a wall whose place in the voxels happens to widen its profile would pass, too thick by a tenth of it.
THINNEST = 4.1
# Where no other edge tells the blur, it is taken from the walls themselves, which show it too small.
THINNEST_UNKNOWN = 4.8
NO_INFLUENCE = 6.0
# Distances up to so many times that one are averaged with those of their neighbors, so often.
SURROUNDINGS = 1.3
AVERAGINGS = 2
# The fit of a whole edge is drawn outward by more than the half height: 1.16 to 1.25 times, computed for walls of 3.7
# to 6 and a reach of the fit of 1.6 to 2.5 standard deviations.
FIT_TO_HALF_HEIGHT = 1.21


def apparentThickness(thickness: np.ndarray) -> np.ndarray:
    """Distance between the half-height points of two opposite blurred edges; all lengths in units of the blur's SD."""
    from scipy.special import ndtr

    thickness = np.asarray(thickness, dtype=np.float64)
    half = apparentHeight(thickness) / 2
    low, high = thickness / 2 - 1, thickness / 2 + 3
    for _ in range(50):
        middle = (low + high) / 2
        above = ndtr(middle + thickness / 2) - ndtr(middle - thickness / 2) > half
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return low + high


def apparentHeight(thickness: np.ndarray) -> np.ndarray:
    """Peak between two opposite blurred edges as a share of the full contrast; lengths in units of the blur's SD."""
    from scipy.special import ndtr

    return 2 * ndtr(np.asarray(thickness, dtype=np.float64) / 2) - 1


def trueThickness(apparent: np.ndarray) -> np.ndarray:
    """Inverse of :func:`apparentThickness`; 0 for what no wall, however thin, would show."""
    thickness = np.linspace(0.05, NO_INFLUENCE + 1, 400)
    return np.interp(apparent, apparentThickness(thickness), thickness, left=0.0, right=np.inf)


def edgeShift(thickness: np.ndarray, height: np.ndarray, blur: np.ndarray) -> np.ndarray:
    """How far outside the true edge the blurred profile falls to half of a stated height.

    :param thickness: distance of the two edges, mm. :param height: stated height as a share of the full contrast.
    :param blur: standard deviation, mm.
    """
    from scipy.special import ndtr

    shift = np.zeros_like(thickness)
    for _ in range(6):
        value = ndtr((shift + thickness) / blur) - ndtr(shift / blur)
        slope = np.exp(-0.5 * ((shift + thickness) / blur) ** 2) - np.exp(-0.5 * (shift / blur) ** 2)
        slope = np.minimum(slope / (np.sqrt(2 * np.pi) * blur), -0.05 / blur)
        shift = np.clip(shift - (value - height / 2) / slope, -blur, 2 * blur)
    return shift


def _evened(room: np.ndarray, near: np.ndarray, edges: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Distances to the opposite edge (n,), averaged among neighboring vertices that are near one (bool (n,)).

    A wall is as thick beside a vertex as at it. Else noise alone would pick out places of a wall that is too thin.
    """
    start, end = edges
    within = near[start] & near[end]
    start, end = start[within], end[within]
    total, weight = np.where(near, room, 0.0).astype(np.float64), near.astype(np.float64)

    def withNeighbors(values):
        return values + np.bincount(start, values[end], len(near)) + np.bincount(end, values[start], len(near))

    for _ in range(AVERAGINGS):
        total, weight = withNeighbors(total), withNeighbors(weight)
    return np.where(near, total / np.maximum(weight, 1e-30), room)


def correctThinWalls(measurement) -> np.ndarray:
    """Correct the distances of a measurement next to thin walls and narrow gaps, mark those that are too thin.

    :param measurement: of ``ImageDeviation``; its ``distance`` and ``quality`` are changed.
    :return: float32 (n,), size of the correction, mm.
    """
    m = measurement
    correction = np.zeros(len(m.distance), dtype=np.float32)
    # Trilinear interpolation adds the variance of a triangle as wide as two voxels to the profile's own blur.
    steps = np.abs(m.geometry.normals @ (m.sampler.toLps / m.sampler.spacing)) * m.sampler.spacing
    added = (steps**2).sum(axis=1) / 6
    if m.scale.smoothsProfiles:
        # And weights of 1, 2 and 1 on neighboring samples half the square of their distance.
        added += float(m.steps[1] - m.steps[0]) ** 2 / 2
    profileBlur = np.sqrt(m.normalBlur**2 + added).astype(np.float64)
    edges = meshEdges(m.mesh.triangles)
    for found, side in ((m.wall, 1), (m.gap, -1)):
        near = (m.quality == Quality.RELIABLE) & (found < SURROUNDINGS * NO_INFLUENCE * profileBlur)
        room = _evened(found, near, edges)
        judged = np.flatnonzero(near & (room < NO_INFLUENCE * profileBlur))
        blur, blurred = m.normalBlur[judged].astype(np.float64), profileBlur[judged]
        thickness = trueThickness(room[judged] / blurred) * blurred
        tooThin = (thickness < THINNEST * blur) | ~(m.blurKnown[judged] | (room[judged] > THINNEST_UNKNOWN * blurred))
        m.quality[judged[tooThin]] = Quality.THIN
        kept = ~tooThin & np.isfinite(thickness)
        height = apparentHeight(thickness[kept] / blurred[kept])
        correction[judged[kept]] -= side * FIT_TO_HALF_HEIGHT * edgeShift(thickness[kept], height, blur[kept])
    m.distance += correction
    return np.abs(correction)
