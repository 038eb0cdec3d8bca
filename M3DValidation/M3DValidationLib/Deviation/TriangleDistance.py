"""Distance of points from triangles, one triangle for each point."""

from __future__ import annotations

import numpy as np

# What of a triangle holds the closest point.
FACE, EDGE_AB, EDGE_BC, EDGE_CA, CORNER_A, CORNER_B, CORNER_C = range(7)
# Below this squared sine of the angle at a corner, differences of products no longer tell inside from outside.
SLIVER = 1e-6


def distanceTable(corners: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """What :func:`squaredDistance` needs of each triangle: a corner, two sides, their products; float64 (m, 12)."""
    table = np.empty((len(triangles), 12))
    table[:, 0:3] = corners[triangles[:, 0]]
    np.subtract(corners[triangles[:, 1]], table[:, 0:3], out=table[:, 3:6])
    np.subtract(corners[triangles[:, 2]], table[:, 0:3], out=table[:, 6:9])
    for column, (x, y) in enumerate(((3, 3), (3, 6), (6, 6)), start=9):
        np.einsum("ij,ij->i", table[:, x : x + 3], table[:, y : y + 3], out=table[:, column])
    return table


def squaredDistance(points: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Squared distance of each point (n, 3) from its triangle (rows (n, 12) of a table)."""
    offset = points - table[:, 0:3]
    ab, ac = table[:, 3:6], table[:, 6:9]
    d00, d01, d11 = table[:, 9], table[:, 10], table[:, 11]
    length2 = np.einsum("ij,ij->i", offset, offset)
    d20 = np.einsum("ij,ij->i", offset, ab)
    d21 = np.einsum("ij,ij->i", offset, ac)
    best = _toSegment(length2, d20, d00)
    np.minimum(best, _toSegment(length2, d21, d11), out=best)
    np.minimum(best, _toSegment(length2 - 2 * d20 + d00, d21 - d20 - d01 + d00, d00 + d11 - 2 * d01), out=best)
    determinant = d00 * d11 - d01 * d01
    with np.errstate(divide="ignore", invalid="ignore"):
        u = (d11 * d20 - d01 * d21) / determinant
        w = (d00 * d21 - d01 * d20) / determinant
        inside = (u >= 0) & (w >= 0) & (u + w <= 1)
        plane = length2 - u * d20 - w * d21
    sliver = np.flatnonzero(determinant <= SLIVER * d00 * d11)
    inside[sliver] = False
    np.copyto(best, plane, where=inside & (plane < best))
    if len(sliver):
        a = table[sliver, 0:3]
        closest, _ = closestOnTriangles(points[sliver], a, a + ab[sliver], a + ac[sliver])
        best[sliver] = ((points[sliver] - closest) ** 2).sum(axis=1)
    return np.maximum(best, 0, out=best)


def _toSegment(length2, along, side2):
    """Squared distance from a segment: squared distance from its start, product with it, its squared length."""
    share = np.clip(along / np.maximum(side2, 1e-300), 0, 1)
    return length2 - share * (2 * along - share * side2)


def closestOnTriangles(points, a, b, c) -> tuple[np.ndarray, np.ndarray]:
    """Closest point of each triangle (corners (n, 3) each) to its point (n, 3), without squared lengths cancelling.

    :return: closest points (n, 3), and what of the triangle holds them (``FACE``, ``EDGE_AB``, ... int8 (n,)).
    """
    normal = np.cross(b - a, c - a)
    square = np.einsum("ij,ij->i", normal, normal)
    inside = square > 0
    closest, least = np.empty_like(points), np.full(len(points), np.inf)
    feature = np.zeros(len(points), dtype=np.int8)
    for edge, (start, end) in enumerate(((a, b), (b, c), (c, a)), start=EDGE_AB):
        side, offset = end - start, points - start
        inside &= np.einsum("ij,ij->i", np.cross(side, offset), normal) >= 0
        length2 = np.einsum("ij,ij->i", side, side)
        share = np.clip(np.einsum("ij,ij->i", offset, side) / np.maximum(length2, 1e-300), 0, 1)
        foot = start + share[:, None] * side
        distance2 = ((points - foot) ** 2).sum(axis=1)
        better = distance2 < least
        least[better], closest[better] = distance2[better], foot[better]
        corner = np.where(share <= 0, CORNER_A + edge - EDGE_AB, CORNER_A + edge % 3)
        feature[better] = np.where((share <= 0) | (share >= 1), corner, edge)[better]
    rows = np.flatnonzero(inside)
    height = np.einsum("ij,ij->i", points[rows] - a[rows], normal[rows]) / square[rows]
    closest[rows] = points[rows] - height[:, None] * normal[rows]
    feature[rows] = FACE
    return closest, feature
