"""Moves of a surface's vertices taken back where the surface would pass through itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..Errors import noProgress
from ..Intersection.SelfIntersection import selfIntersections
from ..Intersection.TriangleBoxes import trianglesAround
from ..Intersection.TriangleIntersection import APART, meeting
from .Neighborhood import Neighborhood
from .ScanBorder import ScanBorder

# What is tried in turn on a neighborhood that grows by one ring each time: to even out the folds, to go half the way,
# not to go at all.
EVENINGS, HALVINGS = 4, 6
MOST_ROUNDS = 14
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
    look = None
    for number in range(MOST_ROUNDS):
        pairs = _newPairs(before, points, triangles, look, progress)
        if not len(pairs):
            return points, heldBack
        touched = np.zeros(len(points), dtype=bool)
        touched[triangles[pairs].ravel()] = True
        for _ in range(1 + number):
            touched |= neighborhood.mean(touched) > 0
        touched &= ~fixed
        if number < evenings:
            _evenOut(points, neighborhood, touched)
            if border is not None:
                points = before + border.inPlanes(points - before)
            away = points[touched] - before[touched]
            length = np.linalg.norm(away, axis=1, keepdims=True)
            points[touched] = before[touched] + away * np.minimum(1, limit / np.maximum(length, 1e-9))
        else:
            share = 0.5 if number < halvings else 0.0
            points[touched] = before[touched] + share * (points[touched] - before[touched])
        points = points.astype(np.float32).astype(np.float64)
        heldBack |= touched
        look = trianglesAround(points, triangles, touched)
    # Not expected: nothing has been gained that is worth a surface passing through itself.
    return before, np.ones(len(before), dtype=bool)


def _evenOut(points: np.ndarray, neighborhood: Neighborhood, which: np.ndarray) -> None:
    """Draw some vertices toward the middle of their neighbors, the others fixed: folds open, and little else moves."""
    rows = neighborhood.meanAt(np.flatnonzero(which))
    for _ in range(EVENING_STEPS):
        points[which] = rows @ points


def _newPairs(before, points, triangles, look, progress) -> np.ndarray:
    """Pairs (k, 2) of the triangles ``look``, of all where that is None, that meet now and did not before."""
    if look is None:
        pairs = selfIntersections(points, triangles.astype(np.int64), progress).pairs
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
