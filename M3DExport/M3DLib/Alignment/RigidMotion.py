"""A rigid motion of a mesh: what every way of aligning has in common."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..Mesh.TriangleMesh import TriangleMesh


@dataclass
class RigidMotion:
    """A rotation and a shift.

    :ivar matrix: float64 (4, 4), moves the mesh onto the reference, LPS mm.
    """

    matrix: np.ndarray

    @property
    def angleDegrees(self) -> float:
        """Angle of the rotation."""
        return float(np.degrees(np.arccos(np.clip((np.trace(self.matrix[:3, :3]) - 1) / 2, -1, 1))))

    @property
    def doubtful(self) -> bool:
        """Whether there is a reason not to rely on it; a motion that a person gave is relied on."""
        return False

    def apply(self, mesh: TriangleMesh) -> TriangleMesh:
        """The mesh after the motion."""
        moved = mesh.exactPoints @ self.matrix[:3, :3].T + self.matrix[:3, 3]
        precise = None if mesh.precise is None else moved
        result = TriangleMesh(moved, mesh.triangles, mesh.name, mesh.color, mesh.opacity, precise)
        # Where it lies changes nothing of how its triangles hang together, nor of what they enclose.
        if result.cached("closed", lambda: mesh.isClosed):
            result.cached("volume", lambda: mesh.volumeMm3)
        return result
