"""A surface cut into tiles of neighboring triangles, each searched on its own for the points that may be closest to it.

How far away a point's closest triangle is at most is known beforehand, at the latest from a few of the surface's
corners. So the memory does not grow with the search structure of the whole surface, and what is held at a time is small
enough to be quick.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

import numpy as np

from ..TwoThreads import inTwoThreads
from .MergedSurface import MergedSurface
from .SurfaceTile import SurfaceTile, coveringRadius2, doubleAreas2
from .TriangleDistance import distanceTable

BLOCK = 8192
# Points whose surroundings are compared with those of the tiles together.
GROUP = 2048
# Corners of the surface in a tile, at most and at least where there are more than that.
TILE, SMALLEST_TILE = 1 << 15, 1 << 13
# Cubes along the longest extent of points that are brought in order.
CUBES = 64


class SurfaceTiles:
    """The tiles of a surface.

    :ivar limit: triangles whose r**2 (see :mod:`~.SurfaceTile`) is larger get further corners inside, mm2.
    :ivar numbers: of the triangles of each tile. :ivar boxes: around each, float64 (t, 2, 3), mm from the center.
    """

    def __init__(self, surface: MergedSurface, keep: bool):
        """:param keep: for many searches: the tiles' search structures stay, up to 300 bytes per triangle."""
        self.surface = surface
        self.limit, large, partCounts = self._largeTriangles()
        self.numbers = self._tiles(large, partCounts)
        self.boxes = np.array([self._box(tile) for tile in self.numbers])
        self.kept: dict[int, SurfaceTile] | None = {} if keep else None
        # Places of a tile's corners within it; one tile at a time writes here.
        self.places, self.placing = np.empty(surface.columns.shape[1], dtype=np.int32), threading.Lock()

    def _largeTriangles(self) -> tuple[float, np.ndarray, np.ndarray]:
        """Bound of r**2 above which triangles get further corners, which do, into about how many parts each."""
        reach2 = np.empty(len(self.surface.triangles), dtype=np.float32)
        area, longest = 0.0, 0.0
        for start in range(0, len(reach2), BLOCK):
            part = slice(start, start + BLOCK)
            table = distanceTable(*(self.surface.corners(corner) for corner in self.surface.triangles[part].T))
            reach2[part] = coveringRadius2(table)
            area += 0.5 * float(np.sqrt(doubleAreas2(table).clip(0)).sum())
            longest = max(longest, float(table[9].max()))
        # Far enough above what the triangles of an even mesh have that it gets no further corners.
        limit = max(4 * area / (len(self.surface.triangles) + 20_000), 1e-7 * longest, 1e-12)
        large = np.flatnonzero(reach2 > limit)
        return limit, large, reach2[large] / limit

    def _tiles(self, large: np.ndarray, partCounts: np.ndarray) -> list[np.ndarray]:
        """Numbers of the triangles of each tile; large triangles have tiles of their own, which reach far."""
        count = self.surface.columns.shape[1]
        tileOf = np.zeros(count, dtype=np.int32)
        for number, part in enumerate(_cut(self.surface.columns, max(SMALLEST_TILE, min(TILE, count // 8)))):
            tileOf[part] = number
        tileOf = tileOf.take(self.surface.triangles[:, 0])
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
        corners = self.surface.corners(self.surface.triangles.take(tile, axis=0).ravel())
        return np.stack([corners.min(axis=1), corners.max(axis=1)])

    def search(
        self,
        points: np.ndarray,
        which: np.ndarray,
        best: np.ndarray,
        triangle: np.ndarray,
        progress: Callable[[float], None],
    ) -> None:
        """Find the closest triangles of points, each in the tiles that are not too far away.

        :param points: (n, 3) LPS mm. :param which: numbers of those to search for.
        :param best: squared distance (n,) below which a triangle is wanted; lowered in place.
        :param triangle: int32 (n,), set to the number of the closest triangle where one was found.
        """
        order = which.take(nearTogether(points.take(which, axis=0)))
        groups = np.split(order, range(GROUP, len(order), GROUP))
        boxes = np.array([[points[group].min(axis=0), points[group].max(axis=0)] for group in groups])
        boxes = boxes - self.surface.center
        farthest = np.array([best[group].max() for group in groups])
        keeping = threading.Lock()

        def work(number):
            low, high = self.boxes[number]
            gap = np.maximum(np.maximum(low - boxes[:, 1], boxes[:, 0] - high), 0)
            visitors = []
            for group in np.flatnonzero((gap * gap).sum(axis=1) <= farthest):
                inGroup = groups[group]
                centered = points.take(inGroup, axis=0) - self.surface.center
                gap = np.maximum(np.maximum(low - centered, centered - high), 0)
                visitors.append(inGroup[np.einsum("ij,ij->i", gap, gap) <= best.take(inGroup)])
            visitors = np.concatenate(visitors) if visitors else order[:0]
            if not len(visitors):
                return
            tile = self._tile(number)
            for start in range(0, len(visitors), BLOCK):
                if stopped.is_set():
                    return
                part = visitors[start : start + BLOCK]
                distance2, found = best.take(part), np.full(len(part), -1, dtype=np.int32)
                tile.search(points.take(part, axis=0) - self.surface.center, distance2, found)
                with keeping:
                    better = np.flatnonzero((found >= 0) & (distance2 < best[part]))
                    best[part[better]] = distance2[better]
                    triangle[part[better]] = self.numbers[number][found[better]]

        stopped = threading.Event()
        inTwoThreads(work, range(len(self.numbers)), progress, stopped)

    def _tile(self, number: int) -> SurfaceTile:
        if self.kept is not None and number in self.kept:
            return self.kept[number]
        triangles = self.surface.triangles.take(self.numbers[number], axis=0)
        corners = triangles.ravel().astype(np.int64)
        places = np.arange(len(corners), dtype=np.int32)
        with self.placing:
            # Each corner is taken at the place where it was written last.
            self.places[corners] = places
            used = corners[self.places.take(corners) == places]
            self.places[used] = np.arange(len(used), dtype=np.int32)
            triangles = self.places.take(triangles)
        tile = SurfaceTile(np.ascontiguousarray(self.surface.corners(used).T), triangles, self.limit)
        if self.kept is not None:
            self.kept[number] = tile
        return tile


def nearTogether(points: np.ndarray) -> np.ndarray:
    """An order of points (n, 3) in which neighbors follow each other: by cubes, int32 (n,)."""
    low, high = points.min(axis=0), points.max(axis=0)
    edge = max(float((high - low).max()) / CUBES, 1e-6)
    cubes = ((points - low) / edge).astype(np.int32)
    return np.argsort((cubes[:, 2] * (CUBES + 1) + cubes[:, 1]) * (CUBES + 1) + cubes[:, 0]).astype(np.int32)


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
