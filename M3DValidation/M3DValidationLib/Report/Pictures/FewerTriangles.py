"""A mesh with fewer triangles for a view on it: closed stays closed, and no edge gets more than two triangles.

Some points are chosen as centers, spread so that no two are neighbors, and the points around a center are joined in it,
very many at a time: so every point that is left is a point of the mesh itself, with what was measured there. What is
joined must be a disk of the surface, so that bodies and handles stay. What such a round breaks (edges that do not have
two triangles any more, triangles that turn over) is undone around that place before the next round. It is made for
speed, a second for a million triangles; where the distance from the original matters, see
``M3DLib.Simplification.SurfaceSimplification``.
"""

from __future__ import annotations

import numpy as np

from M3DLib.Mesh.TriangleMesh import TriangleMesh

_ROUNDS = 30
# How often centers are sought among the points that no center is next to yet.
_SEARCHES = 6
_UNDOINGS = 40
# Some of what is joined is undone again, so a little more is joined than is wanted: a share of it, and of all.
_MORE, _FINISH = 1.08, 200
# A round that takes away less than this share of the triangles is tried again with more joined, up to so many times
# more.
_WORTHWHILE, _MOST_GENEROUS = 0.03, 16
# Triangles may turn by some 75 degrees at most in one round.
_LEAST_COSINE = 0.25
# How much a bend weighs against length in the choice of what is joined.
_BEND = 8.0
# Of the bits of a weight, those that are not looked at: two weights are as good as each other within a quarter. Where
# weights rise steadily over a surface, each point would have a better neighbor, and there would hardly be a center.
_ALIKE_BITS = 21
_NONE = np.iinfo(np.int64).max


def fewerTriangles(mesh: TriangleMesh, most: int, weights: np.ndarray | None = None) -> tuple[TriangleMesh, np.ndarray]:
    """The mesh with about so many triangles at most, and for each of its points which one of the mesh it is.

    A mesh whose triangles hang together at open edges only, or not at all, may keep more: what is open is not touched.

    :param mesh: LPS mm. :param most: triangles.
    :param weights: (n,), not negative; of points that are joined the one with the largest weight stays, as far as
        weights differ by more than a quarter; infinite ones always stay.
    """
    if len(mesh.triangles) <= most:
        used, triangles = _compact(mesh.triangles, np.arange(len(mesh.points)))
        return TriangleMesh(mesh.points[used], triangles, mesh.name, mesh.color, mesh.opacity), used
    triangles = mesh.triangles.astype(np.int64)
    source = np.arange(len(mesh.points))
    # Moved to the middle, so that single precision suffices for any place in a scanner's room.
    points = (mesh.points - mesh.points.mean(axis=0)).astype(np.float32)
    rank = (
        np.zeros(len(points), np.float32)
        if weights is None
        else np.nan_to_num(weights, nan=0.0, posinf=np.inf).astype(np.float32)
    )
    fixed = _ragged(triangles, len(points)) | np.isposinf(rank)
    source, points, rank, fixed, triangles = _compact(triangles, source, points, rank, fixed)
    generous = 1.0
    for _ in range(_ROUNDS):
        excess = len(triangles) - most
        if excess <= 0:
            break
        joined = _round(triangles, points, rank, fixed, int(_MORE * generous * excess / 2) + most // _FINISH + 1)
        gone = len(triangles) - len(joined)
        if gone < min(excess, _WORTHWHILE * len(triangles)):
            # The cheapest may be those that break something: more are tried, until all are.
            if generous > _MOST_GENEROUS:
                break
            generous *= 4
        if gone:
            source, points, rank, fixed, triangles = _compact(joined, source, points, rank, fixed)
    return TriangleMesh(mesh.points[source], triangles.astype(np.int32), mesh.name, mesh.color, mesh.opacity), source


def _any(rows: np.ndarray) -> np.ndarray:
    """Whether any of the three in each row is True, bool (n,); several times as fast as numpy's reduction of them."""
    return rows[:, 0] | rows[:, 1] | rows[:, 2]


def _dot(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Products of vectors (3, n)."""
    return one[0] * other[0] + one[1] * other[1] + one[2] * other[2]


def _compact(triangles, *perPoint):
    """The arrays of the points that triangles have, and the triangles with their new numbers."""
    used = np.zeros(len(perPoint[0]), dtype=bool)
    used[triangles.ravel()] = True
    number = np.cumsum(used) - 1
    return *(values[used] for values in perPoint), number[triangles]


def _notTwice(triangles: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Both ends of the edges that do not have two triangles, of ``count`` points."""
    keys = np.empty((3, len(triangles)), dtype=np.int64)
    for corner in range(3):
        start, end = triangles[:, corner], triangles[:, (corner + 1) % 3]
        np.multiply(np.minimum(start, end), count, out=keys[corner])
        keys[corner] += np.maximum(start, end)
    keys = keys.ravel()
    keys.sort()
    if len(keys) % 2 == 0 and (keys[::2] == keys[1::2]).all() and (keys[1:-1:2] != keys[2::2]).all():
        wrong = keys[:0]
    else:
        first = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
        wrong = keys[first[np.diff(np.append(first, len(keys))) != 2]]
    return wrong // max(count, 1), wrong % max(count, 1)


def _ragged(triangles: np.ndarray, count: int) -> np.ndarray:
    """Points at edges that do not have two triangles, bool (count,)."""
    ends = np.zeros(count, dtype=bool)
    one, other = _notTwice(triangles, count)
    ends[one] = ends[other] = True
    return ends


def _normals(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Twice the area times the normal of each triangle, (3, m)."""
    a, b, c = (points[triangles[:, corner]].T for corner in range(3))
    (ux, uy, uz), (vx, vy, vz) = b - a, c - a
    return np.stack([uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx])


def _round(triangles, points, rank, fixed, wanted: int) -> np.ndarray:
    """The triangles after points were joined in others, at most ``wanted`` points."""
    count = len(points)
    facing = _normals(points, triangles)
    corners = triangles.ravel()
    around = np.stack([np.bincount(corners, np.repeat(along, 3), count) for along in facing]).astype(np.float32)
    around /= np.maximum(np.sqrt(_dot(around, around)), np.float32(1e-30))
    a, b, c = triangles.T
    start, end = np.concatenate([a, b, c]), np.concatenate([b, c, a])
    # On a closed surface every edge is there in both directions; one is enough.
    once = start < end
    start, end = start[once], end[once]
    order = _order(rank, fixed)
    isCenter = _centers(start, end, order, fixed)
    loser, keeper, price = _joins(start, end, isCenter, order, (points, around.T))
    if len(loser) > wanted:
        cheapest = np.argpartition(price, wanted)[:wanted]
        loser, keeper = loser[cheapest], keeper[cheapest]
    return _joined(triangles, points, facing, (loser, keeper), fixed)


def _order(rank: np.ndarray, fixed: np.ndarray) -> np.ndarray:
    """The place of every point among all, int64 (n,): by weight, and where weights are alike in no order at all."""
    # The bits of floats that are not negative rise with them. What is multiplied by an odd number stays different.
    weight = np.maximum(rank, 0).view(np.int32).astype(np.int64) >> _ALIKE_BITS
    order = weight << 31 | np.arange(len(rank)) * 0x9E3779B1 & 0x7FFFFFFF
    order[fixed] = _NONE
    return order


def _centers(start, end, order, fixed) -> np.ndarray:
    """Points in which others may be joined, bool (n,): the first ones of their neighborhoods, and the fixed ones."""
    isCenter, settled = fixed.copy(), fixed.copy()
    free = ~(fixed[start] | fixed[end])
    for _ in range(_SEARCHES):
        start, end = start[free], end[free]
        if not len(start):
            break
        behind = settled.copy()
        behind[np.where(order[start] < order[end], start, end)] = True
        new = ~behind
        isCenter |= new
        settled |= new
        settled[end[new[start]]] = True
        settled[start[new[end]]] = True
        free = ~(settled[start] | settled[end])
    return isCenter


def _joins(start, end, isCenter, order, surface) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points that go, the center that each is joined in, and what that costs by places and normals (n, 3)."""
    first = isCenter[start]
    between = np.flatnonzero(first != isCenter[end])
    first, start, end = first[between], start[between], end[between]
    keeper, loser = np.where(first, start, end), np.where(first, end, start)
    rising = order[keeper] > order[loser]
    keeper, loser = keeper[rising], loser[rising]
    points, around = surface
    away = (points[keeper] - points[loser]).T
    bend = 1 - _dot(around[keeper].T, around[loser].T)
    # Not less than nothing by rounding: cost and number of the center are compared as one integer.
    cost = np.maximum(_dot(away, away) * (1 + np.float32(_BEND) * bend), np.float32(0))
    best = np.full(len(order), _NONE)
    np.minimum.at(best, loser, cost.view(np.int32).astype(np.int64) << 32 | keeper)
    loser = np.flatnonzero(best != _NONE)
    return loser, best[loser] & 0xFFFFFFFF, best[loser] >> 32


def _noDisks(becomes: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Centers, bool (n,), for which what is joined in them is no disk of the surface, but goes around something.

    :param new: the triangles with every point replaced by its center, (m, 3).
    """
    count = len(becomes)
    a, b, c = new.T
    ab, bc, ca = a == b, b == c, c == a
    # Euler's formula, with each edge seen from both of its triangles: a disk has as many points and triangles as edges,
    # and one more.
    double = 2 * (np.bincount(becomes, minlength=count) + np.bincount(a[ab & bc], minlength=count))
    for corner, isInside in ((a, ab), (b, bc), (c, ca)):
        double -= np.bincount(corner[isInside], minlength=count)
    return (double != 2) & (becomes == np.arange(count))


def _joined(triangles, points, facing, joins, fixed) -> np.ndarray:
    """The triangles with each of some points joined in another one; those that break something are left apart."""
    count = len(points)
    numbers = np.arange(count)
    becomes = numbers.copy()
    becomes[joins[0]] = joins[1]
    apart = _noDisks(becomes, becomes[triangles])[becomes]
    becomes[apart] = numbers[apart]
    touched = np.ones(count, dtype=bool)
    new = becomes[triangles]
    chosen = slice(None)
    for _ in range(_UNDOINGS):
        bad = _broken(triangles[chosen], new[chosen], points, facing=facing[:, chosen], touched=touched, fixed=fixed)
        undone = np.flatnonzero(bad[becomes] & (becomes != numbers))
        if not len(undone):
            a, b, c = new.T
            return triangles if bad.any() else new[(a != b) & (b != c) & (c != a)]
        # Only around what is undone can anything be otherwise the next time.
        touched = np.zeros(count, dtype=bool)
        touched[undone] = touched[becomes[undone]] = True
        chosen = np.flatnonzero(_any(touched[triangles]) | _any(touched[new]))
        becomes[undone] = undone
        new[chosen] = becomes[triangles[chosen]]
    return triangles


def _broken(old, new, points, *, facing, touched, fixed) -> np.ndarray:
    """Points at which something is broken, bool (n,): only around the touched ones, whose triangles are all given."""
    count = len(points)
    a, b, c = new.T
    stays = np.flatnonzero((a != b) & (b != c) & (c != a))
    bad = np.zeros(count, dtype=bool)
    # Two triangles on the same three corners are nothing any more, nor is a point without any: bodies do not vanish.
    left = np.zeros(count, dtype=bool)
    left[new.ravel()] = True
    fans = np.bincount(new[stays].ravel(), minlength=count)
    vanishing = left & touched & ((fans == 0) | ((fans < 3) & ~fixed))
    if vanishing.any():
        bad[new[_any(vanishing[new])].ravel()] = True
    new, old, facing = new[stays], old[stays], facing[:, stays]
    one, other = _notTwice(new, count)
    # Edges between two fixed points were as they are before.
    asked = (touched[one] | touched[other]) & ~(fixed[one] & fixed[other])
    bad[one[asked]] = bad[other[asked]] = True
    changed = np.flatnonzero(_any(new != old))
    now, before = _normals(points, new[changed]), facing[:, changed]
    turned = _dot(now, before) < _LEAST_COSINE * np.sqrt(_dot(now, now)) * np.sqrt(_dot(before, before))
    bad[new[changed[turned]].ravel()] = True
    return bad
