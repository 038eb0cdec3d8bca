"""How far one surface lies from another, asked at points spread evenly over it: quick where they lie far apart."""

from __future__ import annotations

import numpy as np

from ..Distance.ClosestSurface import ClosestSurface
from ..Distance.SurfaceDeviation import commonOrigin
from ..Distance.SurfaceSign import surfaceSide
from ..Mesh.TriangleMesh import TriangleMesh
from .Search.SurfaceSample import sampleSurface


def sampledDistances(mesh: TriangleMesh, reference: TriangleMesh, count: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Signed distances of a reference from points of a mesh, each of which stands for the same area; LPS mm.

    Each is exact, as of :func:`~M3DLib.Distance.SurfaceDeviation.surfaceDeviation`; what lies between the points, the
    smallest and the largest among it, is not seen.

    :return: float64 (count,), mm, positive where the reference lies outside the mesh; bool (count,), whether the side
        is sure; the area of the whole mesh, mm2.
    :raises M3DError: one of them has no surface, or points that are not finite.
    """
    origin = commonOrigin(mesh, reference)
    if origin is not None:
        return sampledDistances(mesh.about(origin), reference.about(origin), count)
    sample = sampleSurface(mesh, count)
    surface = ClosestSurface.of(reference)
    found = surface.query(sample.points)
    side, sure = surfaceSide(surface, sample.points, found)
    if reference.isClosed and reference.volumeMm3 < 0:
        side = -side
    return 0.0 - side * found.distance, sure, sample.areaMm2
