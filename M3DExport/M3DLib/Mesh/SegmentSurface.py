"""The closed surface of a segment, as Slicer's own conversion rule makes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..Errors import M3DError
from .LabelSurface import convertBySlicer, flyingEdges
from .SurfaceParameters import FLYING_EDGES, SurfaceParameters
from .TriangleMesh import TriangleMesh

if TYPE_CHECKING:
    from ..Segmentation.Segment import Segment


def makeSurface(segment: Segment, parameters: SurfaceParameters | None = None) -> TriangleMesh:
    """Surface of a segment as Slicer makes it, triangulated and facing outward.

    Slicer's rule works on voxel indices and moves the result to the patient afterwards. The same is done here, but with
    the whole affine in double precision: sheared (gantry tilt), oblique and left-handed grids come out right, where the
    application leaves left-handed ones inside out.

    :param segment: voxels and their grid; any handedness.
    :param parameters: defaults of :class:`SurfaceParameters` when None.
    :return: mesh in LPS mm with the segment's name and color.
    :raises M3DError: the segment is empty, or the conversion gives no triangles.
    """
    parameters = parameters or SurfaceParameters()
    label, offset = _croppedLabel(segment)
    convert = flyingEdges if parameters.method == FLYING_EDGES else convertBySlicer
    polyData = convert(label, parameters)
    mesh = TriangleMesh.fromPolyData(polyData, segment.name)
    if not len(mesh.triangles):
        raise M3DError(
            f"Segment '{segment.name}' gave a surface without triangles; try less decimation or another method.",
        )
    indexPoints = mesh.points.astype(np.float64) + offset
    matrix = segment.ijkToLps
    mesh = TriangleMesh(indexPoints @ matrix[:3, :3].T + matrix[:3, 3], mesh.triangles, segment.name, segment.color)
    return mesh.reversed() if mesh.volumeMm3 < 0 else mesh


def _croppedLabel(segment: Segment) -> tuple[np.ndarray, np.ndarray]:
    """The part of the label array that holds the segment, and the index (i, j, k) of its first voxel."""
    box = segment.occupiedBox()
    if box is None:
        raise M3DError(f"Segment '{segment.name}' is empty: no voxel belongs to it.")
    label = np.ascontiguousarray(segment.array[box], dtype=np.uint8)
    return label, np.array([axis.start for axis in box[::-1]], dtype=np.float64)
