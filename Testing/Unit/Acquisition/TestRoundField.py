"""The field of reconstruction is round and the array is not; and an array may be a millimeter wide in all."""

import numpy as np
import pytest

from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.Segmentation.Segment import Segment
from M3DTestSupport.Requirements import runChecks
from M3DValidationLib.Acquisition import FieldOfViewChecks
from M3DValidationLib.Check import Case
from M3DValidationLib.Profile import loadProfile
from M3DValidationLib.Requirement import Verdict
from M3DValidationLib.Validation import ACQUISITION_MODULES, checksOf
from M3DValidationLib.Validation import runChecks as runAllChecks

PIXEL, SLICES, SIZE, FIELD = 0.625, 12, 96, 47.5


def scan(bodyRadius, outside, body=40.0):
    """A round body in the middle of a round field; outside the field there is padding."""
    j, i = np.indices((SIZE, SIZE))
    radius = np.hypot(j - (SIZE - 1) / 2, i - (SIZE - 1) / 2)
    plane = np.where(radius < bodyRadius, body, -1000.0)
    array = np.random.default_rng(0).normal(0, 10, (SLICES, SIZE, SIZE)) + plane
    array[:, radius > FIELD] = outside
    return ImageVolume(np.round(array).astype(np.int16), np.diag([PIXEL, PIXEL, 1.0, 1.0]), modality="CT")


def finding(image):
    return runChecks(FieldOfViewChecks.CHECKS, Case(loadProfile(), image))["body-inside-field-of-view"]


@pytest.mark.parametrize("outside", [-3024, -2000, -1024, 0])
def test_bodyCutByTheRoundFieldIsFound(outside):
    found = finding(scan(60, outside))
    assert found.verdict is Verdict.WARNING and "reconstructed field" in found.message
    # Circumference times length; voxel faces along a circle are longer than it by up to 4 / pi.
    around = 2 * np.pi * FIELD * PIXEL * SLICES
    assert 0.95 * around < found.measured < 4 / np.pi * around * 1.05


@pytest.mark.parametrize("outside", [-3024, -1024, 0])
def test_bodyWithinTheRoundFieldPasses(outside):
    found = finding(scan(30, outside))
    assert found.verdict is Verdict.PASS, found.message


@pytest.mark.parametrize(
    ("pixel", "count", "slice_"), [(0.01, 64, 0.01), (0.02, 50, 0.02), (0.01, 64, 1.0), (0.05, 20, 0.05)]
)
@pytest.mark.parametrize("modality", ["CT", ""])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_microCtOfAMillimeterIsJudged(pixel, count, slice_, modality):
    k, j, i = np.indices((24, count, count))
    radius = np.hypot(np.hypot(i - count / 2, j - count / 2), (k - 12) * count / 24)
    array = np.where(radius < 0.35 * count, 1200, -1000) + np.random.default_rng(0).normal(0, 20, radius.shape)
    image = ImageVolume(array.astype(np.int16), np.diag([pixel, pixel, slice_, 1]), modality=modality)
    case = Case(loadProfile(), image, Segment((image.array > 200).astype(np.uint8), image.ijkToLps, "ball"))
    findings = runAllChecks(case, checks=checksOf(ACQUISITION_MODULES))
    verdicts = {found.requirement.id: found.verdict for found in findings}
    assert verdicts["slice-alignment"] is Verdict.PASS and verdicts["in-plane-pixel"] is Verdict.PASS
