"""Which vertices are neighbors, and whether a surface is closed."""

import numpy as np
import pytest

from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.Surface.Neighborhood import Neighborhood

# Faces of an octahedron; corners 0 and 1 lie opposite each other.
OCTAHEDRON = [(0, 2, 4), (0, 4, 3), (0, 3, 5), (0, 5, 2), (1, 4, 2), (1, 3, 4), (1, 5, 3), (1, 2, 5)]


def neighborhoodOf(triangles, count=6):
    places = np.random.default_rng(0).normal(size=(count, 3))
    return Neighborhood(TriangleMesh(places.astype(np.float32), np.array(triangles, dtype=np.int32), "surface"))


def test_aSurfaceWithoutRimsIsClosed():
    assert neighborhoodOf(OCTAHEDRON).closed
    assert neighborhoodOf(OCTAHEDRON + [tuple(6 + c for c in t) for t in OCTAHEDRON], 12).closed


@pytest.mark.parametrize(
    "triangles",
    [
        OCTAHEDRON[1:],
        [(0, 4, 2), *OCTAHEDRON[1:]],
        [*OCTAHEDRON, (0, 2, 6)],
        # A fin of two triangles, back to back: each of their edges runs both ways, one of them four times.
        [*OCTAHEDRON, (0, 2, 6), (2, 0, 6)],
    ],
    ids=["a triangle missing", "one turned", "three at an edge", "four at an edge"],
)
def test_aSurfaceOfWhichAnEdgeHasNotTwoTrianglesIsNotClosed(triangles):
    assert not neighborhoodOf(triangles, 7).closed


def test_ringsGrowEdgeByEdge():
    neighborhood = neighborhoodOf(OCTAHEDRON)
    one = np.arange(6) == 0
    assert np.flatnonzero(neighborhood.grown(one, 0)).tolist() == [0]
    assert np.flatnonzero(neighborhood.grown(one, 1)).tolist() == [0, 2, 3, 4, 5]
    assert neighborhood.grown(one, 2).all()
    assert np.flatnonzero(one).tolist() == [0]
    assert not neighborhood.grown(np.zeros(6, dtype=bool), 3).any()


def test_smoothingFarFromTheOriginGoesStepByStepToTheMeanOfTheNeighbors():
    neighborhood, steps = neighborhoodOf(OCTAHEDRON), (0.5, -0.52) * 12
    start = np.random.default_rng(1).normal(size=(6, 3)) + np.array([-300, 2000, 50])
    opposite = [1, 0, 3, 2, 5, 4]
    expected = start.copy()
    for step in steps:
        # All but a corner itself and the one opposite are its neighbors.
        means = (expected.sum(axis=0) - expected - expected[opposite]) / 4
        expected += step * (means - expected)
    assert np.abs(expected - start).max() > 0.1
    assert np.abs(neighborhood.smoothed(start, steps) - expected).max() < 1e-5
    assert np.array_equal(neighborhood.smoothed(start, ()), start)
