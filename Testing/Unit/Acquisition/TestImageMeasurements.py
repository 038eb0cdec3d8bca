"""Edge width, noise and shifts measured on images whose true values are known."""

import numpy as np
import pytest

from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.Phantom.PhantomImage import renderPhantom
from M3DLib.Phantom.PhantomShapes import Difference, Sphere
from M3DTestSupport.Faults import FAULTS, WARNINGS
from M3DValidationLib.Acquisition.EdgeSpread import measureEdgeSpread
from M3DValidationLib.Acquisition.ImageRegions import outsideField
from M3DValidationLib.Acquisition.NoiseMeasurement import findBlocks, noiseLevel
from M3DValidationLib.Acquisition.SliceAlignmentCheck import SliceAlignmentCheck, shiftsBetweenSlices, unexpectedShifts
from M3DValidationLib.Check import Case
from M3DValidationLib.Profile import loadProfile
from M3DValidationLib.Requirement import Verdict
from M3DValidationLib.Validation import ACQUISITION_MODULES, checksOf


def ball(fwhm, spacing, noise=0.0, *, contrast=1000.0, extra=(), radius=15):
    count = [int(40 / step) for step in spacing]
    matrix = np.diag([*spacing, 1.0])
    matrix[:3, 3] = [-19.7, -19.6, -19.4]
    paint = [(Sphere((0, 0, 0), radius + 3), 40.0)] * bool(extra) + [(Sphere((0, 0, 0), radius), 40.0 + contrast)]
    return renderPhantom(paint, -1000.0 if extra else 40.0, count, matrix, fwhm, noise=noise, superSampling=3)


@pytest.mark.parametrize(
    "fwhm, spacing, noise",
    [
        ((0.8, 0.8, 0.8), (0.5, 0.5, 0.5), 0),
        ((0.8, 0.8, 0.8), (0.5, 0.5, 1.0), 30),
        ((0.8, 0.8, 1.6), (0.5, 0.5, 0.5), 30),
        ((0.7, 0.7, 3.0), (0.5, 0.5, 0.5), 20),
        ((1.6, 1.6, 0.8), (0.6, 0.6, 0.6), 30),
    ],
)
def test_edgeWidthIsThatOfThePointSpread(fwhm, spacing, noise):
    image = ball(fwhm, spacing, noise)
    mask = image.array > 540
    for axes, n in (((2,), 2), ((0, 1), 0)):
        # The voxel's own extent widens the edge too: a box of one voxel, variance 1/12.
        expected = np.hypot(fwhm[n], 2.3548 * spacing[n] / np.sqrt(12))
        found = measureEdgeSpread(image.array, image.ijkToLps, mask, axes).fwhm
        assert found == pytest.approx(expected, rel=0.13 if max(fwhm) < 1.7 else 0.2)


def test_skinBehindThinTissueDoesNotWidenTheEdge():
    image = ball((0.8, 0.8, 0.8), (0.5, 0.5, 0.5), 20, extra=("tissue",))
    spread = measureEdgeSpread(image.array, image.ijkToLps, image.array > 540, (0, 1))
    assert spread.fwhm == pytest.approx(0.87, rel=0.13)


def test_thinShellIsMeasuredAtItsOwnHeight():
    matrix = np.diag([0.5, 0.5, 0.5, 1.0])
    matrix[:3, 3] = -19.75
    shell = Difference(Sphere((0, 0, 0), 15), Sphere((0, 0, 0), 12.5))
    image = renderPhantom([(shell, 1000.0)], 0.0, (80, 80, 80), matrix, 0.8, noise=15, superSampling=3)
    spread = measureEdgeSpread(image.array, matrix, image.array > 500, (2,))
    assert spread.fwhm == pytest.approx(0.87, rel=0.15)


def test_contrastIsNotRaisedByNoise():
    image = ball((0.8, 0.8, 0.8), (0.5, 0.5, 0.5), noise=60, contrast=200)
    truth = ball((0.8, 0.8, 0.8), (0.5, 0.5, 0.5)).array > 540
    spread = measureEdgeSpread(image.array, image.ijkToLps, truth, (0, 1))
    assert spread.contrast == pytest.approx(200, rel=0.05)


def test_tooFewEdgesAreNoMeasurement():
    array = np.zeros((20, 20, 20), np.int16)
    mask = np.zeros(array.shape, bool)
    mask[10, 10, 10] = True
    assert measureEdgeSpread(array, np.eye(4), mask, (2,)) is None


@pytest.mark.parametrize("sd", [5, 25, 80])
@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_noiseIsFoundBetweenStructures(sd, correlation):
    matrix = np.diag([0.5, 0.5, 1.0, 1.0])
    matrix[:3, 3] = [-40, -40, -15]
    paint = [(Sphere((0, 0, 0), 36), 40.0)]
    paint += [(Sphere((x, y, z), 4), 900.0) for x in (-20, 0, 20) for y in (-20, 0, 20) for z in (-10, 0, 10)]
    image = renderPhantom(paint, -1000.0, (160, 160, 30), matrix, 0.8, noise=sd, noiseFwhm=correlation, superSampling=2)
    blocks = findBlocks(image.array, image.spacing)
    level = noiseLevel(blocks, (blocks.mean > -300) & (blocks.mean < 400))
    assert level.sd == pytest.approx(sd, rel=0.12)
    assert level.level == pytest.approx(40, abs=10)


def test_noiseOfStructuresAloneIsNotMeasured():
    """Edges everywhere and nothing uniform: no number is better than a wrong one."""
    array = (1000 * (np.indices((10, 80, 80)).sum(axis=0) // 3 % 2)).astype(np.int16)
    blocks = findBlocks(array, np.array([0.5, 0.5, 1.0]))
    assert noiseLevel(blocks, blocks.mean > -300) is None


def test_steadyShiftOfSlantedAnatomyIsExpected():
    generator = np.random.default_rng(2)
    from scipy.ndimage import gaussian_filter, shift

    plane = gaussian_filter(generator.normal(0, 4000, (96, 96)), 3)
    slices = np.stack([shift(plane, (0.3 * k, -0.2 * k), order=1, mode="nearest") for k in range(20)])
    case = Case(loadProfile(), ImageVolume(slices.astype(np.int16), np.eye(4), modality="CT"))
    shifts, uncertainties = shiftsBetweenSlices(case, lambda fraction, text: None)
    assert uncertainties.max() < 0.1
    np.testing.assert_allclose(np.median(shifts, axis=0), (-0.2, 0.3), atol=0.05)
    assert unexpectedShifts(shifts, uncertainties).max() < 0.1


def test_circularFieldIsRecognizedWithItsRadius():
    image = ball((0.8, 0.8, 0.8), (0.5, 0.5, 0.5), noise=20)
    j, i = np.indices(image.array.shape[1:]) - 39.5
    image.array[:, np.hypot(i, j) > 35] = -1024
    found = outsideField(Case(loadProfile(), image))
    assert found.circleRadiusPixels == pytest.approx(35, abs=1)


def test_plainAirIsNoField():
    """Air of one value around a body that has no noise is not taken for what lies outside the field."""
    image = ball((0.8, 0.8, 0.8), (0.5, 0.5, 0.5))
    assert outsideField(Case(loadProfile(), image)).mask is None


def test_everyRequirementThatCanFailIsFailedByAFault():
    """Switching any one check off makes the test of its fault fail."""
    broken = {entry[1] for entry in (*FAULTS.values(), *WARNINGS.values())}
    profile = loadProfile()
    for check in checksOf(ACQUISITION_MODULES):
        for name in check.requirementIds:
            assert name in broken or profile.requirement(name).severity == "information"


@pytest.mark.parametrize("name", ["thick slices", "one slice shifted"])
def test_withoutItsCheckAFaultGoesUnseen(tmp_path, name):
    from M3DTestSupport.PhantomScan import makeCase
    from M3DValidationLib.Requirement import Verdict
    from M3DValidationLib.Validation import runChecks

    fault, requirement, *_ = FAULTS[name]
    others = [check for check in checksOf(ACQUISITION_MODULES) if requirement not in check.requirementIds]
    findings = runChecks(makeCase(tmp_path, fault), checks=others)
    assert not [finding for finding in findings if finding.verdict is Verdict.FAIL]


def alignmentOf(array):
    image = ImageVolume(array, np.diag([0.6, 0.6, 0.8, 1.0]), modality="CT")
    (finding,) = SliceAlignmentCheck().run(Case(loadProfile(), image))
    return finding


@pytest.fixture(scope="module")
def ballInAir():
    """Most slices of this small scan show nothing but noise."""
    matrix = np.diag([0.6, 0.6, 0.8, 1.0])
    matrix[:3, 3] = (-20, -20, -20)
    return renderPhantom([(Sphere((1, 2, 3), 8), 1000.0)], 0.0, (64, 64, 50), matrix, 0.8, noise=15).array


def test_slicesOfNoiseAreNotCalledShifted(ballInAir):
    finding = alignmentOf(ballInAir)
    assert finding.verdict is Verdict.PASS
    assert finding.measured < 0.1
    assert "show too little structure" in finding.message


def test_shiftedSliceAmongThemIsFound(ballInAir):
    moved = ballInAir.copy()
    moved[28] = np.roll(moved[28], 2, axis=1)
    finding = alignmentOf(moved)
    assert finding.verdict is Verdict.FAIL
    assert finding.measured == pytest.approx(1.2, abs=0.15)
    assert "Slice 29" in finding.message or "Slice 30" in finding.message


def test_noiseAloneIsNotCalledAligned():
    finding = alignmentOf(np.random.default_rng(5).normal(0, 20, (40, 64, 64)).astype(np.int16))
    assert finding.verdict is Verdict.NOT_ASSESSABLE
