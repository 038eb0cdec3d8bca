"""Ridges and corners of refined surfaces, held against the true shapes, sharp ones and rounded ones."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from M3DLib.Intersection.SelfIntersection import selfIntersections
from M3DLib.Mesh.SegmentSurface import makeSurface
from M3DLib.Mesh.SurfaceParameters import SurfaceParameters
from M3DLib.Phantom.PhantomImage import renderPhantom
from M3DLib.Phantom.PhantomShapes import Box, Cylinder, HalfSpace, Intersection, Sphere, Union, rotationAbout
from M3DLib.Segmentation.SegmentFit import thresholdSegment
from M3DLib.Surface.SurfaceRecord import recordParameters, refinementText
from M3DLib.Surface.SurfaceRefinement import refineSurface
from M3DTestSupport.CurvedShapes import RoundedBox

CONTRAST = 1200
CENTER = (0.13, -0.21, 0.37)
AXES = tuple(map(tuple, rotationAbout((1, 2, 3), 33)))
BAR = Box(CENTER, (14, 12, 10), AXES)
# Barycentric coordinates of three places that a mean over a triangle can be taken at.
PLACES = (np.ones((3, 3)) + 3 * np.eye(3)) / 6


def scanOf(shape, half=11.5, *, noise=30.0, spacing=(0.5, 0.5, 1.0), fwhm=0.8, grain=0.0):
    matrix = np.eye(4)
    matrix[:3, :3] = rotationAbout((3, 1, 2), 25) @ np.diag(spacing)
    dimensions = tuple(int(np.ceil(2 * half / size)) for size in spacing)
    matrix[:3, 3] = -matrix[:3, :3] @ ((np.array(dimensions) - 1) / 2)
    return renderPhantom([(shape, CONTRAST)], 0, dimensions, matrix, fwhm, noise=noise, noiseFwhm=grain, seed=4)


def surfaceOf(image, share=0.5):
    return makeSurface(thresholdSegment(image, share * CONTRAST, None, 1), SurfaceParameters(smoothing=0.2))


def errors(mesh, shape):
    """Mean and standard deviation of the distance from the true surface over the area, mm."""
    corners = mesh.corners().astype(np.float64)
    distance = shape.signedDistance(np.einsum("pc,tci->pti", PLACES, corners).reshape(-1, 3))
    product = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas = np.tile(np.linalg.norm(product, axis=1), len(PLACES))
    mean = np.average(distance, weights=areas)
    return mean, np.sqrt(np.average((distance - mean) ** 2, weights=areas))


@pytest.fixture(scope="module")
def barScan():
    return scanOf(BAR)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_whateverTheThresholdTheBarHasItsRidges(barScan, share):
    after = refineSurface(surfaceOf(barScan, share), barScan)
    bias, spread = errors(after, BAR)
    # With a perfect place for every vertex, but none on the ridges, the triangles of this bar would be 0.012 mm too
    # low on average already.
    assert abs(bias) <= 0.006
    assert spread <= 0.04
    assert abs(after.volumeMm3 / BAR.volumeMm3 - 1) <= 0.004


def test_trianglesStayAndTheSurfaceStaysSound(barScan):
    before = surfaceOf(barScan)
    after = refineSurface(before, barScan)
    assert np.array_equal(after.triangles, before.triangles)
    assert after.isClosed
    assert not len(selfIntersections(after.points.astype(np.float64), after.triangles.astype(np.int64)).pairs)
    corners = after.corners().astype(np.float64)
    product = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert np.linalg.norm(product, axis=1).min() > 1e-4


def test_noVertexGoesBeyondTheRangeForARidge(barScan):
    before = surfaceOf(barScan)
    after = refineSurface(before, barScan, 0.3)
    moved = np.linalg.norm(after.points.astype(np.float64) - before.points, axis=1)
    assert moved.max() <= 0.30001


def test_cornersAreWhereThreeFacesMeet(barScan):
    after = refineSurface(surfaceOf(barScan), barScan)
    signs = np.array(np.meshgrid((-1, 1), (-1, 1), (-1, 1))).reshape(3, -1).T
    corners = np.array(CENTER) + (signs * np.array(BAR.size) / 2) @ np.array(AXES)
    distance, _ = cKDTree(after.points).query(corners)
    # A corner may be missed, but not most of them.
    assert (distance < 0.15).sum() >= 6


@pytest.mark.parametrize("radius", [0.3, 0.6, 1.0, 2.0])
def test_whatIsRoundIsNotSharpened(radius):
    shape = RoundedBox(BAR.center, BAR.size, BAR.axes, radius)
    image = scanOf(shape)
    after = refineSurface(surfaceOf(image), image)
    distance = shape.signedDistance(after.points.astype(np.float64))
    # A sharp ridge would stand out by 0.41 of the radius, which is 0.12 mm for the smallest.
    assert np.percentile(distance, 99.5) < 0.14
    bias, spread = errors(after, shape)
    assert abs(bias) < 0.02
    assert spread < 0.065


def test_ridgesThatCurveAndGroovesAreFoundToo():
    rod = Cylinder(CENTER, AXES[2], 6, 12)
    image = scanOf(rod)
    bias, spread = errors(refineSurface(surfaceOf(image), image), rod)
    assert abs(bias) <= 0.005
    assert spread <= 0.02
    profile = Union((Box((0, 0, 0), (14, 5, 12), AXES), Box(tuple(np.array(AXES[0]) * 4.5), (5, 14, 12), AXES)))
    image = scanOf(profile)
    bias, spread = errors(refineSurface(surfaceOf(image), image), profile)
    assert abs(bias) <= 0.008
    assert spread <= 0.045


def test_aRidgeIsNotFollowedBeyondItsEnd():
    # An obtuse wedge whose ridge ends at a ball, of whose surface nothing may be drawn out.
    normals = np.array(AXES)[0], 0.5 * np.array(AXES)[0] + np.sqrt(0.75) * np.array(AXES)[1]
    wedge = Intersection((*(HalfSpace((0, 0, 0), tuple(normal)) for normal in normals), Sphere((0, 0, 0), 9)))
    image = scanOf(wedge)
    after = refineSurface(surfaceOf(image), image)
    assert wedge.signedDistance(after.points.astype(np.float64)).max() < 0.25
    assert after.record["refinement"]["ridgeShare"] > 0


def test_aBallHasNoRidges():
    ball = Sphere(CENTER, 8)
    image = scanOf(ball)
    record = refineSurface(surfaceOf(image), image).record["refinement"]
    assert record["applied"]
    assert record["ridgeShare"] == record["largestAtRidge"] == 0
    assert "ridges" not in refinementText(record)


def test_inGrainyNoiseRidgesAreLeftAlone():
    image = scanOf(BAR, noise=60.0, grain=1.0)
    record = refineSurface(surfaceOf(image), image).record["refinement"]
    assert record["ridgeShare"] < 0.02


def test_inStrongNoiseRidgesAreLeftAlone():
    image = scanOf(BAR, noise=70.0)
    record = refineSurface(surfaceOf(image), image).record["refinement"]
    assert record["applied"]
    assert record["ridgeShare"] == 0


def test_inThickSlicesRidgesAreLeftAlone():
    image = scanOf(BAR, spacing=(0.5, 0.5, 3.0), fwhm=(0.8, 0.8, 3.0))
    record = refineSurface(surfaceOf(image), image).record["refinement"]
    assert record["ridgeShare"] == 0


def test_whatWasDoneAtRidgesIsSaid(barScan):
    after = refineSurface(surfaceOf(barScan), barScan)
    record = after.record["refinement"]
    assert 0.02 < record["ridgeShare"] < 0.55
    assert 0.1 < record["largestAtRidge"] <= record["largestDisplacement"] + 1
    assert "ridges and grooves" in refinementText(record)
    assert "refinementRidgeShare" in dict(recordParameters(after.record))
