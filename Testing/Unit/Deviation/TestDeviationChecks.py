"""Findings on deviations: what passes, what fails, and what cannot be judged."""

import json

import numpy as np
import pytest

from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.Mesh.MeshRefinement import refined
from M3DLib.Mesh.SegmentSurface import makeSurface
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.Phantom.PhantomImage import renderPhantom
from M3DLib.Phantom.PhantomShapes import Box, Sphere, rotationAbout
from M3DLib.Segmentation.Segment import Segment
from M3DTestSupport.RealData import FIVE_MM_SCAN, ONE_MM_SCAN, needsRealData
from M3DTestSupport.ShapeMeshes import surfaceMesh
from M3DValidationLib.Check import Case
from M3DValidationLib.Deviation.DeviationChecks import ImageDeviationCheck, SegmentDeviationCheck
from M3DValidationLib.Deviation.DeviationReport import deviationReport
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


def test_limitFollowsTheVoxelWhereThatIsLarge(scan):
    coarse = renderPhantom([(BALL, 1200)], 0, (22, 22, 22), np.diag([1.5, 1.5, 1.5, 1]) - _shift(15.75), 2.0)
    found = verdicts(Case(loadProfile(), image=coarse, mesh=mesh()))
    assert found["deviation-p95"].requirement.passLimit == pytest.approx(0.75)


def _shift(distance):
    matrix = np.zeros((4, 4))
    matrix[:3, 3] = distance
    return matrix


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
