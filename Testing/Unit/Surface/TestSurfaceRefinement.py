"""The surface of a segment moved to the image's edge, held against the true surface of what was scanned."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import cKDTree

from M3DLib.Errors import Cancelled, M3DError
from M3DLib.Intersection.SelfIntersection import selfIntersections
from M3DLib.Mesh.MeshGeometry import vertexAreas
from M3DLib.Mesh.SegmentSurface import makeSurface
from M3DLib.Mesh.SurfaceParameters import SurfaceParameters
from M3DLib.Phantom.PhantomImage import renderPhantom
from M3DLib.Phantom.PhantomShapes import Box, HalfSpace, Intersection, Sphere, Union, rotationAbout
from M3DLib.Segmentation.SegmentFit import thresholdSegment
from M3DLib.Surface.SurfaceMaking import makeSegmentSurfaces
from M3DLib.Surface.SurfaceRefinement import refineSurface

CONTRAST = 1200
BALL = Sphere((0.13, -0.21, 0.37), 10)
AXES = tuple(map(tuple, rotationAbout((1, 2, 3), 33)))


def scanOf(shape, half=14.0, *, spacing=(0.5, 0.5, 1.0), fwhm=0.8, noise=30.0, turn=25.0):
    dimensions = tuple(int(np.ceil(2 * half / size)) for size in spacing)
    matrix = np.eye(4)
    matrix[:3, :3] = rotationAbout((3, 1, 2), turn) @ np.diag(spacing)
    matrix[:3, 3] = -matrix[:3, :3] @ ((np.array(dimensions) - 1) / 2)
    return renderPhantom([(shape, CONTRAST)], 0, dimensions, matrix, fwhm, noise=noise, seed=4)


def surfaceAt(image, share, smoothing=0.2):
    return makeSurface(thresholdSegment(image, share * CONTRAST, None, 1), SurfaceParameters(smoothing=smoothing))


def errors(mesh, shape):
    """Mean and standard deviation of the distance from the true surface over the area, mm."""
    distance, areas = shape.signedDistance(mesh.points.astype(np.float64)), vertexAreas(mesh)
    mean = np.average(distance, weights=areas)
    return mean, np.sqrt(np.average((distance - mean) ** 2, weights=areas))


@pytest.fixture(scope="module")
def ballScan():
    return scanOf(BALL)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_whateverTheThresholdTheBallComesOutTrue(ballScan, share):
    before = surfaceAt(ballScan, share)
    after = refineSurface(before, ballScan)
    bias, spread = errors(after, BALL)
    # The corners of triangles 0.6 mm wide stand out of the ball by up to 0.006 mm so that the surface lies on it.
    assert abs(bias) <= 0.008
    assert spread <= 0.02
    assert abs(after.volumeMm3 / BALL.volumeMm3 - 1) <= 0.002
    assert spread < 0.25 * errors(before, BALL)[1]


def test_theStrongSmoothingOfTheApplicationIsTakenBack(ballScan):
    after = refineSurface(surfaceAt(ballScan, 0.5, smoothing=0.5), ballScan)
    bias, spread = errors(after, BALL)
    assert abs(bias) <= 0.006
    assert spread <= 0.02


def test_trianglesStayAndTheSurfaceStaysSound(ballScan):
    before = surfaceAt(ballScan, 0.2)
    after = refineSurface(before, ballScan)
    assert (after.triangles == before.triangles).all()
    assert after.isClosed
    found = selfIntersections(after.points.astype(np.float64), after.triangles.astype(np.int64))
    assert not len(found.pairs)


def test_noPointGoesBeyondTheRange(ballScan):
    before = surfaceAt(ballScan, 0.2)
    after = refineSurface(before, ballScan, 0.15)
    moved = np.linalg.norm(after.points.astype(np.float64) - before.points, axis=1)
    assert moved.max() <= 0.15001
    record = after.record["refinement"]
    assert record["settings"]["range"] == 0.15
    assert record["largestDisplacement"] == pytest.approx(moved.max(), abs=1e-5)
    assert record["heldShare"] > 0.5


@pytest.mark.parametrize("radius", [7.5, 12.5])
def test_aSurfaceFarFromEveryEdgeStaysToTheLastDigit(ballScan, radius):
    other = Sphere(BALL.center, radius)
    before = makeSurface(thresholdSegment(scanOf(other), 0.5 * CONTRAST, None, 1))
    after = refineSurface(before, ballScan)
    assert np.array_equal(after.points, before.points)
    record = after.record["refinement"]
    assert not record["applied"]
    assert record["movedShare"] == record["largestDisplacement"] == 0
    assert record["heldShare"] + record["leftShare"] == pytest.approx(1)
    assert "Nowhere" in record["reason"]


def test_whatWasDoneIsSaidInFiguresThatAddUp(ballScan):
    before = surfaceAt(ballScan, 0.3)
    after = refineSurface(before, ballScan)
    record = after.record["refinement"]
    assert record["movedShare"] + record["heldShare"] + record["leftShare"] == pytest.approx(1)
    assert record["movedShare"] > 0.95
    moved = np.linalg.norm(after.points.astype(np.float64) - before.points, axis=1)
    assert record["meanDisplacement"] == pytest.approx(np.average(moved, weights=vertexAreas(after)), rel=1e-4)


def test_aWallTooThinForTheBlurKeepsItsThickness():
    plate = Box((0, 0, 0), (16, 16, 1.0), AXES)
    image = scanOf(plate, 12)
    before = surfaceAt(image, 0.3)
    after = refineSurface(before, image)
    assert after.volumeMm3 == pytest.approx(before.volumeMm3, rel=0.02)
    assert after.record["refinement"]["heldShare"] > 0.9


def test_aNarrowGapBetweenTwoBallsStaysOpen():
    balls = Union(tuple(Sphere((side * 6.5, 0, 0), 6) for side in (-1, 1)))
    image = scanOf(balls, 15)
    segment = thresholdSegment(image, 0.5 * CONTRAST, None, 2)
    before = makeSurface(segment, SurfaceParameters())
    after = refineSurface(before, image)
    sides = after.points[:, 0]
    gap = sides[sides > 0].min() - sides[sides < 0].max()
    assert gap == pytest.approx(1.0, abs=0.15)


def test_aNeighborDoesNotAttractTheSurface():
    ball, wall = Sphere((0, 0, 0), 6), HalfSpace((8.2, 0, 0), (-1.0, 0.0, 0.0))
    image = scanOf(Union((ball, wall)), 13)
    small = makeSurface(thresholdSegment(scanOf(Sphere((0, 0, 0), 6), 13), 0.5 * CONTRAST, None, 1))
    after = refineSurface(small, image)
    assert np.abs(ball.signedDistance(after.points.astype(np.float64))).max() < 0.3


def test_aCutAtTheBorderOfTheScanStaysPlane():
    # A rod through the whole scan: both ends are cuts, at half a voxel beyond the last slices' centers.
    rod = Intersection((Sphere((0, 0, 0), 100), Box((0, 0, 0), (12, 12, 100), ((1, 0, 0), (0, 1, 0), (0, 0, 1)))))
    image = scanOf(rod, 10, turn=0.0)
    before = surfaceAt(image, 0.2, smoothing=0.0)
    after = refineSurface(before, image)
    ends = np.abs(before.points[:, 2]) > np.abs(before.points[:, 2]).max() - 1e-3
    assert ends.sum() > 100
    assert np.abs(after.points[ends, 2] - before.points[ends, 2]).max() < 1e-4
    assert after.volumeMm3 < before.volumeMm3 - 50


def test_nothingMovesWhereTheContrastIsTooLowToBeSure():
    image = scanOf(BALL, noise=260.0)
    before = makeSurface(thresholdSegment(scanOf(BALL), 0.4 * CONTRAST, None, 1))
    after = refineSurface(before, image)
    record = after.record["refinement"]
    assert not record["applied"]
    assert "not fitted" in record["reason"]
    assert (after.points == before.points).all()


def test_onlyTheScanTellsWhereTheEdgeIs(ballScan):
    segment = thresholdSegment(ballScan, 0.5 * CONTRAST, None, 1)
    with pytest.raises(M3DError, match="scan"):
        makeSegmentSurfaces([segment], SurfaceParameters(refine=True))
    with pytest.raises(M3DError, match="above 0 mm"):
        refineSurface(makeSurface(segment), ballScan, 0.0)


def test_itStopsWhenItIsToldTo(ballScan):
    def stop(done, text):
        if done > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        refineSurface(surfaceAt(ballScan, 0.5), ballScan, progress=stop)


def test_segmentsThatTouchNeitherOverlapNorPart(ballScan):
    # The ball cut in two halves along a plane of voxels, of which the image shows nothing.
    whole = thresholdSegment(ballScan, 0.3 * CONTRAST, None, 1)
    middle = whole.array.shape[2] // 2
    halves = []
    for side in (slice(None, middle), slice(middle, None)):
        array = np.zeros_like(whole.array)
        array[:, :, side] = whole.array[:, :, side]
        halves.append(replace(whole, array=array))
    before = [makeSurface(half, SurfaceParameters(smoothing=0.0)) for half in halves]
    # The faces of the cut lie at the same places, up to rounding.
    distance, nearest = cKDTree(before[1].points).query(before[0].points)
    shared = np.flatnonzero(distance < 1e-4)
    assert len(shared) > 300
    after = makeSegmentSurfaces(halves, SurfaceParameters(smoothing=0.0, refine=True), ballScan)
    apart = np.linalg.norm(after[0].points[shared] - after[1].points[nearest[shared]], axis=1)
    assert apart.max() < 1e-4
    assert sum(mesh.volumeMm3 for mesh in after) == pytest.approx(BALL.volumeMm3, rel=0.02)
