"""The surface around the voxels of a label, in voxel index coordinates: by VTK's filters, or by Slicer's classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ..Errors import M3DError
from ..FreeMachine import freeProcessors
from ..SlicerModuleClasses import moduleClass
from .SurfaceParameters import SURFACE_NETS, SurfaceParameters

if TYPE_CHECKING:
    from vtkmodules.vtkCommonDataModel import vtkPolyData
    from vtkmodules.vtkCommonExecutionModel import vtkPolyDataAlgorithm

_BINARY_LABELMAP = "Binary labelmap"
_CLOSED_SURFACE = "Closed surface"
# More bring little, and other cases of a batch want some too.
MOST_THREADS = 4


def flyingEdges(
    label: np.ndarray,
    parameters: SurfaceParameters,
    beforeSmoothing: Callable[[vtkPolyData], None] = lambda surface: None,
) -> vtkPolyData:
    """What Slicer's rule makes with the method "flying edges", point by point, by the filters that it is made of.

    Called as filters they let other threads of Python work, a user interface for example; the rule, which is one call
    of a class that is none, holds them all up until it is done. A test compares the two to the last bit.

    :param label: uint8 (k, j, i), 1 where the segment is.
    :param beforeSmoothing: called with the surface as the voxels give it, where it is smoothed but not decimated.
    :return: triangles in voxel index coordinates (i, j, k) of the label.
    """
    from vtkmodules.util.numpy_support import numpy_to_vtk
    from vtkmodules.vtkCommonCore import VTK_UNSIGNED_CHAR
    from vtkmodules.vtkCommonDataModel import vtkImageData
    from vtkmodules.vtkFiltersCore import vtkDecimatePro, vtkWindowedSincPolyDataFilter
    from vtkmodules.vtkFiltersGeneral import vtkDiscreteFlyingEdges3D

    useThreads()
    # A segment that reaches the border of its box is closed there.
    padded = np.pad(label, 1)
    image = vtkImageData()
    image.SetDimensions(*padded.shape[::-1])
    image.SetOrigin(-1.0, -1.0, -1.0)
    scalars = numpy_to_vtk(padded.reshape(-1), array_type=VTK_UNSIGNED_CHAR)
    image.GetPointData().SetScalars(scalars)
    edges = vtkDiscreteFlyingEdges3D()
    edges.SetInputData(image)
    edges.SetValue(0, 1)
    edges.ComputeNormalsOff()
    edges.ComputeGradientsOff()
    edges.ComputeScalarsOff()
    surface = _done(edges)
    # VTK's wrapping of Python remembers what the last arrays that are gone rested on, here all voxels of the segment.
    image.GetPointData().Initialize()
    del scalars._numpy_reference, scalars, padded
    if parameters.decimation > 0:
        decimation = vtkDecimatePro()
        decimation.SetInputData(surface)
        decimation.SetFeatureAngle(60.0)
        decimation.SplittingOff()
        decimation.PreserveTopologyOn()
        decimation.SetMaximumError(1.0)
        decimation.SetTargetReduction(parameters.decimation)
        surface = _done(decimation)
    if parameters.smoothing > 0:
        if not parameters.decimation > 0:
            beforeSmoothing(surface)
        smoothing = vtkWindowedSincPolyDataFilter()
        smoothing.SetInputData(surface)
        smoothing.SetNumberOfIterations(20 + int(40 * parameters.smoothing))
        smoothing.SetPassBand(10.0 ** (-4.0 * parameters.smoothing))
        smoothing.BoundarySmoothingOff()
        smoothing.FeatureEdgeSmoothingOff()
        smoothing.NonManifoldSmoothingOn()
        smoothing.NormalizeCoordinatesOn()
        surface = _done(smoothing)
    return surface


def useThreads() -> None:
    """Let VTK's filters work in several threads where the program has not decided otherwise.

    Outside of applications VTK comes with threads switched off. The filters used here make the same to the last bit
    whatever their number.
    """
    from vtkmodules.vtkCommonCore import vtkSMPTools

    if vtkSMPTools.GetBackend() == "Sequential" and freeProcessors() > 1:
        vtkSMPTools.SetBackend("STDThread")
        vtkSMPTools.Initialize(min(freeProcessors(), MOST_THREADS))


def _done(filterOfVtk: vtkPolyDataAlgorithm) -> vtkPolyData:
    filterOfVtk.Update()
    return filterOfVtk.GetOutput()


def registerConversionRules() -> None:
    """Make vtkSegmentation able to convert: the application does so at start, outside it nobody has."""
    import slicer

    if not slicer.vtkSegmentationConverterFactory.GetInstance().GetConverterRules():
        logic = moduleClass("vtkSlicerSegmentationsModuleLogic")()
        logic.SetMRMLScene(slicer.vtkMRMLScene())


def convertBySlicer(label: np.ndarray, parameters: SurfaceParameters) -> vtkPolyData:
    """Closed surface of a label array (k, j, i) in voxel index coordinates, by vtkSegmentation.

    :raises M3DError: the classes refuse it.
    """
    import slicer
    from vtkmodules.util.numpy_support import numpy_to_vtk
    from vtkmodules.vtkCommonCore import VTK_UNSIGNED_CHAR

    registerConversionRules()
    image = slicer.vtkOrientedImageData()
    image.SetDimensions(*label.shape[::-1])
    scalars = numpy_to_vtk(label.reshape(-1), deep=False, array_type=VTK_UNSIGNED_CHAR)
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
