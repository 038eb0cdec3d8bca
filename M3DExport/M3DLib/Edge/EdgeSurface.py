"""The surface whose edge is looked for, at its vertices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..Mesh.CurvatureTensor import curvatureTensors
from ..Mesh.MeshGeometry import MeshEdges, ridgeCurvature


@dataclass
class EdgeSurface:
    """Arrays (n, ...) of the vertices.

    :ivar points: float32 (n, 3), LPS mm.
    :ivar normals: float32 (n, 3), unit, outward; zero where a vertex has no surface.
    :ivar ridge: float32 (n,), 1/mm, of :func:`~.MeshGeometry.ridgeCurvature`; None until it is known.
    :ivar curvature: float32 (n, 6), 1/mm, of :func:`~.CurvatureTensor.curvatureTensors`; None where nothing needs it.
    """

    points: np.ndarray
    normals: np.ndarray
    ridge: np.ndarray | None
    curvature: np.ndarray | None

    @classmethod
    def of(cls, points: np.ndarray, normals: np.ndarray, edges: MeshEdges, withCurvature: bool) -> EdgeSurface:
        """The surface with vertices (n, 3) and edges, whose ridges are not known yet."""
        return cls(points, normals, None, curvatureTensors(edges, points, normals) if withCurvature else None)

    def ridges(self, edges: MeshEdges, blur: float) -> np.ndarray:
        """What is to become of ``ridge``, seen through a typical blur (standard deviation in mm)."""
        return ridgeCurvature(edges, self.points, self.normals, 1.2 * blur)
