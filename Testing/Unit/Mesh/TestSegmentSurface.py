"""The surface of a segment: as Slicer makes it, facing outward, where the grid says."""

import gc
import itertools
import weakref

import numpy as np
import pytest
from scipy.spatial import cKDTree

from M3DLib.Errors import M3DError
from M3DLib.Mesh.LabelSurface import convertBySlicer, flyingEdges
from M3DLib.Mesh.SegmentSurface import makeSurface, unsmoothedSurface
from M3DLib.Mesh.SurfaceParameters import FLYING_EDGES, METHODS, SurfaceParameters
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.Segmentation.Segment import Segment
from M3DTestSupport.Grids import ballOn, gridThrough

CENTER = np.array([12.3, -45.6, 78.9])
RADIUS = 9.0
BALL_VOLUME = 4 / 3 * np.pi * RADIUS**3


def requireBall(mesh, tolerance=0.6):
    """Points of the mesh lie on the analytic sphere within about half a voxel, and the mesh faces outward."""
    distance = np.linalg.norm(mesh.points.astype(float) - CENTER, axis=1) - RADIUS
    assert np.abs(distance).max() < tolerance
    assert abs(np.average(distance)) < 0.1
    assert mesh.isClosed
    assert mesh.volumeMm3 == pytest.approx(BALL_VOLUME, rel=0.015)


@pytest.mark.parametrize("flips", list(itertools.product([1, -1], repeat=3)))
def test_everyAxisFlipGivesOutwardTrianglesInPlace(flips):
    grid = gridThrough(CENTER, spacing=(0.6, 0.6, 1.0), axes=np.diag(flips))
    requireBall(makeSurface(ballOn(grid, CENTER, RADIUS)))


@pytest.mark.parametrize("method", METHODS)
def test_anObliqueGridGivesTheBallInPlace(method):
    oblique = np.linalg.qr(np.array([[0.9, 0.2, -0.3], [-0.1, 0.8, 0.4], [0.5, -0.4, 0.7]]))[0]
    grid = gridThrough(CENTER, spacing=(0.5, 0.7, 0.9), axes=oblique)
    requireBall(makeSurface(ballOn(grid, CENTER, RADIUS), SurfaceParameters(method)))


def test_aShearedGridGivesTheBallInPlace():
    axes = np.eye(3)
    axes[1, 2] = np.tan(np.deg2rad(20))
    grid = gridThrough(CENTER, spacing=(0.5, 0.5, 1.0), axes=axes)
    requireBall(makeSurface(ballOn(grid, CENTER, RADIUS)))


def test_theSurfaceIsTheOneSlicerMakesFromTheSameLabelmap():
    """Slicer's own way, with the geometry in the labelmap: the same triangles at the same places."""
    grid = gridThrough(CENTER, spacing=(0.5, 0.7, 0.9), axes=np.eye(3))
    segment = ballOn(grid, CENTER, RADIUS)
    mesh = makeSurface(segment, SurfaceParameters(FLYING_EDGES, smoothing=0.5))
    expected = surfaceBySlicer(segment, "0.5")
    assert len(mesh.triangles) == expected.GetNumberOfPolys()
    points = np.array([expected.GetPoint(i) for i in range(expected.GetNumberOfPoints())]) * [-1, -1, 1]
    distances, _ = cKDTree(points).query(mesh.points.astype(float))
    assert distances.max() < 2e-4
    assert len(mesh.points) == len(points)


def surfaceBySlicer(segment, smoothing):
    """Closed surface in RAS mm, by vtkSegmentation with a labelmap that carries its geometry itself."""
    import slicer
    import vtk
    from vtk.util.numpy_support import numpy_to_vtk

    logic = slicer.vtkSlicerSegmentationsModuleLogic()
    logic.SetMRMLScene(slicer.vtkMRMLScene())
    image = slicer.vtkOrientedImageData()
    image.SetDimensions(*segment.array.shape[::-1])
    scalars = numpy_to_vtk(segment.array.ravel(), deep=True, array_type=vtk.VTK_UNSIGNED_CHAR)
    image.GetPointData().SetScalars(scalars)
    matrix = vtk.vtkMatrix4x4()
    for row, column in itertools.product(range(4), range(4)):
        matrix.SetElement(row, column, (np.diag([-1, -1, 1, 1]) @ segment.ijkToLps)[row, column])
    image.SetImageToWorldMatrix(matrix)
    segmentation = slicer.vtkSegmentation()
    segmentation.SetSourceRepresentationName("Binary labelmap")
    vtkSegment = slicer.vtkSegment()
    vtkSegment.AddRepresentation("Binary labelmap", image)
    segmentation.AddSegment(vtkSegment, "segment")
    segmentation.SetConversionParameter("Smoothing factor", smoothing)
    assert segmentation.CreateRepresentation("Closed surface", True)
    surface = vtk.vtkPolyData()
    surface.DeepCopy(vtkSegment.GetRepresentation("Closed surface"))
    return surface


def test_aSegmentThatReachesTheEdgeOfItsGridIsClosedThere():
    array = np.ones((6, 8, 10), dtype=np.uint8)
    mesh = makeSurface(Segment(array, np.eye(4), "block"), SurfaceParameters(smoothing=0))
    assert mesh.isClosed
    np.testing.assert_allclose(mesh.boundsLps, (-0.5, 9.5, -0.5, 7.5, -0.5, 5.5), atol=1e-5)


def test_theDefaultKeepsTheVolumeOfSmallParts():
    grid = gridThrough(CENTER, spacing=(0.5, 0.5, 1.0), axes=np.eye(3))
    ball = ballOn(grid, CENTER, 3.0)
    assert makeSurface(ball).volumeMm3 == pytest.approx(ball.volumeMm3, rel=0.03)
    shrunk = makeSurface(ball, SurfaceParameters(smoothing=0.5))
    assert shrunk.volumeMm3 < 0.96 * ball.volumeMm3


def test_twoVoxelsThatShareAnEdgeStillBoundAVolume():
    array = np.zeros((3, 4, 4), dtype=np.uint8)
    array[1, 1, 1] = array[1, 2, 2] = 1
    mesh = makeSurface(Segment(array, np.eye(4), "corner"), SurfaceParameters(smoothing=0))
    assert mesh.isClosed
    assert mesh.volumeMm3 > 0


def test_nameAndColorComeFromTheSegment():
    segment = Segment(np.ones((3, 3, 3), dtype=np.uint8), np.eye(4), "skull", (0.1, 0.2, 0.3))
    mesh = makeSurface(segment)
    assert (mesh.name, mesh.color) == ("skull", (0.1, 0.2, 0.3))


def test_anEmptySegmentIsRefusedByName():
    with pytest.raises(M3DError, match="'nothing' is empty"):
        makeSurface(Segment(np.zeros((3, 3, 3), dtype=np.uint8), np.eye(4), "nothing"))


@pytest.mark.parametrize("values", [{"smoothing": 1.5}, {"decimation": 1.0}, {"method": "marching"}])
def test_parametersOutsideTheirRangeAreRefused(values):
    with pytest.raises(M3DError, match=next(iter(values)).capitalize() if "method" not in values else "marching"):
        SurfaceParameters(**values)


def vorticesLabel():
    """A surface with saddles that runs into all borders, and a voxel on its own."""
    z, y, x = np.mgrid[:24, :26, :28]
    label = (np.sin(x / 3.1) + np.sin(y / 2.7) + np.sin(z / 2.3) > 0.2).astype(np.uint8)
    label[5:8, 5:8, 5:8] = 0
    label[6, 6, 6] = 1
    return label


@pytest.mark.parametrize(
    ("smoothing", "decimation"), [(0, 0), (0.2, 0), (0.37, 0), (1, 0), (0, 0.5), (0.2, 0.9), (0.5, 0.33)]
)
def test_surfaceIsThatOfSlicersRuleToTheLastBit(smoothing, decimation):
    from vtk.util.numpy_support import vtk_to_numpy

    parameters = SurfaceParameters(FLYING_EDGES, smoothing, decimation)
    ours, slicers = (convert(vorticesLabel(), parameters) for convert in (flyingEdges, convertBySlicer))
    points, expected = (vtk_to_numpy(one.GetPoints().GetData()) for one in (ours, slicers))
    assert points.dtype == expected.dtype
    assert np.array_equal(points, expected)
    triangles, expected = (vtk_to_numpy(one.GetPolys().GetConnectivityArray()) for one in (ours, slicers))
    assert np.array_equal(triangles, expected)
    assert ours.GetPolys().IsHomogeneous() == 3


def test_theNumberOfThreadsChangesNoBit(monkeypatch):
    from vtk import vtkSMPTools

    label, parameters, before = vorticesLabel(), SurfaceParameters(smoothing=0.5), vtkSMPTools.GetBackend()
    surfaces = {}
    try:
        for processors, backend in ((4, "STDThread"), (1, "Sequential")):
            vtkSMPTools.SetBackend("Sequential")
            monkeypatch.setattr("M3DLib.Mesh.LabelSurface.freeProcessors", lambda processors=processors: processors)
            surfaces[backend] = TriangleMesh.fromPolyData(flyingEdges(label, parameters))
            assert vtkSMPTools.GetBackend() == backend
    finally:
        vtkSMPTools.SetBackend(before)
    many, one = surfaces.values()
    assert np.array_equal(many.points, one.points)
    assert np.array_equal(many.triangles, one.triangles)


def test_theVoxelsAreNotKeptWhenTheSurfaceIsMade(monkeypatch):
    made, pad = [], np.pad

    def remembered(*arguments, **more):
        made.append(weakref.ref(result := pad(*arguments, **more)))
        return result

    monkeypatch.setattr("M3DLib.Mesh.LabelSurface.np.pad", remembered)
    surface = flyingEdges(vorticesLabel(), SurfaceParameters())
    gc.collect()
    assert surface.GetNumberOfPolys() and len(made) == 1 and made[0]() is None


@pytest.mark.parametrize("mirrored", [False, True])
def test_surfaceBeforeSmoothingIsKeptToTheLastBit(monkeypatch, mirrored):
    matrix = np.array([[0.4, 0.05, 0, 9], [0, 0.5, 0, -70], [0.1, 0, -1.25 if mirrored else 1.25, 3], [0, 0, 0, 1]])
    segment = Segment(vorticesLabel(), matrix, "vortices")
    mesh = makeSurface(segment, SurfaceParameters(smoothing=0.5), keepUnsmoothed=True)
    plain = makeSurface(segment, SurfaceParameters(smoothing=0))
    monkeypatch.setattr("M3DLib.Mesh.SegmentSurface.flyingEdges", None)
    kept = unsmoothedSurface(mesh, segment)
    assert kept.triangles is mesh.triangles
    assert np.array_equal(kept.points, plain.points)
    assert np.array_equal(kept.triangles, plain.triangles)
    assert not np.array_equal(kept.points, mesh.points)


@pytest.mark.parametrize("change", ["voxels", "place", "grid", "dropped", "decimated"])
def test_surfaceBeforeSmoothingIsNotThatOfAnotherSegment(change):
    segment = Segment(vorticesLabel(), np.diag([0.4, 0.5, 1.25, 1]), "vortices")
    decimation = 0.3 if change == "decimated" else 0.0
    mesh = makeSurface(segment, SurfaceParameters(smoothing=0.5, decimation=decimation), keepUnsmoothed=True)
    if change == "voxels":
        k, j, i = np.argwhere(segment.array)[700]
        segment.array[k, j, i] = 0
    elif change == "place":
        segment.array = np.roll(np.pad(segment.array, 1), 1, axis=0)
    elif change == "grid":
        segment.ijkToLps[0, 3] = 0.01
    elif change == "dropped":
        mesh.dropStructures()
    found, plain = unsmoothedSurface(mesh, segment), makeSurface(segment, SurfaceParameters(smoothing=0))
    assert np.array_equal(found.points, plain.points)
    assert np.array_equal(found.triangles, plain.triangles)
