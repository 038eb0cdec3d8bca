"""Findings on deviations: what passes, what fails, and what cannot be judged."""

import json

import numpy as np
import pytest

from M3DLib.Distance.DeviationMap import DeviationMap
from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.Mesh.MeshRefinement import refined
from M3DLib.Mesh.SegmentSurface import makeSurface
from M3DLib.Mesh.SurfaceParameters import SurfaceParameters
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.Phantom.PhantomImage import renderPhantom
from M3DLib.Phantom.PhantomShapes import Box, Sphere, rotationAbout
from M3DLib.Segmentation.Segment import Segment
from M3DTestSupport.RealData import FIVE_MM_SCAN, ONE_MM_SCAN, needsRealData
from M3DTestSupport.ShapeMeshes import surfaceMesh
from M3DValidationLib.Check import Case
from M3DValidationLib.Deviation.DeviationChecks import ImageDeviationCheck, SegmentDeviationCheck, imageFindings
from M3DValidationLib.Deviation.DeviationRegions import deviationRegions, largestDeviation
from M3DValidationLib.Deviation.DeviationReport import deviationReport
from M3DValidationLib.Deviation.LabelmapSpacingCheck import LabelmapSpacingCheck
from M3DValidationLib.Profile import loadProfile
from M3DValidationLib.Requirement import Verdict

BALL = Sphere((0.1, 0.2, 0.3), 12)


@pytest.fixture(scope="module")
def scan():
    matrix = np.diag([0.5, 0.5, 1.0, 1.0])
    matrix[:3, 3] = (-15.75, -15.75, -15.5)
    return renderPhantom([(BALL, 1200)], 0, (64, 64, 32), matrix, 0.8, noise=30)


def mesh(offset=0.0):
    return surfaceMesh(BALL, [-15] * 3, [15] * 3, 0.8, offset)


def verdicts(case, check=ImageDeviationCheck):
    return {finding.requirement.id: finding for finding in check().run(case)}


def test_meshOnTheEdgePassesEverything(scan):
    found = verdicts(Case(loadProfile(), image=scan, mesh=mesh()))
    assert set(found) == set(ImageDeviationCheck.requirementIds)
    assert {finding.verdict for finding in found.values()} == {Verdict.PASS}
    for finding in found.values():
        json.dumps(finding.asDict(), allow_nan=False)


def test_shrunkenMeshFailsOnBiasAndSaysItIsTooSmall(scan):
    found = verdicts(Case(loadProfile(), image=scan, mesh=mesh(-0.6)))
    assert found["deviation-bias"].verdict is Verdict.FAIL
    assert found["deviation-bias"].measured == pytest.approx(0.6, abs=0.01)
    assert "too small" in found["deviation-bias"].message
    assert found["deviation-coverage"].verdict is Verdict.PASS


def test_localDentFailsOnItsRegionOnly(scan):
    dented = mesh()
    direction = (dented.points - np.array(BALL.center)) / 12
    dented.points[direction[:, 2] > 0.97] -= (1.8 * direction[direction[:, 2] > 0.97]).astype(np.float32)
    found = verdicts(Case(loadProfile(), image=scan, mesh=dented))
    assert found["deviation-max-region"].verdict is Verdict.FAIL
    assert found["deviation-max-region"].evidence["pointLps"][2] > 9
    assert found["deviation-bias"].verdict is Verdict.PASS


def test_toleranceFinerThanTheMethodIsNotAssessable(scan):
    found = verdicts(Case(loadProfile(), image=scan, mesh=mesh(), options={"tolerance": 0.005}))
    assert found["deviation-tolerance"].verdict is Verdict.NOT_ASSESSABLE
    assert "finer than" in found["deviation-tolerance"].message


def test_noLimitGrowsWithTheVoxel():
    matrix = np.diag([1.5, 1.5, 1.5, 1])
    matrix[:3, 3] = -15.75
    coarse = renderPhantom([(BALL, 1200)], 0, (22, 22, 22), matrix, 2.0)
    found = verdicts(Case(loadProfile("implant"), image=coarse, mesh=mesh()))
    for finding in found.values():
        assert finding.requirement == loadProfile("implant").requirements[finding.requirement.id]


def test_limitsFollowTheUseAndNoneIsLooserThanIt():
    uses = ("implant", "surgical-guide", "surgical-planning", "anatomical-model", "education")
    profiles = [loadProfile(name) for name in uses]
    judged = ("deviation-bias", "deviation-p95", "deviation-max-region", "segment-deviation-p95", "mesh-inside-image")
    for id_ in judged:
        limits = [profile.requirements[id_].passLimit for profile in profiles]
        assert limits == sorted(limits) and limits[0] < limits[-1]
        sources = [profile.requirements[id_].source for profile in profiles]
        assert len(set(sources)) >= 4, "each use says where its limit comes from"
        for profile, limit in zip(profiles, limits, strict=True):
            assert limit <= profile.toleranceMm
    for profile in profiles:
        for id_ in ("deviation-bias", "deviation-p95", "segment-deviation-p95"):
            assert profile.requirements[id_].warningLimit <= profile.toleranceMm
        assert profile.requirements["deviation-tolerance"].judge(94.9) is Verdict.FAIL


def facts(**changes):
    """What a good measurement of a fine image says, but for the changes."""
    story = {"counted": {"deviation": 0.2, "pointLps": [0, 0, 0]}, "text": "The largest deviation is +0.200 mm."}
    return {
        "meanSigned": 0.01,
        "p95Absolute": 0.2,
        "p99Absolute": 0.3,
        "rms": 0.1,
        "coverage": 0.99,
        "tolerance": 0.5,
        "withinTolerance": 1.0,
        "overTolerance": 0.0,
        "underTolerance": 0.0,
        "uncertainty95": 0.05,
        "calibration": {"withinFittedRange": True, "statement": "", "estimate95": 0.05},
        "notMeasured": [],
        "sign": "",
        "worstPointLps": [0, 0, 0],
        "largest": story,
        **changes,
    }


def judgedAs(**changes):
    profile = loadProfile("implant")
    held = {id_: profile.requirements[id_] for id_ in ImageDeviationCheck.requirementIds}
    return {finding.requirement.id: finding.verdict for finding in imageFindings(held, facts(**changes))}


LENGTHS = ("deviation-p95", "deviation-max-region", "deviation-tolerance")


def test_whatTheImageResolvesIsJudged():
    assert set(judgedAs().values()) == {Verdict.PASS}


@pytest.mark.parametrize(
    "changes",
    [
        {"uncertainty95": 0.8},
        {"uncertainty95": None, "calibration": {"withinFittedRange": False, "statement": "Thick.", "estimate95": 0.8}},
        {"uncertainty95": None, "calibration": {"withinFittedRange": False, "statement": "Thick.", "estimate95": None}},
    ],
)
def test_whatTheImageDoesNotResolveNeverPasses(changes):
    found = judgedAs(**changes)
    assert {found[id_] for id_ in LENGTHS} == {Verdict.NOT_ASSESSABLE}
    # What is far off is far off on any image.
    assert judgedAs(p95Absolute=1.1, **changes)["deviation-p95"] is Verdict.FAIL


def test_biasOfAnImageBeyondAllExperienceIsNotAssessable():
    thick = {"withinFittedRange": False, "statement": "Thick.", "estimate95": None}
    assert judgedAs(uncertainty95=None, calibration=thick)["deviation-bias"] is Verdict.NOT_ASSESSABLE
    assert judgedAs(uncertainty95=0.8)["deviation-bias"] is Verdict.PASS, "chance averages out"


def test_largestDeviationIsToldOnceWithAreaAndWhetherItCounts(scan):
    spiked = surfaceMesh(BALL, [-15] * 3, [15] * 3, 0.4)
    vertex = int(spiked.points[:, 2].argmax())
    # Inward, where the edge is still within reach of the search: one vertex, far less than 1 mm2.
    spiked.points[vertex, 2] -= np.float32(1.3)
    case = Case(loadProfile(), image=scan, mesh=spiked)
    found = verdicts(case)["deviation-max-region"]
    image = deviationReport(case).data["image"]
    largest = image["largest"]
    assert found.message == largest["text"] and found.verdict is Verdict.PASS
    assert largest["pointLps"] == image["worstPointLps"] and not largest["counts"]
    assert "does not count" in largest["text"] and "What counts" in largest["text"]
    named = [region for region in image["regions"]["largest"] if region["worstPointLps"] == largest["pointLps"]]
    assert len(named) == 1 and named[0]["areaMm2"] == pytest.approx(largest["areaMm2"])
    assert 0 < largest["areaMm2"] < 1 and largest["deviation"] == pytest.approx(named[0]["worst"])
    assert largest["counted"]["deviation"] == pytest.approx(found.measured)


def test_theRegionNamedIsListedHoweverSmallItIs():
    # 30 separate triangles of 8 mm2 off by 2 mm, and one of 0.125 mm2 that is off by 3 mm.
    corners = np.array([[0, 0, 0], [4, 0, 0], [0, 4, 0]], dtype=float)
    parts = [np.add(corners, (10 * n, 0, 0)) for n in range(30)] + [np.add(corners / 8, (0, 50, 0))]
    surface = TriangleMesh(np.concatenate(parts), np.arange(93).reshape(-1, 3))
    distance = np.full(93, 2.0, dtype=np.float32)
    distance[-3:] = 3.0
    deviation = DeviationMap(
        kind="image",
        mesh=surface,
        distance=distance,
        quality=np.zeros(93, dtype=np.uint8),
        areas=np.repeat([8 / 3] * 30 + [0.125 / 3], 3).astype(np.float32),
        reference="",
        signMeaning="",
    )
    regions = deviationRegions(deviation, 1.0)
    assert regions["count"] == 31 and len(regions["largest"]) == 20
    assert regions["largest"][-1]["worst"] == 3.0
    story = largestDeviation(deviation, regions, 1.0)
    assert story["areaMm2"] == pytest.approx(0.125) and not story["counts"]
    assert story["counted"]["deviation"] == pytest.approx(2.0, abs=2e-3)


def test_ruleOfThumbIsInformationWhereTheDeviationWasMeasured(scan):
    segment = Segment(np.ones((4, 4, 4), np.uint8), np.diag([0.8, 0.8, 0.8, 1.0]), "ball")
    measured = LabelmapSpacingCheck().run(Case(loadProfile(), image=scan, segment=segment, mesh=mesh()))
    assert [finding.verdict for finding in measured] == [Verdict.INFORMATION]
    assert "was measured" in measured[0].message
    alone = LabelmapSpacingCheck().run(Case(loadProfile(), segment=segment))
    assert [finding.verdict for finding in alone] == [Verdict.WARNING]
    unresolved = Case(loadProfile(), image=scan, segment=segment, mesh=mesh(), options={"tolerance": 0.005})
    assert [finding.verdict for finding in LabelmapSpacingCheck().run(unresolved)] == [Verdict.WARNING]


def test_figureThatRefersToItselfSaysSo():
    k, j, i = np.meshgrid(*[np.arange(30)] * 3, indexing="ij")
    label = ((i - 15) ** 2 + (j - 15) ** 2 + (k - 15) ** 2 < 100).astype(np.uint8)
    segment, parameters = Segment(label, np.eye(4), "ball"), SurfaceParameters()
    own = Case(loadProfile(), segment=segment, mesh=makeSurface(segment, parameters), surfaceParameters=parameters)
    foreign = Case(loadProfile(), segment=segment, mesh=makeSurface(segment, parameters))
    said = {name: verdicts(case, SegmentDeviationCheck) for name, case in (("own", own), ("foreign", foreign))}
    assert "was made from this segment" in said["own"]["segment-deviation-p95"].message
    assert "was made from" not in said["foreign"]["segment-deviation-p95"].message
    for case in (own, foreign):
        # Between two surfaces nothing is measured: the rounding of coordinates is no uncertainty.
        assert deviationReport(case).data["segmentation"]["uncertainty95"] is None


def test_meshWhereNothingCanBeMeasuredIsNotCalledGood(scan):
    far = mesh(-6)
    found = verdicts(Case(loadProfile(), image=scan, mesh=far))
    assert found["deviation-coverage"].verdict is Verdict.FAIL
    assert found["deviation-bias"].verdict is Verdict.NOT_ASSESSABLE


def test_meshOutsideTheImageIsNotAssessableWithTheReason(scan):
    away = mesh()
    away.points += np.float32(500)
    found = verdicts(Case(loadProfile(), image=scan, mesh=away))
    assert {finding.verdict for finding in found.values()} == {Verdict.NOT_ASSESSABLE}
    assert "outside the image" in found["deviation-bias"].message


def test_largeFlatTrianglesAreMeasuredInsideToo():
    size = np.array([20.0, 18, 16])
    bar = Box((0, 0, 0), tuple(size))
    columns = rotationAbout((1, 2, 3), 20) @ np.diag([0.5, 0.5, 1.0])
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = columns, -columns @ np.array([39.5, 39.5, 19.5])
    image = renderPhantom([(bar, 1200)], 0, (80, 80, 40), matrix, 0.8, noise=30)
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * (size / 2 - 0.3)
    triangles = [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1]]
    triangles += [[2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]]
    coarse = TriangleMesh(corners, triangles)
    fine = refined(coarse, 1.5)
    assert fine.isClosed
    assert fine.volumeMm3 == pytest.approx(coarse.volumeMm3)
    found = verdicts(Case(loadProfile(), image=image, mesh=coarse))
    assert found["deviation-bias"].evidence["meanSigned"] == pytest.approx(0.3, abs=0.04)
    assert found["deviation-coverage"].measured > 50


def test_segmentAndMeshAreCompared():
    k, j, i = np.meshgrid(*[np.arange(40)] * 3, indexing="ij")
    label = ((i - 20) ** 2 + (j - 20) ** 2 + (k - 20) ** 2 < 144).astype(np.uint8)
    segment = Segment(label, np.eye(4), "ball")
    found = verdicts(Case(loadProfile(), segment=segment, mesh=makeSurface(segment)), SegmentDeviationCheck)
    assert {finding.verdict for finding in found.values()} == {Verdict.PASS}
    other = Segment(np.roll(label, 6, axis=2), np.eye(4), "ball")
    found = verdicts(Case(loadProfile(), segment=segment, mesh=makeSurface(other)), SegmentDeviationCheck)
    assert found["segment-deviation-p95"].verdict is Verdict.FAIL


def test_reportIsMeasuredOnceAndIsPlainJson(scan):
    case = Case(loadProfile(), image=scan, mesh=mesh(0.2))
    report = deviationReport(case, reference=None)
    assert deviationReport(case) is report
    assert report.data["segmentation"] is None
    assert report.data["image"]["meanSigned"] == pytest.approx(-0.2, abs=0.01)
    json.dumps(report.data, allow_nan=False)
    surface = deviationReport(case, reference=mesh()).data["surface"]
    assert surface["meanSigned"] == pytest.approx(-0.2, abs=0.01)
    assert surface["reverse"]["meanSigned"] == pytest.approx(-0.2, abs=0.01)


def slab(image, first, last):
    """Some slices of a scan, which is quicker than all of them."""
    matrix = image.ijkToLps.copy()
    matrix[:3, 3] += first * matrix[:3, 2]
    return ImageVolume(image.array[first:last], matrix)


@needsRealData
def test_meshOfThickSlicesFailsOnTheThinSlicesAndTheirOwnMeshDoesNot():
    from M3DLib.Image.ImageReader import readImage
    from M3DLib.Segmentation.SegmentFit import thresholdSegment

    thin, thick = (readImage(scan) for scan in (ONE_MM_SCAN, FIVE_MM_SCAN))
    thin, thick = slab(thin, 40, 90), slab(thick, 8, 18)
    own, foreign = (makeSurface(thresholdSegment(image, 300, None, 1)) for image in (thin, thick))
    good = verdicts(Case(loadProfile(), image=thin, mesh=own))
    bad = verdicts(Case(loadProfile(), image=thin, mesh=foreign))
    judged = ("deviation-bias", "deviation-p95", "deviation-max-region")
    assert {good[id_].verdict for id_ in judged} == {Verdict.PASS}
    assert {bad[id_].verdict for id_ in judged} == {Verdict.FAIL}
