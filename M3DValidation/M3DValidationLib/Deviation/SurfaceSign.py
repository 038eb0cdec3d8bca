"""On which side of a surface points lie.

Where the closest point lies in a face, the face decides; on an edge the sum of its two faces' normals, at a corner the
sum of all its faces' normals weighted by their angles (Baerentzen and Aanaes 2005, "Signed distance computation using
the angle weighted pseudonormal"). That holds for closed surfaces with two triangles at every edge. What they do not
decide (edges with more than two triangles, corners where parts touch) is decided by the winding number of the whole
surface.
"""

from __future__ import annotations

import numpy as np

from .ClosestSurface import ClosestPoints, ClosestSurface, grouped
from .TriangleDistance import CORNER_A, EDGE_AB, FACE

# Pairs of points and triangles whose solid angles are held at a time.
PAIRS = 1_000_000
# Products below this share of the distance are rounding, not a side.
FLAT = 1e-6


def surfaceSide(surface: ClosestSurface, points: np.ndarray, found: ClosestPoints) -> tuple[np.ndarray, np.ndarray]:
    """Side of the surface on which points lie.

    :param points: (n, 3) LPS mm. :param found: their closest points.
    :return: float64 (n,), 1 outside, -1 inside, 0 on the surface; and bool (n,), whether the side is sure. It is not
        where the closest point lies on the boundary of an open surface.
    """
    side = np.zeros(len(points))
    sure = np.ones(len(points), dtype=bool)
    away = found.distance > 0
    face = np.flatnonzero(away & (found.feature == FACE))
    normals = np.cross(surface.table[:, 3:6], surface.table[:, 6:9])
    side[face] = np.sign(np.einsum("ij,ij->i", found.offset[face], normals[found.triangle[face]]))
    normals /= np.maximum(np.linalg.norm(normals, axis=1), 1e-300)[:, None]
    corners = surface.triangles[found.triangle]
    open_ = _CornerTriangles(surface)
    doubtful = [np.flatnonzero(away & (found.feature == FACE) & (side == 0))]
    edge = np.flatnonzero(away & (found.feature >= EDGE_AB) & (found.feature < CORNER_A))
    which = found.feature[edge] - EDGE_AB
    start, end = corners[edge, which], corners[edge, (which + 1) % 3]
    total, number, balanced = open_.sumAtEdges(start, end, normals)
    doubtful.append(_decide(side, sure, edge, total=total, found=found, sound=number == 2, balanced=balanced))
    corner = np.flatnonzero(away & (found.feature >= CORNER_A))
    vertex = corners[corner, found.feature[corner] - CORNER_A]
    total, closed = open_.sumAtCorners(vertex, normals, surface)
    doubtful.append(_decide(side, sure, corner, total=total, found=found, sound=closed, balanced=closed))
    doubtful = np.concatenate(doubtful)
    if len(doubtful):
        if surface.mesh.isClosed:
            inside = windingNumber(surface, points[doubtful]) > 0.5
            side[doubtful] = np.where(inside, -1, 1)
        else:
            sure[doubtful] = False
    return side, sure


def _decide(side, sure, which, *, total, found, sound, balanced) -> np.ndarray:
    """Take the side of summed normals where they are sound; the rest is doubtful, the boundary unsure."""
    length = np.linalg.norm(total, axis=1)
    product = np.einsum("ij,ij->i", found.offset[which], total)
    clear = sound & (np.abs(product) > FLAT * found.distance[which] * np.maximum(length, 1e-12))
    side[which] = np.sign(product)
    sure[which[~balanced]] = False
    return which[balanced & ~clear]


class _CornerTriangles:
    """Triangles at every corner of a surface."""

    def __init__(self, surface: ClosestSurface):
        self.triangles = surface.triangles
        flat = self.triangles.ravel()
        self.order, self.first = grouped(np.arange(len(flat)), flat, len(surface.corners))

    def _expand(self, vertices):
        """For each vertex its triangles: number of the query, triangle, place of the vertex in the triangle."""
        counts = self.first[vertices + 1] - self.first[vertices]
        query = np.repeat(np.arange(len(vertices)), counts)
        place = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        entry = self.order[np.repeat(self.first[vertices], counts) + place]
        return query, entry // 3, entry % 3

    def sumAtEdges(self, start, end, normals):
        """Sum of the normals of the triangles at edges, their number, and whether they run both ways equally often."""
        query, triangle, place = self._expand(start)
        following = self.triangles[triangle, (place + 1) % 3] == end[query]
        leading = self.triangles[triangle, (place + 2) % 3] == end[query]
        at = following | leading
        count = len(start)
        total = np.stack([np.bincount(query[at], normals[triangle[at], axis], count) for axis in range(3)], axis=1)
        number = np.bincount(query[at], minlength=count)
        balance = np.bincount(query, following.astype(float) - leading, count)
        return total, number, (balance == 0) & (number > 0)

    def sumAtCorners(self, vertices, normals, surface):
        """Angle-weighted sum of the normals at corners, and whether the triangles go once all around each of them."""
        query, triangle, place = self._expand(vertices)
        own, following, leading = (surface.corners[self.triangles[triangle, (place + shift) % 3]] for shift in range(3))
        a, b = following - own, leading - own
        angle = np.arctan2(np.linalg.norm(np.cross(a, b), axis=1), np.einsum("ij,ij->i", a, b))
        count = len(vertices)
        total = np.stack([np.bincount(query, angle * normals[triangle, axis], count) for axis in range(3)], axis=1)
        # Around a closed fan every neighbor is entered once and left once.
        neighbor = np.concatenate(
            [self.triangles[triangle, (place + 1) % 3], self.triangles[triangle, (place + 2) % 3]]
        )
        step = np.concatenate([np.ones(len(query)), -np.ones(len(query))])
        key = np.concatenate([query, query]) * np.int64(len(surface.corners)) + neighbor
        order = np.argsort(key)
        begins = np.flatnonzero(np.r_[True, np.diff(key[order]) != 0]) if len(key) else np.empty(0, dtype=np.int64)
        open_ = np.zeros(count, dtype=bool)
        if len(begins):
            unbalanced = np.add.reduceat(step[order], begins) != 0
            open_[np.concatenate([query, query])[order][begins[unbalanced]]] = True
        return total, ~open_


def windingNumber(surface: ClosestSurface, points: np.ndarray) -> np.ndarray:
    """How often the surface goes around each point (n, 3) in LPS mm: 1 inside, 0 outside a closed surface.

    The sum of the triangles' solid angles (van Oosterom and Strackee 1983); its cost is points times triangles.
    """
    corners = surface.corners[surface.triangles]
    centered = np.asarray(points, dtype=np.float64) - surface.center
    result = np.empty(len(centered))
    step = max(1, PAIRS // len(corners))
    for start in range(0, len(centered), step):
        part = centered[start : start + step]
        a, b, c = (corners[None, :, corner] - part[:, None] for corner in range(3))
        la, lb, lc = (np.linalg.norm(vector, axis=2) for vector in (a, b, c))
        volume = np.einsum("ijk,ijk->ij", a, np.cross(b, c))
        ab, bc, ca = (np.einsum("ijk,ijk->ij", x, y) for x, y in ((a, b), (b, c), (c, a)))
        angle = 2 * np.arctan2(volume, la * lb * lc + ab * lc + bc * la + ca * lb)
        result[start : start + step] = angle.sum(axis=1) / (4 * np.pi)
    return result
