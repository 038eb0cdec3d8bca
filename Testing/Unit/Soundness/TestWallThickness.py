"""Wall thickness and gaps against analytic shapes and against every ball tried one by one."""

import numpy as np
import pytest

from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.MeshShapes import box, cylinder, icosphere, together
from M3DTestSupport.MeshZoo import ANIMALS
from M3DTestSupport.Requirements import defaultRequirements, runChecks
from M3DTestSupport.SoundMeshes import SOUND
from M3DValidationLib.Check import Case
from M3DValidationLib.Requirement import Verdict
from M3DValidationLib.Soundness import PrintabilityChecks
from M3DValidationLib.Soundness.WallSurface import WallSurface
from M3DValidationLib.Soundness.WallThickness import OPPOSITE, closestPoints, measureThickness, thinPlaces


def corners(mesh):
    points, triangles = mesh
    return points.astype(np.float32).astype(np.float64)[triangles]


def thicknessOf(surface, limit, **more):
    return measureThickness(WallSurface.ofCorners(surface, 3 * limit), limit, **more)


def findings(mesh, **options):
    mesh = mesh if isinstance(mesh, TriangleMesh) else TriangleMesh(*mesh)
    case = Case(defaultRequirements("Printability"), mesh=mesh, options=options)
    return runChecks(PrintabilityChecks.CHECKS, case)


@pytest.mark.parametrize("level", [0, 4])
def test_plateHasItsThicknessHoweverFinelyDivided(level):
    measured = thicknessOf(corners(box((20, 30, 0.6), level=level)), 0.8)
    onFaces = np.abs(measured.normals[:, 2]) > 0.5
    assert np.allclose(measured.values[onFaces], 0.6, atol=1e-6)
    places = thinPlaces(measured, 0.8)
    assert len(places) == 1 and places[0].areaMm2 == pytest.approx(1200, rel=0.01)


def test_wedgeOfTwoPlanesIsAsThickAsTheBallBetweenThem():
    angle = np.radians(20)
    high = 40 * np.tan(angle)
    points = np.array([[x, y, z] for y in (-20.0, 20.0) for x, z in ((0, 0), (40, 0), (40, high))])
    triangles = np.array([(0, 1, 2), (3, 5, 4), (0, 3, 4), (0, 4, 1), (1, 4, 5), (1, 5, 2), (2, 5, 3), (2, 3, 0)])
    mesh = TriangleMesh(points, triangles)
    assert mesh.isClosed and mesh.volumeMm3 > 0
    measured = thicknessOf(mesh.corners(), 2.0, count=4000)
    floor = (measured.normals[:, 2] < -0.99) & (measured.values < 3) & (np.abs(measured.points[:, 1]) < 15)
    expected = 2 * measured.points[floor, 0] * np.tan(angle / 2)
    assert floor.sum() > 50
    assert np.allclose(measured.values[floor], expected, rtol=1e-4)


def test_rodAndBallAreAsThickAsTheirDiameter():
    for mesh, diameter in ((cylinder(0.35, 20, 96), 0.7), (icosphere(0.35, 4), 0.7)):
        measured = thicknessOf(corners(mesh), 0.8)
        values = measured.values[np.isfinite(measured.values)]
        assert values.max() <= diameter + 1e-6 and np.median(values) == pytest.approx(diameter, rel=0.02)


def test_gapBetweenTwoBodiesIsFoundWithItsPlaceAndArea():
    mesh = together(box((20, 20, 5), level=2), box((10, 10, 5), (0, 0, 5.25), level=0))
    finding = findings(mesh)["gap-width"]
    assert finding.verdict is Verdict.WARNING
    assert finding.measured == pytest.approx(0.25, abs=1e-5)
    assert finding.evidence["areaBelowMm2"] == pytest.approx(200, rel=0.03)
    assert np.allclose(np.array(finding.evidence["places"])[:, 2], 2.625, atol=0.13)
    assert findings(mesh)["wall-thickness"].verdict is Verdict.PASS


def test_preparedForLongRaysASurfaceGivesTheSameThickness():
    surface = corners(box((20, 30, 0.6), level=3))
    long = WallSurface.ofCorners(surface, 40.0)
    first, again = measureThickness(long, 0.8), measureThickness(long, 0.8)
    short = thicknessOf(surface, 0.8)
    for name in ("points", "values", "triangles", "opposite"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
        assert np.array_equal(getattr(first, name), getattr(short, name))
    with pytest.raises(ValueError, match=r"2\.4 mm"):
        measureThickness(WallSurface.ofCorners(surface, 1.0), 0.8)


def allBalls(triangles, points, normals):
    """Smallest ball diameter at each point over densely sampled opposite triangles, every pair tried."""
    u, v = np.meshgrid(np.linspace(0, 1, 40), np.linspace(0, 1, 40))
    inside = u + v <= 1 + 1e-12
    u, v = u[inside], v[inside]
    own = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    own /= np.linalg.norm(own, axis=1, keepdims=True)
    result = np.full(len(points), np.inf)
    for triangle, normal in zip(triangles, own, strict=True):
        samples = triangle[0] + u[:, None] * (triangle[1] - triangle[0]) + v[:, None] * (triangle[2] - triangle[0])
        reach = samples[None] - points[:, None]
        along = -np.einsum("ijk,ik->ij", reach, normals)
        diameter = np.where(along > 1e-9, (reach**2).sum(axis=2) / np.where(along > 1e-9, along, 1), np.inf).min(axis=1)
        facing = normals @ normal <= OPPOSITE
        result = np.where(facing, np.minimum(result, diameter), result)
    return result


def test_thicknessAgreesWithEveryBallTriedOneByOne():
    # An ellipsoidal shell, thin in places, from a stretched ball and its smaller copy.
    points, triangles = icosphere(1, 2)
    shell = together((points * (6, 5, 4), triangles), (points * (5.2, 4.5, 3.3) + (0.2, 0, 0.1), triangles[:, ::-1]))
    surface = corners(shell)
    measured = thicknessOf(surface, 1.0, count=150)
    expected = allBalls(surface, measured.points, measured.normals)
    near = np.isfinite(measured.values) & (measured.values < 1.0)
    assert near.sum() > 50
    assert np.allclose(measured.values[near], expected[near], rtol=0.02)
    # And nothing thin was missed.
    assert np.all(measured.values[expected < 0.95] < 1.0)


def test_closestPointsOfTriangles():
    rng = np.random.default_rng(7)
    triangles, points = rng.normal(size=(200, 3, 3)), rng.normal(size=(200, 3)) * 2
    nearest = np.linalg.norm(closestPoints(points, triangles) - points, axis=1)
    u, v = np.meshgrid(np.linspace(0, 1, 101), np.linspace(0, 1, 101))
    inside = u + v <= 1 + 1e-12
    weights = np.stack([1 - u[inside] - v[inside], u[inside], v[inside]], axis=1)
    grid = np.linalg.norm(np.einsum("sc,ncd->nsd", weights, triangles) - points[:, None], axis=2).min(axis=1)
    assert np.all(nearest <= grid + 1e-12) and np.allclose(nearest, grid, atol=0.05)


def test_userLimitIsMeantSeriously():
    plate = box((20, 30, 1.5), level=2)
    assert findings(plate)["wall-thickness"].verdict is Verdict.PASS
    finding = findings(plate, minWall=2.0)["wall-thickness"]
    assert finding.verdict is Verdict.FAIL and finding.measured == pytest.approx(1.5, abs=1e-5)
    assert finding.asDict()["limit"] == 2.0


def test_buildVolumeIsTriedOnEverySide():
    mesh = box((100, 20, 30))
    assert findings(mesh)["build-volume"].verdict is Verdict.NOT_ASSESSABLE
    assert findings(mesh, buildVolume=(35, 25, 110))["build-volume"].verdict is Verdict.PASS
    assert findings(mesh, buildVolume=(90, 90, 90))["build-volume"].verdict is Verdict.WARNING


def test_overhangOfABallAndABox():
    # More than 45 degrees below the horizontal direction: a cap of (1 - sin 45) / 2 of a ball's area.
    # Of it, 0.1 mm of 20 (0.5 %) lies on the plate.
    share = findings(icosphere(level=5))["overhang"].measured
    assert share == pytest.approx(100 * (1 - np.sin(np.pi / 4)) / 2 - 0.5, abs=0.15)
    assert findings(box())["overhang"].measured == 0


@pytest.mark.parametrize("name", SOUND)
def test_soundMeshesHaveNoThinWallsOrGaps(name):
    found = findings(SOUND[name]())
    assert {found[id_].verdict for id_ in ("wall-thickness", "gap-width")} == {Verdict.PASS}
    assert found["overhang"].verdict is Verdict.INFORMATION


@pytest.mark.parametrize("name", [name for name in ANIMALS if name not in ("pointThatIsNotANumber",)])
def test_defectsOfOtherKindsAreNotReportedAgainAsThinWalls(name):
    found = findings(ANIMALS[name]().mesh)
    assert {found[id_].verdict for id_ in ("wall-thickness", "gap-width")} == {Verdict.PASS}, name
