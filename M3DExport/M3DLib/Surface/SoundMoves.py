"""Moves of a surface's vertices taken back where the surface would pass through itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..Errors import noProgress
from ..Intersection.SelfIntersection import selfIntersections
from ..Intersection.TriangleBoxes import MovingTriangles
from ..Intersection.TriangleIntersection import APART, meeting
from .Neighborhood import Neighborhood
from .ScanBorder import ScanBorder

# What is tried in turn on a neighborhood that grows by one ring each time: to even out the folds, to go half the way,
# not to go at all.
EVENINGS, HALVINGS = 4, 6
MOST_ROUNDS = 20
# Where some rounds of that are not enough, the rest goes ring by ring farther around what does not go at all: a step
# would meet something else again. So many rings more from round to round.
STEPS, MORE_RINGS = 4, 4
# Steps toward the middle of the neighbors that even out a fold.
EVENING_STEPS = 10


def withoutNewIntersections(
    before: np.ndarray,
    after: np.ndarray,
    triangles: np.ndarray,
    *,
    neighborhood: Neighborhood,
    limit: float,
    fixed: np.ndarray,
    border: ScanBorder | None = None,
    evenings: int = EVENINGS,
    halvings: int = HALVINGS,
    progress: Callable[[float, str], None] = noProgress,
) -> tuple[np.ndarray, np.ndarray]:
    """Positions as near to those wanted as they can be without a pair of triangles that meets and did not before.

    :param before: (n, 3) positions from which no new pair may arise. :param after: (n, 3) wanted.
    :param limit: no vertex gets farther from where it was, mm.
    :param fixed: bool (n,), vertices that have not moved and do not.
    :param border: cuts that stay in their planes.
    :param evenings: rounds in which folds are evened out.
    :param halvings: rounds after which nothing goes half the way.
    :return: positions, float64 (n, 3) holding float32 values, and which vertices were held back, bool (n,).
    """
    before, after = (np.asarray(points, dtype=np.float32).astype(np.float64) for points in (before, after))
    heldBack = np.zeros(len(before), dtype=bool)
    points = after.copy()
    look = moving = None
    for number in range(MOST_ROUNDS):
        pairs = _newPairs(before, points, triangles, look, progress, closed=neighborhood.closed)
        if not len(pairs):
            return points, heldBack
        touched = np.zeros(len(points), dtype=bool)
        touched[triangles[pairs].ravel()] = True
        stopping = number - max(evenings, halvings)
        if stopping >= 0:
            share = _shares(neighborhood, touched, 1 + stopping, 1 + MORE_RINGS * max(stopping - STEPS, 0))
            touched = (share < 1) & ~fixed
        else:
            touched = neighborhood.grown(touched, 1 + number) & ~fixed
            share = np.full(len(points), 0.5)
        if number < evenings:
            _evenOut(points, neighborhood, touched)
            if border is not None:
                points[touched] = before[touched] + border.inPlanes(points - before)[touched]
            away = points[touched] - before[touched]
            length = np.linalg.norm(away, axis=1, keepdims=True)
            points[touched] = before[touched] + away * np.minimum(1, limit / np.maximum(length, 1e-9))
        else:
            points[touched] = before[touched] + share[touched, None] * (points[touched] - before[touched])
        points = points.astype(np.float32).astype(np.float64)
        heldBack |= touched
        moving = moving or MovingTriangles(points, triangles)
        look = moving.around(points, touched)
    # Not expected: nothing has been gained that is worth a surface passing through itself.
    return before, np.ones(len(before), dtype=bool)


def _shares(neighborhood: Neighborhood, which: np.ndarray, rings: int, between: int) -> np.ndarray:
    """How much of their way vertices keep, (n,): nothing up to some rings around those chosen, bool (n,), all of it
    after as many more as lie ``between``.
    """
    reached = neighborhood.grown(which, rings)
    result = np.where(reached, 0.0, 1.0)
    for ring in range(1, between):
        further = neighborhood.grown(reached, 1)
        result[further & ~reached] = ring / between
        reached = further
    return result


def _evenOut(points: np.ndarray, neighborhood: Neighborhood, which: np.ndarray) -> None:
    """Draw some vertices toward the middle of their neighbors, the others fixed: folds open, and little else moves."""
    rows = neighborhood.meanAt(np.flatnonzero(which))
    for _ in range(EVENING_STEPS):
        points[which] = rows @ points


def _newPairs(before, points, triangles, look, progress, *, closed: bool) -> np.ndarray:
    """Pairs (k, 2) of the triangles ``look``, of all where that is None, that meet now and did not before.

    :param closed: whether each edge of all triangles is that of two of them.
    """
    if look is None:
        seams = np.empty((0, 2), dtype=np.int64) if closed else None
        pairs = selfIntersections(points, triangles, progress, seams).pairs
    else:
        chosen = triangles[look]
        used = np.zeros(len(points), dtype=bool)
        used[chosen] = True
        number = np.cumsum(used) - 1
        pairs = look[selfIntersections(points[used], number[chosen], progress).pairs]
    if not len(pairs):
        return pairs
    # Of pairs that share a point only the new surface is asked: whether such a pair met before hardly matters, since
    # the vertices go back at most to where they were.
    apart = ~(triangles[pairs[:, 0]][:, :, None] == triangles[pairs[:, 1]][:, None, :]).any(axis=(1, 2))
    old = np.zeros(len(pairs), dtype=bool)
    old[apart] = meeting(before[triangles[pairs[apart, 0]]], before[triangles[pairs[apart, 1]]]) != APART
    still = (points[triangles[pairs].reshape(len(pairs), -1)] == before[triangles[pairs].reshape(len(pairs), -1)]).all(
        axis=(1, 2)
    )
    return pairs[~old & ~still]
