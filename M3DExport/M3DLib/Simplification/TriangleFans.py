"""The triangles at each vertex of a surface, and how far points are from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..Distance.Grouping import grouped
from ..Distance.TriangleDistance import distanceTable, squaredDistance
from ..TwoThreads import inTwoThreads

BLOCK = 1 << 14
# Vertices whose triangles are looked at where those of the nearest one are too far away.
MORE = 16


@dataclass
class TriangleFans:
    """The triangles at each vertex.

    :ivar columns: float64 (3, n), positions. :ivar triangles: (m, 3), into them.
    :ivar around: numbers of triangles, by vertex. :ivar first: (n + 1,), where those of each vertex begin.
    """

    columns: np.ndarray
    triangles: np.ndarray
    around: np.ndarray
    first: np.ndarray

    @cached_property
    def _tree(self):
        from scipy.spatial import cKDTree

        used = np.flatnonzero(np.diff(self.first) > 0)
        return used, cKDTree(self.columns.take(used, axis=1).T, balanced_tree=False)

    def prepareSearch(self) -> None:
        """Make what :meth:`nearest` looks in, which two threads would wait for."""
        _ = self._tree

    def nearest(self, points: np.ndarray, workers: int = 1) -> np.ndarray:
        """The vertex that has triangles nearest to each point (3, k)."""
        used, tree = self._tree
        return used[tree.query(points.T, workers=workers)[1]]

    @classmethod
    def of(cls, points: np.ndarray, triangles: np.ndarray) -> TriangleFans:
        """:param points: float64 (n, 3). :param triangles: (m, 3)."""
        numbers = np.repeat(np.arange(len(triangles), dtype=np.int32), 3)
        return cls(np.ascontiguousarray(points.T), triangles, *grouped(numbers, triangles.ravel(), len(points)))

    def trianglesAt(self, vertices: np.ndarray) -> np.ndarray:
        """Numbers of the triangles at some vertices (k,), each once, rising."""
        begins = self.first.take(vertices)
        row, within = expanded(self.first.take(vertices + 1) - begins)
        which = np.zeros(len(self.triangles), dtype=bool)
        which[self.around.take(begins.take(row) + within)] = True
        return np.flatnonzero(which)

    def squaredDistance(self, points: np.ndarray, vertex: np.ndarray) -> np.ndarray:
        """Squared distance of each point (k, 3) from the triangles at its vertex (k,), which has some."""
        counts, _, distance2 = self._distances(points, vertex)
        return leastOfEach(distance2, counts)

    def _distances(self, points, vertex) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """How many triangles each point is measured against, their numbers, and the squared distances."""
        begins = self.first.take(vertex)
        counts = self.first.take(vertex + 1) - begins
        row, within = expanded(counts)
        triangle = self.around.take(begins.take(row) + within)
        corners = self.triangles.take(triangle, axis=0)
        table = distanceTable(*(self.columns.take(corners[:, corner], axis=1) for corner in range(3)))
        return counts, triangle, squaredDistance(np.ascontiguousarray(points.T).take(row, axis=1), table)

    def distance(
        self, points: np.ndarray, vertex: np.ndarray, progress: Callable[[float], None] = lambda done: None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Distance of each point (k, 3) from the triangles at its vertex (k,), and the nearest one, on two threads.

        :param progress: told the share done; what it raises stops the work.
        """
        result, nearest = np.empty(len(points)), np.empty(len(points), dtype=np.int32)

        def work(start: int) -> None:
            part = slice(start, start + BLOCK)
            counts, triangle, distance2 = self._distances(points[part], vertex[part])
            at = placesOfLeast(distance2, counts)
            result[part], nearest[part] = np.sqrt(distance2[at]), triangle[at]

        inTwoThreads(work, range(0, len(points), BLOCK), progress)
        return result, nearest

    def ringDistance(self, points: np.ndarray, vertex: np.ndarray) -> np.ndarray:
        """Distance of each point (k, 3) from the triangles at its vertex (k,) and at the neighbors of that one."""
        begins = self.first.take(vertex)
        counts = self.first.take(vertex + 1) - begins
        row, within = expanded(counts)
        corners = self.triangles.take(self.around.take(begins.take(row) + within), axis=0)
        return leastOfEach(self.distance(points.repeat(3 * counts, axis=0), corners.ravel())[0], 3 * counts)

    def nearTriangle(
        self, places: np.ndarray, limit: float, progress: Callable[[float], None] = lambda done: None
    ) -> tuple[np.ndarray, np.ndarray]:
        """How far the surface is at most from places (3, k), and a triangle that is no farther, int32 (k,).

        :param limit: mm; where the triangles at the nearest vertex are farther away, those at others are looked at too.
        """
        points = np.ascontiguousarray(places.T)
        if not len(points):
            return np.empty(0), np.empty(0, dtype=np.int32)
        distance, triangle = self.distance(points, self.nearest(places, workers=2), progress)
        far = np.flatnonzero(distance > limit)
        if len(far):
            distance[far], triangle[far] = self.leastDistance(points[far], MORE)
        return distance, triangle

    def leastDistance(self, points: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Distance of each point (k, 3) from the triangles at the nearest ``count`` vertices, and the nearest one."""
        used, tree = self._tree
        count = min(count, len(used))
        _, vertices = tree.query(points, k=np.arange(1, count + 1), workers=2)
        distance, triangle = self.distance(np.repeat(points, count, axis=0), used[vertices.ravel()])
        at = distance.reshape(-1, count).argmin(axis=1) + count * np.arange(len(points))
        return distance[at], triangle[at]


def loadSearch() -> None:
    """Load what the search needs before threads part: two that load packages can wait for each other."""
    import scipy.spatial  # noqa: F401


def expanded(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For rows that are to be there ``counts`` times each: the row, and which of its times it is."""
    row = np.repeat(np.arange(len(counts)), counts)
    return row, np.arange(len(row)) - (np.cumsum(counts) - counts).take(row)


def leastOfEach(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The least of each of the groups that follow each other with ``counts`` (k,) values, none of them 0."""
    return np.minimum.reduceat(values, np.cumsum(counts) - counts) if len(counts) else np.empty(0)


def placesOfLeast(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Where the least value of each such group is."""
    at = np.flatnonzero(values == np.repeat(leastOfEach(values, counts), counts))
    group = np.searchsorted(np.cumsum(counts), at, side="right")
    return at[np.r_[True, group[1:] != group[:-1]]] if len(at) else at
