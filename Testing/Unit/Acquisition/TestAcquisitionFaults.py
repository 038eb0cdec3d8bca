"""Scans with exactly one fault: the requirement it breaks fails with the right value, and nothing else does."""

from functools import cache

import numpy as np
import pytest

from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.Faults import FACES, FAULTS, WARNINGS, metal
from M3DTestSupport.PhantomScan import Fault, judge
from M3DValidationLib.Check import Case
from M3DValidationLib.Profile import loadProfile
from M3DValidationLib.Requirement import Verdict


def idsWith(findings, verdict):
    return {finding.requirement.id for finding in findings if finding.verdict is verdict}


def test_faultlessScanPassesEverything(tmp_path):
    findings = judge(tmp_path, Fault())
    other = [finding for finding in findings if finding.verdict is not Verdict.PASS]
    assert {finding.requirement.id for finding in other} == {"acquisition-record", "reconstruction-kernel"}
    assert all(finding.verdict is Verdict.INFORMATION for finding in other)


@pytest.fixture(scope="module")
def findingsOn(tmp_path_factory):
    """Findings on a fault by its name, judged once."""
    return cache(lambda name: judge(tmp_path_factory.mktemp("scan"), FAULTS[name][0]))


@pytest.mark.parametrize("name", FAULTS)
def test_oneFaultFailsItsRequirementAlone(findingsOn, name):
    _, expected, value, tolerance, *mayWarn = FAULTS[name]
    findings = findingsOn(name)
    assert idsWith(findings, Verdict.FAIL) == {expected}
    assert idsWith(findings, Verdict.WARNING) <= (mayWarn[0] if mayWarn else set())
    assert idsWith(findings, Verdict.NOT_ASSESSABLE) == set()
    assert idsWith(findings, Verdict.INFORMATION) == {"acquisition-record", "reconstruction-kernel"}
    (finding,) = [finding for finding in findings if finding.requirement.id == expected]
    if value is not None:
        assert finding.measured == pytest.approx(value, rel=max(tolerance, 1e-9))
    assert finding.message.endswith(".") and finding.asDict()["verdict"] == "fail"


@pytest.mark.parametrize("name", WARNINGS)
def test_lesserFaultWarnsAlone(tmp_path, name):
    fault, expected = WARNINGS[name]
    findings = judge(tmp_path, fault)
    assert idsWith(findings, Verdict.FAIL) == set()
    assert expected in idsWith(findings, Verdict.WARNING)


@pytest.mark.parametrize("face", FACES)
def test_cutFaceIsNamedInPatientTerms(findingsOn, face):
    findings = findingsOn(f"cut {face}")
    (finding,) = [f for f in findings if f.requirement.id == "anatomy-inside-field-of-view"]
    assert list(finding.evidence["cutMm2"]) == [face] and face in finding.message


def test_areaCutByACircleIsThatOfTheVoxelFaces(findingsOn):
    from M3DTestSupport.PhantomScan import boneMask

    fault = FAULTS["circular field cuts the anatomy"][0]
    findings = findingsOn("circular field cuts the anatomy")
    (finding,) = [f for f in findings if f.requirement.id == "anatomy-inside-field-of-view"]
    inside = boneMask(fault.content).astype(bool)
    middle = (np.array(inside.shape[1:]) - 1) / 2
    faces = 0
    for _, j, i in np.argwhere(inside):
        for dj, di in ((0, 1), (0, -1), (1, 0), (-1, 0)):
            here, there = np.hypot(*([j, i] - middle)), np.hypot(*([j + dj, i + di] - middle))
            faces += here <= 34 < there
    assert finding.measured == faces * 0.25


@pytest.mark.parametrize("face", ["left", "superior"])
def test_pictureMarksTheCutFaceAndNoOther(tmp_path, face):
    from M3DTestSupport.PhantomScan import makeCase
    from M3DValidationLib.Acquisition.FieldOfViewPicture import _CUT, fieldOfViewPicture

    picture = fieldOfViewPicture(makeCase(tmp_path, FAULTS[f"cut {face}"][0]))
    rows, columns = np.nonzero((picture == _CUT).all(axis=2))
    # Left of the patient is on the right of two panels; above is on top of the other two.
    panels = len({int(column) // (picture.shape[1] // 3) for column in columns})
    assert panels == 2
    assert (np.ptp(rows) > 50) if face == "left" else (rows.max() < picture.shape[0] / 2)


def test_pictureOfTheFaultlessScanMarksNothing(tmp_path):
    from M3DTestSupport.PhantomScan import makeCase
    from M3DValidationLib.Acquisition.FieldOfViewPicture import _CUT, fieldOfViewPicture

    case = makeCase(tmp_path, Fault())
    picture = fieldOfViewPicture(case)
    assert picture.dtype == np.uint8 and picture.shape[2] == 3 and not (picture == _CUT).all(axis=2).any()
    case.segment = None
    case.measurements.clear()
    assert fieldOfViewPicture(case) is None


def test_streaksOfMetalAreMeasured(tmp_path):
    def withStreaks(array):
        metal(array)
        inMetal = (array >= 3000).any(axis=(1, 2))
        streaks = np.random.default_rng(4).normal(0, 60, (inMetal.sum(), *array.shape[1:]))
        array[inMetal] = np.where(array[inMetal] < 3000, array[inMetal] + streaks, array[inMetal])
        return array

    found = {finding.requirement.id: finding for finding in judge(tmp_path, Fault(change=withStreaks))}
    evidence = found["saturation"].evidence
    assert evidence["noiseElsewhere"] == pytest.approx(20, rel=0.15)
    assert evidence["noiseInSlicesWithMetal"] == pytest.approx(np.hypot(20, 60), rel=0.15)
    assert "streaks raise the noise" in found["saturation"].message
    # Its center lies 14 mm from the bone's, of which the bone takes 8 mm and the ball 2.5 mm.
    assert evidence["nearestMm"] == pytest.approx(3.5, abs=0.6)


@pytest.mark.parametrize("face", [None, "left", "inferior"])
def test_meshAloneShowsWhereItWasCut(tmp_path, face):
    """A model made of the cut bone, brought along without its segment."""
    from M3DLib.Mesh.SegmentSurface import makeSurface
    from M3DTestSupport.PhantomScan import makeCase
    from M3DValidationLib.Acquisition.FieldOfViewChecks import AnatomyInsideCheck

    fault, _, area, _, *_ = FAULTS[f"cut {face}"] if face else (Fault(), None, 0.0, 0)
    case = makeCase(tmp_path, fault)
    case.mesh, case.segment = makeSurface(case.segment), None
    (finding,) = AnatomyInsideCheck().run(case)
    assert finding.verdict is (Verdict.FAIL if face else Verdict.PASS)
    assert list(finding.evidence["cutMm2"]) == ([face] if face else [])
    # Smoothing rounds the rim of the cut off.
    assert finding.measured == pytest.approx(area, rel=0.2)


def _sideFinding(array, spacing=(0.5, 0.5, 1.0)):
    from M3DValidationLib.Acquisition.FieldOfViewChecks import BodyInsideCheck

    image = ImageVolume(array, np.diag([*spacing, 1.0]), modality="CT")
    (finding,) = BodyInsideCheck().run(Case(loadProfile(), image))
    return finding


def _head(size=128):
    """A head of 20 mm radius in the middle of the slices, which ends well inside."""
    j, i = np.indices((size, size)) - (size - 1) / 2
    plane = np.where(np.hypot(j, i) * 0.5 < 20, 40, -1000).astype(np.int16)
    return np.repeat(plane[None], 12, axis=0), np.hypot(j, i) * 0.5


def test_headHolderAtTheSideIsNotTheBody():
    array, radius = _head()
    # A bowl with a wall of 3 mm that is cut at the posterior side, and a plate of 4 mm along it.
    array[:, (radius > 30) & (radius < 33)] = 400
    array[:, -8:] = 100
    finding = _sideFinding(array)
    assert finding.verdict is Verdict.PASS and finding.measured == 0
    assert "not counted" in finding.message and "posterior" in finding.message
    assert finding.evidence["thinMm2"]["posterior"] == pytest.approx(128 * 0.5 * 12 * 1.0)


def test_limbAtTheSideIsTheBodyAlsoBesideACouch():
    array, _radius = _head()
    array[:, -8:, :40] = 100
    # An arm 16 mm thick that leaves the image on the patient's right side.
    array[:, 48:80, :30] = 40
    finding = _sideFinding(array)
    assert finding.verdict is Verdict.WARNING
    assert finding.evidence["cutMm2"]["right"] == pytest.approx(32 * 0.5 * 12 * 1.0, rel=0.02)
    assert finding.evidence["cutMm2"]["posterior"] == 0


def test_stepsThatThickSlicesMakeThemselvesAreNotAssessable(monkeypatch):
    from M3DValidationLib.Acquisition import SliceAlignmentCheck as alignment

    shifts = np.zeros((19, 2))
    shifts[9] = 0.7, 0.0
    monkeypatch.setattr(alignment, "shiftsBetweenSlices", lambda *_: (shifts, np.full(19, 0.02)))
    verdicts = {}
    for distance in (1.0, 5.0):
        image = ImageVolume(np.zeros((20, 32, 32), np.int16), np.diag([0.5, 0.5, distance, 1.0]), modality="CT")
        (finding,) = alignment.SliceAlignmentCheck().run(Case(loadProfile("implant"), image))
        verdicts[distance] = finding.verdict
        assert finding.requirement.passLimit == 0.3
    assert verdicts == {1.0: Verdict.FAIL, 5.0: Verdict.NOT_ASSESSABLE}


@pytest.mark.parametrize("profile, expected", [("implant", Verdict.FAIL), ("education", Verdict.PASS)])
def test_bulgeOfTheMeshIsJudgedByTheUseNotByTheVoxel(profile, expected):
    from M3DValidationLib.Acquisition.FieldOfViewChecks import MeshInsideCheck

    image = ImageVolume(np.zeros((10, 40, 40), np.int16), np.diag([1.0, 1.0, 5.0, 1.0]), modality="CT")
    # The image ends at x = -0.5; a fifth of its thick slices would be 1 mm.
    mesh = TriangleMesh([[-1.4, 5, 5], [5, 5, 5], [5, 9, 5], [5, 5, 9]], [[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]])
    (finding,) = MeshInsideCheck().run(Case(loadProfile(profile), image, mesh=mesh))
    assert finding.measured == pytest.approx(0.9) and finding.verdict is expected


def test_plainScanIsNotReproachedForLackingAnAgent(tmp_path):
    findings = judge(tmp_path, Fault())
    (agent,) = [f for f in findings if f.evidence.get("attribute") == "ContrastBolusAgent"]
    assert agent.verdict is Verdict.INFORMATION and "plain scan" in agent.message
