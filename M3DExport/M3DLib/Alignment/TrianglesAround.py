"""The triangles of a surface around points that are settled on it: gathered once, searched after each of their moves.

If q is the closest point of a surface to p, the triangle that holds q has a corner no farther from p than
sqrt(|p - q|**2 + r**2), where r is the largest distance of any of its points from its nearest corner (see
:mod:`~M3DLib.Distance.SurfaceTile`). So the corners that near hold all triangles that may be the closest: of a surface
of a million triangles a few in a hundred, which are searched much sooner than all, and stay the same while the points
move little.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from ..Distance.ClosestSurface import ClosestSurface
from ..Distance.SurfaceTile import SurfaceTile
from ..Mesh.MeshRefinement import longestSides2
from ..TwoThreads import inTwoThreads

# Points searched for, and triangles looked at, together.
BLOCK, LOOKED_AT = 4096, 1 << 14
# Triangles that are not worth choosing among, and more than are kept at a time.
FEW, MOST = 1 << 17, 1 << 20
# How far points may move until triangles are gathered anew, in usual sides of triangles.
SLACK = 0.1
# r is no more than so many of a triangle's longest side: 1 / sqrt(3), rounded up. Usually the longest sides are no
# longer than those of this share of so many triangles; longer ones are always searched.
COVERED, USUAL, SOME = 0.5774, 0.98, 10_000
# Far above any rounding, mm.
ROUNDING = 1e-3


class TrianglesAround:
    """The part of a surface that may be closest to points.

    :ivar slack: mm, how far points may move until their triangles are gathered anew.
    """

    def __init__(self, surface: ClosestSurface):
        """:param surface: the whole surface."""
        self.surface = surface
        self.places: np.ndarray | None = None
        self.farthest = np.empty(0)
        self.numbers = np.empty(0, dtype=np.int32)
        self.tile: SurfaceTile | None = None
        self.side = self._usualSide()
        self.slack = SLACK * self.side

    def search(self, places: np.ndarray) -> np.ndarray:
        """The closest triangle of the surface to each of the points, which now lie at places (n, 3), int32 (n,)."""
        if self.places is None or self._moved(places).max(initial=0) > self.slack:
            self._gather(places)
        if self.tile is None:
            return self.surface.search(places)
        best, found = (self.farthest + self._moved(places)) ** 2, np.full(len(places), -1, dtype=np.int32)

        def work(start):
            part = slice(start, start + BLOCK)
            self.tile.search(places[part] - self.surface.center, best[part], found[part])

        inTwoThreads(work, range(0, len(places), BLOCK))
        return self.numbers.take(found)

    def _moved(self, places: np.ndarray) -> np.ndarray:
        return np.linalg.norm(places - self.places, axis=1)

    def _gather(self, places: np.ndarray) -> None:
        isFirst, self.places = self.places is None, places
        if len(self.surface.triangles) <= FEW:
            self.farthest = np.full(len(places), np.inf)
            if isFirst:
                self.numbers = np.arange(len(self.surface.triangles), dtype=np.int32)
                self.tile = self.surface.tileOf(self.numbers, len(self.numbers))
            return
        centered = places - self.surface.center
        self.farthest = self.corners.query(centered, workers=2)[0] + ROUNDING
        reach = np.hypot(self.farthest + 2 * self.slack, COVERED * self.side) + ROUNDING
        held = np.zeros(self.surface.columns.shape[1], dtype=bool)
        for start in range(0, len(places), BLOCK):
            part = slice(start, start + BLOCK)
            for near in self.corners.query_ball_point(centered[part], reach[part], workers=2):
                held[near] = True
        self.numbers = self._at(held)
        self.tile = self.surface.tileOf(self.numbers, len(self.numbers)) if len(self.numbers) <= MOST else None

    @cached_property
    def corners(self):
        """A tree of all corners, relative to the center."""
        from scipy.spatial import cKDTree

        every = np.arange(self.surface.columns.shape[1])
        return cKDTree(self.surface.corners(every).T, leafsize=32, balanced_tree=False, compact_nodes=False)

    def _at(self, held: np.ndarray) -> np.ndarray:
        """Numbers of the triangles with one of the corners ``held``, and of those with longer sides than usual."""
        found = []
        for start in range(0, len(self.surface.triangles), LOOKED_AT):
            corners = self.surface.triangles[start : start + LOOKED_AT].T
            chosen = np.logical_or.reduce([held.take(corner) for corner in corners])
            others = np.flatnonzero(~chosen)
            sides = longestSides2(*(self.surface.columns.take(corner.take(others), axis=1) for corner in corners))
            chosen[others] = sides > np.float32(self.side**2)
            found.append(np.flatnonzero(chosen).astype(np.int32) + np.int32(start))
        return np.concatenate(found)

    def _usualSide(self) -> float:
        some = self.surface.triangles[:: len(self.surface.triangles) // SOME + 1]
        sides = longestSides2(*(self.surface.corners(corner) for corner in some.T))
        # Rounding must not make a side longer than itself.
        return float(np.sqrt(np.quantile(sides, USUAL))) * (1 + 1e-4) + 1e-6
