"""Checks that are begun while the model is made: the findings are those of checks that were made afterwards."""

import threading

import pytest

from M3DLib.Errors import Cancelled, M3DError
from M3DLib.Mesh.SurfaceParameters import SurfaceParameters
from M3DLib.Segmentation.Segment import Segment
from M3DTestSupport.PhantomScan import Content, boneMask, render
from M3DTestSupport.Volumes import makeVolume
from M3DValidationLib.CaseBuilding import addSurfaces
from M3DValidationLib.Check import Case
from M3DValidationLib.EarlyChecks import EarlyChecks
from M3DValidationLib.Profile import loadProfile
from M3DValidationLib.Validation import allChecks, runChecks


class _Recorded:
    """A check that notes when it is run, and waits until it may go on."""

    def __init__(self, requirementId, log, error=None, waitsFor=None):
        self.requirementIds, self.log, self.error, self.waitsFor = (requirementId,), log, error, waitsFor

    def canRun(self, case):
        return True

    def run(self, case, progress):
        self.log.append((self.requirementIds[0], threading.current_thread().name))
        while self.waitsFor is not None and not self.waitsFor.wait(0.01):
            progress(0.5, "waiting")
        if self.error is not None:
            raise self.error
        return [case.profile.requirements[self.requirementIds[0]].notAssessable("tried")]


class _OfImage(_Recorded):
    aboutImageAlone = True


class _OfOtherKind(_Recorded):
    aboutImageAlone = True


class _OfSegment(_Recorded):
    needsNoMesh = True


class _OfMesh(_Recorded):
    pass


# Like the two checks of a surface there are, one of the segmentation and one of the mesh.
_OfOtherKind.__name__ = _OfImage.__name__


def cases():
    return Case(loadProfile(), makeVolume()), Case(loadProfile(), makeVolume())


def segmentIsWaitedFor(begun, log, name):
    """Until a check has begun, for at most twenty seconds."""
    for _ in range(2000):
        if any(entry[0] == name for entry in log):
            return
        threading.Event().wait(0.01)
    raise AssertionError(f"{name} was not begun: {log}")


def test_whatWasBegunIsTakenAndTheRestIsMadeOnce():
    log, (image, case) = [], cases()
    checks = [
        _OfImage("mesh-closed", log),
        _OfOtherKind("noise", log),
        _OfSegment("saturation", log),
        _OfMesh("mesh-finite", log),
    ]
    with EarlyChecks(image, checks) as begun:
        begun.segmentIsKnown(case)
        segmentIsWaitedFor(begun, log, "saturation")
    findings = runChecks(case, checks=checks)
    assert [finding.requirement.id for finding in findings] == ["mesh-closed", "noise", "saturation", "mesh-finite"]
    # Each once, and what needs the mesh not before there is one.
    assert sorted(name for name, _ in log) == ["mesh-closed", "mesh-finite", "noise", "saturation"]
    early = {name for name, thread in log if thread == "M3D early checks"}
    assert early == {"mesh-closed", "noise", "saturation"}


def test_afterTheModelIsMadeNothingElseIsBegun():
    log, (image, case), goOn = [], cases(), threading.Event()
    checks = [_OfImage("noise", log, waitsFor=goOn), _OfSegment("saturation", log)]
    with EarlyChecks(image, checks) as begun:
        begun.segmentIsKnown(case)
        segmentIsWaitedFor(begun, log, "noise")
    threading.Timer(0.2, goOn.set).start()
    findings = runChecks(case, checks=checks)
    assert [finding.requirement.id for finding in findings] == ["noise", "saturation"]
    assert [name for name, thread in log if thread == "M3D early checks"] == ["noise"]


def test_anErrorIsRaisedWhereTheCheckIsMade():
    log, (image, case) = [], cases()
    checks = [_OfImage("noise", log, error=M3DError("No verdict can say this.")), _OfSegment("saturation", log)]
    with EarlyChecks(image, checks) as begun:
        begun.segmentIsKnown(case)
        segmentIsWaitedFor(begun, log, "noise")
    with pytest.raises(M3DError, match="No verdict can say this"):
        runChecks(case, checks=checks)
    # Nothing is begun after an error.
    assert [name for name, _ in log] == ["noise"]


def test_whereTheModelCannotBeMadeTheChecksEndAtOnce():
    log, (image, _case), never = [], cases(), threading.Event()
    before = set(threading.enumerate())
    with pytest.raises(M3DError, match="no such segment"), EarlyChecks(image, [_OfImage("noise", log, waitsFor=never)]):
        segmentIsWaitedFor(None, log, "noise")
        raise M3DError("There is no such segment.")
    assert set(threading.enumerate()) <= before


def test_whoAsksForWhatWasStoppedIsToldSo():
    log, (image, _case), never = [], cases(), threading.Event()
    check = _OfImage("noise", log, waitsFor=never)
    begun = EarlyChecks(image, [check])
    segmentIsWaitedFor(begun, log, "noise")
    begun.stop()
    with pytest.raises(Cancelled):
        begun.take(check)


def described(findings):
    return [
        (finding.requirement.id, finding.verdict, finding.measured, finding.message, finding.evidence)
        for finding in findings
    ]


def test_findingsOnAPhantomAreTheSameEarlyOrNot():
    content = Content()
    image = render(content)
    segment = Segment(boneMask(content), content.ijkToLps, "bone")
    found = []
    for early in (False, True):
        case = Case(loadProfile(), image, segment)
        if early:
            with EarlyChecks(Case(loadProfile(), image), allChecks()) as begun:
                begun.segmentIsKnown(case)
                begun._thread.join(60)
                addSurfaces([case], SurfaceParameters())
            made = {kind.__name__ for kind, one in begun._begun.items() if one is not None}
            assert {"SliceAlignmentCheck", "BodyInsideCheck", "BridgeCheck", "SaturationCheck", "NoiseCheck"} <= made
        else:
            addSurfaces([case], SurfaceParameters())
        found.append(described(runChecks(case)))
    assert found[0] == found[1]
    assert len(found[0]) > 40
