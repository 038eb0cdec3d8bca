"""A model node that lacks half of what the scan in the scene shows, and the same model declared to be a part."""

import numpy as np
import pytest

from M3DLib.InSlicer.SlicerModelNodes import addMeshAsModel
from M3DLib.Phantom.PhantomShapes import HalfSpace, Intersection, Sphere
from M3DTestSupport.ScannedBall import CENTER, RADIUS
from M3DTestSupport.ShapeMeshes import surfaceMesh
from M3DValidationLib.InSlicer.SceneCase import casesOfNodes
from M3DValidationLib.Profile import loadProfile
from M3DValidationLib.Report.Report import validateCases
from M3DValidationLib.Requirement import Verdict

IDS = ("scan-covered", "cut-faces", "bodies-left-out")
HALF = Intersection((Sphere(CENTER, RADIUS), HalfSpace(CENTER, (-1, 0, 0))))
HALF_VOLUME = 2 / 3 * np.pi * RADIUS**3


def validated(application, volume, **more):
    """The report on a model of the ball's left half, and its findings by requirement."""
    mesh = surfaceMesh(HALF, *(np.array(CENTER) + side * 13 for side in (-1, 1)), 0.8)
    model = addMeshAsModel(mesh, application.scene, "half a ball")
    found = casesOfNodes(loadProfile(), volume, model, database=application.database, **more)
    report = validateCases(found.cases, showing=False)
    return report, {finding.requirement.id: finding for finding in report.findings}


def test_modelNodeThatLacksAHalfFailsWithPlaceAndSize(application, scannedBall):
    report, found = validated(application, scannedBall[0])
    assert {found[id_].verdict for id_ in IDS} == {Verdict.FAIL}
    # Half of the ball's surface is the model's; beyond the cut a strip as wide as the tolerance is near it too.
    assert 50 < found["scan-covered"].measured < 60
    assert found["cut-faces"].measured == pytest.approx(np.pi * RADIUS**2, rel=0.1)
    assert found["bodies-left-out"].measured == pytest.approx(HALF_VOLUME, rel=0.1)
    (body,) = found["bodies-left-out"].evidence["bodies"]
    assert body["centerLps"] == pytest.approx(np.array(CENTER) - (3 / 8 * RADIUS, 0, 0), abs=0.5)
    assert "declaredPart" not in report.data


def test_declaredPartArrivesInTheReportAndIsInformation(application, scannedBall):
    report, found = validated(application, scannedBall[0], partReason="  left half,\n for a guide ")
    assert report.data["declaredPart"] == "left half, for a guide"
    assert not {found[id_].verdict for id_ in IDS} & {Verdict.FAIL, Verdict.WARNING, Verdict.NOT_ASSESSABLE}
    assert found["bodies-left-out"].measured == pytest.approx(HALF_VOLUME, rel=0.1)
    for id_ in IDS:
        assert "left half, for a guide" in found[id_].message
