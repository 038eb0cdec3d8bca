"""The search by cells finds what brute force finds, and what it leaves goes to the trees."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from M3DLib.Distance import CellSlab
from M3DLib.Distance.CellGrid import trianglesNear
from M3DLib.Distance.ClosestSurface import ClosestSurface
from M3DLib.Distance.SurfaceDeviation import surfaceDeviation
from M3DLib.Distance.SurfaceTile import SurfaceTile
from M3DLib.Distance.TriangleCells import TriangleCells
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.Phantom.PhantomShapes import Torus
from M3DTestSupport.BruteForce import bruteForce
from M3DTestSupport.ShapeMeshes import surfaceMesh

RING = surfaceMesh(Torus((0, 0, 0), (0, 0.3, 1), 8, 3), [-12] * 3, [12] * 3, 0.5)


@pytest.fixture
def searches(monkeypatch):
    """Numbers of points that were searched for by cells."""
    counts = []
    search = CellSlab.CellSlab.search

    def counted(self, best, triangle):
        counts.append(len(best))
        return search(self, best, triangle)

    monkeypatch.setattr(CellSlab.CellSlab, "search", counted)
    return counts


@pytest.fixture
def visits(monkeypatch):
    """Numbers of points that were searched for by trees."""
    counts = []
    search = SurfaceTile.search

    def counted(self, points, best, triangle):
        counts.append(len(points))
        return search(self, points, best, triangle)

    monkeypatch.setattr(SurfaceTile, "search", counted)
    return counts


def moved(mesh, spread, seed=0):
    noise = np.random.default_rng(seed).normal(size=mesh.points.shape) * spread
    return TriangleMesh(mesh.points + noise, mesh.triangles)


def searchedByCells(mesh, points, reach, edge):
    """Squared distance, triangle of each point (-1 for none), and triangles left out."""
    best, triangle = np.full(len(points), np.inf), np.full(len(points), -1, dtype=np.int32)
    cells = TriangleCells(ClosestSurface(mesh), points, np.arange(len(points)), reach, edge)
    # No cells are made where no point is near.
    left = cells.search(best, triangle, lambda done: None) if cells.pays else np.empty(0, dtype=np.int32)
    return best, triangle, left


@settings(max_examples=40, deadline=None)
# A triangle with one short side between two long ones; nothing but points; far away from where coordinates begin.
@example(6985, 0.01, 5.0, 0.0)
@example(42, 0.0, 5.0, 0.0)
@example(7, 1.0, 0.5, 3000.0)
@given(
    st.integers(0, 2**31),
    st.sampled_from([0.0, 0.001, 0.3, 1.0]),
    st.sampled_from([0.0, 0.001, 0.5, 5.0, 40.0]),
    st.sampled_from([0.0, 3000.0]),
)
def test_nothingWithinTheReachIsOverlooked(seed, flatness, spread, away):
    generator = np.random.default_rng(seed)
    corners = generator.normal(size=(80, 3)) * 40 * [1, flatness, 1] + np.array([away, -away, away / 2])
    near = np.argsort(((corners[:, None] - corners) ** 2).sum(axis=2), axis=1)
    # The last ones reach all across.
    triangles = np.concatenate([near[:, :3], near[:, [0, 1, -1]][:5]]).astype(np.int32)
    mesh = TriangleMesh(corners, triangles)
    points = mesh.points[generator.integers(0, 80, 120)] + generator.normal(size=(120, 3)) * spread
    reach = float(generator.choice([0.01, 1.0, 6.0, 30.0]))
    with pytest.MonkeyPatch.context() as patch:
        # Everything that is cut in blocks is cut; cells with many triangles are left out.
        for name, value in (("PAIRS", 64), ("LOOKED_UP", 40), ("MEASURED", 7), ("ENTERED", 50)):
            patch.setattr(CellSlab, name, value)
        for name, value in (("POINTS", 30), ("TRIANGLES", 25), ("BLOCK", 16)):
            patch.setattr(f"M3DLib.Distance.TriangleCells.{name}", value)
        best, triangle, left = searchedByCells(mesh, points, reach, float(generator.choice([3.0, 8.0, 20.0])))
    # What was left out of some slab may have been found in another.
    kept = np.setdiff1d(np.arange(len(triangles)), left)
    truth, least = bruteForce(TriangleMesh(mesh.points, triangles[kept]), points), bruteForce(mesh, points)
    found = triangle >= 0
    assert found[truth <= reach].all()
    settled = found & (best <= reach**2)
    assert settled[truth < reach - 1e-3].all()
    own = ClosestSurface(mesh).closest(points[found], triangle[found]).distance
    rounding = 1e-5 + 1e-7 * away
    assert (own >= least[found] - rounding).all()
    assert (own <= truth[found] + rounding)[settled[found]].all()
    # Never less than true, and hardly more.
    assert (np.sqrt(best[found]) >= own - rounding).all()
    assert (np.sqrt(best[found]) <= own + 2e-3).all()


def test_pointsOnTheBordersOfCellsFindBothSides():
    # Cells begin 0.5 below the plane and are 2 wide: points on their borders, and on the triangles' corners.
    side = np.arange(0, 21, 2.0)
    x, y = np.meshgrid(side, side, indexing="ij")
    corners = np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], axis=1)
    number = np.arange(x.size).reshape(x.shape)
    a, b, c, d = (part.ravel() for part in (number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]))
    mesh = TriangleMesh(corners, np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)]))
    steps = np.arange(-0.5, 20.6, 0.5)
    points = np.stack(np.meshgrid(steps, steps, [-0.5, -0.25, 0.0, 0.5, 0.75]), axis=-1).reshape(-1, 3)
    best, triangle, left = searchedByCells(mesh, points, 0.5, 0.75)
    beside = np.maximum(np.maximum(-points, points - [20, 20, 0]), 0)
    beside[:, 2] = points[:, 2]
    truth = np.linalg.norm(beside, axis=1)
    assert not len(left)
    within = truth <= 0.5
    assert (triangle[within] >= 0).all()
    assert np.abs(np.sqrt(best) - truth)[within].max() < 1e-4
    # Farther away something may have been found, but nothing that passes for certain.
    assert (best[~within] > 0.5**2).all()


def test_cellsOfVeryManyTrianglesAreLeftToTheTree(monkeypatch, searches, visits):
    monkeypatch.setattr(CellSlab, "MOST_TRIANGLES", 12)
    points = moved(RING, 0.1).points
    found = ClosestSurface(RING).query(points)
    assert searches and visits
    assert np.abs(found.distance[::40] - bruteForce(RING, points[::40])).max() < 1e-5


def test_largeTrianglesAmongSmallOnesAreFound(searches):
    # A ring on a table of two triangles that pass below and through it.
    table = np.array([[-300, -300, -2.2], [300, -300, -2.2], [300, 300, -2.2], [-300, 300, -2.2]])
    count = len(RING.points)
    mesh = TriangleMesh(
        np.concatenate([RING.points, table]),
        np.concatenate([RING.triangles, np.array([[0, 1, 2], [0, 2, 3]]) + count]),
    )
    points = np.concatenate([moved(RING, 0.3).points, moved(RING, 0.3, 1).points * [1, 1, 0.02] - [0, 0, 2.2]])
    surface = ClosestSurface(mesh)
    triangle = surface.search(points)
    assert searches
    some = np.arange(0, len(points), 61)
    assert (triangle >= len(RING.triangles)).sum() > 1000
    assert np.abs(surface.closest(points, triangle).distance[some] - bruteForce(mesh, points[some])).max() < 1e-5


def test_aFarOffPieceDoesNotMakeAGridOfEmptyCells(searches):
    far = TriangleMesh(np.concatenate([RING.points, RING.points + 1e5]), np.concatenate([RING.triangles] * 2))
    far.triangles[len(RING.triangles) :] += len(RING.points)
    points = np.concatenate([moved(RING, 0.1).points, moved(RING, 0.1, 1).points + 1e5])
    found = ClosestSurface(far).query(points)
    assert not searches
    assert np.abs(found.distance[::150] - bruteForce(far, points[::150])).max() < 1e-5
    # Where there are points, cells are not empty.
    assert np.array_equal(
        ClosestSurface(far).query(points[: len(RING.points)]).distance, found.distance[: len(RING.points)]
    )
    assert searches


@pytest.mark.parametrize("spread", [0.0, 0.05, 0.3, 0.5])
def test_cellsAndTreeFindTheSameDistances(monkeypatch, searches, spread):
    points = moved(RING, spread).points
    found = ClosestSurface(RING).query(points).distance
    assert sum(searches) >= 0.99 * len(points)
    monkeypatch.setattr("M3DLib.Distance.ClosestSurface.ROUNDS", ())
    searches.clear()
    # Of triangles that share the closest point either is right, each with its own rounding.
    assert np.abs(ClosestSurface(RING).query(points).distance - found).max() < 1e-7
    assert not searches


def test_aMeshThatWasOnlyMovedIsComparedAsAnyOther(searches):
    other = moved(RING, 0.1)
    order = np.random.default_rng(1).permutation(len(RING.triangles))
    shuffled = TriangleMesh(other.points, other.triangles[order])
    known, unknown = surfaceDeviation(other, RING), surfaceDeviation(shuffled, RING)
    assert searches
    assert np.abs(known.distance - unknown.distance).max() < 1e-6
    assert np.abs(np.abs(known.distance[::40]) - bruteForce(RING, other.points[::40])).max() < 1e-5


def test_aPointWithoutATriangleTellsNothingOfHowFarTheSurfaceIs():
    # The first point of the reference is none of its surface; the measured one lies beside it.
    points = np.array([[0, 0, 5], [0, 0, 0], [4, 0, 0], [0, 4, 0]], dtype=float)
    triangles = [[1, 2, 3]]
    deviation = surfaceDeviation(
        TriangleMesh(points + np.array([0, 0, 0.1]), triangles), TriangleMesh(points, triangles)
    )
    assert np.abs(deviation.distance) == pytest.approx([5.1, 0.1, 0.1, 0.1], abs=1e-5)


def test_farPointsAreLeftToTheTree(searches):
    points = np.random.default_rng(2).uniform(-300, 300, (3000, 3))
    found = ClosestSurface(RING).query(points)
    assert not searches
    assert np.abs(found.distance[:60] - bruteForce(RING, points[:60])).max() < 1e-5


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from([0.0, 0.02, 1.0]), st.sampled_from([0.01, 1.0, 20.0]))
def test_noTriangleNearFewPointsIsMissing(seed, flatness, spread):
    generator = np.random.default_rng(seed)
    # Many small triangles and some that reach through the whole surface.
    middles = generator.normal(size=(300, 3)) * 40 * [1, flatness, 1] + 70
    corners = (
        middles[:, None] + generator.normal(size=(300, 3, 3)) * np.where(np.arange(300) % 50, 0.5, 60)[:, None, None]
    )
    surface = ClosestSurface(TriangleMesh(corners.reshape(-1, 3), np.arange(900).reshape(-1, 3)))
    points = middles[:9] + generator.normal(size=(9, 3)) * spread
    away = np.abs(generator.normal(size=9)) * spread
    near = trianglesNear(surface, points, away)
    for number, corner in enumerate(surface.mesh.points[surface.mesh.triangles]):
        own = TriangleMesh(corner, [[0, 1, 2]])
        if (bruteForce(own, points) <= away).any():
            assert number in near


def test_fewPointsAreSearchedForAmongFewTriangles():
    fine = surfaceMesh(Torus((0, 0, 0), (0, 0.3, 1), 8, 3), [-12] * 3, [12] * 3, 0.25)
    surface = ClosestSurface(fine)
    points = fine.points[[5, 900]] + np.float32(0.05)
    near = trianglesNear(surface, points, np.array([0.1, 0.1]))
    assert 0 < len(near) < len(fine.triangles) / 20
    assert np.abs(surface.query(points).distance - bruteForce(fine, points)).max() <= 1e-5
    # No tree of the whole surface was made for them.
    assert "tiles" not in vars(surface)


def test_fewPointsThatReachFarNeedAllTriangles():
    surface = ClosestSurface(RING)
    points = np.random.default_rng(0).uniform(-50, 50, (20, 3))
    assert len(trianglesNear(surface, points, np.full(20, 100.0))) == len(RING.triangles)
    assert np.abs(surface.query(points).distance - bruteForce(RING, points)).max() <= 1e-5
