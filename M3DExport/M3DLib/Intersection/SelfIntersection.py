"""Where does a mesh pass through itself? Exact, in time that grows with the number of triangles.

Triangles without a common point are found by their boxes. Triangles around a point are settled together: when the whole
fan can be seen from one direction, each triangle from its front and none twice, it does not meet itself; only the fans
of which that cannot be said are looked at pair by pair.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from ..Errors import noProgress
from ..TwoThreads import inTwoThreads
from .BoxPairs import boxSearches
from .MeshTopology import MeshTopology
from .TriangleBoxes import boxesOfTriangles
from .TriangleIntersection import (
    APART,
    CROSSING,
    cross,
    foldedOver,
    meeting,
    plainlyApart,
    segmentMeetsTriangle,
)

# Cosine-like margin below which a fan is not called flat: far above rounding, far below any angle that matters.
_FLAT = 1e-6
_PORTION, _PIECE = 400_000, 1 << 14


@dataclass
class MeetingPairs:
    """Pairs of triangles that meet where they should not.

    :ivar pairs: int64 (k, 2), numbers of the triangles given, smaller first.
    :ivar crossing: bool (k,), True where one passes through the other, False where they only touch.
    """

    pairs: np.ndarray
    crossing: np.ndarray


def selfIntersections(
    points: np.ndarray,
    triangles: np.ndarray,
    progress: Callable[[float, str], None] = noProgress,
    seams: np.ndarray | None = None,
) -> MeetingPairs:
    """Pairs of triangles that share more than their common corners and edges.

    :param points: float64 (n, 3) holding float32 values, no two at the same place.
    :param triangles: integers (m, 3), none degenerate, no two alike.
    :param seams: the points of all edges that do not belong to exactly two of the triangles; found out when None.
    """
    if not len(triangles):
        return MeetingPairs(np.empty((0, 2), dtype=np.int64), np.empty(0, dtype=bool))
    text = "Looking for self-intersections"
    progress(0.0, text)
    columns = np.ascontiguousarray(triangles.T, dtype=np.int32 if len(points) < 1 << 31 else np.int64)
    found = []

    def around() -> None:
        seamsToo = _seams(points, triangles) if seams is None else seams
        found.append(_aroundPoints(points, triangles, seamsToo, flatFans(points, columns.T)))

    def apart(search: Callable) -> None:
        for i, j in search():
            for start in range(0, len(i), _PORTION):
                part = slice(start, start + _PORTION)
                found.append(_apartFromEachOther(points, triangles, columns, i[part], j[part]))

    searches = [partial(apart, search) for search in boxSearches(*boxesOfTriangles(points, columns))]
    inTwoThreads(lambda one: one(), [around, *searches], lambda done: progress(0.9 * done, text))
    pairs = np.concatenate([pair for pair, _ in found])
    how = np.concatenate([kind for _, kind in found])
    pairs.sort(axis=1)
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    pairs, how = pairs[order], how[order]
    first = np.r_[True, (pairs[1:] != pairs[:-1]).any(axis=1)] if len(pairs) else np.empty(0, dtype=bool)
    strongest = np.maximum.reduceat(how, np.flatnonzero(first)) if len(pairs) else how
    progress(1.0, text)
    return MeetingPairs(pairs[first], strongest == CROSSING)


def _seams(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    topology = MeshTopology(points, triangles, np.arange(len(triangles)))
    return seamPoints(topology)


def seamPoints(topology: MeshTopology) -> np.ndarray:
    """Points of the edges that do not belong to exactly two of a topology's triangles, (k, 2)."""
    return topology.edgePoints[topology.edgeUse != 2]


def _apartFromEachOther(points, triangles, columns, i, j) -> tuple[np.ndarray, np.ndarray]:
    """The pairs that meet among pairs of triangles, those that share a point left out.

    :param columns: the same as ``triangles``, (3, m).
    """
    separate = []
    # Nearly all pairs are neighbors and go here: in pieces that stay in the processor's cache.
    for start in range(0, len(i), _PIECE):
        part = slice(start, start + _PIECE)
        one, other = ([corner.take(numbers[part]) for corner in columns] for numbers in (i, j))
        shared = one[0] == other[0]
        for a in range(3):
            for b in range(3):
                if a or b:
                    shared |= one[a] == other[b]
        separate.append(np.flatnonzero(~shared) + start)
    separate = np.concatenate(separate) if separate else np.empty(0, dtype=np.int64)
    i, j = i[separate], j[separate]
    first, second = points[triangles[i]], points[triangles[j]]
    near = np.flatnonzero(~plainlyApart(first, second))
    i, j = i[near], j[near]
    how = meeting(first[near], second[near])
    meet = how != APART
    return np.stack([i[meet], j[meet]], axis=1), how[meet]


def _aroundPoints(points, triangles, seams, flat) -> tuple[np.ndarray, np.ndarray]:
    """The pairs that meet among triangles with one or two common points.

    :param flat: of :func:`flatFans`.
    """
    suspicious = ~flat
    # An open fan may cover itself a little beyond one turn, and at an edge of many triangles there is no fan at all.
    suspicious[seams] = True
    corner = np.flatnonzero(suspicious[triangles.reshape(-1)])
    point = triangles.reshape(-1)[corner]
    order = np.argsort(point, kind="stable")
    corner, point = corner[order], point[order]
    pairs, kinds = [np.empty((0, 2), dtype=np.int64)], [np.empty(0, dtype=np.int8)]
    distance = 1
    last = np.flatnonzero(np.r_[point[1:] != point[:-1], True]) if len(point) else np.empty(0, dtype=np.int64)
    remaining = np.repeat(last, np.diff(np.r_[-1, last])) - np.arange(len(point))
    entries = np.flatnonzero(remaining > 0)
    while len(entries):
        for start in range(0, len(entries), _PORTION):
            part = entries[start : start + _PORTION]
            pair, kind = _atCommonPoint(points, triangles, corner[part], corner[part + distance])
            pairs.append(pair)
            kinds.append(kind)
        distance += 1
        entries = entries[remaining[entries] >= distance]
    return np.concatenate(pairs), np.concatenate(kinds)


def flatFans(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Points whose triangles, a closed fan, can all be seen, from the front and side by side, from one direction.

    Seen along such a direction the fan is a plain star: every triangle counter-clockwise, no direction within the plane
    covered twice. What cannot be decided safely in floating point counts as not flat. For a fan that is not closed the
    answer means nothing: it is asked in one direction only whether the fan covers itself.

    :return: bool (n,); False for points without triangles too.
    """
    # Columns, and pieces that stay in the processor's cache: numpy is several times slower along rows of three.
    count, places, corners = len(points), np.ascontiguousarray(points.T), triangles.T
    # In single precision, which errs by a tenth of the margin at most.
    normals = np.empty((3, len(triangles)), dtype=np.float32)
    flat = np.zeros(count, dtype=bool)
    for corner in corners:
        flat[corner] = True
    pieces = [slice(start, start + _PIECE) for start in range(0, len(triangles), _PIECE)]
    for piece in pieces:
        a, b, c = (places.take(corner[piece], axis=1) for corner in corners)
        u, v = b - a, c - a
        normal, length = _crossed(u, v), np.maximum(np.maximum(_dot(u, u), _dot(v, v)), _dot(c - b, c - b))
        size = np.sqrt(_dot(normal, normal))
        thin = size <= _FLAT * length
        for corner in corners:
            flat[corner[piece][thin]] = False
        normals[:, piece] = np.where(thin, 0, normal / np.where(thin, 1, size))

    directions = np.zeros((3, count))
    for axis in range(3):
        for corner in corners:
            directions[axis] += np.bincount(corner, normals[axis], minlength=count)
    size = np.sqrt(_dot(directions, directions))
    flat &= size > _FLAT
    directions /= np.where(size > _FLAT, size, 1)
    # Any direction within the plane serves for counting; an odd one seldom falls along an edge.
    within = _crossed(directions, np.array([[0.48], [-0.37], [0.795]]) + directions[[1, 2, 0]])
    # Across both: an edge with a positive share of it is to the one side of the ray, with a negative one to the other.
    across = _crossed(within, directions)
    flat &= np.sqrt(_dot(within, within)) > _FLAT
    del within
    covering = [np.empty(0, dtype=triangles.dtype)]
    for piece in pieces:
        at = [corner[piece] for corner in corners]
        place = [places.take(corner, axis=1) for corner in at]
        edges = [place[(k + 1) % 3] - place[k] for k in range(3)]
        margin = -1e-9 * np.sqrt(np.maximum.reduce([_dot(edge, edge) for edge in edges]))
        for k in range(3):
            front = _dot(normals[:, piece], directions.take(at[k], axis=1)) > _FLAT
            flat[at[k][~front]] = False
            side = across.take(at[k], axis=1)
            # The edge that leaves the corner, and the one that comes to it.
            right, left = _dot(edges[k], side), _dot(edges[k - 1], side)
            covering.append(at[k][(right > margin) & (left > margin)])
    return flat & (np.bincount(np.concatenate(covering), minlength=count) <= 1)


def _dot(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Products of vectors (3, n)."""
    return u[0] * v[0] + u[1] * v[1] + u[2] * v[2]


def _crossed(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Cross products of vectors (3, n)."""
    return np.stack([u[i] * v[j] - u[j] * v[i] for i, j in ((1, 2), (2, 0), (0, 1))])


def _atCommonPoint(points, triangles, cornerOne, cornerOther) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of triangles given by their corners at a common point that meet beyond what they share."""
    one, other = triangles[cornerOne // 3], triangles[cornerOther // 3]
    firstOne, secondOne = (one[np.arange(len(one)), (cornerOne + step) % 3] for step in (1, 2))
    firstOther, secondOther = (other[np.arange(len(other)), (cornerOther + step) % 3] for step in (1, 2))
    shared = [
        (firstOne == firstOther),
        (firstOne == secondOther),
        (secondOne == firstOther),
        (secondOne == secondOther),
    ]
    number = np.sum(shared, axis=0)
    how = np.zeros(len(one), dtype=np.int8)

    alone = np.flatnonzero(number == 0)
    far = alone[~_fanApart(points, one[alone], other[alone], triangles.reshape(-1)[cornerOne[alone]])]
    crossOne = segmentMeetsTriangle(points[firstOne[far]], points[secondOne[far]], points[other[far]])
    crossOther = segmentMeetsTriangle(points[firstOther[far]], points[secondOther[far]], points[one[far]])
    how[far] = np.maximum(crossOne, crossOther)

    edge = np.flatnonzero(number == 1)
    if len(edge):
        common = np.where((shared[0] | shared[1])[edge], firstOne[edge], secondOne[edge])
        tipOne = np.where((shared[0] | shared[1])[edge], secondOne[edge], firstOne[edge])
        tipOther = np.where((shared[0] | shared[2])[edge], secondOther[edge], firstOther[edge])
        center = triangles.reshape(-1)[cornerOne[edge]]
        folded = foldedOver(points[center], points[common], points[tipOne], points[tipOther])
        how[edge] = np.where(folded, CROSSING, APART)
    meet = np.flatnonzero(how != APART)
    return np.stack([cornerOne[meet] // 3, cornerOther[meet] // 3], axis=1), how[meet]


def _fanApart(points, one, other, center) -> np.ndarray:
    """Pairs with one common point of which a plane of one triangle has the other's two further corners on one side."""
    apart = np.zeros(len(one), dtype=bool)
    for first, second in ((one, other), (other, one)):
        a = points[center]
        normal = cross(points[first[:, 1]] - points[first[:, 0]], points[first[:, 2]] - points[first[:, 0]])
        reach = points[second] - a[:, None]
        edge = points[first] - a[:, None]
        height = np.einsum("nij,nj->ni", reach, normal)
        height[second == center[:, None]] = np.nan
        bound = 1e-13 * np.abs(edge).max(axis=(1, 2)) ** 2 * np.abs(reach).max(axis=(1, 2))
        bound = bound[:, None]
        apart |= ((height > bound) | np.isnan(height)).all(axis=1) | ((height < -bound) | np.isnan(height)).all(axis=1)
    return apart
