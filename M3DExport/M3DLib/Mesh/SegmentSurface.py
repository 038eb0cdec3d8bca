"""The closed surface of a segment, made by Slicer's own conversion rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..Errors import M3DError
from ..SlicerModuleClasses import moduleClass
from .SurfaceParameters import SURFACE_NETS, SurfaceParameters
from .TriangleMesh import TriangleMesh

if TYPE_CHECKING:
    import vtk

    from ..Segmentation.Segment import Segment

_BINARY_LABELMAP = "Binary labelmap"
_CLOSED_SURFACE = "Closed surface"


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
    polyData = _convert(label, parameters)
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


def registerConversionRules() -> None:
    """Make vtkSegmentation able to convert: the application does so at start, outside it nobody has."""
    import slicer

    if not slicer.vtkSegmentationConverterFactory.GetInstance().GetConverterRules():
        logic = moduleClass("vtkSlicerSegmentationsModuleLogic")()
        logic.SetMRMLScene(slicer.vtkMRMLScene())


def _convert(label: np.ndarray, parameters: SurfaceParameters) -> vtk.vtkPolyData:
    """Closed surface of a label array (k, j, i) in voxel index coordinates, by vtkSegmentation."""
    import slicer
    import vtk
    from vtk.util.numpy_support import numpy_to_vtk

    registerConversionRules()
    image = slicer.vtkOrientedImageData()
    image.SetDimensions(*label.shape[::-1])
    scalars = numpy_to_vtk(label.reshape(-1), deep=False, array_type=vtk.VTK_UNSIGNED_CHAR)
    scalars.SetName("ImageScalars")
    image.GetPointData().SetScalars(scalars)

    segmentation = slicer.vtkSegmentation()
    segmentation.SetSourceRepresentationName(_BINARY_LABELMAP)
    vtkSegment = slicer.vtkSegment()
    vtkSegment.AddRepresentation(_BINARY_LABELMAP, image)
    segmentation.AddSegment(vtkSegment, "segment")
    for name, value in {
        "Conversion method": "1" if parameters.method == SURFACE_NETS else "0",
        "Smoothing factor": str(parameters.smoothing),
        "Decimation factor": str(parameters.decimation),
        # STL holds no point normals, and joint smoothing yields no polygons in VTK 9.6.
        "Compute surface normals": "0",
        "Joint smoothing": "0",
        "SurfaceNets smoothing": "0",
    }.items():
        segmentation.SetConversionParameter(name, value)
    if not segmentation.CreateRepresentation(_CLOSED_SURFACE, True):
        raise M3DError("Slicer's segmentation classes could not convert the labelmap to a closed surface.")
    return segmentation.GetSegment("segment").GetRepresentation(_CLOSED_SURFACE)
