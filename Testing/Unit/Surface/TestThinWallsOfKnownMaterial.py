"""A shell that grows thin on one side: its thick parts tell the material, its thin ones must be of the same."""

import numpy as np
import pytest

from M3DLib.Distance.DeviationMap import Quality
from M3DLib.Edge.ImageDeviation import deviationAndEdges, imageDeviation
from M3DLib.Mesh.MeshGeometry import vertexAreas
from M3DLib.Mesh.SegmentSurface import makeSurface
from M3DLib.Mesh.SurfaceParameters import SurfaceParameters
from M3DLib.Phantom.PhantomImage import renderPhantom
from M3DLib.Phantom.PhantomShapes import Difference, HalfSpace, Intersection, Sphere, rotationAbout
from M3DLib.Segmentation.SegmentFit import thresholdSegment
from M3DLib.Surface.SurfaceRefinement import refineSurface

CONTRAST = 1200
OUTER = Sphere((0.1, -0.2, 0.3), 9)
TOWARD = np.array([0.6, 0.5, 0.62]) / np.linalg.norm([0.6, 0.5, 0.62])
# From 4.9 down to 1.1 mm, which is 3.2 standard deviations of the blur.
SHELL = Difference(OUTER, Sphere(tuple(np.array(OUTER.center) + 1.9 * TOWARD), 6))


def scanOf(density):
    """The shell, with its thin side of another material from 1.8 mm beyond its center on."""
    other = HalfSpace(tuple(np.array(OUTER.center) + 1.8 * TOWARD), tuple(-TOWARD))
    matrix = np.eye(4)
    matrix[:3, :3] = rotationAbout((3, 1, 2), 25) @ np.diag((0.5, 0.5, 1.0))
    dimensions = (48, 48, 24)
    matrix[:3, 3] = -matrix[:3, :3] @ ((np.array(dimensions) - 1) / 2)
    paint = [(SHELL, CONTRAST), (Intersection((SHELL, other)), density * CONTRAST)]
    image = renderPhantom(paint, 0, dimensions, matrix, 0.8, noise=30.0, seed=4)
    return image, makeSurface(thresholdSegment(image, 0.4 * CONTRAST, None, 1), SurfaceParameters())


def error(mesh, where=slice(None)):
    """Root mean square of the distance from the true surface over the area, mm."""
    distance, areas = SHELL.signedDistance(mesh.points.astype(np.float64)), vertexAreas(mesh)
    return np.sqrt(np.average(distance[where] ** 2, weights=areas[where]))


def test_aThinWallOfTheMaterialOfThickOnesGetsItsThickness():
    image, before = scanOf(1.0)
    after = refineSurface(before, image)
    thin = (before.points - np.array(OUTER.center)) @ TOWARD > 7
    assert thin.sum() > 300
    assert error(before, thin) > 0.1
    assert error(after, thin) < 0.05
    assert after.record["refinement"]["movedShare"] > 0.95
    assert abs(after.volumeMm3 / (4 / 3 * np.pi * (9**3 - 6**3)) - 1) < 0.015


@pytest.mark.parametrize("density", [0.9, 0.75, 0.5])
def test_aThinWallOfAnotherMaterialIsNotMadeWorse(density):
    image, before = scanOf(density)
    after = refineSurface(before, image)
    thin = (before.points - np.array(OUTER.center)) @ TOWARD > 7
    assert error(after, thin) < error(before, thin)
    assert error(after) < 0.65 * error(before)


def test_whatIsOfSeveralMaterialsIsHeldAsIfNothingWereKnown():
    image, mesh = scanOf(0.5)
    quality = imageDeviation(mesh, image).quality
    assert (quality == Quality.THIN).sum() > 100
    assert (deviationAndEdges(mesh, image, toMove=True)[0].quality == quality).all()


def test_judgingASurfaceTakesNoMaterialForGranted():
    image, mesh = scanOf(1.0)
    plain, told = imageDeviation(mesh, image), deviationAndEdges(mesh, image, toMove=True)[0]
    thin = plain.quality == Quality.THIN
    assert thin.sum() > 100
    assert (told.quality[thin] != Quality.THIN).mean() > 0.5
    assert np.array_equal(told.distance[~thin], plain.distance[~thin], equal_nan=True)
