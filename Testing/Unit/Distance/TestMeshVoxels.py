"""Which points of a grid lie inside a mesh, against shapes whose inside is known."""

import numpy as np
import pytest

from M3DLib.Distance.MeshVoxels import insideGrid
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.Phantom.PhantomShapes import Torus
from M3DTestSupport.ShapeMeshes import surfaceMesh

SIZE = (23, 19, 17)


def gridPoints(size=SIZE):
    k, j, i = np.meshgrid(*(np.arange(count) for count in size[::-1]), indexing="ij")
    return np.stack([i, j, k], axis=-1).reshape(-1, 3).astype(float)


def box(low, high):
    corners = np.array([[i, j, k] for k in (0, 1) for j in (0, 1) for i in (0, 1)])
    faces = [(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5)]
    triangles = [triangle for a, b, c, d in faces for triangle in ((a, b, c), (a, c, d))]
    return np.where(corners, high, low).astype(float), np.array(triangles)


@pytest.mark.parametrize("seed", range(5))
def test_boxHoldsTheGridPointsBetweenItsFaces(seed):
    random = np.random.default_rng(seed)
    low, high = random.uniform(-3, 8, 3), random.uniform(10, 25, 3)
    points, triangles = box(low, high)
    expected = ((gridPoints() > low) & (gridPoints() < high)).all(axis=1).reshape(SIZE[::-1])
    assert np.array_equal(insideGrid(points, triangles, SIZE), expected)


def test_facesEdgesAndDiagonalsOnTheGridCountEachPointOnce():
    # All faces, edges and the diagonals of the faces run through grid points.
    first, second = box((2, 2, 2), (8, 8, 8)), box((8, 2, 2), (14, 8, 8))
    one, other = insideGrid(*first, SIZE), insideGrid(*second, SIZE)
    assert not (one & other).any()
    assert one.sum() == other.sum() == 6**3
    both = insideGrid(np.concatenate([first[0], second[0]]), np.concatenate([first[1], second[1] + 8]), SIZE)
    assert np.array_equal(both, one | other)


def test_ringHoldsThePointsOfItsFormula():
    shape = Torus((11.3, 9.1, 8.2), (1, 2, 3), 6, 2.2)
    mesh = surfaceMesh(shape, [-1] * 3, [22, 19, 18], 0.4)
    inside = insideGrid(mesh.points, mesh.triangles, SIZE).reshape(-1)
    axis = np.array([1, 2, 3]) / np.sqrt(14)
    relative = gridPoints() - (11.3, 9.1, 8.2)
    height = relative @ axis
    distance = np.hypot(np.linalg.norm(relative - height[:, None] * axis, axis=1) - 6, height) - 2.2
    clear = np.abs(distance) > 0.05
    assert np.array_equal(inside[clear], distance[clear] < 0)
    assert inside.sum() > 300


def test_pointsSharedOrNotGiveTheSame():
    shape = Torus((11, 9, 8), (0, 0, 1), 6, 2)
    mesh = surfaceMesh(shape, [-1] * 3, [22, 19, 18], 1.0)
    soup = TriangleMesh(mesh.points[mesh.triangles].reshape(-1, 3), np.arange(mesh.triangles.size).reshape(-1, 3))
    shared = insideGrid(mesh.points, mesh.triangles, SIZE)
    assert np.array_equal(insideGrid(soup.points, soup.triangles, SIZE), shared)


def test_meshBeyondTheGridIsCutOff():
    points, triangles = box((-100, -100, -100), (100, 100, 100))
    assert insideGrid(points, triangles, SIZE).all()
    points, triangles = box((30, 30, 30), (40, 40, 40))
    assert not insideGrid(points, triangles, SIZE).any()


def test_trianglesWithoutAreaCountForNothing():
    points, triangles = box((2.5, 2.5, 2.5), (8.5, 8.5, 8.5))
    flat = np.array([[0, 0, 1], [0, 1, 1], [2, 2, 2]])
    expected = insideGrid(points, triangles, SIZE)
    assert np.array_equal(insideGrid(points, np.concatenate([triangles, flat]), SIZE), expected)
