"""Surfaces of soft tissue and in magnetic resonance: refined by their true surface, or left with the reason said."""

from dataclasses import replace

import numpy as np
import pytest

from M3DLib.Mesh.MeshGeometry import vertexAreas
from M3DLib.Mesh.SegmentSurface import makeSurface
from M3DLib.Phantom.PhantomImage import renderPhantom
from M3DLib.Phantom.PhantomShapes import Sphere, rotationAbout
from M3DLib.Segmentation.SegmentFit import thresholdSegment
from M3DLib.Surface.SurfaceRecord import refinementText
from M3DLib.Surface.SurfaceRefinement import refineSurface

LESION = Sphere((0.1, -0.2, 0.3), 8)
CT, MR = ((0.7, 0.7, 1.0), 1.0), ((0.9, 0.9, 0.9), 1.1)


def scanOf(grid, inside, outside, *, noise=0.0, grain=0.0, bias=0.0, modality="CT"):
    """:param bias: by which share the coil sees more at one end of the image than at the other."""
    spacing, fwhm = grid
    matrix = np.eye(4)
    matrix[:3, :3] = rotationAbout((3, 1, 2), 25) @ np.diag(spacing)
    dimensions = tuple(int(np.ceil(24 / size)) for size in spacing)
    matrix[:3, 3] = -matrix[:3, :3] @ ((np.array(dimensions) - 1) / 2)
    image = renderPhantom([(LESION, inside)], outside, dimensions, matrix, fwhm, dtype=np.float32, modality=modality)
    air = [(Sphere((500, 0, 0), 1), 0)]
    noises = renderPhantom(air, 0, dimensions, matrix, fwhm, noise=noise, noiseFwhm=grain, dtype=np.float32, seed=3)
    k, _, i = np.indices(image.array.shape) / np.array(image.array.shape)[:, None, None, None] - 0.5
    return replace(image, array=(image.array * (1 + bias * (i + k) / 2) + noises.array).astype(np.float32))


def tooLarge(grid):
    return makeSurface(thresholdSegment(scanOf(grid, 100, 0), 40, None, 1))


def rootMeanSquare(mesh):
    distance = LESION.signedDistance(mesh.points.astype(np.float64))
    return np.sqrt(np.average(distance**2, weights=vertexAreas(mesh)))


def test_aLesionOf80HuIsFound():
    after = refineSurface(tooLarge(CT), scanOf(CT, 120, 40, noise=9, grain=1.0))
    assert after.record["refinement"]["movedShare"] > 0.85
    assert after.volumeMm3 == pytest.approx(LESION.volumeMm3, rel=0.01)
    assert rootMeanSquare(after) < 0.9 * rootMeanSquare(tooLarge(CT))


def test_aLesionOf50HuInNoiseIsLeftAndTheReasonIsSaid():
    before = tooLarge(CT)
    after = refineSurface(before, scanOf(CT, 90, 40, noise=15))
    assert (after.points == before.points).all()
    assert not after.record["refinement"]["applied"]
    text = refinementText(after.record["refinement"])
    assert "not moved" in text
    assert "contrast-to-noise" in text


@pytest.mark.parametrize(("inside", "outside", "bias"), [(300, 100, 0.4), (300, 100, 1.0), (60, 300, 0.4)])
def test_magneticResonanceWithAnUnevenCoilBrightOrDark(inside, outside, bias):
    image = scanOf(MR, inside, outside, noise=9, bias=bias, modality="MR")
    after = refineSurface(tooLarge(MR), image)
    assert after.volumeMm3 == pytest.approx(LESION.volumeMm3, rel=0.01)
    assert rootMeanSquare(after) < 0.5 * rootMeanSquare(tooLarge(MR))
