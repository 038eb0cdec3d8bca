"""The image at places beside two or three faces, held against what is inside of them in truth."""

import numpy as np
import pytest

from M3DLib.Edge.ProfileSampling import VolumeSampler
from M3DLib.Phantom.PhantomImage import renderPhantom
from M3DLib.Phantom.PhantomShapes import Box, rotationAbout
from M3DLib.Ridge.RidgeEvidence import misfit
from M3DLib.Ridge.RidgeFit import ImageOfRidges

CONTRAST, NOISE = 1000, 20
SPACING, GRID = 0.5, rotationAbout((3, 1, 2), 25)
COVARIANCE = ((0.8 / 2.3548) ** 2 + SPACING**2 / 12) * np.eye(3)
SIZE = np.array((8.0, 7.0, 6.0))


@pytest.fixture(scope="module")
def image():
    matrix = np.eye(4)
    matrix[:3, :3] = GRID * SPACING
    matrix[:3, 3] = -matrix[:3, :3] @ np.full(3, 15.5)
    scan = renderPhantom([(Box((0, 0, 0), tuple(SIZE)), CONTRAST)], 0, (32, 32, 32), matrix, 0.8, noise=NOISE, seed=1)
    return ImageOfRidges(VolumeSampler(scan), COVARIANCE, 1, NOISE, CONTRAST)


def misfitAt(image, points, faces=(True, True, True), shift=0.0):
    """At places near the corner where all coordinates are largest, of some of its faces moved outward by ``shift``."""
    height = np.where(faces, points - SIZE / 2 - shift, -np.inf)
    normals = np.tile(np.eye(3), (len(points), 1, 1))
    return misfit(image, points, height, normals, np.tile((0.0, CONTRAST), (len(points), 1)))


def test_atTrueFacesTheImageIsTheirs(image):
    around = np.random.default_rng(1).uniform(-1, 0.5, (400, 3))
    off = misfitAt(image, SIZE / 2 + around)
    assert np.abs(off).max() < 0.06
    along = np.column_stack(
        [np.random.default_rng(2).uniform(-1.5, 1.5, 300), *(SIZE[1:] / 2 - 0.2)[:, None] * np.ones(300)]
    )
    assert np.abs(misfitAt(image, along, faces=(False, True, True))).max() < 0.06


def test_beyondTheEndOfARidgeItIsNot(image):
    # Where the box ends the image is at its half height, though the ridge's own two faces are far away.
    ends = np.column_stack([np.full(50, SIZE[0] / 2), np.linspace(0, 2, 50), np.linspace(2, 0, 50)])
    assert misfitAt(image, ends, faces=(False, True, True)).max() < -0.3


def test_facesThatAreTooFarOutAreNotSeen(image):
    points = np.column_stack([np.linspace(-2, 2, 50), np.full(50, 0.0), np.full(50, SIZE[2] / 2)])
    off = misfitAt(image, points, faces=(False, False, True), shift=0.3)
    # Half a millimeter of voxels and 0.37 mm of blur: 0.3 mm are 0.25 of the contrast.
    assert off == pytest.approx(np.full(50, -0.25), abs=0.06)
