"""Edges beside values at which the scan is cut off: where their middle lies nobody knows."""

import numpy as np
import pytest

from M3DLib.Distance.DeviationMap import Quality
from M3DLib.Edge.ImageDeviation import imageDeviation
from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.Mesh.SegmentSurface import makeSurface
from M3DLib.Phantom.PhantomImage import renderPhantom
from M3DLib.Phantom.PhantomShapes import Cylinder, Sphere
from M3DLib.Segmentation.SegmentFit import thresholdSegment
from M3DLib.Surface.SurfaceRefinement import refineSurface
from M3DTestSupport.ShapeMeshes import surfaceMesh

SHAFT, BALL = Cylinder((0.3, -0.2, 0.1), (0.3, 0.2, 1), 3.5, 16), Sphere((0.3, -0.2, 0.1), 6)


def scan(shape, value, background, **noise):
    matrix = np.diag([0.5, 0.5, 0.8, 1.0])
    matrix[:3, 3] = (-11, -11, -11.2)
    return renderPhantom([(shape, value)], background, (45, 45, 29), matrix, 0.8, seed=11, **noise)


def cut(image, low=-np.inf, high=np.inf):
    values = np.clip(image.array, low, high).astype(image.array.dtype)
    return ImageVolume(values, image.ijkToLps, modality=image.modality)


def reliableShare(shape, image):
    deviation = imageDeviation(surfaceMesh(shape, [-10] * 3, [10] * 3, 0.8), image)
    return deviation.reliable.mean(), deviation


@pytest.mark.parametrize("value", [3400, 8000])
def test_metalThatTheScanCutsOffIsNotMeasured(value):
    image = scan(SHAFT, value, -1000, noise=30, noiseFwhm=0.7)
    share, whole = reliableShare(SHAFT, image)
    assert share > 0.7
    assert abs(whole.distance[whole.reliable].mean()) < 0.01
    share, deviation = reliableShare(SHAFT, cut(image, high=3071))
    assert share < 0.01 and (deviation.quality == Quality.CUT_OFF).mean() > 0.9


def test_theSurfaceOfMetalThatIsCutOffStaysWhereItIs():
    image = cut(scan(SHAFT, 8000, -1000, noise=30), high=3071)
    surface = makeSurface(thresholdSegment(image, 2500, None, 1))
    result = refineSurface(surface, image)
    assert result.record["refinement"]["applied"] is False
    assert np.array_equal(result.points, surface.points)


def test_skinInAWindowedScanIsNotMeasured():
    image = scan(BALL, 40, -1000, noise=15)
    assert reliableShare(BALL, image)[0] > 0.9
    assert reliableShare(BALL, cut(image, low=-200))[0] == 0


@pytest.mark.parametrize(
    ("low", "high", "noise"),
    [
        pytest.param(-1000, np.inf, 15, id="air cut off at its own value"),
        pytest.param(-np.inf, np.inf, 0.4, id="noise below the rounding"),
        pytest.param(-np.inf, np.inf, 0, id="no noise at all"),
    ],
)
def test_whatLooksCutOffButIsNotIsMeasured(low, high, noise):
    assert reliableShare(BALL, cut(scan(BALL, 1200, -1000, noise=noise), low, high))[0] > 0.9
