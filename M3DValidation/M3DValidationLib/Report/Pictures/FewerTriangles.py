"""A mesh with fewer triangles for a view on it: closed stays closed, and no edge gets more than two triangles.

Points are joined in pairs along edges, very many at a time, each pair in one of its two points: so every point that is
left is a point of the mesh itself, with what was measured there. What such a round breaks (edges that do not have two
triangles any more, triangles that turn over) is undone around that place before the next round. It is made for speed, a
second for a million triangles; where the distance from the original matters, see
``M3DLib.Simplification.SurfaceSimplification``.
"""

from __future__ import annotations

import numpy as np

from M3DLib.Mesh.TriangleMesh import TriangleMesh

_ROUNDS = 30
# How often partners are sought in one round: most points find one in three.
_PROPOSALS = 3
_UNDOINGS = 40
# A round that takes away less than this share of the triangles is tried again with more pairs, up to so many times
# more.
_WORTHWHILE, _MOST_GENEROUS = 0.03, 16
# Triangles may turn by some 75 degrees at most in one round.
_LEAST_COSINE = 0.25
# How much a bend weighs against length in the choice of a pair.
_BEND = 8.0


def fewerTriangles(mesh: TriangleMesh, most: int, weights: np.ndarray | None = None) -> tuple[TriangleMesh, np.ndarray]:
    """The mesh with about so many triangles at most, and for each of its points which one of the mesh it is.

    A mesh whose triangles hang together at open edges only, or not at all, may keep more: what is open is not touched.

    :param mesh: LPS mm. :param most: triangles.
    :param weights: (n,), of two points that are joined the one with the larger weight stays; infinite ones always stay.
    """
    if len(mesh.triangles) <= most:
        used = np.unique(mesh.triangles)
        number = np.zeros(len(mesh.points), dtype=np.int32)
        number[used] = np.arange(len(used))
        return TriangleMesh(mesh.points[used], number[mesh.triangles], mesh.name, mesh.color, mesh.opacity), used
    triangles = mesh.triangles.astype(np.int64)
    source = np.arange(len(mesh.points))
    # Moved to the middle, so that single precision suffices for any place in a scanner's room.
    points = (mesh.points - mesh.points.mean(axis=0)).astype(np.float32)
    rank = np.zeros(len(points), np.float32) if weights is None else np.nan_to_num(weights, nan=0.0, posinf=np.inf)
    fixed = _ragged(triangles, len(points)) | np.isposinf(rank)
    source, points, rank, fixed, triangles = _compact(triangles, source, points, rank, fixed)
    generous = 1.0
    for _ in range(_ROUNDS):
        excess = len(triangles) - most
        if excess <= 0:
            break
        joined = _round(triangles, points, rank, fixed, int(generous * excess / 2) + 1)
        gone = len(triangles) - len(joined)
        if gone < min(excess, _WORTHWHILE * len(triangles)):
            # The cheapest pairs may be those that break something: more are tried, until all are.
            if generous > _MOST_GENEROUS:
                break
            generous *= 4
        if gone:
            source, points, rank, fixed, triangles = _compact(joined, source, points, rank, fixed)
    return TriangleMesh(mesh.points[source], triangles.astype(np.int32), mesh.name, mesh.color, mesh.opacity), source


def _any(rows: np.ndarray) -> np.ndarray:
    """Whether any of the three in each row is True, bool (n,); several times as fast as numpy's reduction of them."""
    return rows[:, 0] | rows[:, 1] | rows[:, 2]


def _squared(vectors: np.ndarray) -> np.ndarray:
    """Squares of the lengths of vectors (n, 3)."""
    x, y, z = vectors.T
    return x * x + y * y + z * z


def _compact(triangles, *perPoint):
    """The arrays of the points that triangles have, and the triangles with their new numbers."""
    used = np.zeros(len(perPoint[0]), dtype=bool)
    used[triangles.ravel()] = True
    number = np.cumsum(used) - 1
    return *(values[used] for values in perPoint), number[triangles]


def _edgeKeys(triangles: np.ndarray, count: int) -> np.ndarray:
    """Every edge of every triangle as one number, (3 m,)."""
    start, end = triangles.ravel(), triangles[:, [1, 2, 0]].ravel()
    return np.minimum(start, end) * count + np.maximum(start, end)


def _ragged(triangles: np.ndarray, count: int) -> np.ndarray:
    """Points at edges that do not have two triangles, bool (count,)."""
    keys, number = np.unique(_edgeKeys(triangles, count), return_counts=True)
    ends = np.zeros(count, dtype=bool)
    wrong = keys[number != 2]
    ends[wrong // max(count, 1)] = ends[wrong % max(count, 1)] = True
    return ends


def _normals(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Twice the area times the normal of each triangle, (m, 3)."""
    a, b, c = (points[triangles[:, corner]] for corner in range(3))
    return np.cross(b - a, c - a)


def _round(triangles, points, rank, fixed, wanted: int) -> np.ndarray:
    """The triangles after pairs of points were joined, at most ``wanted`` pairs."""
    count = len(points)
    start, end = triangles.ravel(), triangles[:, [1, 2, 0]].ravel()
    # On a closed surface every edge is there in both directions; one is enough.
    once = start < end
    start, end = start[once], end[once]
    facing = _normals(points, triangles)
    around = np.stack([np.bincount(triangles.ravel(), np.repeat(facing[:, axis], 3), count) for axis in range(3)], 1)
    around /= np.maximum(np.sqrt(_squared(around))[:, None], 1e-30)
    bend = 1 - np.einsum("ij,ij->i", around[start], around[end])
    cost = (_squared(points[start] - points[end]) * (1 + _BEND * bend)).astype(np.float32)
    # Not less than nothing by rounding: the bits of the costs are compared.
    cost = np.maximum(cost, 0)
    cost[fixed[start] & fixed[end]] = np.inf
    loser, keeper, price = _pairs(start, end, cost, rank, fixed)
    if len(loser) > wanted:
        cheapest = np.argpartition(price, wanted)[:wanted]
        loser, keeper = loser[cheapest], keeper[cheapest]
    return _joined(triangles, points, facing, (loser, keeper), fixed)


def _pairs(start, end, cost, rank, fixed) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points that go, the ones that stay for them, and what that costs: pairs that have no point in common."""
    count = len(rank)
    none = np.iinfo(np.int64).max
    # The bits of floats that are not negative rise with them: cost and number of the partner in one integer.
    bits = cost.view(np.int32).astype(np.int64) << 32
    free = np.isfinite(cost)
    found = []
    taken = np.zeros(count, dtype=bool)
    for _ in range(_PROPOSALS):
        start, end, bits = start[free], end[free], bits[free]
        best = np.full(count, none)
        np.minimum.at(best, start, bits | end)
        np.minimum.at(best, end, bits | start)
        partner = np.where(best == none, 0, best & 0xFFFFFFFF)
        mutual = np.flatnonzero((best != none) & (partner[partner] == np.arange(count)) & (best[partner] != none))
        mutual = mutual[mutual < partner[mutual]]
        found.append(np.stack([mutual, partner[mutual], best[mutual] >> 32]))
        taken[mutual] = taken[partner[mutual]] = True
        free = ~(taken[start] | taken[end])
    one, other, price = np.concatenate(found, axis=1)
    # What is fixed stays; of two others the one that shows more.
    stays = fixed[other] | (~fixed[one] & (rank[other] > rank[one]))
    return np.where(stays, one, other), np.where(stays, other, one), price


def _joined(triangles, points, facing, pairs, fixed) -> np.ndarray:
    """The triangles with pairs joined, each in its second point; pairs that break something are left apart."""
    count = len(points)
    becomes = np.arange(count)
    becomes[pairs[0]] = pairs[1]
    touched = np.ones(count, dtype=bool)
    chosen = np.arange(len(triangles))
    for _ in range(_UNDOINGS):
        bad = _broken(triangles[chosen], becomes, points, facing=facing[chosen], touched=touched, fixed=fixed)
        undone = np.flatnonzero(bad[becomes] & (becomes != np.arange(count)))
        if not len(undone):
            new = becomes[triangles]
            a, b, c = new.T
            return triangles if bad.any() else new[(a != b) & (b != c) & (c != a)]
        # Only around what is undone can anything be otherwise the next time.
        touched = np.zeros(count, dtype=bool)
        touched[undone] = touched[becomes[undone]] = True
        chosen = np.flatnonzero(_any(touched[triangles]) | _any(touched[becomes[triangles]]))
        becomes[undone] = undone
    return triangles


def _broken(triangles, becomes, points, *, facing, touched, fixed) -> np.ndarray:
    """Points at which something is broken, bool (n,): only around the touched ones, whose triangles are all given."""
    count = len(points)
    new = becomes[triangles]
    a, b, c = new.T
    stays = (a != b) & (b != c) & (c != a)
    new, old, facing = new[stays], triangles[stays], facing[stays]
    bad = np.zeros(count, dtype=bool)
    keys = np.sort(_edgeKeys(new, count))
    first = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])) if len(keys) else np.empty(0, np.intp)
    wrong = keys[first[np.diff(np.append(first, len(keys))) != 2]]
    one, other = wrong // count, wrong % count
    # Edges between two fixed points were as they are before.
    asked = (touched[one] | touched[other]) & ~(fixed[one] & fixed[other])
    bad[one[asked]] = bad[other[asked]] = True
    changed = _any(new != old)
    now, before = _normals(points, new[changed]), facing[changed]
    size = np.sqrt(_squared(now)) * np.sqrt(_squared(before))
    turned = np.einsum("ij,ij->i", now, before) < _LEAST_COSINE * size
    bad[new[changed][turned].ravel()] = True
    # Two triangles on the same three corners are nothing any more.
    bad |= (np.bincount(new.ravel(), minlength=count) == 2) & touched & ~fixed
    return bad
