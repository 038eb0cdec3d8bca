"""Repairs do what was asked, say what they did, and touch nothing else."""

import numpy as np
import pytest

from M3DLib.Errors import M3DError
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.MeshShapes import box, icosphere, together
from M3DTestSupport.MeshZoo import ANIMALS
from M3DTestSupport.Requirements import defaultRequirements, runChecks
from M3DTestSupport.SoundMeshes import SOUND
from M3DValidationLib.Check import Case
from M3DValidationLib.Requirement import Verdict
from M3DValidationLib.Soundness import BodyChecks, MeshChecks
from M3DValidationLib.Soundness.MeshRepair import RepairOptions, repairMesh

EVERYTHING = RepairOptions(removeUseless=True, reorient=True, dropSpecksMm3=5.0, fillHolesMm=100.0)

REPAIRABLE = {
    "oneTriangleMissing": "fill-holes",
    "trianglesAroundAPointMissing": "fill-holes",
    "boxWithoutLid": "fill-holes",
    "oneTriangleTurned": "reorient",
    "patchOfTrianglesTurned": "reorient",
    "insideOut": "reorient",
    "oneOfTwoBodiesInsideOut": "reorient",
    "collapsedTrianglePair": "remove-useless",
    "triangleWithTheSamePointTwice": "remove-useless",
    "triangleTwice": "remove-useless",
    "triangleTwiceFacingBothWays": "remove-useless",
    "pointWithoutTriangle": "remove-useless",
    "pointNotShared": "remove-useless",
    "speckBesideTheModel": "drop-specks",
    "threeSpecks": "drop-specks",
}


def wrong(mesh):
    case = Case(defaultRequirements("Mesh"), mesh=mesh)
    findings = runChecks((*MeshChecks.CHECKS, *BodyChecks.CHECKS), case)
    return {id_ for id_, one in findings.items() if one.verdict not in (Verdict.PASS, Verdict.INFORMATION)}


@pytest.mark.parametrize("name", REPAIRABLE)
def test_defectIsRepairedAndRecorded(name):
    mesh = ANIMALS[name]().mesh
    before = mesh.points.copy(), mesh.triangles.copy()
    repaired, done = repairMesh(mesh, EVERYTHING)
    assert [repair.kind for repair in done] == [REPAIRABLE[name]]
    assert done[0].count > 0 and done[0].description.endswith(".")
    assert wrong(repaired) == set()
    assert np.array_equal(mesh.points, before[0]) and np.array_equal(mesh.triangles, before[1])
    assert {tuple(point) for point in repaired.points.tolist()} <= {tuple(point) for point in mesh.points.tolist()}


@pytest.mark.parametrize("name", SOUND)
def test_soundMeshesComeBackAsTheyAre(name):
    mesh = SOUND[name]()
    repaired, done = repairMesh(mesh, EVERYTHING)
    assert repaired is mesh and done == []


def test_nothingIsDoneUnasked():
    for name in REPAIRABLE:
        mesh = ANIMALS[name]().mesh
        assert repairMesh(mesh, RepairOptions()) == (mesh, [])


def test_holesAboveTheSizeStayOpen():
    mesh = ANIMALS["boxWithoutLid"]().mesh
    repaired, done = repairMesh(mesh, RepairOptions(fillHolesMm=79.0))
    assert repaired is mesh and done == []
    repaired, _ = repairMesh(mesh, RepairOptions(fillHolesMm=80.1))
    assert repaired.isClosed and repaired.volumeMm3 == pytest.approx(8000, rel=1e-6)


def test_smallCavitiesGoWithTheSpecksAndLargeOnesStay():
    bubble, cavity = icosphere(0.8, 2, (6, 0, 0)), icosphere(3, 2)
    mesh = TriangleMesh(
        *together(icosphere(), *((points, triangles[:, ::-1]) for points, triangles in (bubble, cavity)))
    )
    repaired, done = repairMesh(mesh, RepairOptions(dropSpecksMm3=5.0))
    assert done[0].count == 1
    assert repaired.volumeMm3 == pytest.approx(
        TriangleMesh(*icosphere()).volumeMm3 - TriangleMesh(*cavity).volumeMm3, rel=1e-5
    )


def test_nameAndColorStay():
    points, triangles = box()
    mesh = TriangleMesh(points, triangles[:, ::-1], "skull", (0.1, 0.2, 0.3), 0.5)
    repaired, _ = repairMesh(mesh, RepairOptions(reorient=True))
    assert (repaired.name, repaired.color, repaired.opacity) == ("skull", (0.1, 0.2, 0.3), 0.5)


def test_pointsWithoutAPlaceAreRefused():
    with pytest.raises(M3DError, match="not a number"):
        repairMesh(ANIMALS["pointThatIsNotANumber"]().mesh, EVERYTHING)
