"""Surfaces at the border of the scan: what it cuts stays in its plane, what only lies near it goes to its edge."""

import numpy as np
import pytest

from M3DLib.Intersection.SelfIntersection import selfIntersections
from M3DLib.Mesh.SegmentSurface import makeSurface
from M3DLib.Mesh.SurfaceParameters import SurfaceParameters
from M3DLib.Phantom.PhantomImage import renderPhantom
from M3DLib.Phantom.PhantomShapes import Cylinder, Sphere
from M3DLib.Segmentation.SegmentFit import thresholdSegment
from M3DLib.Surface.SurfaceRefinement import refineSurface

CONTRAST, SPACING, DIMENSIONS = 1200, np.array([0.5, 0.5, 1.0]), (44, 44, 20)


def refined(shape, share, smoothing=0.2):
    """Image whose border is at z = 10 and -10 mm, the surface of a shape in it, before and after."""
    matrix = np.diag([*SPACING, 1.0])
    matrix[:3, 3] = -SPACING * (np.array(DIMENSIONS) - 1) / 2
    image = renderPhantom([(shape, CONTRAST)], 0, DIMENSIONS, matrix, 0.8, noise=20.0, seed=4)
    before = makeSurface(thresholdSegment(image, share * CONTRAST, None, 1), SurfaceParameters(smoothing=smoothing))
    return before, refineSurface(before, image)


def test_aPoleNearTheBorderThatIsNotCutGoesToItsEdge():
    # Its pole lies 1 mm, one slice, below the border.
    ball = Sphere((0.2, -0.1, 3), 6)
    before, after = refined(ball, 0.2)
    near = before.points[:, 2] > 9 - 0.3
    assert near.sum() > 50
    old, new = (ball.signedDistance(mesh.points[near].astype(np.float64)) for mesh in (before, after))
    assert np.abs(old).mean() > 0.2
    assert np.abs(new).mean() < 0.05


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_theSidesOfWhatIsCutAslantReachTheirEdgeAndTheCutStays(smoothing):
    axis = np.array([0.0, 0.5, 1.0]) / np.sqrt(1.25)
    rod = Cylinder((0.1, 0.2, 0.0), tuple(axis), 4.5, 60)
    before, after = refined(rod, 0.2, smoothing)
    height = np.abs(before.points[:, 2])
    sides = (height > 8.95) & (height < 9.55)
    assert sides.sum() > 50
    old, new = (rod.signedDistance(mesh.points[sides].astype(np.float64)) for mesh in (before, after))
    assert np.abs(old).mean() > 0.2
    # Half a voxel from the border the image tells less.
    assert np.abs(new).mean() < 0.12
    cut = height > 9.99
    assert cut.sum() > 100
    assert np.abs(after.points[cut, 2] - before.points[cut, 2]).max() < 1e-4


@pytest.mark.parametrize("share", [0.2, 0.8])
def test_nothingGoesBeyondTheBorderOrThroughItself(share):
    before, after = refined(Sphere((0.2, -0.1, 4.5), 6), share, smoothing=0.0)
    assert np.abs(before.points[:, 2]).max() == pytest.approx(10, abs=1e-3)
    assert np.abs(after.points[:, 2]).max() < 10.001
    assert not len(selfIntersections(after.points.astype(np.float64), after.triangles.astype(np.int64)).pairs)
