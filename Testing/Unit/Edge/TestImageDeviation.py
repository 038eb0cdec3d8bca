"""Deviation of meshes from rendered images whose surfaces are known."""

import threading

import numpy as np
import pytest

from M3DLib.Distance.DeviationMap import Quality
from M3DLib.Edge.ImageDeviation import GRADIENT, imageDeviation
from M3DLib.Errors import Cancelled, M3DError
from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.Phantom.PhantomImage import renderPhantom
from M3DLib.Phantom.PhantomShapes import Box, Sphere, Torus, Union, rotationAbout
from M3DTestSupport.ShapeMeshes import surfaceMesh

CENTER = (10.13, -20.21, 30.37)
SHEAR = np.array([[1, 0, 0], [0, 1, 0.3], [0, 0, 1]])
STRAIGHT = np.diag([0.5, 0.5, 1.0])


def scan(shape, columns=STRAIGHT, *, size=32.0, noise=30.0, fwhm=0.8, contrast=1200.0, dtype=np.int16, **settings):
    spacing = np.linalg.norm(columns, axis=0)
    dimensions = tuple(int(np.ceil(size / step)) for step in spacing)
    matrix = np.eye(4)
    matrix[:3, :3] = columns
    matrix[:3, 3] = np.asarray(CENTER) - columns @ ((np.array(dimensions) - 1) / 2)
    return renderPhantom([(shape, contrast)], 0, dimensions, matrix, fwhm, noise=noise, dtype=dtype, **settings)


def meshOf(shape, offset=0.0, step=0.8, size=32.0):
    low = np.asarray(CENTER) - size / 2
    return surfaceMesh(shape, low, low + size, step, offset)


BALL = Sphere(CENTER, 12)


@pytest.fixture(scope="module")
def ballScan():
    return scan(BALL)


@pytest.mark.parametrize("offset", [-1.5, -0.4, 0.0, 0.7, 1.5])
def test_knownDisplacementIsRecovered(ballScan, offset):
    deviation = imageDeviation(meshOf(BALL, offset), ballScan)
    error = deviation.distance[deviation.reliable] + offset
    assert deviation.reliable.mean() >= 0.99
    assert abs(error.mean()) <= 0.01
    assert error.std() <= 0.03


@pytest.mark.parametrize(
    "columns",
    [
        rotationAbout((1, 2, 3), 40) @ STRAIGHT,
        SHEAR @ STRAIGHT,
        STRAIGHT @ np.diag([1, 1, -1]),
        np.array([[0, 0, 0.9], [0.6, 0, 0], [0, 0.6, 0]]),
    ],
    ids=["oblique", "tilted gantry", "left-handed", "axes swapped"],
)
def test_everyKindOfGridGivesTheSameAnswer(columns):
    deviation = imageDeviation(meshOf(BALL, 0.5), scan(BALL, columns))
    error = deviation.distance[deviation.reliable] + 0.5
    assert abs(error.mean()) <= 0.012
    assert error.std() <= 0.035


def test_curvatureDoesNotBiasSmallParts():
    for shape in (Sphere(CENTER, 5), Torus(CENTER, (0, 1, 2), 10, 4)):
        deviation = imageDeviation(meshOf(shape), scan(shape, noise=0))
        assert abs(deviation.distance[deviation.reliable].mean()) <= 0.01


def test_intervalHoldsTheTruthAsOftenAsItSays(ballScan):
    deviation = imageDeviation(meshOf(BALL), ballScan)
    good = deviation.reliable
    assert 0.93 <= (np.abs(deviation.distance[good]) <= deviation.uncertainty[good]).mean() <= 0.98


def test_moreNoiseWidensTheInterval(ballScan):
    mesh = meshOf(BALL)
    loud = imageDeviation(mesh, scan(BALL, noise=90))
    quiet = imageDeviation(mesh, ballScan)
    assert np.median(loud.uncertainty[loud.reliable]) > 2 * np.median(quiet.uncertainty[quiet.reliable])


def test_darkInsideIsMeasuredLikeABrightOne():
    deviation = imageDeviation(meshOf(BALL, 0.3), scan(BALL, contrast=-900))
    assert deviation.settings["polarity"] == -1
    assert deviation.distance[deviation.reliable].mean() == pytest.approx(-0.3, abs=0.01)


@pytest.mark.parametrize("dtype", [np.float32, np.uint16, np.float64, ">i2"])
def test_voxelTypeDoesNotMatter(ballScan, dtype):
    image = ImageVolume(np.clip(ballScan.array, 0, None).astype(dtype), ballScan.ijkToLps)
    deviation = imageDeviation(meshOf(BALL, 0.5), image)
    assert deviation.distance[deviation.reliable].mean() == pytest.approx(-0.5, abs=0.015)


def test_neighborAMillimeterAwayIsNotTakenForTheSurface():
    left, right = (Sphere((CENTER[0] + side * 7, *CENTER[1:]), 6.5) for side in (-1, 1))
    deviation = imageDeviation(meshOf(left, 0.2), scan(Union((left, right))))
    error = deviation.distance[deviation.reliable] + 0.2
    assert deviation.reliable.mean() > 0.97
    assert np.percentile(np.abs(error), 99) < 0.1


def test_metalNearBoneLeavesTheBonesEdgeInPlace():
    image = renderPhantom(
        [(BALL, 1200), (Sphere(CENTER, 8), 3000)], 0, (64, 64, 32), scan(BALL).ijkToLps, 0.8, noise=30
    )
    deviation = imageDeviation(meshOf(BALL, 0.4), image)
    assert deviation.distance[deviation.reliable].mean() == pytest.approx(-0.4, abs=0.02)


def test_thickWallsAreUnbiasedAndThinOnesAreLeftOut():
    axes = tuple(map(tuple, rotationAbout((1, 2, 3), 33)))
    for thickness, thin in ((4.0, False), (1.0, True)):
        plate = Box(CENTER, (20, 20, thickness), axes)
        mesh = meshOf(plate, step=0.5)
        deviation = imageDeviation(mesh, scan(plate))
        local = (mesh.points - CENTER) @ np.array(axes).T
        face = (np.abs(local[:, :2]) < 7).all(axis=1)
        if thin:
            assert deviation.reliable[face].mean() < 0.02
            assert np.all(np.isin(deviation.quality[face & ~deviation.reliable], [q for q in Quality if q]))
        else:
            assert deviation.reliable[face].mean() > 0.99
            assert abs(deviation.distance[face & deviation.reliable].mean()) < 0.01


def test_ridgesAreNotCalledReliable():
    bar = Box(CENTER, (16, 14, 12))
    mesh = meshOf(bar, step=0.6)
    deviation = imageDeviation(mesh, scan(bar, rotationAbout((1, 2, 3), 40) @ STRAIGHT, noise=0))
    excess = np.sort(np.abs(mesh.points - CENTER) - np.array([8, 7, 6]), axis=1)
    onRidge = excess[:, 1] > -0.2
    assert deviation.reliable[onRidge].mean() < 0.05
    good = deviation.reliable & (excess[:, 1] < -2)
    assert np.abs(deviation.distance[good]).max() < 0.05


def test_meshPartlyOutsideTheImageIsMeasuredWhereItIsInside(ballScan):
    half = ImageVolume(ballScan.array[: len(ballScan.array) // 2], ballScan.ijkToLps)
    deviation = imageDeviation(meshOf(BALL), half)
    assert 0.3 < deviation.reliable.mean() < 0.5
    assert deviation.qualityCounts()["OUTSIDE_IMAGE"] > 0.4 * len(deviation.distance)
    assert abs(deviation.distance[deviation.reliable].mean()) < 0.01


def test_meshFarFromAnyEdgeIsNotMeasured(ballScan):
    deviation = imageDeviation(meshOf(BALL, -5), ballScan)
    assert not deviation.reliable.any()
    assert set(deviation.qualityCounts()) == {"NO_EDGE"}


def test_gradientMethodAgreesButIsLessSure(ballScan):
    deviation = imageDeviation(meshOf(BALL, 0.5), ballScan, method=GRADIENT)
    error = deviation.distance[deviation.reliable] + 0.5
    assert abs(error.mean()) < 0.05
    assert 0.03 < error.std() < 0.3


def test_emptyImageGivesNoEdges(ballScan):
    flat = ImageVolume(np.zeros((20, 40, 40), np.int16), ballScan.ijkToLps)
    deviation = imageDeviation(meshOf(BALL), flat)
    assert not deviation.reliable.any()


@pytest.mark.parametrize(
    ("mesh", "message"),
    [
        (TriangleMesh(np.zeros((3, 3)), np.empty((0, 3))), "no triangles"),
        (TriangleMesh(np.zeros((3, 3)), [[0, 1, 2]]), "no triangle with an area"),
        (TriangleMesh([[0, 0, 0], [1, 0, 0], [0, np.nan, 0]], [[0, 1, 2]]), "not finite"),
        (TriangleMesh(np.eye(3) + 1000, [[0, 1, 2]]), "entirely outside the image"),
    ],
)
def test_whatCannotBeMeasuredIsRefused(ballScan, mesh, message):
    with pytest.raises(M3DError, match=message):
        imageDeviation(mesh, ballScan)


def test_irregularStackIsRefused(ballScan):
    image = ImageVolume(ballScan.array, ballScan.ijkToLps, geometryProblems=["A slice is missing after slice 7."])
    with pytest.raises(M3DError, match="slice 7"):
        imageDeviation(meshOf(BALL), image)


def test_unknownMethodIsRefused(ballScan):
    with pytest.raises(M3DError, match="'magic' is unknown"):
        imageDeviation(meshOf(BALL), ballScan, method="magic")


def test_measuringCanBeCancelled(ballScan):
    def stop(fraction, text):
        raise Cancelled

    with pytest.raises(Cancelled):
        imageDeviation(meshOf(BALL), ballScan, progress=stop)


def test_measuringStopsInTheMiddle(ballScan):
    calls = []

    def stop(fraction, text):
        calls.append(fraction)
        if fraction > 0.1:
            raise Cancelled

    before = threading.active_count()
    with pytest.raises(Cancelled):
        imageDeviation(meshOf(BALL, step=0.1), ballScan, progress=stop)
    assert 0.1 < calls[-1] < 0.9
    assert threading.active_count() == before


def test_sizeOfTheBlocksChangesNothing(ballScan, monkeypatch):
    bar = Box(CENTER, (16, 14, 3))
    mesh, image = meshOf(bar, step=0.5), scan(bar)
    whole = imageDeviation(mesh, image)
    monkeypatch.setattr("M3DLib.Edge.VertexParts.PART", 777)
    monkeypatch.setattr("M3DLib.Mesh.MeshGeometry.BLOCK", 333)
    parts = imageDeviation(mesh, image)
    assert len(whole.qualityCounts()) > 1
    assert np.array_equal(whole.quality, parts.quality)
    for name in ("distance", "uncertainty", "normals", "areas", "contrastToNoise", "edgeWidth"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-5, atol=1e-6)


def test_scanStaysAsItWas(ballScan):
    before = ballScan.array.copy()
    imageDeviation(meshOf(BALL), ballScan)
    assert np.array_equal(before, ballScan.array)
