"""The checks of the scan on real ones: a head phantom at 1 mm with a bone kernel and at 5 mm with a brain kernel."""

from datetime import date

import numpy as np
import pytest

from M3DLib.Image.ImageReader import readImage
from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.Segmentation.SegmentFit import thresholdSegment
from M3DTestSupport.RealData import FIVE_MM_SCAN, ONE_MM_SCAN, needsRealData
from M3DValidationLib.Check import Case
from M3DValidationLib.Profile import loadProfile
from M3DValidationLib.Requirement import Verdict
from M3DValidationLib.Validation import ACQUISITION_MODULES, checksOf, runChecks

pytestmark = needsRealData

GEOMETRY = {
    "slice-thickness",
    "slice-distance",
    "slice-uniformity",
    "missing-slices",
    "duplicate-slices",
    "slice-contiguity",
    "thickness-consistency",
    "orientation-consistency",
    "header-geometry",
    "gantry-tilt",
    "in-plane-pixel",
    "voxel-anisotropy",
    "field-of-view",
    "through-plane-resolution",
}


def judge(image):
    case = Case(
        loadProfile("implant"), image, thresholdSegment(image, 300, None, 1), options={"today": date(2015, 3, 1)}
    )
    return {finding.requirement.id: finding for finding in runChecks(case, checks=checksOf(ACQUISITION_MODULES))}


@pytest.fixture(scope="module")
def thinScan():
    return readImage(ONE_MM_SCAN)


@pytest.fixture(scope="module")
def thickScan():
    return readImage(FIVE_MM_SCAN)


@pytest.fixture(scope="module")
def thin(thinScan):
    return judge(thinScan)


@pytest.fixture(scope="module")
def thick(thickScan):
    return judge(thickScan)


def test_thinScanPassesTheGeometryOfImplants(thin):
    assert {name for name in GEOMETRY if thin[name].verdict is not Verdict.PASS} == set()
    assert thin["slice-distance"].measured == thin["slice-thickness"].measured == 1.0


def test_thickScanFailsThicknessDistanceAndResolution(thick):
    failed = {name for name in GEOMETRY if thick[name].verdict is Verdict.FAIL}
    assert failed == {"slice-thickness", "slice-distance", "through-plane-resolution", "voxel-anisotropy"}
    assert [thick[name].measured for name in ("slice-thickness", "slice-distance")] == [5.0, 5.0]


def test_bothAreRightOnTiltFieldOfViewAndStrayFile(thin, thick, thinScan, thickScan):
    for findings, scan in ((thin, thinScan), (thick, thickScan)):
        assert findings["gantry-tilt"].measured == 0 and findings["gantry-tilt"].evidence["headerDegrees"] == 0
        evidence = findings["field-of-view"].evidence
        assert (evidence["reconstructionDiameterMm"], evidence["dataCollectionDiameterMm"]) == (231, 500)
        assert evidence["extentMm"] == [231, 231, 140]
        assert [item.file.name for item in scan.skippedFiles] == ["DIRFILE"]
        assert findings["body-inside-field-of-view"].verdict is Verdict.PASS, "the head holder is no body"
        assert "posterior" in findings["body-inside-field-of-view"].message
        assert findings["single-frame-of-reference"].verdict is Verdict.PASS


def test_stepsBetweenThickSlicesAreNotCalledAligned(thin, thick):
    assert thin["slice-alignment"].verdict is Verdict.PASS
    assert thick["slice-alignment"].verdict is Verdict.NOT_ASSESSABLE


def test_kernelCharacterFollowsFromTheEdges(thin, thick):
    assert (thin["reconstruction-kernel"].measured, thick["reconstruction-kernel"].measured) == ("sharp", "smooth")
    assert thin["reconstruction-kernel"].evidence["kernels"] == ["YA"]
    assert thick["reconstruction-kernel"].evidence["kernels"] == ["UB"]


def test_noiseIsThatOfTheInserts(thin, thick):
    """Standard deviation in the middle of bar, rod and plate: 18 to 20 HU at 1 mm, 1.7 to 2.2 HU at 5 mm."""
    assert 15 < thin["noise"].measured < 30
    assert 1.3 < thick["noise"].measured < 2.6


def test_anatomyIsCutBelowAndNowhereElse(thin):
    finding = thin["anatomy-inside-field-of-view"]
    assert finding.verdict is Verdict.FAIL and list(finding.evidence["cutMm2"]) == ["inferior"]


@pytest.mark.parametrize("factor, spline", [(5, 1), (5, 3)])
def test_thickScanResampledDoesNotPassAsThin(thickScan, factor, spline):
    from scipy.ndimage import zoom

    array = np.rint(zoom(thickScan.array[4:20].astype(np.float32), (factor, 1, 1), order=spline)).astype(np.int16)
    matrix = thickScan.ijkToLps.copy()
    matrix[:3, 2] *= 15 / (len(array) - 1)
    finding = judge(ImageVolume(array, matrix, modality="CT"))["through-plane-resolution"]
    assert finding.verdict is Verdict.FAIL and finding.measured > 3
