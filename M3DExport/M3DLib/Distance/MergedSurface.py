"""A mesh with its equal corners merged, as searches for its closest triangles look at it."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from ..Errors import M3DError
from ..Mesh.TriangleMesh import TriangleMesh, lowAndHigh
from .EqualCorners import withoutEqualCorners
from .TriangleDistance import cross

# Triangles that tell how long edges usually are.
SAMPLE = 10_000


class MergedSurface:
    """Corners and triangles of one mesh; positions are taken relative to its center so that no digits are lost.

    :ivar columns: float32 (3, k), merged corners of the mesh, LPS mm.
    :ivar triangles: int32 (m, 3), into them.
    :ivar center: float64 (3,), LPS mm.
    """

    def __init__(self, mesh: TriangleMesh):
        """:raises M3DError: for a mesh without triangles, or with points that are not finite."""
        if not len(mesh.triangles):
            raise M3DError(f"Mesh '{mesh.name}' has no triangles, so nothing can be compared with it.")
        low, high = (end.astype(np.float64) for end in lowAndHigh(mesh.points))
        if not np.isfinite([low, high]).all():
            raise M3DError(f"Mesh '{mesh.name}' has points that are not finite numbers; repair it first.")
        self.mesh = mesh
        self.center = (low + high) / 2
        points, self.triangles = withoutEqualCorners(mesh)
        self.columns = np.ascontiguousarray(points.T)

    @cached_property
    def edge(self) -> float:
        """How long the longest edges of the triangles usually are, as seen along the axes, mm."""
        some = self.triangles[:: len(self.triangles) // SAMPLE + 1]
        corners = np.array([self.corners(corner) for corner in some.T])
        return max(float(np.median(np.ptp(corners, axis=0).max(axis=0))), 1e-6)

    def corners(self, which: np.ndarray) -> np.ndarray:
        """Positions of merged corners relative to the center, float64 (3, n)."""
        return self.columns.take(which, axis=1) - self.center[:, None]

    def normals(self, triangles: np.ndarray) -> np.ndarray:
        """Normals of triangles, as long as twice their areas, float64 (3, n)."""
        a, b, c = (self.corners(corner) for corner in self.triangles.take(triangles, axis=0).T)
        return cross(b - a, c - a)
