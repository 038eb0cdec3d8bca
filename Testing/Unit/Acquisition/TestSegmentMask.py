"""The segment on the image's grid: each voxel of the image has what the segment has at its place."""

import itertools

import numpy as np
import pytest

from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.Segmentation.Segment import Segment
from M3DValidationLib.Acquisition.ImageRegions import segmentMask
from M3DValidationLib.Check import Case
from M3DValidationLib.Profile import loadProfile

SHAPE = (6, 7, 8)
GRID = np.array([[0.8, 0, 0, 10], [0, 0.7, 0, -20], [0, 0, 2.0, 5], [0, 0, 0, 1]])


def maskOf(array, ijkToLps):
    image = ImageVolume(np.zeros(SHAPE, np.int16), GRID, modality="CT")
    return segmentMask(Case(loadProfile(), image, Segment(array, ijkToLps, "bone")))


def lookedUp(array, ijkToLps):
    """Voxel by voxel, by its place in the patient."""
    found = np.zeros(SHAPE, bool)
    for k, j, i in itertools.product(*map(range, SHAPE)):
        place = GRID @ (i, j, k, 1)
        x, y, z = np.rint((np.linalg.inv(ijkToLps) @ place)[:3]).astype(int)
        if all(0 <= index < size for index, size in zip((z, y, x), array.shape, strict=True)):
            found[k, j, i] = array[z, y, x] != 0
    return found


def shifted(i, j, k):
    matrix = GRID.copy()
    matrix[:3, 3] = (GRID @ (i, j, k, 1))[:3]
    return matrix


@pytest.mark.parametrize("first", [(0, 0, 0), (2, 1, 3), (-2, 4, 1), (-1, -2, -1), (7, 6, 5), (20, 0, 0), (0, -30, 2)])
def test_aCroppedSegmentLiesWhereItsGridSays(first):
    array = np.random.default_rng(0).integers(0, 2, (4, 5, 3), dtype=np.uint8)
    mask = maskOf(array, shifted(*first))
    assert mask.dtype == bool and np.array_equal(mask, lookedUp(array, shifted(*first)))


def test_aLargerSegmentIsCutAtTheImage():
    array = np.random.default_rng(1).integers(0, 2, (12, 13, 14), dtype=np.uint8)
    assert np.array_equal(maskOf(array, shifted(-3, -2, -4)), lookedUp(array, shifted(-3, -2, -4)))


def test_aSegmentWhoseAxesRunTheOtherWayIsTurned():
    array = np.random.default_rng(2).integers(0, 2, SHAPE, dtype=np.uint8)
    matrix = shifted(0, 0, 5)
    matrix[:3, 2] *= -1
    assert np.array_equal(maskOf(array, matrix), array[::-1] != 0)


def test_onTheImagesOwnGridNothingIsCopied():
    array = np.ones(SHAPE, np.uint8)
    assert np.shares_memory(maskOf(array, GRID), array)
