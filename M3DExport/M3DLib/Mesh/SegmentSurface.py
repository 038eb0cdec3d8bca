"""The closed surface of a segment, as Slicer's own conversion rule makes it."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..Errors import M3DError
from .LabelSurface import convertBySlicer, flyingEdges
from .SurfaceParameters import FLYING_EDGES, SurfaceParameters
from .TriangleMesh import TriangleMesh

if TYPE_CHECKING:
    from ..Segmentation.Segment import Segment

# Under this name a mesh keeps its points as they were before smoothing.
_KEPT = "beforeSmoothing"


def makeSurface(
    segment: Segment, parameters: SurfaceParameters | None = None, keepUnsmoothed: bool = False
) -> TriangleMesh:
    """Surface of a segment as Slicer makes it, triangulated and facing outward.

    Slicer's rule works on voxel indices and moves the result to the patient afterwards. The same is done here, but with
    the whole affine in double precision: sheared (gantry tilt), oblique and left-handed grids come out right, where the
    application leaves left-handed ones inside out.

    :param segment: voxels and their grid; any handedness.
    :param parameters: defaults of :class:`SurfaceParameters` when None.
    :param keepUnsmoothed: whether the mesh keeps where its points were before smoothing, 12 bytes each, for
        :func:`unsmoothedSurface`, until it is told to ``dropStructures``.
    :return: mesh in LPS mm with the segment's name and color.
    :raises M3DError: the segment is empty, or the conversion gives no triangles.
    """
    parameters = parameters or SurfaceParameters()
    label, offset = _croppedLabel(segment)
    plain = []
    if parameters.method != FLYING_EDGES:
        polyData = convertBySlicer(label, parameters)
    elif keepUnsmoothed:
        polyData = flyingEdges(label, parameters, lambda surface: plain.append(TriangleMesh.fromPolyData(surface)))
    else:
        polyData = flyingEdges(label, parameters)
    mesh = TriangleMesh.fromPolyData(polyData, segment.name)
    if not len(mesh.triangles):
        raise M3DError(
            f"Segment '{segment.name}' gave a surface without triangles; try less decimation or another method.",
        )
    same = bool(plain) and np.array_equal(plain[0].triangles, mesh.triangles)
    triangles = mesh.triangles
    mesh = TriangleMesh(_toLps(mesh.points, offset, segment), triangles, segment.name, segment.color)
    mesh = mesh.reversed() if mesh.volumeMm3 < 0 else mesh
    if same:
        mesh.cached(_KEPT, lambda: _Unsmoothed(plain[0].points, offset, _fingerprint(label, segment)))
    return mesh


def unsmoothedSurface(mesh: TriangleMesh, segment: Segment) -> TriangleMesh:
    """Surface around the voxels of a segment, to compare a mesh with that may have been made of it by smoothing.

    What the mesh keeps from when it was made, if it was made of these voxels; else it is made anew.

    :return: mesh in LPS mm, with the triangles of ``mesh`` where it is that one before smoothing.
    :raises M3DError: as :func:`makeSurface`.
    """
    known = mesh.cached(_KEPT, lambda: None)
    if known is not None and segment.occupiedBox() is not None:
        label, offset = _croppedLabel(segment)
        if np.array_equal(offset, known.offset) and _fingerprint(label, segment) == known.fingerprint:
            return TriangleMesh(_toLps(known.points, offset, segment), mesh.triangles, segment.name, segment.color)
    surface = makeSurface(segment, SurfaceParameters(smoothing=0.0, decimation=0.0))
    if np.array_equal(mesh.triangles, surface.triangles):
        # Smoothing moves points only; what is the same is held once.
        surface.triangles = mesh.triangles
    return surface


@dataclass
class _Unsmoothed:
    """Where the points of a mesh were before smoothing.

    :ivar points: float32 (n, 3), voxel indices from ``offset`` on. :ivar fingerprint: of what the mesh was made of.
    """

    points: np.ndarray
    offset: np.ndarray
    fingerprint: tuple


def _fingerprint(label: np.ndarray, segment: Segment) -> tuple:
    """Tells voxels and grid of a segment from others, also from those of the same segment after it was edited."""
    return label.shape, zlib.crc32(label), segment.ijkToLps.tobytes()


def _toLps(points: np.ndarray, offset: np.ndarray, segment: Segment) -> np.ndarray:
    """Voxel indices (n, 3) from an offset on to LPS mm, float64."""
    matrix = segment.ijkToLps
    return (points.astype(np.float64) + offset) @ matrix[:3, :3].T + matrix[:3, 3]


def _croppedLabel(segment: Segment) -> tuple[np.ndarray, np.ndarray]:
    """The part of the label array that holds the segment, and the index (i, j, k) of its first voxel."""
    box = segment.occupiedBox()
    if box is None:
        raise M3DError(f"Segment '{segment.name}' is empty: no voxel belongs to it.")
    label = np.ascontiguousarray(segment.array[box], dtype=np.uint8)
    return label, np.array([axis.start for axis in box[::-1]], dtype=np.float64)
