"""Checks that compare model and scan run beside the others, and nobody can tell from the findings."""

import threading

import numpy as np

from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.Volumes import makeVolume
from M3DValidationLib.Check import Case
from M3DValidationLib.Profile import loadProfile
from M3DValidationLib.Validation import runChecks

MESH = TriangleMesh(np.eye(3), [[0, 1, 2]])


class _Recorded:
    def __init__(self, requirementId, meeting=None, comparesWithScan=False):
        self.requirementIds, self.meeting, self.comparesWithScan = (requirementId,), meeting, comparesWithScan

    def canRun(self, case):
        return True

    def run(self, case, progress):
        if self.meeting is not None:
            self.meeting.wait()
        return [case.profile.requirements[name].notAssessable("tried") for name in self.requirementIds]


def test_findingsComeInTheOrderOfTheChecksAlthoughTwoRunAtOnce():
    meeting = threading.Barrier(2, timeout=20)
    checks = [
        _Recorded("deviation-bias", meeting, comparesWithScan=True),
        _Recorded("mesh-closed", meeting),
        _Recorded("deviation-p95", comparesWithScan=True),
        _Recorded("mesh-finite"),
    ]
    findings = runChecks(Case(loadProfile(), makeVolume(), mesh=MESH), checks=checks)
    ids = [finding.requirement.id for finding in findings]
    assert ids == ["deviation-bias", "mesh-closed", "deviation-p95", "mesh-finite"]


def test_whatTwoChecksNeedIsMeasuredOnce():
    case, asked, made = Case(loadProfile()), threading.Barrier(2, timeout=20), []

    def measure():
        made.append(object())
        return made[-1]

    def ask():
        asked.wait()
        results.append(case.measured("thing", measure))

    results = []
    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert results == made * 2
