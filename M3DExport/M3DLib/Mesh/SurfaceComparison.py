"""How far smoothing and decimation have moved a surface."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .TriangleMesh import TriangleMesh

# Points looked at in each direction; the largest of so many distances is within a few percent of the largest of all.
_SAMPLES = 50_000


@dataclass(frozen=True)
class SurfaceComparison:
    """Two surfaces of one segment.

    :ivar largestDisplacement: largest distance from a point of either surface to the other, mm.
    :ivar sampled: whether only every n-th point was looked at.
    """

    trianglesBefore: int
    trianglesAfter: int
    volumeBeforeMm3: float
    volumeAfterMm3: float
    largestDisplacement: float
    sampled: bool

    @property
    def volumeChange(self) -> float:
        """Change of the enclosed volume as a share of the one before; NaN when that was 0."""
        if not self.volumeBeforeMm3:
            return float("nan")
        return self.volumeAfterMm3 / self.volumeBeforeMm3 - 1


def compareSurfaces(before: TriangleMesh, after: TriangleMesh) -> SurfaceComparison:
    """Compare two surfaces of the same thing, both in LPS mm."""
    forth, forthSampled = _largestDistance(before, after)
    back, backSampled = _largestDistance(after, before)
    return SurfaceComparison(
        len(before.triangles),
        len(after.triangles),
        before.volumeMm3,
        after.volumeMm3,
        max(forth, back),
        forthSampled or backSampled,
    )


def _largestDistance(mesh: TriangleMesh, other: TriangleMesh) -> tuple[float, bool]:
    """Largest distance from points of one mesh to the other one, mm, and whether points were left out."""
    from vtkmodules.vtkCommonCore import mutable
    from vtkmodules.vtkCommonDataModel import vtkStaticCellLocator

    used = np.unique(mesh.triangles)
    step = max(1, -(-len(used) // _SAMPLES))
    surface = other.toPolyData()
    locator = vtkStaticCellLocator()
    locator.SetDataSet(surface)
    locator.BuildLocator()
    closest, cell, part, squared = [0.0, 0.0, 0.0], mutable(0), mutable(0), mutable(0.0)
    largest = 0.0
    for point in mesh.points[used[::step]].tolist():
        locator.FindClosestPoint(point, closest, cell, part, squared)
        largest = max(largest, float(squared))
    return float(np.sqrt(largest)), step > 1
