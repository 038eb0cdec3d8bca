"""Closest triangles of many points that lie near a surface, by cells that know every triangle within reach.

Each triangle is entered in all cells that it comes nearer to than ``reach``, so one cell holds all that may be closest
to the points in it. The points of a cell and its triangles are then a small dense product (:mod:`~.CellSlab`), which
compiled code does many times faster than the same pairs picked one by one. A point that finds nothing within the reach
is left to others; of the rest nothing nearer was overlooked.

The cells are looked at in slabs across the longest extent, so that what is held at a time stays small.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..TwoThreads import inTwoThreads
from .CellGrid import CellGrid
from .CellSlab import CellSlab
from .MergedSurface import MergedSurface

BLOCK = 1 << 14
# Points of a slab, and triangles that begin in it, at most; a layer of cells is not divided.
POINTS, TRIANGLES = 1 << 15, 1 << 17
# Layers a triangle may reach across.
MOST_ACROSS = 24


class TriangleCells(CellGrid):
    """Points and triangles sorted by the layers of a grid.

    :ivar large: int, triangles that were left out because they reach across too many cells.
    """

    def __init__(self, surface: MergedSurface, points: np.ndarray, which: np.ndarray, reach: float, edge: float):
        """As the grid."""
        super().__init__(surface, points, which, reach, edge)
        self.large: list[np.ndarray] = []
        if self.pays:
            self._sortPoints(self.which)
            self._sortTriangles()

    def _sortPoints(self, which: np.ndarray) -> None:
        layer = np.empty(len(which), dtype=np.int16)
        across = self.axes[2]
        for start in range(0, len(which), BLOCK):
            part = slice(start, start + BLOCK)
            layer[part] = self.along(2, self.points[:, across].take(which[part]) - self.surface.center[across])
        # Numbers of 16 bits are sorted by counting.
        self.order = which.take(np.argsort(layer, kind="stable"))
        self.ends = np.cumsum(np.bincount(layer, minlength=self.size[2]))

    def _sortTriangles(self) -> None:
        """Triangles by the first layer they reach into, and the last of each."""
        across = self.axes[2]
        column, center = self.surface.columns[across], self.surface.center[across]
        triangles = self.surface.triangles
        first, last = (np.empty(len(triangles), dtype=np.int16) for _ in range(2))
        for start in range(0, len(triangles), BLOCK):
            a, b, c = (column.take(corner) for corner in triangles[start : start + BLOCK].T)
            part = slice(start, start + BLOCK)
            low, high = np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)
            first[part] = self.along(2, (low - center - self.reach)).clip(-1, self.size[2])
            last[part] = self.along(2, (high - center + self.reach)).clip(-1, self.size[2])
        large = last - first > MOST_ACROSS
        if large.any():
            self.large.append(np.flatnonzero(large))
            first[large] = self.size[2]
        self.triangleOrder = np.argsort(first, kind="stable").astype(np.int32)
        self.first, self.last = first.take(self.triangleOrder), last.take(self.triangleOrder)

    def slabs(self) -> list[tuple[int, int]]:
        """First layer of each slab and that after its last, without those that hold no point."""
        pointEnds = np.r_[0, self.ends]
        triangleEnds = np.searchsorted(self.first, np.arange(self.size[2] + 1))
        result, start = [], 0
        while start < self.size[2]:
            end = int(np.searchsorted(pointEnds, pointEnds[start] + POINTS, side="right")) - 1
            end = min(end, int(np.searchsorted(triangleEnds, triangleEnds[start] + TRIANGLES, side="right")) - 1)
            end = min(max(end, start + 1), int(self.size[2]))
            if pointEnds[end] > pointEnds[start]:
                result.append((start, end))
            start = end
        return result

    def pointsOf(self, slab: tuple[int, int]) -> np.ndarray:
        """Numbers of the points in a slab."""
        before = self.ends[slab[0] - 1] if slab[0] else 0
        return self.order[before : self.ends[slab[1] - 1]]

    def trianglesOf(self, slab: tuple[int, int]) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
        """Numbers of the triangles that come near a slab, and the first and the last layer that each comes near."""
        begin, end = np.searchsorted(self.first, [slab[0] - MOST_ACROSS, slab[1]])
        which = np.flatnonzero(self.last[begin:end] >= slab[0]) + begin
        return self.triangleOrder.take(which), (self.first.take(which), self.last.take(which))

    def search(self, best: np.ndarray, triangle: np.ndarray, progress: Callable[[float], None]) -> np.ndarray:
        """Find the closest triangle of every point that has one within the reach, but for those left out as ``large``.

        :param best: squared distance (n,) of all points below which a triangle is wanted; lowered in place to what the
            closest one's is at most, which is its own up to single precision.
        :param triangle: (n,), set to the number of the closest triangle where one was found.
        :return: int32, numbers of the triangles left out.
        """

        def work(slab):
            which = self.pointsOf(slab)
            distance2, found = best.take(which), np.full(len(which), -1, dtype=np.int32)
            one = CellSlab(self, slab, which, *self.trianglesOf(slab))
            one.search(distance2, found)
            hit = np.flatnonzero(found >= 0)
            best[which[hit]], triangle[which[hit]] = distance2[hit], found[hit]
            if len(one.large):
                self.large.append(one.large)

        inTwoThreads(work, self.slabs(), progress)
        return np.unique(np.concatenate([np.empty(0, dtype=np.int32), *self.large]))
