"""The surface of a model, prepared once for the rays and balls of walls and gaps."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from M3DLib.Intersection.BoxTree import BoxTree
from M3DLib.Intersection.TriangleBoxes import boxesOfPieces, boxesOfTriangles
from M3DLib.Intersection.TriangleIntersection import cross

_MOST_PIECES = 400_000
# Triangles looked at together: what is held for them stays in the processor's cache.
_BLOCK = 1 << 14


@dataclass
class WallSurface:
    """Triangles that all face out of the material (of a turned surface: into it).

    :ivar points: float64 (n, 3) holding float32 values, LPS mm. :ivar triangles: integers (m, 3).
    :ivar reachMm: no ray is longer; longer triangles are looked for in pieces.
    """

    points: np.ndarray
    triangles: np.ndarray
    reachMm: float
    _turned: bool = False
    _prepared: dict = field(default_factory=dict, repr=False)

    @classmethod
    def ofCorners(cls, corners: np.ndarray, reachMm: float) -> WallSurface:
        """The surface of corners (m, 3 corners, 3 axes)."""
        points = np.asarray(corners, dtype=np.float64).reshape(-1, 3)
        return cls(points, np.arange(len(points)).reshape(-1, 3), reachMm)

    def turned(self) -> WallSurface:
        """The same triangles facing the other way, with what is prepared."""
        return replace(self, _turned=not self._turned)

    def corners(self, triangles: np.ndarray) -> list[np.ndarray]:
        """The three corners of some triangles, counter-clockwise seen from where they face, float64 (k, 3) each."""
        rows = self.triangles[triangles]
        return [self.points[rows[:, corner]] for corner in ((2, 1, 0) if self._turned else (0, 1, 2))]

    def normals(self, triangles: np.ndarray) -> np.ndarray:
        """Their unit normals, float64 (k, 3); zero for triangles without an area."""
        a, b, c = self.corners(triangles)
        normal = cross(b - a, c - a)
        size = np.sqrt(np.einsum("ij,ij->i", normal, normal))
        normal /= np.where(size > 0, size, 1)[:, None]
        return normal

    @cached_property
    def areas(self) -> np.ndarray:
        """Areas of all triangles, float64 (m,), mm2."""
        columns, areas = np.ascontiguousarray(self.points.T), np.empty(len(self.triangles))
        for start in range(0, len(areas), _BLOCK):
            a, b, c = (columns.take(corner, axis=1) for corner in self.triangles[start : start + _BLOCK].T)
            u, v = b - a, c - a
            normal = [u[i] * v[j] - u[j] * v[i] for i, j in ((1, 2), (2, 0), (0, 1))]
            square = normal[0] * normal[0] + normal[1] * normal[1] + normal[2] * normal[2]
            areas[start : start + _BLOCK] = np.sqrt(square) / 2
        return areas

    @property
    def low(self) -> np.ndarray:
        """Lower corners of the boxes around the triangles' pieces, float32 (k, 3)."""
        return self._boxes[0]

    @property
    def high(self) -> np.ndarray:
        """Upper corners of the same boxes, float32 (k, 3)."""
        return self._boxes[1]

    def owner(self, pieces: np.ndarray) -> np.ndarray:
        """The triangle that each piece belongs to, integers of the shape of ``pieces``."""
        owner = self._boxes[2]
        return pieces if owner is None else owner[pieces]

    @property
    def tree(self) -> BoxTree:
        """For rays through the pieces' boxes."""
        if "tree" not in self._prepared:
            self._prepared["tree"] = BoxTree(self.low, self.high, self.reachMm)
        return self._prepared["tree"]

    @property
    def _boxes(self):
        if "boxes" not in self._prepared:
            self._prepared["boxes"] = self._makeBoxes()
        return self._prepared["boxes"]

    def _makeBoxes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Boxes and the triangle of each; None where each triangle has one."""
        low, high = boxesOfTriangles(self.points, np.ascontiguousarray(self.triangles.T))
        # The longest side is no longer than the box's diagonal.
        long = np.flatnonzero(np.square(high - low, dtype=np.float64).sum(axis=1) > self.reachMm**2)
        if not len(long):
            return low, high, None
        corners = np.stack([self.points[self.triangles[long, corner]] for corner in range(3)], axis=1)
        most = max(_MOST_PIECES, 2 * len(low))
        bottom, top, owner = boxesOfPieces(corners, self.reachMm, most - (len(low) - len(long)))
        short = np.ones(len(low), dtype=bool)
        short[long] = False
        # Middles of sides are rounded to single precision here: away from the piece.
        bottom, top = (
            np.nextafter(bottom.astype(np.float32), np.float32(-np.inf)),
            np.nextafter(top.astype(np.float32), np.float32(np.inf)),
        )
        owners = np.concatenate([np.flatnonzero(short), long[owner]])
        return np.concatenate([low[short], bottom]), np.concatenate([high[short], top]), owners
