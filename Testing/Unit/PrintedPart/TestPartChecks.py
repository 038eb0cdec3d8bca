"""A printed part judged: shrinkage, growth and warp told apart, missing parts found, doubtful alignments not judged."""

import numpy as np
import pytest

from M3DLib.Alignment.SurfaceAlignment import SurfaceAlignment
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.Phantom.PhantomShapes import Box, Cylinder, Difference, Sphere, Union
from M3DTestSupport.ShapeMeshes import surfaceMesh
from M3DValidationLib.PrintedPart.PartChecks import PrintedPartCheck
from M3DValidationLib.PrintedPart.PartComparison import PartComparison, compareParts, partCase
from M3DValidationLib.Profile import loadProfile
from M3DValidationLib.Requirement import Verdict

SHAPE = Union((Box((0, 0, 0), (60, 40, 16)), Sphere((22, 10, 8), 9), Box((-20, -8, 12), (10, 10, 16))))


@pytest.fixture(scope="module")
def model():
    return surfaceMesh(SHAPE, [-34, -24, -12], [34, 24, 24], 1.5)


def judged(part, model, alignment=None, tolerance=0.5):
    comparison = PartComparison(part, model, alignment)
    aligned = compareParts(comparison, tolerance)
    case = partCase(comparison, aligned, loadProfile(), tolerance)
    return comparison, {finding.requirement.id: finding for finding in PrintedPartCheck().run(case)}


def changed(model, change):
    return TriangleMesh(change(model.points.astype(np.float64)), model.triangles)


def test_aFaithfulPartPassesEverything(model):
    rng = np.random.default_rng(1)
    _, found = judged(changed(model, lambda p: p + rng.normal(0, 0.03, p.shape)), model)
    assert found.pop("part-roughness").verdict is Verdict.INFORMATION
    assert {finding.verdict for finding in found.values()} == {Verdict.PASS}
    assert {*found, "part-roughness"} == set(PrintedPartCheck.requirementIds)


def test_shrinkageIsFoundPerAxisWithItsUncertainty(model):
    rng = np.random.default_rng(2)
    true = np.array([-0.02, 0.0, -0.01])
    shape = judged(changed(model, lambda p: p * (1 + true) + rng.normal(0, 0.03, p.shape)), model)[0].shape
    assert np.abs(shape.scale - true).max() < 0.001
    assert (np.abs(shape.scale - true) <= 1.5 * shape.scaleUncertainty).all()
    assert shape.warpMm < 0.03 and abs(shape.growthMm) < 0.02


def test_shrinkageFailsTheRequirementAndNamesTheAxis(model):
    found = judged(changed(model, lambda p: p * [0.97, 1, 1]), model)[1]["part-scale"]
    assert found.verdict is Verdict.FAIL and found.measured == pytest.approx(3.0, abs=0.15)
    assert "too small" in found.message and "x −" in found.message


def test_growthIsNotScale():
    ball = Union((Sphere((0, 0, 0), 15), Box((20, 0, 0), (20, 12, 9))))
    model, grown = (surfaceMesh(ball, [-18] * 3, [33, 18, 18], 1.2, offset) for offset in (0.0, 0.2))
    shape = judged(grown, model)[0].shape
    assert shape.growthMm == pytest.approx(0.2, abs=0.03)
    assert np.abs(shape.scale).max() < 0.003


def test_onABlockScaleAndGrowthCannotBeToldApart():
    block = Union((Box((0, 0, 0), (40, 24, 12)), Sphere((14, 4, 6), 7)))
    model = surfaceMesh(block, [-24, -16, -10], [24, 16, 18], 1.5)
    # All that is curved lies 0.06 mm too far in, as in a blurred scan: what is flat lies where it should.
    away = np.linalg.norm(model.points - np.float32([14, 4, 6]), axis=1)
    ball = (np.abs(away - 7) < 0.2) & (model.points[:, 2] > 6.5)
    points = model.points.astype(np.float64)
    points[ball] -= 0.06 * (points[ball] - [14, 4, 6]) / 7
    comparison, found = judged(TriangleMesh(points, model.triangles), model)
    shape = comparison.shape
    assert (np.abs(shape.scale) <= 1.1 * shape.scaleUncertainty + 0.0005).all()
    assert found["part-scale"].verdict in (Verdict.PASS, Verdict.NOT_ASSESSABLE)


def test_warpIsToldFromRoughness(model):
    rng = np.random.default_rng(3)

    def bend(points):
        bent = points + rng.normal(0, 0.05, points.shape)
        bent[:, 2] += 2.5 * (points[:, 0] / 30) ** 2
        return bent

    comparison, found = judged(changed(model, bend), model)
    assert found["part-warp"].verdict is Verdict.FAIL
    assert 0.5 < comparison.shape.warpMm < 2.5
    assert comparison.shape.roughnessMm < 0.12
    rough = judged(changed(model, lambda p: p + rng.normal(0, 0.15, p.shape)), model)[0].shape
    assert rough.warpMm < 0.05 and rough.roughnessMm > 0.08


def test_aPieceBrokenOffIsMissing(model):
    broken = surfaceMesh(
        Union((Box((0, 0, 0), (60, 40, 16)), Sphere((22, 10, 8), 9))), [-34, -24, -12], [34, 24, 24], 1.5
    )
    found = judged(broken, model)[1]["part-missing"]
    # The post's top and sides, 100 + 4 * 120 mm2, less what lies within 1 mm of the plate.
    assert found.verdict is Verdict.FAIL
    assert 350 < found.measured < 620
    assert np.linalg.norm(np.subtract(found.evidence["pointLps"][:2], [-20, -8])) < 8


def test_anOpenScanDoesNotTellWhatIsMissing(model):
    upper = model.triangles[model.points[model.triangles].mean(axis=1)[:, 2] > 0]
    found = judged(TriangleMesh(model.points, upper), model)[1]["part-missing"]
    assert found.verdict is Verdict.NOT_ASSESSABLE and "not scanned" in found.message


def test_aBoreThatWasFilledIsFoundFromTheModelsSide():
    # Most of the surface is the bore's: the filled block lies within its own model nearly everywhere.
    block = Box((0, 0, 0), (24, 24, 40))
    bored = Difference(block, Cylinder((0, 0, 0), (0, 0, 1), 8, 60))
    model, filled = (surfaceMesh(one, [-16, -16, -24], [16, 16, 24], 1.2) for one in (bored, block))
    found = judged(filled, model)[1]["part-tolerance"]
    assert found.verdict is Verdict.FAIL
    evidence = found.evidence
    assert evidence["partWithinPercent"] > 90
    # The bore's wall, 2 pi 8 40 mm2, but for what lies within the tolerance of the two faces.
    total = 4 * 24 * 40 + 2 * (24 * 24 - np.pi * 64) + 2 * np.pi * 8 * 40
    assert found.measured == pytest.approx(100 * (1 - 2 * np.pi * 8 * 39 / total), abs=1)


def test_anOpenScanIsNotBlamedForWhatItDoesNotShow(model):
    upper = model.triangles[model.points[model.triangles].mean(axis=1)[:, 2] > 0]
    found = judged(TriangleMesh(model.points, upper), model)[1]["part-tolerance"]
    assert found.verdict is Verdict.PASS and "may not have been scanned" in found.message
    assert found.evidence["modelWithinPercent"] is None


def test_aDoubtfulAlignmentIsNotJudged(model):
    alignment = SurfaceAlignment(np.eye(4), doubts=["Another position fits as well."])
    comparison, found = judged(model, model, alignment)
    assert comparison.surfaces is None
    verdicts = {name: finding.verdict for name, finding in found.items() if name != "part-roughness"}
    assert len(verdicts) == 7 and set(verdicts.values()) == {Verdict.NOT_ASSESSABLE}


def test_aToleranceFinerThanTheAlignmentIsNotAssessable(model):
    alignment = SurfaceAlignment(np.eye(4), uncertaintyMm=0.4)
    found = judged(model, model, alignment)[1]["part-tolerance"]
    assert found.verdict is Verdict.NOT_ASSESSABLE


def test_aPinThatThePartLacksIsARegionFarFromItThoughThePartsOwnPointsAreNear(model):
    pin = Union((SHAPE, Cylinder((5.0, -12.0, 8.0), (0, 0, 1), 1.2, 16.0)))
    withPin = surfaceMesh(pin, [-34, -24, -12], [34, 24, 24], 0.75)
    part = surfaceMesh(SHAPE, [-34, -24, -12], [34, 24, 24], 0.75)
    found = judged(part, withPin)[1]
    region = found["part-max-region"]
    # The pin is 8 mm high above the plate; where it stood, the part is nowhere farther from it than its radius.
    assert region.verdict is Verdict.FAIL and region.measured == pytest.approx(8.0, abs=0.8)
    assert region.evidence["seenFrom"] == "model" and "found from the model's surface" in region.message
    assert region.evidence["pointLps"][2] == pytest.approx(16, abs=1.0)
    # The other way round the part has it and the model does not: its own points are the farthest.
    other = judged(withPin, part)[1]["part-max-region"]
    assert other.evidence["seenFrom"] == "part" and other.measured == pytest.approx(8.0, abs=0.8)


def test_anOpenPartIsLookedAtFromItsOwnSurfaceAlone(model):
    half = TriangleMesh(model.points, model.triangles[model.points[model.triangles].mean(axis=1)[:, 0] < 5])
    found = judged(half, model)[1]
    assert "from the part's surface alone" in found["part-max-region"].message
    assert found["part-max-region"].evidence["seenFrom"] == "part"
    assert "over the model's surface" not in found["part-bias"].message
    assert "mean over the part's surface" in found["part-bias"].message
