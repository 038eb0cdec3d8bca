"""What the image asks of every vertex of a surface: how far to go, how sure that is, or why it should stay."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from ..Distance.DeviationMap import DeviationMap, Quality
from ..Edge.VertexParts import inParts
from ..Image.ImageVolume import ImageVolume
from .Neighborhood import Neighborhood

# An edge farther away than so many standard deviations of the blur and half a voxel is another surface's: the level of
# 7 % or 93 % of the contrast, at which nobody sets a threshold, lies so far from the middle.
BLURS = 1.5
VOXELS = 0.5
# Half the width of a 95 % interval in standard deviations.
INTERVAL = 1.96
# No vertex is surer than this (mm), so that a few with sharp edges do not outweigh all their neighbors.
SUREST = 0.01
# Where the image shows an edge but not one that can be trusted to the last tenth (ridges, unclear edges), mm.
UNCLEAR = 0.1
# How strongly what has no edge of its own stays where it is, as the standard deviation of a place, mm.
STAYING = 0.1
# A measured place that differs more from those around it, in voxels, is a mistake.
ODD = 0.35
# Vertices from where on, as shares of their surroundings, the image's silence is not bridged but respected.
SILENT_FROM, SILENT_TO = 0.6, 0.9
# Share of thin places in the surroundings above which a wall or gap is left as it is, on both its sides.
THIN_SHARE = 0.3
# Walls below so many standard deviations of the blur have both sides in one blur.
WALL_REACH = 6.0
# Cosines by which a place lies opposite to another: of the angle between their normals, at most, and of that between
# the other's normal and the way to it, at least. Across thick slices the blur reaches so far that a wall of the next
# slice would pass for the other side.
FACING, ACROSS = -0.8, 0.9
# Cells along each axis, at most, by which what lies near thin places is found.
MOST_CELLS = 256


class Motion(IntEnum):
    """What became of a vertex."""

    MOVED = 0
    HELD = 1
    LEFT = 2


MOTION_TEXT = {
    Motion.MOVED: "moved to the edge in the image",
    Motion.HELD: "held: the image's edge is not to be trusted there, or the way is barred",
    Motion.LEFT: "left: the image shows no edge of this surface there",
}


@dataclass
class EdgeTargets:
    """What the image asks of each vertex, arrays (n,).

    :ivar distance: mm along the normal; 0 where the image asks nothing; back to where it was for what is to stay.
    :ivar weight: 1/mm2, inverse square of how sure that is; 0 where the neighbors decide.
    :ivar sure: which vertices have an edge of their own that was measured reliably.
    :ivar unclear: which lie at a ridge too sharp for the blur, or where the image shows no clear edge.
    :ivar motion: values of :class:`Motion`.
    """

    distance: np.ndarray
    weight: np.ndarray
    sure: np.ndarray
    unclear: np.ndarray
    motion: np.ndarray


def edgeTargets(
    deviation: DeviationMap, image: ImageVolume, gone: np.ndarray, neighborhood: Neighborhood
) -> EdgeTargets:
    """Targets from a measured deviation of the surface as it lies now.

    :param deviation: from ``image``. :param gone: how far each vertex has come along its normal already, mm, (n,).
    """
    quality = deviation.quality
    distance, gone = deviation.distance, gone.astype(np.float32)
    spread = standardDeviations(deviation)
    blur, voxel = blurAlongNormals(deviation), voxelsAlong(image, deviation.normals)
    own = _isOwn(distance + gone, blur, voxel)
    thin = _thinPlaces(deviation, blur, neighborhood)
    sure = (quality == Quality.RELIABLE) & own & ~thin
    unclear = (quality == Quality.SHARP) | (quality == Quality.POOR_FIT)
    spread = np.where(unclear, np.maximum(spread, UNCLEAR), spread)
    used = sure | (unclear & own & ~thin)
    distance = np.where(used, distance, np.float32(0))
    certainty = 1 / np.square(spread)
    odd = used & _oddPlaces(
        deviation, distance, np.where(used, certainty, 1e-9), ODD * voxel + 3 * spread, neighborhood
    )
    sure &= ~odd
    used &= ~odd
    silent = neighborhood.averaged(~used, None, 4)
    stays = np.clip((silent - SILENT_FROM) / (SILENT_TO - SILENT_FROM), 0, 1)
    stays[thin | np.isin(quality, (Quality.LOW_CONTRAST, Quality.CUT_OFF))] = 1
    stays[used] = 0
    weight = np.where(used, certainty, stays / STAYING**2)
    held = thin | np.isin(quality, (Quality.LOW_CONTRAST, Quality.OUTSIDE_IMAGE, Quality.CUT_OFF))
    motion = np.where(used, Motion.MOVED, np.where(held, Motion.HELD, Motion.LEFT)).astype(np.uint8)
    distance = np.where(used, distance, np.where(stays > 0, -gone, 0.0))
    return EdgeTargets(distance, weight, sure, unclear, motion)


def inReach(deviation: DeviationMap, image: ImageVolume, gone: np.ndarray) -> np.ndarray:
    """Which measured edges are near enough to where the surface was at first to be its own, bool (n,).

    :param gone: how far each vertex has come along its normal already, mm, (n,).
    """
    return _isOwn(deviation.distance + gone, blurAlongNormals(deviation), voxelsAlong(image, deviation.normals))


def _isOwn(distance: np.ndarray, blur: np.ndarray, voxel: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return np.abs(distance) <= BLURS * blur + VOXELS * voxel


def _oddPlaces(
    deviation: DeviationMap, distance: np.ndarray, weights: np.ndarray, allowed: np.ndarray, neighborhood: Neighborhood
) -> np.ndarray:
    """Edges that differ by more than is allowed (mm) from those around them, in distance and in place, bool (n,).

    On a step of the surface distances differ and places do not; on a ridge it is the other way round.
    """
    odd = np.abs(distance - neighborhood.averaged(distance, weights, 3)) > allowed
    if odd.any():
        normals = deviation.normals
        away = deviation.mesh.points + distance[:, None] * normals
        away = away[odd] - neighborhood.averagedAt(odd, away, weights, 3)
        odd[odd] = np.abs(np.einsum("ni,ni->n", away, normals[odd])) > allowed[odd]
    return odd


def standardDeviations(deviation: DeviationMap) -> np.ndarray:
    """How sure each measured place is, mm, float32 (n,): from the stated interval, or from the widened one that is
    known for thick slices.
    """
    if deviation.uncertainty is not None:
        interval = deviation.uncertainty
    else:
        # Where nothing is known, a whole standard deviation of the blur; the last measurement decides whether it may.
        known = deviation.calibration["estimate95"] or INTERVAL * deviation.settings["edgeWidthSd"]
        interval = np.full(len(deviation.distance), known, dtype=np.float32)
    return np.sqrt((interval / INTERVAL) ** 2 + SUREST**2)


def blurAlongNormals(deviation: DeviationMap) -> np.ndarray:
    """Standard deviation of the image's blur along the normal of each vertex, mm, float32 (n,)."""
    covariance = np.asarray(deviation.settings["blurCovariance"], dtype=np.float32)
    return inParts(lambda part: np.sqrt(np.einsum("ni,ni->n", part @ covariance, part)), deviation.normals)


def voxelsAlong(image: ImageVolume, normals: np.ndarray) -> np.ndarray:
    """How far a voxel reaches along normals (n, 3), mm, float32 (n,): the longest of its edges, seen that way."""
    steps = image.ijkToLps[:3, :3].T.astype(np.float32)

    def longest(normals: np.ndarray) -> np.ndarray:
        edges = np.abs(steps @ normals.T.astype(np.float32))
        # Over columns: a maximum over rows of three values each takes ten times as long.
        return np.maximum(np.maximum(edges[0], edges[1]), edges[2])

    return inParts(longest, normals)


def _thinPlaces(deviation: DeviationMap, blur: np.ndarray, neighborhood: Neighborhood) -> np.ndarray:
    """Vertices of walls and gaps that are too thin for the blur, those of the opposite side among them, bool (n,).

    One side moved and the other not would change the thickness, of which the image says nothing.
    """
    thin = deviation.quality == Quality.THIN
    if not thin.any():
        return thin
    from scipy.spatial import cKDTree

    points, normals = deviation.mesh.points, deviation.normals
    places = np.flatnonzero(thin)
    reach = WALL_REACH * blur[places]
    farthest = float(reach.max())
    near = around(points, points[places], farthest)
    distance, nearest = cKDTree(points[places]).query(points[near], distance_upper_bound=farthest, workers=2)
    found = np.isfinite(distance)
    near, distance, nearest = near[found], distance[found], nearest[found]
    place = places[nearest]
    facing = np.einsum("ni,ni->n", normals[near], normals[place]) < FACING
    across = np.abs(np.einsum("ni,ni->n", points[near] - points[place], normals[place])) > ACROSS * distance
    opposite = np.zeros(len(thin), dtype=np.float32)
    opposite[near] = 0.5 * (facing & across & (distance < reach[nearest]))
    return neighborhood.averaged(np.maximum(thin, opposite), None, 3) > THIN_SHARE


def around(points: np.ndarray, marks: np.ndarray, reach: float) -> np.ndarray:
    """Numbers of the points (n, 3) that lie within so many mm of one of the marks (m, 3), and of some more.

    Mostly few of many do: cells of a grid tell sooner than a tree that is asked for every point.
    """
    low, high = marks.min(axis=0), marks.max(axis=0)
    # A little more, so that rounding stays within the next cell.
    size = max(1.001 * reach, float((high - low).max()) / MOST_CELLS)
    origin = low - size

    def cellsOf(positions: np.ndarray) -> list[np.ndarray]:
        cells = (np.floor((positions[:, axis] - origin[axis]) / size) for axis in range(3))
        return [np.clip(values, -1, 2 * MOST_CELLS).astype(np.int32) for values in cells]

    counts = [int(cells.max()) + 2 for cells in cellsOf(marks)]
    marked = np.zeros(counts, dtype=bool)
    marked[tuple(cellsOf(marks))] = True
    for axis in range(3):
        grown = np.moveaxis(marked.copy(), axis, 0)
        one = np.moveaxis(marked, axis, 0)
        grown[1:] |= one[:-1]
        grown[:-1] |= one[1:]
        marked = np.moveaxis(grown, 0, axis)
    marked = np.ascontiguousarray(marked)

    def isNear(points: np.ndarray) -> np.ndarray:
        cells = cellsOf(points)
        inside = np.ones(len(points), dtype=bool)
        for values, count in zip(cells, counts, strict=True):
            inside &= (values >= 0) & (values < count)
        number = (cells[0] * counts[1] + cells[1]) * counts[2] + cells[2]
        return inside & marked.reshape(-1).take(number, mode="clip")

    return np.flatnonzero(inParts(isNear, points))
