"""On which side of a surface points lie.

Where the closest point lies in a face, the face decides; on an edge the sum of its two faces' normals, at a corner the
sum of all its faces' normals weighted by their angles (Baerentzen and Aanaes 2005, "Signed distance computation using
the angle weighted pseudonormal"). That holds for closed surfaces with two triangles at every edge. What they do not
decide (edges with more than two triangles, corners where parts touch) is decided by the winding number of the whole
surface.
"""

from __future__ import annotations

import numpy as np

from .ClosestSurface import ClosestPoints, ClosestSurface
from .Grouping import grouped
from .TriangleDistance import CORNER_A, EDGE_AB, FACE, cross, dot

# Triangles and points looked at, and triangles times points whose solid angles are held, at a time.
BLOCK = 1 << 14
PAIRS = 1 << 20
# Products below this share of the distance are rounding, not a side.
FLAT = 1e-6
# And so many steps of single precision at the farthest coordinate are no distance that has a side.
ROUNDINGS = 2


def surfaceSide(surface: ClosestSurface, points: np.ndarray, found: ClosestPoints) -> tuple[np.ndarray, np.ndarray]:
    """Side of the surface on which points lie.

    :param points: (n, 3) LPS mm. :param found: their closest points.
    :return: float64 (n,), 1 outside, -1 inside, 0 on the surface; and bool (n,), whether the side is sure. It is not
        where the closest point lies on the boundary of an open surface. What lies nearer than coordinates are rounded
        has the side that the nearest triangles give it.
    """
    side = np.zeros(len(points))
    sure = np.ones(len(points), dtype=bool)
    away = found.distance > 0
    face = np.flatnonzero(away & (found.feature == FACE))
    for start in range(0, len(face), BLOCK):
        part = face[start : start + BLOCK]
        side[part] = np.sign(dot(found.offset[part].T, surface.normals(found.triangle[part])))
    doubtful = [face[side[face] == 0]]
    edge = np.flatnonzero(away & (found.feature >= EDGE_AB) & (found.feature < CORNER_A))
    corners, which = surface.triangles.take(found.triangle[edge], axis=0), found.feature[edge] - EDGE_AB
    row = np.arange(len(edge))
    start, end = corners[row, which], corners[row, (which + 1) % 3]
    corner = np.flatnonzero(away & (found.feature >= CORNER_A))
    vertex = surface.triangles[found.triangle[corner], found.feature[corner] - CORNER_A]
    around = _CornerTriangles(surface, np.concatenate([start, vertex]))
    total, number, balanced = _inBlocks(around.sumAtEdges, start, end)
    doubtful.append(_decide(side, sure, edge, total=total, found=found, sound=number == 2, balanced=balanced))
    total, closed = _inBlocks(around.sumAtCorners, vertex)
    doubtful.append(_decide(side, sure, corner, total=total, found=found, sound=closed, balanced=closed))
    doubtful = np.concatenate(doubtful)
    if len(doubtful):
        # On the surface up to the rounding of coordinates: no count of the whole surface could say more of them.
        on = doubtful[found.distance[doubtful] <= ROUNDINGS * np.spacing(np.abs(points).max().astype(np.float32))]
        side[on[side[on] == 0]] = 1
        doubtful = np.setdiff1d(doubtful, on)
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


def _inBlocks(work, *values) -> list[np.ndarray]:
    """Results of a work on values of equal length, done for some at a time: it needs much more memory than they do."""
    starts = range(0, max(len(values[0]), 1), BLOCK)
    results = (work(*(value[start : start + BLOCK] for value in values)) for start in starts)
    return [np.concatenate(parts) for parts in zip(*results, strict=True)]


class _CornerTriangles:
    """Triangles at some of the corners of a surface."""

    def __init__(self, surface: ClosestSurface, corners: np.ndarray):
        self.surface = surface
        self.triangles = surface.triangles
        wanted = np.zeros(surface.columns.shape[1], dtype=bool)
        wanted[corners] = True
        self.corners = np.flatnonzero(wanted)
        entries, at = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int32)]
        for start in range(0, len(self.triangles) if len(corners) else 0, BLOCK):
            flat = self.triangles[start : start + BLOCK].ravel()
            hits = np.flatnonzero(wanted.take(flat))
            entries.append(hits + 3 * start)
            at.append(flat.take(hits))
        number = np.searchsorted(self.corners, np.concatenate(at))
        self.order, self.first = grouped(np.concatenate(entries), number, len(self.corners))

    def _expand(self, vertices):
        """For each vertex its triangles: number of the query, triangle, place of the vertex in the triangle."""
        at = np.searchsorted(self.corners, vertices)
        counts = self.first[at + 1] - self.first[at]
        query = np.repeat(np.arange(len(vertices)), counts)
        place = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        entry = self.order[np.repeat(self.first[at], counts) + place]
        return query, entry // 3, entry % 3

    def _normals(self, triangle):
        """Unit normals, float64 (3, n); zero for triangles without an area."""
        normals = self.surface.normals(triangle)
        normals /= np.maximum(np.sqrt(dot(normals, normals)), 1e-300)
        return normals

    def sumAtEdges(self, start, end):
        """Sum of the normals of the triangles at edges, their number, and whether they run both ways equally often."""
        query, triangle, place = self._expand(start)
        following = self.triangles[triangle, (place + 1) % 3] == end[query]
        leading = self.triangles[triangle, (place + 2) % 3] == end[query]
        at = following | leading
        count = len(start)
        normals = self._normals(triangle[at])
        total = np.stack([np.bincount(query[at], values, count) for values in normals], axis=1)
        number = np.bincount(query[at], minlength=count)
        balance = np.bincount(query, following.astype(float) - leading, count)
        return total, number, (balance == 0) & (number > 0)

    def sumAtCorners(self, vertices):
        """Angle-weighted sum of the normals at corners, and whether the triangles go once all around each of them."""
        query, triangle, place = self._expand(vertices)
        own, following, leading = (
            self.surface.corners(self.triangles[triangle, (place + shift) % 3]) for shift in range(3)
        )
        a, b = following - own, leading - own
        upright = cross(a, b)
        angle = np.arctan2(np.sqrt(dot(upright, upright)), dot(a, b))
        count = len(vertices)
        total = np.stack([np.bincount(query, angle * values, count) for values in self._normals(triangle)], axis=1)
        # Around a closed fan every neighbor is entered once and left once.
        neighbor = np.concatenate(
            [self.triangles[triangle, (place + 1) % 3], self.triangles[triangle, (place + 2) % 3]]
        )
        step = np.concatenate([np.ones(len(query)), -np.ones(len(query))])
        key = np.concatenate([query, query]) * np.int64(self.surface.columns.shape[1]) + neighbor
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
    centered = (np.asarray(points, dtype=np.float64) - surface.center).T
    result = np.zeros(centered.shape[1])
    for first in range(0, len(surface.triangles), BLOCK):
        corners = [surface.corners(corner) for corner in surface.triangles[first : first + BLOCK].T]
        step = max(1, PAIRS // corners[0].shape[1])
        for start in range(0, len(result), step):
            part = slice(start, start + step)
            a, b, c = (corner[:, None] - centered[:, part, None] for corner in corners)
            la, lb, lc = (np.sqrt(dot(vector, vector)) for vector in (a, b, c))
            volume = dot(a, cross(b, c))
            angle = 2 * np.arctan2(volume, la * lb * lc + dot(a, b) * lc + dot(b, c) * la + dot(c, a) * lb)
            result[part] += angle.sum(axis=1)
    return result / (4 * np.pi)
