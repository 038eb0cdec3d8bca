"""The closest point of a triangle mesh to given points: exact, for any mesh, tile by tile.

The mesh is cut into tiles of neighboring triangles, each searched on its own (``SurfaceTile``) for the points that may
have their closest point there. How far away that is at most is known beforehand from a few of the mesh's corners. So
the memory does not grow with the search structure of the whole mesh, and what is held at a time is small enough to be
quick.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from ..Errors import M3DError, noProgress
from ..Mesh.TriangleMesh import TriangleMesh
from ..TwoThreads import inTwoThreads
from .EqualCorners import withoutEqualCorners
from .SurfaceTile import SurfaceTile, coveringRadius2, doubleAreas2
from .TriangleDistance import closestOnTriangles, cross, distanceTable, dot

BLOCK = 8192
# Points whose surroundings are compared with those of the tiles together.
GROUP = 2048
# Corners of the mesh in a tile, at most and at least where there are more than that.
TILE, SMALLEST_TILE = 1 << 15, 1 << 13
# One of so many triangles lends a corner to bound the distances.
COARSE = 16
# Grids are made for so large a share of the points, as a sample of them lets guess, which only decides how long the
# search takes; in square roots of ``limit``, no finer than for the least distance and not for any beyond the largest.
MOST, SAMPLE = 0.7, 10_000
LEAST_REACH, LARGEST_REACH = 0.4, 3.0
# Cubes along the longest extent of points that are brought in order.
CUBES = 64
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


@dataclass
class _Search:
    """What is known so far of points (n, 3): squared distance, triangle (-1 for none), both (n,), lowered in place.

    :ivar certain: (n,), squared distance up to which a point has been searched for by grids; None where none was used.
    """

    points: np.ndarray
    best: np.ndarray
    triangle: np.ndarray
    certain: np.ndarray | None = None


class ClosestSurface:
    """Search structure of one mesh; positions are taken relative to its center so that no digits are lost.

    :ivar columns: float32 (3, k), merged corners of the mesh, LPS mm.
    :ivar triangles: int32 (m, 3), into them.
    :ivar center: float64 (3,), LPS mm.
    """

    def __init__(self, mesh: TriangleMesh, keepTiles: bool = False):
        """:param keepTiles: for many searches: the tiles' search structures stay, up to 300 bytes per triangle.

        :raises M3DError: for a mesh without triangles, or with points that are not finite.
        """
        from scipy.spatial import cKDTree

        if not len(mesh.triangles):
            raise M3DError(f"Mesh '{mesh.name}' has no triangles, so nothing can be compared with it.")
        low, high = mesh.points.min(axis=0).astype(np.float64), mesh.points.max(axis=0).astype(np.float64)
        if not np.isfinite([low, high]).all():
            raise M3DError(f"Mesh '{mesh.name}' has points that are not finite numbers; repair it first.")
        self.mesh = mesh
        self.center = (low + high) / 2
        points, self.triangles = withoutEqualCorners(mesh)
        self.columns = np.ascontiguousarray(points.T)
        del points
        self.coarse = cKDTree(self.corners(self.triangles[::COARSE, 0]).T, balanced_tree=False)
        self.limit, large, partCounts = self._largeTriangles()
        self.tiles = self._tiles(large, partCounts)
        self.boxes = np.array([self._box(tile) for tile in self.tiles])
        self.kept: dict[int, SurfaceTile] | None = {} if keepTiles else None
        # Numbers of a tile's corners within it; one tile at a time writes here.
        self.numbers, self.numbering = np.empty(self.columns.shape[1], dtype=np.int32), threading.Lock()

    @classmethod
    def of(cls, mesh: TriangleMesh) -> ClosestSurface:
        """The search structure of a mesh, made once however many ask, until the mesh is told to ``drop`` it (``KEPT``).

        :raises M3DError: as for a new one.
        """
        return mesh.cached(KEPT, lambda: cls(mesh))

    def corners(self, which: np.ndarray) -> np.ndarray:
        """Positions of merged corners relative to the center, float64 (3, n)."""
        return self.columns.take(which, axis=1) - self.center[:, None]

    def normals(self, triangles: np.ndarray) -> np.ndarray:
        """Normals of triangles, as long as twice their areas, float64 (3, n)."""
        a, b, c = (self.corners(corner) for corner in self.triangles.take(triangles, axis=0).T)
        return cross(b - a, c - a)

    def _largeTriangles(self) -> tuple[float, np.ndarray, np.ndarray]:
        """Bound of r**2 above which triangles get further corners, which do, into about how many parts each."""
        reach2 = np.empty(len(self.triangles), dtype=np.float32)
        area, longest = 0.0, 0.0
        for start in range(0, len(reach2), BLOCK):
            part = slice(start, start + BLOCK)
            table = distanceTable(*(self.corners(corner) for corner in self.triangles[part].T))
            reach2[part] = coveringRadius2(table)
            area += 0.5 * float(np.sqrt(doubleAreas2(table).clip(0)).sum())
            longest = max(longest, float(table[9].max()))
        # Far enough above what the triangles of an even mesh have that it gets no further corners.
        limit = max(4 * area / (len(self.triangles) + 20_000), 1e-7 * longest, 1e-12)
        large = np.flatnonzero(reach2 > limit)
        return limit, large, reach2[large] / limit

    def _tiles(self, large: np.ndarray, partCounts: np.ndarray) -> list[np.ndarray]:
        """Numbers of the triangles of each tile; large triangles have tiles of their own, which reach far."""
        count = self.columns.shape[1]
        tileOf = np.zeros(count, dtype=np.int32)
        for number, part in enumerate(_cut(self.columns, max(SMALLEST_TILE, min(TILE, count // 8)))):
            tileOf[part] = number
        tileOf = tileOf.take(self.triangles[:, 0])
        ends = np.cumsum(partCounts, dtype=np.float64) // (2 * TILE)
        tileOf[large] = tileOf.max() + 1 + ends.astype(np.int32)
        counts = np.bincount(tileOf)
        order, places = np.empty(len(tileOf), dtype=np.int32), np.cumsum(counts) - counts
        # Sorting all at once would take several times the memory of the result.
        for start in range(0, len(tileOf), BLOCK):
            block = np.argsort(tileOf[start : start + BLOCK], kind="stable")
            tile = tileOf[start + block]
            order[places[tile] + np.arange(len(tile)) - np.searchsorted(tile, tile)] = start + block
            places += np.bincount(tile, minlength=len(counts))
        return [part for part in np.split(order, np.cumsum(counts)[:-1]) if len(part)]

    def _box(self, tile: np.ndarray) -> np.ndarray:
        corners = self.corners(self.triangles.take(tile, axis=0).ravel())
        return np.stack([corners.min(axis=1), corners.max(axis=1)])

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
        if farthest is None:
            best, order, usual = self._bounds(points, lambda done: progress(0.1 * done, TEXT))
        else:
            best, order = (1.001 * farthest.astype(np.float64) + 1e-3) ** 2, nearTogether(points)
            usual = _most(best)
        state = _Search(points, best, np.full(len(points), -1, dtype=np.int32))
        reach = np.sqrt(max(usual, LEAST_REACH**2 * self.limit))
        if reach <= LARGEST_REACH * np.sqrt(self.limit):
            state.certain = np.full(len(points), np.inf, dtype=np.float32)
            self._visit(state, order, lambda done: progress(0.1 + 0.8 * done, TEXT), reach)
            order = order[(state.triangle.take(order) < 0) | (best.take(order) > state.certain.take(order))]
        if len(order):
            self._visit(state, order, lambda done: progress(0.9 + 0.1 * done, TEXT))
        left = np.flatnonzero(state.triangle < 0)
        if len(left):
            # Not expected: coordinates so large that rounding is above the slack.
            best[left] = np.inf
            self._visit(state, left, lambda _: progress(0.99, TEXT))
        return state.triangle

    def _bounds(self, points: np.ndarray, progress) -> tuple[np.ndarray, np.ndarray, float]:
        """How far away the surface is at most, as some of its corners tell.

        :return: mm2 (n,); an order of the points in which neighbors follow each other; how far away the surface seems
            to be from most of them, mm2.
        """
        best, near = np.empty(len(points)), np.empty(len(points), dtype=np.int32)
        place = np.empty(self.coarse.n, dtype=np.int32)
        place[self.coarse.indices] = np.arange(len(place))

        def bound(start):
            part = slice(start, start + BLOCK)
            distance, corner = self.coarse.query(points[part] - self.center)
            # A corner of the mesh is no nearer than its surface; the slack is far above any rounding.
            best[part] = (1.001 * distance + 1e-3) ** 2
            near[part] = place.take(corner)

        inTwoThreads(bound, range(0, len(points), BLOCK), progress)
        # So far points in the surface itself are from the nearest of these corners.
        count = self.columns.shape[1]
        own = self.corners(np.arange(0, count, count // SAMPLE + 1)).T
        beside = _most(self.coarse.query(own)[0] ** 2)
        return best, np.argsort(near).astype(np.int32), _most(best) - beside

    def _visit(self, state: _Search, order, progress, reach: float | None = None) -> None:
        """Search the tiles for the points ``order``, each in the tiles that are not too far away.

        :param reach: mm; where given, in the tiles' grids, where tiles have some.
        """
        points, best, certain = state.points, state.best, state.certain
        groups = np.split(order, range(GROUP, len(order), GROUP))
        boxes = np.array([[points[group].min(axis=0), points[group].max(axis=0)] for group in groups]) - self.center
        farthest = np.array([best[group].max() for group in groups])
        keeping = threading.Lock()

        def work(number):
            low, high = self.boxes[number]
            gap = np.maximum(np.maximum(low - boxes[:, 1], boxes[:, 0] - high), 0)
            visitors = []
            for group in np.flatnonzero((gap * gap).sum(axis=1) <= farthest):
                which = groups[group]
                centered = points.take(which, axis=0) - self.center
                gap = np.maximum(np.maximum(low - centered, centered - high), 0)
                visitors.append(which[np.einsum("ij,ij->i", gap, gap) <= best.take(which)])
            visitors = np.concatenate(visitors) if visitors else order[:0]
            if not len(visitors):
                return
            tile = self._tile(number)
            # For a few points the tree is made sooner.
            grid = tile.gridFor(reach) if reach is not None and 2 * len(visitors) > len(tile.samples) else None
            for start in range(0, len(visitors), BLOCK):
                if stopped.is_set():
                    return
                which = visitors[start : start + BLOCK]
                distance2, found = best.take(which), np.full(len(which), -1, dtype=np.int32)
                level = (grid or tile).search(points.take(which, axis=0) - self.center, distance2, found)
                with keeping:
                    if grid is not None:
                        certain[which] = np.minimum(certain[which], level)
                    better = np.flatnonzero((found >= 0) & (distance2 < best[which]))
                    best[which[better]] = distance2[better]
                    state.triangle[which[better]] = self.tiles[number][found[better]]

        stopped = threading.Event()
        inTwoThreads(work, range(len(self.tiles)), progress, stopped)

    def _tile(self, number: int) -> SurfaceTile:
        if self.kept is not None and number in self.kept:
            return self.kept[number]
        triangles = self.triangles.take(self.tiles[number], axis=0)
        corners = triangles.ravel().astype(np.int64)
        places = np.arange(len(corners), dtype=np.int32)
        with self.numbering:
            # Each corner is taken at the place where it was written last.
            self.numbers[corners] = places
            used = corners[self.numbers.take(corners) == places]
            self.numbers[used] = np.arange(len(used), dtype=np.int32)
            triangles = self.numbers.take(triangles)
        tile = SurfaceTile(np.ascontiguousarray(self.corners(used).T), triangles, self.limit)
        if self.kept is not None:
            self.kept[number] = tile
        return tile


def nearTogether(points: np.ndarray) -> np.ndarray:
    """An order of points (n, 3) in which neighbors follow each other: by cubes, int32 (n,)."""
    low, high = points.min(axis=0), points.max(axis=0)
    edge = max(float((high - low).max()) / CUBES, 1e-6)
    cubes = ((points - low) / edge).astype(np.int32)
    return np.argsort((cubes[:, 2] * (CUBES + 1) + cubes[:, 1]) * (CUBES + 1) + cubes[:, 0]).astype(np.int32)


def _most(squared: np.ndarray) -> float:
    """What most of squared distances do not exceed."""
    return float(np.quantile(squared[:: len(squared) // SAMPLE + 1], MOST)) if len(squared) else np.inf


def _cut(columns: np.ndarray, most: int) -> Iterable[np.ndarray]:
    """Numbers of points (3, n) in groups of at most ``most`` neighbors: cut in halves across the longest extent."""
    open_ = [np.arange(columns.shape[1], dtype=np.int32)]
    while open_:
        part = open_.pop()
        if len(part) <= most:
            yield part
            continue
        coordinates = columns.take(part, axis=1)
        order = np.argpartition(coordinates[np.ptp(coordinates, axis=1).argmax()], len(part) // 2)
        open_ += [part.take(order[len(part) // 2 :]), part.take(order[: len(part) // 2])]
