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
    :ivar ridge: float32 (n,), 1/mm, of :func:`~.MeshGeometry.ridgeCurvature`.
    :ivar curvature: float32 (n, 6), 1/mm, of :func:`~.CurvatureTensor.curvatureTensors`; None where nothing needs it.
    """

    points: np.ndarray
    normals: np.ndarray
    ridge: np.ndarray
    curvature: np.ndarray | None

    @classmethod
    def of(
        cls, points: np.ndarray, normals: np.ndarray, edges: MeshEdges, blur: float, withCurvature: bool
    ) -> EdgeSurface:
        """The surface with vertices (n, 3) and edges, seen through a typical blur (standard deviation in mm)."""
        ridge = ridgeCurvature(edges, points, normals, 1.2 * blur)
        return cls(points, normals, ridge, curvatureTensors(edges, points, normals) if withCurvature else None)
