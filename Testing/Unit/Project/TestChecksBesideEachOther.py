"""Checks that compare model and scan run beside the others, and nobody can tell from the findings."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from M3DLib.Errors import Cancelled, M3DError
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.Volumes import makeVolume
from M3DValidationLib.Check import Case
from M3DValidationLib.Profile import loadProfile
from M3DValidationLib.Validation import runChecks

MESH = TriangleMesh(np.eye(3), [[0, 1, 2]])


class _Recorded:
    def __init__(self, requirementId, meeting=None, comparesWithScan=False, error=None):
        self.requirementIds, self.meeting, self.comparesWithScan = (requirementId,), meeting, comparesWithScan
        self.error = error

    def canRun(self, case):
        return True

    def run(self, case, progress):
        if self.meeting is not None:
            self.meeting.wait()
        if self.error is not None:
            raise self.error
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


def ids(findings):
    return [finding.requirement.id for finding in findings]


def test_whatFollowsTheOthersDoesNotWaitForTheComparison():
    meeting, seen = threading.Barrier(2, timeout=20), []
    checks = [_Recorded("deviation-bias", meeting, comparesWithScan=True), _Recorded("mesh-closed")]

    def draw(findings, progress):
        # Not before the comparison is at work, which then waits for this.
        meeting.wait()
        seen.append((ids(findings), threading.current_thread()))

    findings = runChecks(Case(loadProfile(), makeVolume(), mesh=MESH), checks=checks, afterOthers=draw)
    # Renderers are asked by the thread that asked for the checks.
    assert seen == [(["mesh-closed"], threading.current_thread())]
    assert ids(findings) == ["deviation-bias", "mesh-closed"]


@pytest.mark.parametrize("image", [makeVolume(), None])
def test_whatFollowsTheOthersIsDoneWhereNothingIsCompared(image):
    seen = []
    checks = [_Recorded("mesh-closed"), _Recorded("mesh-finite")]
    runChecks(
        Case(loadProfile(), image, mesh=MESH), checks=checks, afterOthers=lambda found, said: seen.append(ids(found))
    )
    assert seen == [["mesh-closed", "mesh-finite"]]


def test_anErrorOfTheComparisonEndsAllAndIsRaised():
    drawn = threading.Event()

    def draw(findings, progress):
        drawn.set()
        while True:
            progress(0.5, "Drawing")
            threading.Event().wait(0.01)

    class Failing(_Recorded):
        def run(self, case, progress):
            drawn.wait(20)
            raise M3DError("No verdict can say this.")

    checks = [Failing("deviation-bias", comparesWithScan=True), _Recorded("mesh-closed")]
    with pytest.raises(M3DError, match="No verdict can say this"):
        runChecks(Case(loadProfile(), makeVolume(), mesh=MESH), checks=checks, afterOthers=draw)


def test_whoCancelsWhileOnlyTheComparisonIsAtWorkEndsItToo():
    ended = []

    class Endless(_Recorded):
        def run(self, case, progress):
            try:
                while True:
                    progress(0.5, "Comparing")
                    threading.Event().wait(0.01)
            finally:
                ended.append(True)

    checks = [Endless("deviation-bias", comparesWithScan=True), _Recorded("mesh-closed")]
    seen = []

    def progress(fraction, text):
        seen.append(text)
        if text == "Comparing":
            raise Cancelled

    with pytest.raises(Cancelled):
        runChecks(Case(loadProfile(), makeVolume(), mesh=MESH), progress, checks=checks)
    assert ended == [True]


# What a check loads while another one may be loading too can leave the program hanging when it is interrupted.
_LOADING = """
import sys
import numpy as np
from M3DLib.Mesh.SurfaceParameters import SurfaceParameters
from M3DLib.Segmentation.Segment import Segment
from M3DTestSupport.PhantomScan import Content, boneMask, render
from M3DValidationLib.CaseBuilding import addSurfaces
from M3DValidationLib.Check import Case
from M3DValidationLib.Profile import loadProfile
from M3DValidationLib.Validation import allChecks, loadForComparison

content = Content()
image, mask = render(content), boneMask(content)
segments = [Segment(array, content.ijkToLps, "bone") for array in (mask, np.roll(mask, 3, axis=2))]
case = Case(loadProfile(), image, segments[0])
isCoarse = sys.argv[1] == "coarse"
addSurfaces([case], SurfaceParameters(decimation=0.98 if isCoarse else 0.0, refine=sys.argv[1] == "refined"))
if isCoarse:
    case.otherSegments, case.control = segments[1:], image
checks = [check for check in allChecks() if getattr(check, "comparesWithScan", False)]
loadForComparison()
before = set(sys.modules)
for check in checks:
    if check.canRun(case):
        list(check.run(case))
report = case.measurements["deviation"]
print("measured", *sorted(report.maps), file=sys.stderr)
print(*sorted(set(sys.modules) - before))
"""


@pytest.mark.parametrize("surface", ["smoothed", "refined", "coarse"])
def test_theComparisonLoadsNoPackages(surface):
    done = subprocess.run(
        [sys.executable, "-c", _LOADING, surface],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr
    assert "measured image" in done.stderr
    assert done.stdout.split() == []
