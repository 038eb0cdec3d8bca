"""Every defect of the zoo is found with its count and place, and nothing else; sound meshes pass."""

import json

import numpy as np
import pytest

from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.MeshShapes import icosphere
from M3DTestSupport.MeshZoo import ANIMALS
from M3DTestSupport.Requirements import defaultRequirements, runChecks
from M3DTestSupport.SoundMeshes import SOUND
from M3DValidationLib.Check import Case
from M3DValidationLib.Requirement import Verdict
from M3DValidationLib.Soundness import BodyChecks, MeshChecks

CHECKS = (*MeshChecks.CHECKS, *BodyChecks.CHECKS)

# What is told of every mesh and never judged.
RECORDED_ONLY = {"mesh-components", "mesh-edge-lengths", "mesh-inner-shells", "mesh-size"}


def findingsOf(mesh: TriangleMesh) -> dict:
    return runChecks(CHECKS, Case(profile=defaultRequirements("Mesh"), mesh=mesh))


def test_zooHoldsAtLeastTwentyDefects():
    assert len(ANIMALS) >= 20


@pytest.mark.parametrize("name", ANIMALS)
def test_defectIsFoundAndNothingElse(name):
    animal = ANIMALS[name]()
    findings = findingsOf(animal.mesh)
    wrong = {id_ for id_, finding in findings.items() if finding.verdict in (Verdict.FAIL, Verdict.WARNING)}
    assert wrong == set(animal.expected), {id_: findings[id_].message for id_ in wrong}
    for id_, count in animal.expected.items():
        if count is not None:
            assert findings[id_].measured == count, findings[id_].message
    if animal.place is not None:
        finding = findings[next(iter(animal.expected))]
        places = finding.evidence.get("places") or [hole["center"] for hole in finding.evidence["holes"]]
        assert np.linalg.norm(np.array(places) - animal.place, axis=1).min() < 4, places


@pytest.mark.parametrize("name", SOUND)
def test_soundMeshPassesEverything(name):
    findings = findingsOf(SOUND[name]())
    assert set(findings) == set(defaultRequirements("Mesh").requirements)
    recorded = {id_ for id_, f in findings.items() if f.verdict is Verdict.INFORMATION}
    assert recorded == RECORDED_ONLY
    judged = {id_: f for id_, f in findings.items() if id_ not in recorded}
    assert {id_: f.message for id_, f in judged.items() if f.verdict is not Verdict.PASS} == {}
    json.dumps([finding.asDict() for finding in findings.values()], allow_nan=False)


@pytest.mark.parametrize("name", ["pointThatIsNotANumber", "spikePulledThroughTheOtherSide", "boxWithoutLid"])
def test_findingsOfDefectsAreJson(name):
    json.dumps([finding.asDict() for finding in findingsOf(ANIMALS[name]().mesh).values()], allow_nan=False)


def test_cavitiesAreCountedAsWhatTheyAre():
    finding = findingsOf(SOUND["ballWithCavity"]())["mesh-inner-shells"]
    assert finding.measured == 1
    points, triangles = icosphere(6, 2)
    assert finding.evidence["volumesMm3"][0] == pytest.approx(TriangleMesh(points, triangles).volumeMm3, abs=1e-2)
    within = findingsOf(SOUND["bodyWithinACavity"]())
    assert within["mesh-components"].measured == 2
    assert within["mesh-inner-shells"].measured == 1


def test_meshWithoutTrianglesFailsOnceAndTheRestIsNotAssessable():
    findings = findingsOf(TriangleMesh(np.empty((0, 3)), np.empty((0, 3))))
    assert findings.pop("mesh-finite").verdict is Verdict.FAIL
    recorded = {id_ for id_, finding in findings.items() if finding.verdict is Verdict.INFORMATION}
    assert recorded <= RECORDED_ONLY
    assert {finding.verdict for id_, finding in findings.items() if id_ not in recorded} == {Verdict.NOT_ASSESSABLE}


def test_openSheetHasNoInside():
    points = np.array([[0, 0, 0], [10, 0, 0], [10, 10, 0], [0, 10, 0]], dtype=float)
    findings = findingsOf(TriangleMesh(points, np.array([[0, 1, 2], [0, 2, 3]])))
    assert findings["mesh-closed"].measured == 4
    assert findings["mesh-outward"].verdict is Verdict.NOT_ASSESSABLE
