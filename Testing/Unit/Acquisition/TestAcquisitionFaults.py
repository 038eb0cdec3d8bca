"""Scans with exactly one fault: the requirement it breaks fails with the right value, and nothing else does."""

from functools import cache

import numpy as np
import pytest

from M3DTestSupport.Faults import FACES, FAULTS, WARNINGS, metal
from M3DTestSupport.PhantomScan import Fault, judge
from M3DValidationLib.Requirement import Verdict


def idsWith(findings, verdict):
    return {finding.requirement.id for finding in findings if finding.verdict is verdict}


def test_faultlessScanPassesEverything(tmp_path):
    findings = judge(tmp_path, Fault())
    bad = [finding for finding in findings if finding.verdict is not Verdict.PASS]
    assert {finding.requirement.id for finding in bad} == {"acquisition-record"}
    assert all(finding.verdict is Verdict.NOT_ASSESSABLE for finding in bad)


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
    assert idsWith(findings, Verdict.NOT_ASSESSABLE) <= {"acquisition-record"}
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
