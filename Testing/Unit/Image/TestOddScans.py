"""Scans nobody thought of: every check answers, with a verdict or with why there is none, and nothing breaks."""

import json

import numpy as np
import pytest

from M3DLib.Image.ImageReader import readImage
from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.Segmentation.Segment import Segment
from M3DTestSupport.EnhancedSeries import writeEnhanced
from M3DTestSupport.PhantomScan import Content, Fault, judge, makeCase, render
from M3DTestSupport.Volumes import makeVolume, rotation
from M3DValidationLib.Check import Case
from M3DValidationLib.Profile import loadProfile
from M3DValidationLib.Report.Content.ReportResult import resultOf
from M3DValidationLib.Requirement import Verdict
from M3DValidationLib.Validation import ACQUISITION_MODULES, checksOf, overallVerdict, runChecks


def findingsOn(image, mask=None, **options):
    segment = None if mask is None else Segment(mask.astype(np.uint8), image.ijkToLps, "part")
    case = Case(loadProfile(), image, segment, options=options)
    findings = runChecks(case, checks=checksOf(ACQUISITION_MODULES))
    # Everything must fit into strict JSON.
    json.dumps(resultOf([case], [findings]), allow_nan=False)
    asked = {name for check in checksOf(ACQUISITION_MODULES) if check.canRun(case) for name in check.requirementIds}
    assert {finding.requirement.id for finding in findings} == asked
    return {finding.requirement.id: finding for finding in findings}


def verdictsOn(image, mask=None):
    return {name: finding.verdict for name, finding in findingsOn(image, mask).items()}


SHAPES = [(1, 1, 1), (1, 64, 64), (2, 8, 8), (3, 200, 3), (40, 4, 4), (7, 7, 7), (5, 33, 17)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "fill, dtype", [("constant", np.int16), ("noise", np.int16), ("noise", np.float32), ("extreme", np.int32)]
)
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_anyArrayGetsVerdicts(shape, fill, dtype):
    generator = np.random.default_rng(1)
    array = np.full(shape, 100, dtype)
    if fill == "noise":
        array = generator.normal(0, 300, shape).astype(dtype)
    elif fill == "extreme":
        array = generator.choice([-32768, 32767], shape).astype(dtype)
    mask = generator.random(shape) > 0.5
    for modality in ("CT", "MR", ""):
        image = ImageVolume(array, np.diag([0.5, 0.5, 1, 1]), modality=modality)
        findingsOn(image)
        findingsOn(image, mask)
        findingsOn(image, np.zeros(shape, bool))
        findingsOn(image, np.ones(shape, bool))


@pytest.mark.parametrize(
    "keyword, requirements",
    [
        ("SliceThickness", {"slice-thickness", "thickness-consistency", "slice-contiguity"}),
        ("SliceLocation", {"header-geometry"}),
        ("ReconstructionDiameter", {"field-of-view"}),
        ("PatientID", {"single-patient"}),
        ("StudyInstanceUID", {"single-study"}),
        ("FrameOfReferenceUID", {"single-frame-of-reference"}),
        ("ImageType", {"original-image"}),
        ("PixelSpacing", {"in-plane-pixel", "voxel-anisotropy"}),
        (
            "ImagePositionPatient",
            {
                "slice-distance",
                "slice-uniformity",
                "missing-slices",
                "duplicate-slices",
                "slice-contiguity",
                "header-geometry",
                "gantry-tilt",
            },
        ),
        ("ImageOrientationPatient", {"orientation-consistency", "slice-distance"}),
    ],
)
def test_missingAttributeIsNotAssessable(tmp_path, keyword, requirements):
    def without(header, k):
        delattr(header, keyword)

    findings = judge(tmp_path, Fault(header=without))
    found = {finding.requirement.id for finding in findings if finding.verdict is Verdict.NOT_ASSESSABLE}
    assert requirements <= found
    for finding in findings:
        if finding.requirement.id in requirements:
            assert finding.verdict is Verdict.NOT_ASSESSABLE and finding.measured is None
            assert "missing" in finding.message or "no" in finding.message.lower()


def test_thicknessMissingInSomeSlicesIsNoPass(tmp_path):
    def without(header, k):
        if k == 3:
            del header.SliceThickness

    found = {f.requirement.id: f for f in judge(tmp_path, Fault(header=without))}
    assert found["slice-thickness"].verdict is Verdict.NOT_ASSESSABLE
    assert "in 1 slice;" in found["slice-thickness"].message


def test_requiredCheckThatCouldNotBeMadeIsNoPass(tmp_path):
    def without(header, k):
        del header.SliceThickness

    findings = judge(tmp_path, Fault(header=without))
    assert overallVerdict(findings) is Verdict.NOT_ASSESSABLE


def test_recordNamesEveryMissingAttribute(tmp_path):
    def without(header, k):
        for keyword in ("KVP", "CTDIvol", "Exposure"):
            delattr(header, keyword)

    found = [f for f in judge(tmp_path, Fault(header=without)) if f.requirement.id == "acquisition-record"]
    # What is recorded only is neither passed nor missed by anybody.
    assert {f.verdict for f in found} == {Verdict.INFORMATION}
    missing = {f.evidence["attribute"] for f in found if f.measured is None}
    assert {"KVP", "CTDIvol", "Exposure", "ContrastBolusAgent"} <= missing
    assert {f.evidence["attribute"]: f.measured for f in found}["PatientPosition"] == "HFS"


def test_datesThatNobodyCanReadAreNotAssessable(tmp_path):
    def nonsense(header, k):
        for keyword in ("AcquisitionDate", "ContentDate", "SeriesDate", "StudyDate"):
            setattr(header, keyword, "")

    found = {f.requirement.id: f for f in judge(tmp_path, Fault(header=nonsense))}
    assert found["scan-age"].verdict is Verdict.NOT_ASSESSABLE


def test_enhancedMultiFrameIsJudgedAlike(tmp_path):
    content = Content()
    volume = render(content)
    writeEnhanced(volume, tmp_path / "image.dcm", order=np.random.default_rng(5).permutation(60))
    findings = findingsOn(readImage(tmp_path))
    for name in ("slice-thickness", "slice-distance", "slice-uniformity", "missing-slices", "in-plane-pixel"):
        assert findings[name].verdict is Verdict.PASS
    assert findings["slice-thickness"].measured == findings["slice-distance"].measured == 0.5


@pytest.mark.parametrize("axes", [rotation(30, 20, 10), np.diag([1, 1, -1]), np.diag([-1, 1, 1])])
def test_orientationOfTheGridChangesNoVerdict(tmp_path, axes):
    straight = makeCase(tmp_path / "a", Fault())
    matrix = straight.image.ijkToLps.copy()
    matrix[:3, :3] = axes @ matrix[:3, :3]
    turned = ImageVolume(straight.image.array, matrix, modality="CT")
    found = findingsOn(turned, straight.segment.array)
    for name, finding in findingsOn(
        ImageVolume(straight.image.array, straight.image.ijkToLps, modality="CT"), straight.segment.array
    ).items():
        assert found[name].verdict is finding.verdict
        if isinstance(finding.measured, float):
            assert found[name].measured == pytest.approx(finding.measured, abs=1e-3, rel=0.02)


def test_segmentOnAGridOfItsOwnIsFound(tmp_path):
    """A cropped, flipped and finer labelmap gives what the image's own grid gives."""
    case = makeCase(tmp_path, Fault(Content(boneCenter=(0.0, 0.0, 10.0))))
    whole = findingsOn(case.image, case.segment.array)["anatomy-inside-field-of-view"]
    array = case.segment.array[20:, 10:80, 10:90][::-1].repeat(2, axis=2)
    matrix = case.image.ijkToLps.copy()
    matrix[:3, 3] = case.image.indexToLps([[9.75, 10, 59]])[0]
    matrix[:3, 2] *= -1
    matrix[:3, 0] /= 2
    case.segment = Segment(np.ascontiguousarray(array), matrix, "bone")
    case.measurements.clear()
    found = {f.requirement.id: f for f in runChecks(case, checks=checksOf(ACQUISITION_MODULES))}
    assert found["anatomy-inside-field-of-view"].measured == pytest.approx(whole.measured, rel=0.02)


def test_twoSlicesAndOneSliceAreJudged(tmp_path):
    for count in (1, 2):
        image = makeVolume(shape=(count, 20, 20))
        found = verdictsOn(image)
        if count == 1:
            assert found["gantry-tilt"] is Verdict.NOT_ASSESSABLE
