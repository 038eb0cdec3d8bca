"""Further vertices for coarse meshes, so that large triangles are measured inside too, not at their corners only."""

from __future__ import annotations

import numpy as np

from .TriangleMesh import TriangleMesh

MOST_TRIANGLES = 4_000_000
# Triangles looked at together.
BLOCK = 1 << 14


def refined(mesh: TriangleMesh, largestEdge: float) -> TriangleMesh:
    """The same surface with no edge longer than about ``largestEdge`` mm; the mesh itself when it has none.

    Edges are cut on both sides alike, so that no gaps open. A mesh that would need more than four million triangles is
    refined less.
    """
    longest = _longestSides(mesh)
    if not len(longest) or not np.isfinite(longest).all() or longest.max() <= largestEdge:
        return mesh
    needed = float((np.ceil(longest / largestEdge) ** 2).sum())
    largestEdge *= max(1.0, np.sqrt(needed / MOST_TRIANGLES))

    from vtkmodules.vtkFiltersModeling import vtkAdaptiveSubdivisionFilter

    subdivide = vtkAdaptiveSubdivisionFilter()
    subdivide.SetInputData(mesh.toPolyData())
    subdivide.SetMaximumEdgeLength(float(largestEdge))
    subdivide.SetMaximumTriangleArea(1e30)
    subdivide.SetMaximumNumberOfTriangles(2 * MOST_TRIANGLES)
    subdivide.SetMaximumNumberOfPasses(1000)
    subdivide.Update()
    fine = TriangleMesh.fromPolyData(subdivide.GetOutput(), mesh.name)
    fine.color, fine.opacity = mesh.color, mesh.opacity
    return fine


def _longestSides(mesh: TriangleMesh) -> np.ndarray:
    """Length of the longest side of each triangle, float32 (m,), mm."""
    columns, longest = np.ascontiguousarray(mesh.points.T), np.empty(len(mesh.triangles), dtype=np.float32)
    for start in range(0, len(longest), BLOCK):
        a, b, c = (columns.take(corner, axis=1) for corner in mesh.triangles[start : start + BLOCK].T)
        longest[start : start + BLOCK] = longestSides2(a, b, c)
    return np.sqrt(longest, out=longest)


def longestSides2(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Squares of the longest sides of triangles with these corners, (3, n) each, (n,)."""
    return np.maximum.reduce([np.square(end - begin).sum(axis=0) for begin, end in ((a, b), (b, c), (c, a))])
