"""Surfaces between thick slices that go to the middle of the edges around, against shapes that are known exactly."""

from dataclasses import replace

import numpy as np
import pytest

from M3DLib.Distance.DeviationMap import Quality
from M3DLib.Edge.ImageDeviation import deviationAndEdges
from M3DLib.Edge.ProfileSampling import VolumeSampler
from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.Mesh.SegmentSurface import makeSurface
from M3DLib.Mesh.SurfaceParameters import SurfaceParameters
from M3DLib.Phantom.PhantomImage import renderPhantom
from M3DLib.Phantom.PhantomShapes import Box, Difference, Sphere, Torus, Union, rotationAbout
from M3DLib.Segmentation.SegmentFit import thresholdSegment
from M3DLib.Surface.EdgeTargets import Motion, edgeTargets
from M3DLib.Surface.MiddleLevel import cubicProfiles, middleAlong, towardMiddle
from M3DLib.Surface.Neighborhood import Neighborhood
from M3DLib.Surface.SurfaceRecord import recordTexts
from M3DLib.Surface.SurfaceRefinement import refineSurface

SPACING, CONTRAST, REACH = (0.5, 0.5, 3.0), 1200, 3.0
CENTER = (0.13, -0.21, 0.37)
RING = Torus(CENTER, (0, 1, 2), 9, 4)
BAR = Box(CENTER, (20, 16, 14), tuple(map(tuple, rotationAbout((1, 2, 3), 33))))


def scan(*paint, half=16.0, blur=(0.8, 0.8, 3.0)):
    matrix = np.eye(4)
    matrix[:3, :3] = rotationAbout((3, 1, 2), 25) @ np.diag(SPACING)
    dimensions = tuple(int(np.ceil(2 * half / size)) for size in SPACING)
    matrix[:3, 3] = -matrix[:3, :3] @ ((np.array(dimensions) - 1) / 2)
    return renderPhantom(list(paint), 0, dimensions, matrix, blur, noise=20, seed=7)


def surface(image, threshold=CONTRAST / 2, largest=1):
    return makeSurface(thresholdSegment(image, threshold, None, largest), SurfaceParameters(smoothing=0.5))


def rms(shape, mesh, where=slice(None)):
    return float(np.sqrt(np.mean(shape.signedDistance(mesh.points[where].astype(np.float64)) ** 2)))


def asked(image, mesh, change=lambda deviation: deviation):
    """Which vertices of a surface are to go to the middle, with the measurement and what is asked of them."""
    deviation, found = deviationAndEdges(mesh, image, toMove=True)
    deviation = change(deviation)
    targets = edgeTargets(deviation, image, np.zeros(len(mesh.points)), Neighborhood(mesh))
    return towardMiddle(deviation, found, targets, np.zeros(len(mesh.points)), REACH), deviation, targets


def sloping(values):
    """An image of 30 x 20 x 8 voxels with values given by a function of positions (n, 3), mm."""
    matrix = np.diag([*SPACING, 1.0])
    index = np.stack(np.meshgrid(np.arange(30), np.arange(20), np.arange(8), indexing="ij"), axis=-1)
    return ImageVolume(np.ascontiguousarray(values(index * SPACING).transpose(2, 1, 0).astype(np.float32)), matrix)


def test_slicesAreJoinedByCurvesThatAreExactForParabolas():
    image = sloping(lambda place: 3 * place[..., 0] - 2 * place[..., 1] + 0.5 * place[..., 2] ** 2)
    points = np.random.default_rng(0).uniform((3, 3, 4), (11, 6, 16), (50, 3))
    values = cubicProfiles(VolumeSampler(image), points, np.tile([0, 0, 1.0], (50, 1)), np.array([-0.7, 0.0, 0.7]))
    for shift, row in zip((-0.7, 0.0, 0.7), values, strict=True):
        x, y, z = points.T
        assert row == pytest.approx(3 * x - 2 * y + 0.5 * (z + shift) ** 2, abs=0.01)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("off", [-2.0, -0.3, 0.0, 1.6])
def test_aSlantedPlaneIsFoundFromBothSidesBrightOrDark(sign, off):
    normal = np.array([0.6, 0.0, 0.8])
    image = sloping(lambda place: sign * np.clip(-200 * (place @ normal - 10), -600, 600))
    on = np.array([[6.0, 5.0, 8.0], [8.0, 4.0, 6.5]])
    points = on + off * normal
    middle, contrast = np.zeros(2), np.full(2, sign * 1200.0)
    found = middleAlong(VolumeSampler(image), points, np.tile(normal, (2, 1)), middle, contrast, reach=REACH)
    assert found == pytest.approx(-off, abs=0.12)


def test_whatHardlyRisesAboveTheMiddleOrNeverPassesItIsNotFound():
    normal = np.array([[1.0, 0.0, 0.0]])
    point, middle, contrast = np.array([[7.0, 5.0, 10.0]]), np.array([500.0]), np.array([1000.0])
    for height, known in ((1000, True), (720, True), (650, False), (400, False)):
        image = sloping(lambda place, height=height: np.where(np.abs(place[..., 0] - 6) < 2, height, 0))
        found = middleAlong(VolumeSampler(image), point, normal, middle, contrast, reach=REACH)
        assert np.isfinite(found).all() == known, height


@pytest.mark.parametrize(("shape", "share"), [(RING, 0.8), (BAR, 0.9), (Sphere(CENTER, 7), 0.85)])
def test_whatHasNoEdgeOfItsOwnLiesNearerToTheTruth(shape, share):
    image = scan((shape, CONTRAST))
    mesh = surface(image)
    which, deviation, targets = asked(image, mesh)
    assert which.mean() > 0.1
    assert not (which & targets.sure).any()
    assert (targets.motion[which] == Motion.MOVED).all()
    points = mesh.points[which].astype(np.float64)
    there = points + targets.distance[which, None] * deviation.normals[which]
    before, after = (np.sqrt(np.mean(shape.signedDistance(places) ** 2)) for places in (points, there))
    assert after < share * before


@pytest.mark.parametrize(("shape", "left", "atFirst"), [(RING, 0.14, 0.3), (BAR, 0.185, 0.25)])
def test_aRefinedSurfaceOfThickSlicesLiesNearerToTheTruth(shape, left, atFirst):
    image = scan((shape, CONTRAST))
    mesh = surface(image)
    assert rms(shape, mesh) > atFirst
    refined = refineSurface(mesh, image)
    # With edges along the normals alone 0.185 and 0.228 mm were left.
    assert rms(shape, refined) < left
    record = refined.record["refinement"]
    assert 0.05 < record["middleShare"] < record["movedShare"]
    assert "middle gray value of the edges around it" in recordTexts(refined.record)[0]


def test_ofThinSlicesNothingIsMovedToTheMiddle():
    matrix = np.diag([0.7, 0.7, 0.7, 1.0])
    matrix[:3, 3] = -0.7 * 13.5
    image = renderPhantom([(Sphere(CENTER, 6), CONTRAST)], 0, (28, 28, 28), matrix, 1.0, noise=20, seed=7)
    record = refineSurface(surface(image), image).record["refinement"]
    assert record["applied"]
    assert record["middleShare"] == 0
    assert "middle gray value" not in recordTexts({"refinement": record})[0]


@pytest.mark.parametrize("density", [0.5, 0.65])
def test_aWallOfLessDenseMaterialDoesNotGoToTheMiddleOfADenserBody(density):
    wall = Box((12, 0, 0), (1.2, 18, 24))
    image = scan((Box((0, 0, 0), (12, 18, 24)), CONTRAST), (wall, density * CONTRAST), half=18)
    mesh = surface(image, threshold=0.25 * CONTRAST, largest=None)
    which, _, _ = asked(image, mesh)
    onWall = np.abs(wall.signedDistance(mesh.points.astype(np.float64))) < 1
    assert onWall.sum() > 500
    assert which[onWall].mean() < 0.02


def test_aShellThinnerThanTheBlurAcrossTheSlicesIsNotBlownUp():
    # Its caps are of 60 % of the contrast in the image, and pass for edges that stand alone.
    shell = Difference(Sphere(CENTER, 12), Sphere(CENTER, 9.4))
    image = scan((shell, CONTRAST), half=15)
    mesh = makeSurface(thresholdSegment(image, 0.4 * CONTRAST, None, 1), SurfaceParameters(smoothing=0.2))
    # By the middle of all edges around it was as far off as before; by edges along the normals three quarters of that.
    assert rms(shell, refineSurface(mesh, image)) < 0.85 * rms(shell, mesh)


def test_whereEdgesAroundDisagreeNobodyKnowsTheMiddle():
    image = scan((RING, CONTRAST))
    mesh = surface(image)
    deviation, found = deviationAndEdges(mesh, image, toMove=True)
    for spread, some in ((0.05, True), (0.4, False)):
        contrast = found.edges.contrast * (1 + spread * np.resize([1, -1], len(mesh.points)))
        targets = edgeTargets(deviation, image, np.zeros(len(mesh.points)), Neighborhood(mesh))
        other = replace(found, edges=replace(found.edges, contrast=contrast))
        assert towardMiddle(deviation, other, targets, np.zeros(len(mesh.points)), REACH).any() == some


def test_aGapBetweenTwoBodiesIsNotCrossed():
    pair = Union(tuple(Sphere((side * 8, 0, 0), 7) for side in (-1, 1)), disjoint=True)
    image = scan((pair, CONTRAST), half=18)
    mesh = surface(image, largest=2)
    which, deviation, targets = asked(image, mesh)
    there = mesh.points + targets.distance[:, None] * deviation.normals
    side = np.sign(mesh.points[:, 0])
    assert (side * there[:, 0])[which].min() > 0


def test_withoutReliableEdgesNothingIsAsked():
    image = scan((RING, CONTRAST))
    mesh = surface(image)

    def sharpAll(deviation):
        return replace(deviation, quality=np.full(len(mesh.points), Quality.SHARP, dtype=np.uint8))

    which, _, _ = asked(image, mesh, sharpAll)
    assert not which.any()
