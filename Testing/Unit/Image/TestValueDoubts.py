"""Values that are called Hounsfield units and cannot be, slices with another offset, and slices that are copies."""

import numpy as np
import pytest

from M3DLib.Image.ImageReader import readImage
from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.Phantom.PhantomSeries import writeSeries
from M3DLib.Segmentation.SegmentFit import thresholdSegment

SLICES, SIZE = 12, 48
MATRIX = np.diag([0.8, 0.8, 1.0, 1.0])


def body(noise=5.0):
    """Bone of 1200 HU in soft tissue of 40 HU in air, the same in all slices but for noise; the first have air only."""
    k, j, i = np.mgrid[:SLICES, :SIZE, :SIZE]
    radius = np.hypot(j - 23.5, i - 23.5)
    values = np.full(k.shape, -1000.0)
    values[(radius < 18) & (k >= 2)] = 40
    values[(radius < 7) & (k >= 2)] = 1200
    return np.rint(values + np.random.default_rng(3).normal(0, noise, values.shape))


def image(tmp_path, values):
    writeSeries(ImageVolume(values.astype(np.int32), MATRIX, modality="CT"), tmp_path)
    return readImage(tmp_path)


def test_trueHounsfieldUnitsHaveNoDoubt(tmp_path):
    read = image(tmp_path, body())
    assert read.isHounsfield and read.warnings == []


@pytest.mark.parametrize("padding", [-2000, -3024])
def test_paddingBelowAirIsNoDoubt(tmp_path, padding):
    values = body()
    j, i = np.indices(values.shape[1:])
    values[:, np.hypot(j - 23.5, i - 23.5) > 23] = padding
    assert image(tmp_path, values).warnings == []


@pytest.mark.parametrize(
    "change, words",
    [
        # The offset is missing, and what was below is clipped.
        (lambda values: np.clip(values + 1024, 0, None), "below 0"),
        (lambda values: values - 1024, "subtracted twice"),
    ],
)
def test_whatCannotBeHounsfieldUnitsIsNotCalledSo(tmp_path, change, words):
    read = image(tmp_path, change(body()))
    (text,) = read.warnings
    assert words in text and not read.isHounsfield
    assert thresholdSegment(read, 100).name == "above 100"


def test_valuesReadWithoutTheirSignAreNotCalledSo(tmp_path):
    values = body()
    values[0, 0, 0] = -1500  # such a value makes the writer store a sign

    def forget(header, _k):
        assert header.PixelRepresentation == 1
        header.PixelRepresentation = 0

    writeSeries(ImageVolume(values.astype(np.int32), MATRIX, modality="CT"), tmp_path, changeHeader=forget)
    read = readImage(tmp_path)
    assert "without their sign" in read.warnings[0] and not read.isHounsfield


def test_phantomWithoutNoiseIsNotDoubted(tmp_path):
    # Water of exactly 0 HU and a ball in it: nothing is below 0, and nothing is wrong.
    k, j, i = np.mgrid[:SLICES, :SIZE, :SIZE]
    ball = np.hypot(np.hypot(k - 6, j - 24), i - 24) < 5
    assert image(tmp_path, np.where(ball, 1000.0, 0.0)).warnings == []


def test_sliceWithAnotherOffsetIsSaidWithItsPlace(tmp_path):
    values = body()
    values[6] += 1024
    (text,) = image(tmp_path, values).warnings
    assert "from slice 6 to slice 7" in text or "from slice 7 to slice 8" in text
    assert "2 such places" in text


def test_beginOfTheBodyIsNoOffset(tmp_path):
    # A body that fills 70 % of the slice begins at once, as a phantom with a flat end does.
    values = body()
    values[6:, :34] = 40 + np.random.default_rng(5).normal(0, 5, values[6:, :34].shape).round()
    assert image(tmp_path, values).warnings == []


@pytest.mark.parametrize("clipped", [False, True])
def test_bodyThatFillsTheFieldAndBeginsAtOnceIsNoOffset(tmp_path, clipped):
    values = body()
    values[:6] = np.rint(np.random.default_rng(7).normal(-1000, 5, values[:6].shape))
    values[6:] += 1040 * (values[6:] < -500)
    assert image(tmp_path, np.maximum(values, -1000) if clipped else values).warnings == []


def test_sliceWithAnotherOffsetIsFoundWithinPaddingToo(tmp_path):
    values = body()
    j, i = np.indices(values.shape[1:])
    values[6] += 1024
    values[:, np.hypot(j - 23.5, i - 23.5) > 23] = -2000
    (text,) = image(tmp_path, values).warnings
    assert "2 such places" in text


def test_paddingThatLooksLikeBoneIsSaid(tmp_path):
    values = body()
    j, i = np.indices(values.shape[1:])
    values[:, np.hypot(j - 23.5, i - 23.5) > 23] = 3071
    (text,) = image(tmp_path, values).warnings
    assert "hold 3071" in text


def withPadding(tmp_path, hounsfield, *, declared=None, limit=None, signed=False):
    """A wedge of padding in one corner, as slices cut out of a volume have it, and the header that names it."""
    values = body()
    values[:, :12, 30:] = hounsfield

    def change(header, _k):
        if signed:
            stored = np.frombuffer(header.PixelData, "<u2").astype(np.int32) + int(header.RescaleIntercept)
            header.PixelData = stored.astype("<i2").tobytes()
            header.RescaleIntercept, header.PixelRepresentation = 0, 1
        intercept = int(header.RescaleIntercept)
        if declared is not None:
            # As many scanners write it, without a sign although the pixels have one.
            header.add_new(0x00280120, "US", (declared - intercept) % 65536)
        if limit is not None:
            header.add_new(0x00280121, "US", (limit - intercept) % 65536)

    writeSeries(ImageVolume(values.astype(np.int32), MATRIX, modality="CT"), tmp_path, changeHeader=change)
    return readImage(tmp_path).warnings


@pytest.mark.parametrize("signed", [False, True])
def test_paddingThatTheHeaderNamesIsNotTakenForBoneUnsaid(tmp_path, signed):
    (text,) = withPadding(tmp_path / "one", 1500, declared=1500, signed=signed)
    assert "Pixel Padding Value (0028,0120) stands for 1500" in text
    (text,) = withPadding(tmp_path / "range", 1500, declared=1400, limit=1600, signed=signed)
    assert "stands for 1600" in text
    assert withPadding(tmp_path / "air", -2000, declared=-2000, signed=signed) == []
    # Named, but no voxel has it; and none named.
    assert withPadding(tmp_path / "unused", -1000, declared=2500, signed=signed) == []
    assert withPadding(tmp_path / "unnamed", 1500, signed=signed) == []


def test_copiedSliceIsSaidThoughItsPositionIsItsOwn(tmp_path):
    values = body()
    values[8] = values[7]
    (text,) = image(tmp_path, values).warnings
    assert "slice 9" in text and "copies" in text


def test_sameSlicesWithoutNoiseAreNoCopies(tmp_path):
    assert image(tmp_path, body(noise=0)).warnings == []


def test_sameSlicesOfClippedAirAreNoCopies(tmp_path):
    values = body()
    values[:2] = -1024
    assert image(tmp_path, values).warnings == []
