"""The closest point of a triangle mesh to given points: exact, for any mesh.

Where most of many points are not much farther away than the triangles are large, as between a surface and the same
surface smoothed, cells that know all triangles within reach are quickest (:mod:`~.TriangleCells`). What they leave, and
other points, are searched for in trees (:mod:`~.SurfaceTiles`). Both find the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..Errors import noProgress
from ..Mesh.TriangleMesh import TriangleMesh
from ..TwoThreads import inTwoThreads
from .CellGrid import trianglesNear
from .MergedSurface import MergedSurface
from .SurfaceTile import SurfaceTile
from .SurfaceTiles import SurfaceTiles
from .TriangleCells import TriangleCells
from .TriangleDistance import closestOnTriangles, cross, distanceTable, dot, squaredDistance

BLOCK = 8192
# Cells are used for points for every so many corners of the mesh or more; they reach as far as so large a share of the
# points is away, times a slack, as a sample of them tells. First for all points, then for what that has left.
ROUNDS = ((20, 0.95, 1.05), (200, 1.0, 1.3))
# They pay up to so many edges away from the mesh, and where so large a share of the points is no farther.
LARGEST_REACH, LEAST_NEAR = 2.0, 0.75
# Points that tell how far away all are: of known distances, and of those that have to be looked for.
SAMPLE, FEW = 10_000, 32
# So few points are searched for among the triangles near them, where those are no more than this share of all.
FEW_LEFT, FEW_NEAR = 4096, 1 / 8
# One of so many triangles lends a corner to bound the distances.
COARSE = 16
# Large triangles are divided into about so many parts together.
LARGE_PARTS = 20_000
TEXT = "Measuring the distance between the surfaces"
# Under this name a mesh keeps its search structure.
KEPT = "closestSurface"


@dataclass
class ClosestPoints:
    """Result of a search, arrays (n,) and (n, 3).

    :ivar distance: mm, not negative.
    :ivar offset: (n, 3), from the closest point to the given one, mm.
    :ivar triangle: the triangle that holds the closest point.
    :ivar feature: what of that triangle holds it (constants of ``TriangleDistance``).
    """

    distance: np.ndarray
    offset: np.ndarray
    triangle: np.ndarray
    feature: np.ndarray


class ClosestSurface(MergedSurface):
    """Search structure of one mesh."""

    def __init__(self, mesh: TriangleMesh, keepTiles: bool = False):
        """:param keepTiles: for many searches: the tiles' search structures stay, up to 300 bytes per triangle.

        :raises M3DError: for a mesh without triangles, or with points that are not finite.
        """
        super().__init__(mesh)
        self.keepTiles = keepTiles

    @classmethod
    def of(cls, mesh: TriangleMesh) -> ClosestSurface:
        """The search structure of a mesh, made once however many ask, until the mesh is told to ``drop`` it (``KEPT``).

        :raises M3DError: as for a new one.
        """
        return mesh.cached(KEPT, lambda: cls(mesh))

    @cached_property
    def tiles(self) -> SurfaceTiles:
        """The surface in tiles, made when they are needed."""
        return SurfaceTiles(self, self.keepTiles)

    @cached_property
    def coarse(self):
        """A tree of some of the corners, relative to the center."""
        from scipy.spatial import cKDTree

        return cKDTree(self.corners(self.triangles[::COARSE, 0]).T, balanced_tree=False)

    def query(self, points: np.ndarray, progress: Callable[[float, str], None] = noProgress) -> ClosestPoints:
        """Closest points of the mesh to positions (n, 3) in LPS mm."""
        return self.closest(points, self.search(points, progress))

    def closest(self, points: np.ndarray, triangle: np.ndarray) -> ClosestPoints:
        """Closest points of one triangle each (numbers (n,)) to positions (n, 3) in LPS mm."""
        count = len(points)
        found = ClosestPoints(np.empty(count), np.empty((count, 3)), triangle, np.empty(count, np.int8))

        def work(start):
            part = slice(start, start + BLOCK)
            centered = (points[part] - self.center).T
            corners = self.triangles.take(triangle[part], axis=0).T
            closest, found.feature[part] = closestOnTriangles(centered, *(self.corners(corner) for corner in corners))
            offset = np.subtract(centered, closest, out=closest)
            found.distance[part] = np.sqrt(dot(offset, offset))
            found.offset[part] = offset.T

        inTwoThreads(work, range(0, count, BLOCK))
        return found

    def search(
        self,
        points: np.ndarray,
        progress: Callable[[float, str], None] = noProgress,
        farthest: np.ndarray | None = None,
    ) -> np.ndarray:
        """The triangle closest to each of positions (n, 3) in LPS mm, int32 (n,).

        :param farthest: (n,) mm; where it is known beforehand how far away the surface is at most.
        """
        best = np.full(len(points), np.inf)
        if farthest is not None:
            # The slack is far above any rounding.
            best = (1.001 * farthest.astype(np.float64) + 1e-3) ** 2
        triangle = np.full(len(points), -1, dtype=np.int32)
        left = np.arange(len(points), dtype=np.int32)
        for number, (share, most, slack) in enumerate(ROUNDS):
            if share * len(left) < self.columns.shape[1]:
                break
            reach = self._reach(points, left, best if farthest is not None else None, most, slack)
            if reach is None:
                break

            def inRound(done, number=number):
                progress(0.9 * (1 - 0.1**number * (1 - 0.9 * done)), TEXT)

            left = self._inCells(points, left, best, triangle, reach=reach, progress=inRound)
            inRound(1.0)
        if len(left):
            if farthest is None:
                self._bound(points, left, best)
            if len(left) <= FEW_LEFT and not self.keepTiles:
                left = self._amongFew(points, left, best, triangle)
        if len(left):
            self.tiles.search(points, left, best, triangle, lambda done: progress(0.9 + 0.1 * done, TEXT))
            left = np.flatnonzero(triangle < 0)
        if len(left):
            # Not expected: coordinates so large that rounding is above the slack.
            best[left] = np.inf
            self.tiles.search(points, left, best, triangle, lambda _: progress(0.99, TEXT))
        return triangle

    def _reach(
        self, points: np.ndarray, left: np.ndarray, best: np.ndarray | None, most: float, slack: float
    ) -> float | None:
        """How far cells have to reach so that many of the points find their closest triangle there, mm.

        It only decides how long the search takes.

        :param left: numbers of the points. :param best: squared distance of all points at most, where it is known.
        :param most: share of the points. :param slack: so many times as far as a sample of them tells.
        :return: None where cells do not pay, as where many lie far away.
        """
        farthest = LARGEST_REACH * self.edge
        if best is not None:
            distance = np.sqrt(best.take(left[:: len(left) // SAMPLE + 1]))
        else:
            distance = self._roughDistance(points.take(left[:: len(left) // FEW + 1], axis=0), farthest)
        near = distance[distance <= farthest]
        if len(near) < LEAST_NEAR * len(distance):
            return None
        return min(slack * float(np.quantile(near, most)) + 0.05 * self.edge, farthest)

    def _roughDistance(self, points: np.ndarray, farthest: float) -> np.ndarray:
        """Distance of a few points from the triangles at the nearest corner, mm; inf for those farther away."""
        nearest = np.full(len(points), -1)
        for number, point in enumerate(points.astype(np.float32)):
            # A corner within the slice around the point, and then within the ball.
            some = np.flatnonzero(np.abs(self.columns[2] - point[2]) <= farthest)
            offset = self.columns.take(some, axis=1) - point[:, None]
            distance2 = dot(offset, offset)
            if len(some) and distance2.min() <= farthest * farthest:
                nearest[number] = some[distance2.argmin()]
        wanted = np.zeros(self.columns.shape[1], dtype=bool)
        wanted[nearest[nearest >= 0]] = True
        around = np.flatnonzero(np.logical_or.reduce([wanted.take(corner) for corner in self.triangles.T]))
        triangles = self.triangles.take(around, axis=0)
        table = distanceTable(*(self.corners(corner) for corner in triangles.T))
        result = np.full(len(points), np.inf)
        for number in np.flatnonzero(nearest >= 0):
            own = np.flatnonzero((triangles == nearest[number]).any(axis=1))
            place = np.repeat((points[number] - self.center)[:, None], len(own), axis=1)
            result[number] = np.sqrt(squaredDistance(place, table[:, own]).min())
        return result

    def _inCells(self, points, left, best, triangle, *, reach, progress) -> np.ndarray:
        """Search for points in cells.

        :return: numbers of those for which something nearer than what was found may have been overlooked.
        """
        cells = TriangleCells(self, points, left, reach, self.edge)
        if not cells.pays:
            return left
        large = cells.search(best, triangle, progress)
        certain = (triangle.take(left) >= 0) & (best.take(left) <= reach * reach)
        if len(large):
            self._among(large, points, left[certain], best, triangle)
        return left[~certain]

    def _bound(self, points: np.ndarray, which: np.ndarray, best: np.ndarray) -> None:
        """Lower the bounds of points, mm2 (n,), to what some of the corners tell.

        :param which: numbers of some of the points.
        """

        def work(start):
            part = which[start : start + BLOCK]
            # A corner of the surface is no nearer than the surface; the slack is far above any rounding.
            distance = self.coarse.query(points.take(part, axis=0) - self.center)[0]
            best[part] = np.minimum(best.take(part), (1.001 * distance + 1e-3) ** 2)

        inTwoThreads(work, range(0, len(which), BLOCK))

    def _amongFew(self, points, left, best, triangle) -> np.ndarray:
        """Search for few points among the triangles near them, for which no tree of the whole surface is made.

        :param best: squared distance of all points at most; known of those that are left.
        :return: numbers of the points that are still to be searched for: none or all, where too much is near them.
        """
        near = trianglesNear(self, points.take(left, axis=0), np.sqrt(best.take(left)))
        if len(near) > FEW_NEAR * len(self.triangles):
            return left
        if len(near):
            self._among(near, points, left, best, triangle)
        return left[triangle.take(left) < 0]

    def tileOf(self, some: np.ndarray, parts: int) -> SurfaceTile:
        """What searches for points relative to the center among some of the triangles only.

        :param some: their numbers. :param parts: into about so many large triangles are divided together.
        """
        triangles = self.triangles.take(some, axis=0)
        used = np.zeros(self.columns.shape[1], dtype=bool)
        used[triangles] = True
        positions = self.corners(np.flatnonzero(used))
        own = (np.cumsum(used, dtype=np.int32) - np.int32(1)).take(triangles)
        a, b, c = (positions.take(corner, axis=1) for corner in own.T)
        area = 0.5 * float(np.linalg.norm(cross(b - a, c - a), axis=0).sum())
        return SurfaceTile(np.ascontiguousarray(positions.T), own, max(4 * area / parts, self.edge**2))

    def _among(self, some, points, which, best, triangle) -> None:
        """Search for points among some of the triangles only."""
        tile = self.tileOf(some, LARGE_PARTS)

        def work(start):
            part = which[start : start + BLOCK]
            distance2, found = best.take(part), np.full(len(part), -1, dtype=np.int32)
            tile.search(points.take(part, axis=0) - self.center, distance2, found)
            hit = np.flatnonzero(found >= 0)
            best[part[hit]], triangle[part[hit]] = distance2[hit], some[found[hit]]

        inTwoThreads(work, range(0, len(which), BLOCK))
