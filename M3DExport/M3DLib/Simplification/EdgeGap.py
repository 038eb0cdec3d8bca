"""How far the edges of a coarse surface are from the original one, all along: a bound that is proved.

Points are put on an edge, its ends among them, and for each a near triangle of the original surface is found. Between
two of them the distance cannot be larger than at both, if they have the same triangle: the distance from something
convex is a convex function. If their triangles have an edge in common, it is the way over a point of that one that
counts: from the first point to where it passes over it, and from there on. So nothing is left to chance between the
points. Where that is too much, or the triangles have nothing in common, a point is put between.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..Distance.TriangleDistance import dot
from .CoarseSurface import CoarseSurface, compacted, touching
from .EdgeWalk import NearPoints, segmentDistance, walkedDistance
from .TriangleFans import expanded

# Triangles of which the mean length of the edges is taken.
ENOUGH = 100_000
# Points on an edge: one in every so many mean lengths of the original edges, and so many parts at most.
SPACING, MOST_PARTS = 1.0, 16
# How often parts are halved.
HALVINGS = 7


class EdgeGap:
    """Distances of the edges of a coarse surface from what it was made of.

    :ivar edge: mean length of the original edges, mm.
    :ivar edges: (k, 2), the edges. :ivar distance: (k,) mm, an upper bound of the distance all along each.
    """

    def __init__(self, surface: CoarseSurface, limit: float):
        self.surface, self.limit = surface, limit
        every = max(1, len(surface.fans.triangles) // ENOUGH)
        corners = surface.fans.triangles[::every].T
        sides = [
            surface.fans.columns.take(a, axis=1) - surface.fans.columns.take(b, axis=1) for a, b in _pairs(corners)
        ]
        length = np.sqrt(np.concatenate([dot(side, side) for side in sides]))
        self.edge = float(length.mean())
        count = len(surface.original)
        self.key, self.edges, self.distance = np.empty(0, np.int64), np.empty((0, 2), np.int32), np.empty(0)
        self.points = np.full((3, count), np.nan)
        still = np.zeros(count, dtype=bool)
        self.near = NearPoints(self.points, np.zeros(count), np.zeros(count, dtype=np.int32), still)

    def measure(self, points: np.ndarray, progress: Callable[[float], None], changed: np.ndarray | None = None) -> None:
        """Bring the bounds up to date.

        :param points: float64 (3, n), where the vertices of the coarse surface are now.
        :param changed: bool (n,), vertices that were moved or got other triangles; all when None.
        """
        count = points.shape[1]
        key, edges = self._edgesAt(changed, count)
        used, moved = (np.zeros(count, dtype=bool) for _ in range(2))
        used[edges.ravel()] = True
        which = np.flatnonzero(used)
        which = which[(points.take(which, axis=1) != self.points.take(which, axis=1)).any(axis=0)]
        moved[which] = True
        self.points[:, which] = points.take(which, axis=1)
        self._ofVertices(which, lambda done: progress(0.2 * done))
        distance = np.empty(len(key))
        known = ~(moved.take(edges[:, 0]) | moved.take(edges[:, 1]))
        if len(self.key):
            before = np.searchsorted(self.key, key).clip(max=len(self.key) - 1)
            known &= self.key[before] == key
            distance[known] = self.distance[before[known]]
        unknown = np.flatnonzero(~known)
        distance[unknown] = walkedDistance(
            self.surface.fans, self.near, edges[unknown], self.limit, lambda done: progress(0.2 + 0.3 * done)
        )
        unknown = unknown[distance[unknown] > self.limit]
        distance[unknown] = self._ofEdges(edges[unknown], lambda done: progress(0.5 + 0.5 * done))
        if changed is not None:
            stay = np.flatnonzero(~(changed.take(self.edges[:, 0]) | changed.take(self.edges[:, 1])))
            key = np.concatenate([self.key[stay], key])
            # Two runs that rise are merged.
            order = np.argsort(key, kind="stable")
            key, edges = key[order], np.concatenate([self.edges[stay], edges])[order]
            distance = np.concatenate([self.distance[stay], distance])[order]
        self.key, self.edges, self.distance = key, edges, distance

    def _edgesAt(self, changed: np.ndarray | None, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Edges (k, 2) that end at some vertices, bool (n,), all when None, and their numbers (k,), which rise."""
        triangles = self.surface.triangles
        if changed is not None:
            triangles = triangles.take(np.flatnonzero(touching(changed, triangles)), axis=0)
        a, b, c = triangles.T.astype(np.int64)
        low, high = (
            np.concatenate([choose(*pair) for pair in _pairs((a, b, c))]) for choose in (np.minimum, np.maximum)
        )
        if changed is not None:
            ends = np.flatnonzero(changed.take(low) | changed.take(high))
            low, high = low[ends], high[ends]
        key = low * count + high
        key.sort()
        key = key[np.r_[True, key[1:] != key[:-1]]] if len(key) else key
        return key, np.stack(np.divmod(key, count), axis=1).astype(np.int32)

    def _ofVertices(self, which, progress) -> None:
        fans, near, points = self.surface.fans, self.near, self.points.take(which, axis=1)
        still = (points == fans.columns.take(which, axis=1)).all(axis=0)
        near.still[which] = still
        # Those that are where they were have an original triangle there.
        near.distance[which], near.triangle[which] = 0, fans.around[fans.first[which]]
        other = which[~still]
        near.distance[other], near.triangle[other] = fans.nearTriangle(points[:, ~still], self.limit, progress)

    def _ofEdges(self, edges, progress) -> np.ndarray:
        """Upper bound of the distance of edges (k, 2) from the original surface, mm."""
        limit = self.limit
        # Only what these edges end at, since points between come to it again and again.
        ends, edges = compacted(edges, self.points.shape[1])
        points = self.points.take(ends, axis=1)
        start, way = points.take(edges[:, 0], axis=1), points.take(edges[:, 1], axis=1)
        way -= start
        parts = np.rint(np.sqrt(dot(way, way)) / (SPACING * self.edge)).astype(np.int64).clip(1, MOST_PARTS)
        # Points between the ends of each edge, numbered after the vertices.
        edge, step = expanded(parts - 1)
        places = start.take(edge, axis=1) + (step + 1) / parts.take(edge) * way.take(edge, axis=1)
        first = points.shape[1] + np.cumsum(parts - 1) - (parts - 1)
        columns = np.concatenate([points, places], axis=1)
        far, triangle = self.surface.fans.nearTriangle(places, limit, lambda done: progress(0.6 * done))
        far, triangle = (
            np.concatenate([known.take(ends), new])
            for known, new in ((self.near.distance, far), (self.near.triangle, triangle))
        )
        edge, step = expanded(parts)
        left = np.where(step == 0, edges[:, 0].take(edge), first.take(edge) + step - 1)
        right = np.where(step == parts.take(edge) - 1, edges[:, 1].take(edge), first.take(edge) + step)
        back = np.zeros(len(edges))
        for number in range(HALVINGS + 1):
            bound = self._between(columns, left, right, far=far, triangle=triangle)
            # What is too far away for certain need not be known better.
            lost = np.maximum(far.take(left), far.take(right)) > limit
            open_ = (bound > limit) & ~lost
            if number < HALVINGS:
                np.maximum.at(back, edge[~open_], bound[~open_])
                open_ = np.flatnonzero(open_ & (back.take(edge) <= limit))
            else:
                np.maximum.at(back, edge, bound)
                break
            if not len(open_):
                break
            edge, left, right = edge[open_], left[open_], right[open_]
            places = (columns.take(left, axis=1) + columns.take(right, axis=1)) / 2
            middle = columns.shape[1] + np.arange(len(edge))
            columns = np.concatenate([columns, places], axis=1)
            done = 0.6 + 0.4 * number / HALVINGS
            distance, nearest = self.surface.fans.nearTriangle(
                places, limit, lambda part, done=done: progress(done + 0.4 / HALVINGS * part)
            )
            far, triangle = np.concatenate([far, distance]), np.concatenate([triangle, nearest])
            edge = np.concatenate([edge, edge])
            left, right = np.concatenate([left, middle]), np.concatenate([middle, right])
        return back

    def _between(self, columns, left, right, *, far, triangle) -> np.ndarray:
        """Upper bound of the distance all along from one point to another, whose triangles and distances are known."""
        one, other = triangle.take(left), triangle.take(right)
        bound = np.maximum(far.take(left), far.take(right))
        rows = np.flatnonzero(one != other)
        one, other, left, right = one[rows], other[rows], left[rows], right[rows]
        corners = self.surface.fans.triangles
        ours, theirs = corners.take(one, axis=0).T, corners.take(other, axis=0).T
        common = np.stack([(corner == theirs[0]) | (corner == theirs[1]) | (corner == theirs[2]) for corner in ours])
        # Two corners in common, or twice the only one.
        begin = np.where(common[0], ours[0], np.where(common[1], ours[1], ours[2]))
        end = np.where(common[2], ours[2], np.where(common[1], ours[1], ours[0]))
        start, stop = columns.take(left, axis=1), columns.take(right, axis=1)
        over = segmentDistance(start, stop, *(self.surface.fans.columns.take(at, axis=1) for at in (begin, end)))
        over[~common.any(axis=0)] = np.inf
        way = stop - start
        # No distance changes faster than the place.
        least = (far.take(left) + far.take(right) + np.sqrt(dot(way, way))) / 2
        bound[rows] = np.maximum(bound[rows], np.minimum(over, least))
        return bound


def _pairs(corners) -> list[tuple[np.ndarray, np.ndarray]]:
    """The ends of the sides of triangles (3, m)."""
    return [(corners[0], corners[1]), (corners[1], corners[2]), (corners[2], corners[0])]
