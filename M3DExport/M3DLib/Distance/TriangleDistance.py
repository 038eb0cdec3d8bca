"""Distance of points from triangles, one triangle for each point.

Vectors are columns (3, n) here, so that every step runs along memory.
"""

from __future__ import annotations

import numpy as np

# What of a triangle holds the closest point.
FACE, EDGE_AB, EDGE_BC, EDGE_CA, CORNER_A, CORNER_B, CORNER_C = range(7)
# Below this squared sine of the angle at a corner, differences of products no longer tell inside from outside.
SLIVER = 1e-6


def distanceTable(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """What :func:`squaredDistance` needs of triangles with corners (3, m); float64 (12, m).

    A corner, two sides, and the products of the sides.
    """
    table = np.empty((12, a.shape[1]))
    table[0:3] = a
    np.subtract(b, a, out=table[3:6])
    np.subtract(c, a, out=table[6:9])
    for row, (x, y) in enumerate(((3, 3), (3, 6), (6, 6)), start=9):
        table[row] = dot(table[x : x + 3], table[y : y + 3])
    return table


def dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Products of vectors (3, n)."""
    result = a[0] * b[0]
    result += a[1] * b[1]
    result += a[2] * b[2]
    return result


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cross products of vectors (3, n)."""
    result = np.empty_like(a)
    for axis, (i, j) in enumerate(((1, 2), (2, 0), (0, 1))):
        np.multiply(a[i], b[j], out=result[axis])
        result[axis] -= a[j] * b[i]
    return result


def squaredDistance(points: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Squared distance of each point (3, n) from its triangle (columns (12, n) of a table)."""
    offset = points - table[0:3]
    ab, ac = table[3:6], table[6:9]
    d00, d01, d11 = table[9:12]
    length2, d20, d21 = dot(offset, offset), dot(offset, ab), dot(offset, ac)
    best = _lessToSegment(d20, d00)
    np.maximum(best, _lessToSegment(d21, d11), out=best)
    np.subtract(length2, best, out=best)
    shorter = 2 * d20
    shorter -= d00
    third = d00 + d11
    third -= 2 * d01
    less = _lessToSegment(d21 - d20 - d01 + d00, third)
    less += shorter
    np.minimum(best, np.subtract(length2, less, out=less), out=best)
    determinant = d00 * d11
    sliver = determinant * SLIVER
    determinant -= d01 * d01
    sliver = np.flatnonzero(determinant <= sliver)
    u, w = d11 * d20, d00 * d21
    u -= d01 * d21
    w -= d01 * d20
    inside = u >= 0
    inside &= w >= 0
    inside &= u + w <= determinant
    inside[sliver] = False
    rows = np.flatnonzero(inside)
    height = u.take(rows) * d20.take(rows)
    height += w.take(rows) * d21.take(rows)
    height /= determinant.take(rows)
    best[rows] = np.minimum(best.take(rows), length2.take(rows) - height)
    if len(sliver):
        a = table[0:3, sliver]
        closest, _ = closestOnTriangles(points[:, sliver], a, a + ab[:, sliver], a + ac[:, sliver])
        closest -= points[:, sliver]
        best[sliver] = dot(closest, closest)
    return np.maximum(best, 0, out=best)


def _lessToSegment(along: np.ndarray, side2: np.ndarray) -> np.ndarray:
    """By how much the squared distance from a segment is less than that from its start.

    :param along: product of the offset from the start with the segment. :param side2: its squared length.
    """
    share = along / np.maximum(side2, 1e-300)
    np.clip(share, 0, 1, out=share)
    rest = 2 * along
    rest -= share * side2
    rest *= share
    return rest


def closestOnTriangles(points, a, b, c) -> tuple[np.ndarray, np.ndarray]:
    """Closest point of each triangle (corners (3, n) each) to its point (3, n), without squared lengths cancelling.

    :return: closest points (3, n), and what of the triangle holds them (``FACE``, ``EDGE_AB``, ... int8 (n,)).
    """
    normal = cross(b - a, c - a)
    square = dot(normal, normal)
    inside = square > 0
    closest, least = np.empty_like(points), np.full(points.shape[1], np.inf)
    feature = np.zeros(points.shape[1], dtype=np.int8)
    for edge, (start, end) in enumerate(((a, b), (b, c), (c, a)), start=EDGE_AB):
        side, offset = end - start, points - start
        inside &= dot(cross(side, offset), normal) >= 0
        share = dot(offset, side)
        share /= np.maximum(dot(side, side), 1e-300)
        np.clip(share, 0, 1, out=share)
        side *= share
        side += start
        np.subtract(points, side, out=offset)
        distance2 = dot(offset, offset)
        better = np.flatnonzero(distance2 < least)
        share = share.take(better)
        least[better] = distance2.take(better)
        closest[:, better] = side.take(better, axis=1)
        corner = np.where(share <= 0, CORNER_A + edge - EDGE_AB, CORNER_A + edge % 3)
        feature[better] = np.where((share <= 0) | (share >= 1), corner, edge)
    rows = np.flatnonzero(inside)
    upright = normal.take(rows, axis=1)
    height = dot(points.take(rows, axis=1) - a.take(rows, axis=1), upright) / square.take(rows)
    closest[:, rows] = points.take(rows, axis=1) - height * upright
    feature[rows] = FACE
    return closest, feature
