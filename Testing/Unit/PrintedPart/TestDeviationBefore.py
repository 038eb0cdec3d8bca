"""What is said of a part before its alignment: figures of some points, held against all and against known distances."""

import json

import numpy as np
import pytest

from M3DBatchLib.CommandLine import main
from M3DLib.Alignment.SampledDistance import sampledDistances
from M3DLib.Distance.EvenComparison import compareEvenly
from M3DLib.Mesh.StlFile import stlBytes
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.MeshShapes import box, icosphere
from M3DTestSupport.PartShapes import partMesh
from M3DValidationLib.Deviation.DeviationReport import surfaceFacts
from M3DValidationLib.PrintedPart.PartComparison import deviationBefore
from M3DValidationLib.Report.Content.ComparisonView import comparisonView

BALL, LARGER = (TriangleMesh(*icosphere(radius, 4)) for radius in (20, 22))


@pytest.fixture(scope="module")
def jaw():
    return partMesh("mandible")


def test_ballsWithinEachOtherLieTheirRadiiApart():
    before = deviationBefore(BALL, LARGER, 0.5)
    # Facets lie within the ball they are made of by up to their sagitta.
    assert before["meanSigned"] == pytest.approx(2, abs=0.03) and before["sd"] < 0.03
    assert before["measuredVertices"] == before["vertices"] and before["coverage"] == 1
    assert deviationBefore(LARGER, BALL, 0.5)["meanSigned"] == pytest.approx(-2, abs=0.03)


def test_aReferenceThatFacesInwardIsTurned():
    distance, sure, _ = sampledDistances(BALL, LARGER.reversed(), 500)
    assert sure.all() and (distance > 1.9).all()


def test_aBoxMovedAlongOneAxisHasTheSharesOfItsFaces():
    points, triangles = box((20.0, 20.0, 20.0))
    moved = TriangleMesh(points + np.float32([0.5, 0, 0]), triangles)
    distance, sure, area = sampledDistances(moved, TriangleMesh(points, triangles), 6000)
    assert area == pytest.approx(2400) and sure.all()
    # One face of six lies 0.5 mm too far out, one too far in, but for its rim, which is nearer to the other faces.
    assert np.mean(np.abs(distance + 0.5) < 1e-4) == pytest.approx(1 / 6, abs=0.01)
    assert np.mean(np.abs(distance - 0.5) < 1e-4) == pytest.approx(19**2 / 2400, abs=0.01)


def test_whatLiesNearestToAnOpenBorderIsNotCounted():
    half = TriangleMesh(LARGER.points, LARGER.triangles[LARGER.points[LARGER.triangles].mean(axis=1)[:, 2] > 0])
    before = deviationBefore(BALL, half, 0.5)
    assert before["coverage"] == pytest.approx(0.5, abs=0.05) and before["measuredVertices"] < before["vertices"]


def test_farFromTheOriginNothingIsLost():
    far = np.array([40_000.0, -30_000.0, 50_000.0])
    near = [sampledDistances(BALL, LARGER, 400)[0]]
    meshes = []
    for one in (BALL, LARGER):
        mesh = TriangleMesh(one.points + far, one.triangles)
        mesh.precise = one.points + far
        meshes.append(mesh)
    assert sampledDistances(*meshes, 400)[0] == pytest.approx(near[0], abs=1e-3)


def test_theSampleAgreesWithAllPointsAndLeavesTheExtremesOpen(jaw):
    angle = np.radians(5)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    part = TriangleMesh(jaw.points @ turn.T + (2.0, -1.0, 3.0), jaw.triangles)
    sampled, every = deviationBefore(part, jaw, 0.5), surfaceFacts(compareEvenly(part, jaw), 0.5)
    certain = sampled["meanUncertainty95"]
    assert 0 < certain < 0.05
    for key in ("meanSigned", "meanAbsolute"):
        assert sampled[key] == pytest.approx(every[key], abs=1.5 * certain)
    for key in ("rms", "sd", "p95Absolute", "median"):
        assert sampled[key] == pytest.approx(every[key], rel=0.03, abs=0.03), key
    assert sampled["withinTolerance"] == pytest.approx(every["withinTolerance"], abs=0.01)
    assert sampled["minSigned"] is None and sampled["maxSigned"] is None and sampled["sampled"]


def test_theReportSaysThatPointsWereMeasured(jaw, capsys, tmp_path):
    moved = TriangleMesh(jaw.points + np.float32([1.5, 0, 0]), jaw.triangles)
    for name, mesh in (("A", moved), ("B", jaw)):
        (tmp_path / f"{name}.stl").write_bytes(stlBytes(mesh))
    files = [str(tmp_path / f"{name}.stl") for name in "AB"]
    status = main(["compare", *files, "--register", "--output", str(tmp_path / "out"), "--json"])
    data = json.loads(capsys.readouterr().out)
    assert status in (0, 1) and data["before"]["rms"] > 10 * data["deviation"]["surface"]["rms"]
    view = comparisonView(data)
    assert any("20000 points spread evenly" in line and "not looked for" in line for line in view["lines"])
    rows = next(table for table in view["tables"] if table["title"] == "Before and after")["rows"]
    assert {row[0]: row[1] for row in rows}["Smallest"] == "not measured"
