"""Triangles gathered around points hold the closest ones: distances are those of a search of the whole surface."""

import numpy as np
import pytest

import M3DLib.Alignment.TrianglesAround as around
from M3DLib.Alignment.TrianglesAround import TrianglesAround
from M3DLib.Distance.ClosestSurface import ClosestSurface
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.MeshShapes import box, icosphere, together


@pytest.fixture(scope="module")
def ballWithPlate() -> ClosestSurface:
    """A ball of many small triangles, and within it a plate of few large ones, corners of which lie far from most."""
    return ClosestSurface(TriangleMesh(*together(icosphere(20.0, 5), box((24.0, 24.0, 2.0)))))


@pytest.fixture(autouse=True)
def alwaysGathered(monkeypatch):
    monkeypatch.setattr(around, "FEW", 100)


def pointsNear(radius: float, spread: float, count: int = 3000) -> np.ndarray:
    rng = np.random.default_rng(3)
    directions = rng.normal(size=(count, 3))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    return directions * (radius + rng.normal(0, spread, count))[:, None]


def farthestFromWhole(surface: ClosestSurface, gathered: TrianglesAround, points: np.ndarray) -> float:
    found = surface.closest(points, gathered.search(points)).distance
    return float(np.abs(found - surface.query(points).distance).max())


@pytest.mark.parametrize(("radius", "spread"), [(20.0, 0.05), (20.0, 3.0), (12.0, 4.0), (60.0, 1.0)])
def test_theDistancesAreThoseOfAllTriangles(ballWithPlate, radius, spread):
    points = pointsNear(radius, spread)
    assert farthestFromWhole(ballWithPlate, TrianglesAround(ballWithPlate), points) == 0


def test_largeTrianglesAreNotMissedWhereTheirCornersAreFar(ballWithPlate):
    rng = np.random.default_rng(5)
    points = np.c_[rng.uniform(-8, 8, (500, 2)), np.full(500, 1.25)]
    distance = ballWithPlate.closest(points, TrianglesAround(ballWithPlate).search(points)).distance
    assert distance == pytest.approx(np.full(500, 0.25), abs=1e-6)


def test_theyStayTheSameForASmallMoveAndAreGatheredAnewForALargeOne(ballWithPlate):
    points = pointsNear(20.0, 0.1)
    gathered = TrianglesAround(ballWithPlate)
    gathered.search(points)
    first = gathered.numbers
    assert farthestFromWhole(ballWithPlate, gathered, points + 0.9 * gathered.slack * np.array([0.6, 0.0, 0.8])) == 0
    assert gathered.numbers is first
    assert farthestFromWhole(ballWithPlate, gathered, points + np.array([3.0, -2.0, 1.0])) == 0
    assert gathered.numbers is not first


def test_fewPointsNeedFewTriangles(ballWithPlate):
    gathered = TrianglesAround(ballWithPlate)
    gathered.search(pointsNear(20.0, 0.1, 40))
    # The plate's twelve, and those around each of the points.
    assert 12 <= len(gathered.numbers) < 0.2 * len(ballWithPlate.triangles)


@pytest.mark.parametrize(("few", "most"), [(10**9, 10**9), (0, 0)])
def test_littleIsSearchedAsItIsAndTooMuchAsTheSurfaceIs(ballWithPlate, monkeypatch, few, most):
    monkeypatch.setattr(around, "FEW", few)
    monkeypatch.setattr(around, "MOST", most)
    gathered = TrianglesAround(ballWithPlate)
    points = pointsNear(20.0, 2.0)
    for shift in (0.0, 0.01, 5.0):
        assert farthestFromWhole(ballWithPlate, gathered, points + shift) == 0
