"""Where a scan cannot show the surface, refining must not make it worse: held against the true surfaces."""

from types import SimpleNamespace

import numpy as np
import pytest

from M3DLib.Mesh.MeshGeometry import vertexAreas
from M3DLib.Mesh.SegmentSurface import makeSurface
from M3DLib.Mesh.SurfaceParameters import SurfaceParameters
from M3DLib.Phantom.PhantomImage import renderPhantom
from M3DLib.Phantom.PhantomShapes import Box, Gyroid, Intersection, Sphere, Torus, Union, rotationAbout
from M3DLib.Segmentation.SegmentFit import thresholdSegment
from M3DLib.Surface.EdgeTargets import Motion
from M3DLib.Surface.SurfaceRecord import HARDLY_ANY_EDGE, NO_EDGE, whyNotMoved
from M3DLib.Surface.SurfaceRefinement import refineSurface

CENTER = (0.13, -0.21, 0.37)
AXES = tuple(map(tuple, rotationAbout((1, 2, 3), 33)))
BALL, RING = Sphere(CENTER, 5), Torus(CENTER, (0, 1, 2), 9, 4)
BAR = Box(CENTER, (13, 11, 9), AXES)
STAIRS = Union(tuple(Box((4 * step - 4, 0, step - 2), (4.01, 10, 2 + 2 * step)) for step in range(3)))
LABYRINTH = Intersection((Gyroid(CENTER, 12), Sphere(CENTER, 9)))
# Voxels, blur (FWHM), noise, contrast.
FINE = (0.5, 0.5, 1.0), 0.8, 30, 1200
FAINT = (1.0, 1.0, 1.0), 1.2, 20, 200
COARSE = (1.5, 1.5, 1.5), 2.0, 30, 1500
THICK = (0.5, 0.5, 3.0), (0.8, 0.8, 3.0), 20, 1200
NOISY = (0.5, 0.5, 1.0), 0.8, 100, 200


def scanOf(shape, settings, half, tilt=0.0):
    spacing, fwhm, noise, contrast = settings
    dimensions = tuple(int(np.ceil(2 * half / size)) for size in spacing)
    matrix = np.eye(4)
    # A tilted gantry shifts each slice against the one below.
    shear = np.array([[1, 0, 0], [0, 1, np.tan(np.radians(tilt))], [0, 0, 1]])
    matrix[:3, :3] = rotationAbout((3, 1, 2), 25) @ shear @ np.diag(spacing)
    matrix[:3, 3] = -matrix[:3, :3] @ ((np.array(dimensions) - 1) / 2)
    return renderPhantom([(shape, contrast)], 0, dimensions, matrix, fwhm, noise=noise, seed=1)


def errors(mesh, shape):
    """Mean and root mean square of the distance from the true surface over the area, mm."""
    distance, areas = shape.signedDistance(mesh.points.astype(np.float64)), vertexAreas(mesh)
    return np.average(distance, weights=areas), np.sqrt(np.average(distance**2, weights=areas))


def refinedAndBefore(shape, settings, half, share, tilt=0.0):
    image = scanOf(shape, settings, half, tilt)
    segment = thresholdSegment(image, share * settings[3], None, 1)
    before = makeSurface(segment, SurfaceParameters())
    return refineSurface(before, image), before


@pytest.mark.parametrize(
    ("shape", "settings", "half", "share"),
    [
        pytest.param(STAIRS, FAINT, 11, 0.5, id="stairs as narrow as the blur"),
        pytest.param(BAR, FAINT, 12, 0.5, id="edges of a bar with little contrast"),
        pytest.param(LABYRINTH, FAINT, 11, 0.5, id="thin walls with little contrast"),
        pytest.param(LABYRINTH, COARSE, 12, 0.5, id="thin walls in coarse voxels"),
        pytest.param(BALL, THICK, 9, 0.5, id="a ball of three slices"),
        pytest.param(RING, THICK, 15, 0.5, id="a ring in thick slices"),
        pytest.param(BAR, THICK, 12, 0.5, id="a bar in thick slices"),
        pytest.param(BALL, NOISY, 8, 0.5, id="noise of half the contrast"),
    ],
)
def test_refiningIsNotWorseThanNotRefining(shape, settings, half, share):
    after, before = refinedAndBefore(shape, settings, half, share)
    assert errors(after, shape)[1] <= 1.01 * errors(before, shape)[1]


@pytest.mark.parametrize(("thick", "settings"), [(0.5, FINE), (1.0, FINE), (2.0, FAINT), (4.0, THICK)])
def test_aPlateTooThinForTheBlurKeepsItsThickness(thick, settings):
    plate = Box((0, 0, 0), (14, 14, thick), AXES)
    after, before = refinedAndBefore(plate, settings, 11, 0.4)
    assert after.volumeMm3 == pytest.approx(before.volumeMm3, rel=0.03)
    assert errors(after, plate)[1] <= 1.01 * errors(before, plate)[1]


@pytest.mark.parametrize(("shape", "half"), [(RING, 15), (BALL, 9)])
def test_theStepsOfThickSlicesGo(shape, half):
    after, before = refinedAndBefore(shape, THICK, half, 0.5)
    assert errors(after, shape)[1] < 0.85 * errors(before, shape)[1]
    assert abs(after.volumeMm3 / shape.volumeMm3 - 1) < abs(before.volumeMm3 / shape.volumeMm3 - 1) + 0.01


@pytest.mark.parametrize("share", [0.2, 0.8])
def test_aTiltedGantryChangesNothing(share):
    after, before = refinedAndBefore(BALL, FINE, 8, share, tilt=18.0)
    bias, error = errors(after, BALL)
    assert abs(bias) < 0.015
    assert error < 0.03
    assert errors(before, BALL)[1] > 0.2


def test_theEdgesOfABarStayWhereTheScanHasThem():
    # The whole bar lies in the scan, so that no corner is held by its border.
    after, before = refinedAndBefore(BAR, FINE, 11, 0.5)
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * np.array(BAR.size) / 2
    corners = corners @ np.array(AXES) + CENTER

    def reach(mesh):
        return np.array([np.linalg.norm(mesh.points - corner, axis=1).min() for corner in corners])

    # Smoothing and blur have rounded the corners already; they are not rounded any farther.
    assert reach(after).mean() < reach(before).mean() + 0.1
    low = refinedAndBefore(BAR, FINE, 11, 0.3)
    assert errors(low[0], BAR)[1] < 0.35 * errors(low[1], BAR)[1]


@pytest.mark.parametrize("gap", [1.0, 1.5])
def test_neighborsLikeTeethStayApartAndKeepTheirForm(gap):
    pair = Union(tuple(Sphere((side * (5 + gap / 2), 0, 0), 5) for side in (-1, 1)), disjoint=True)
    image = scanOf(pair, FINE, 12)
    before = makeSurface(thresholdSegment(image, 600, None, 2), SurfaceParameters())
    after = refineSurface(before, image)
    sides = after.points[:, 0].astype(np.float64)
    assert sides[sides > 0].min() - sides[sides < 0].max() == pytest.approx(gap, abs=0.12)
    assert errors(after, pair)[1] < 0.5 * errors(before, pair)[1]


def test_noPointIsLeftBehindForAFewNormalsThatWentAstray():
    # Of this ball eleven vertices used to go back to the threshold's steps, half a millimeter off.
    ball = Sphere((0.2, 0.1, 0.3), 10.0)
    matrix = np.diag([0.5, 0.5, 1.0, 1.0])
    matrix[:3, 3] = -matrix[:3, :3] @ ((np.array((52, 52, 26)) - 1) / 2)
    image = renderPhantom([(ball, 1200)], 0, (52, 52, 26), matrix, 0.8, noise=30, seed=1)
    mesh = refineSurface(makeSurface(thresholdSegment(image, 240, None, 1), SurfaceParameters()), image)
    assert np.abs(ball.signedDistance(mesh.points.astype(np.float64))).max() < 0.15


def test_aThinShellOfWhichAFewPlacesOnlyCouldMoveStaysAndSaysSo():
    # Fewer than a hundredth moved once, and the rest of it was evened by 0.05 mm with "applied" on its record.
    matrix = np.eye(4)
    matrix[:3, :3] = rotationAbout((3, 1, 2), 25) @ np.diag([0.5, 0.5, 1.0])
    matrix[:3, 3] = -matrix[:3, :3] @ ((np.array((44, 44, 22)) - 1) / 2)
    shell = [(Sphere((0, 0, 0), 8.0), 1200.0), (Sphere((0, 0, 0), 6.6), 0.0)]
    image = renderPhantom(shell, 0, (44, 44, 22), matrix, 0.8, noise=30, seed=2)
    before = makeSurface(thresholdSegment(image, 720, None, 1), SurfaceParameters())
    after = refineSurface(before, image)
    record = after.record["refinement"]
    assert np.array_equal(after.points, before.points)
    assert not record["applied"] and record["largestDisplacement"] == 0
    assert record["reason"] in (NO_EDGE, HARDLY_ANY_EDGE)


@pytest.mark.parametrize(("moved", "reason"), [(0, NO_EDGE), (5, HARDLY_ANY_EDGE), (15, "")])
def test_lessThanAHundredthOfTheAreaMovesNoSurface(moved, reason):
    motion = np.full(1000, Motion.HELD, dtype=np.uint8)
    motion[:moved] = Motion.MOVED
    deviation = SimpleNamespace(reliable=np.ones(1000, dtype=bool))
    assert whyNotMoved(motion, deviation, np.ones(1000)) == reason
