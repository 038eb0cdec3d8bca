"""The search by cells finds what the search by a tree finds, and knows how far it looked."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from M3DLib.Distance.ClosestSurface import ClosestSurface
from M3DLib.Distance.CornerGrid import CornerGrid
from M3DLib.Distance.SurfaceDeviation import surfaceDeviation
from M3DLib.Distance.SurfaceTile import SurfaceTile
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.Phantom.PhantomShapes import Torus
from M3DTestSupport.BruteForce import bruteForce
from M3DTestSupport.ShapeMeshes import surfaceMesh

RING = surfaceMesh(Torus((0, 0, 0), (0, 0.3, 1), 8, 3), [-12] * 3, [12] * 3, 0.5)


@pytest.fixture
def searches(monkeypatch):
    """Numbers of points that were searched for by cells."""
    counts = []
    search = CornerGrid.search

    def counted(self, points, best, triangle):
        counts.append(len(points))
        return search(self, points, best, triangle)

    monkeypatch.setattr(CornerGrid, "search", counted)
    return counts


def moved(mesh, spread, seed=0):
    noise = np.random.default_rng(seed).normal(size=mesh.points.shape) * spread
    return TriangleMesh(mesh.points + noise, mesh.triangles)


@settings(max_examples=40, deadline=None)
# A triangle with one short side between two long ones; points beside the outermost corners.
@example(6985, 0.01, 5.0)
@example(42, 0.0, 5.0)
@given(st.integers(0, 2**31), st.sampled_from([0.0, 0.001, 0.3, 1.0]), st.sampled_from([0.001, 0.5, 5.0, 40.0]))
def test_nothingIsOverlookedThatIsNearerThanWhatTheGridCallsCertain(seed, flatness, spread):
    generator = np.random.default_rng(seed)
    corners = (generator.normal(size=(80, 3)) * 40 * [1, flatness, 1]).astype(np.float32).astype(np.float64)
    near = np.argsort(((corners[:, None] - corners) ** 2).sum(axis=2), axis=1)
    triangles = np.concatenate([near[:, :3], near[:, [0, 1, -1]][:5]]).astype(np.int32)
    tile = SurfaceTile(corners, triangles, 300.0)
    grid = CornerGrid(tile, float(generator.uniform(0.3, 2)) * np.sqrt(tile.farthestReach2))
    points = corners[generator.integers(0, 80, 50)] + generator.normal(size=(50, 3)) * spread
    best, triangle = np.full(50, 1e4), np.full(50, -1)
    certain = grid.search(points, best, triangle)
    truth = bruteForce(TriangleMesh(corners, triangles), points) ** 2
    found = triangle >= 0
    settled = truth < certain
    assert (best[found] >= truth[found] - 1e-5).all()
    assert found[settled & (truth < 1e4)].all()
    assert np.abs(np.sqrt(best[settled]) - np.sqrt(truth[settled])).max(initial=0) <= 1e-5


@pytest.mark.parametrize("spread", [0.0, 0.05, 0.3, 0.5])
def test_cellsAndTreeFindTheSameDistances(monkeypatch, searches, spread):
    points = moved(RING, spread).points
    found = ClosestSurface(RING).query(points).distance
    assert sum(searches) >= len(points)
    monkeypatch.setattr("M3DLib.Distance.ClosestSurface.LARGEST_REACH", -1)
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
