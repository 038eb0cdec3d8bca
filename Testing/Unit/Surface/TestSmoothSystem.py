"""Averages over neighbors and the equations of a smooth motion, against sums and solutions made another way."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix, diags, identity
from scipy.sparse.linalg import spsolve

from M3DLib.Mesh import MeshGeometry as geometry
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.Phantom.PhantomShapes import Sphere
from M3DLib.Surface.Neighborhood import Neighborhood
from M3DLib.Surface.SmoothSystem import smoothValues
from M3DTestSupport.ShapeMeshes import surfaceMesh


def ball():
    return surfaceMesh(Sphere((0.1, 0.2, 0.3), 8), [-10] * 3, [10] * 3, 1.0)


def cap():
    """A ball cut open, with vertices that belong to nothing."""
    mesh = ball()
    return TriangleMesh(mesh.points, mesh.triangles[(mesh.points[mesh.triangles][:, :, 2] > 0).all(axis=1)])


def meanMatrix(mesh):
    """The mean of the neighbors as a matrix, by a set of neighbors for each vertex."""
    around = [set() for _ in mesh.points]
    for triangle in mesh.triangles.tolist():
        for vertex in triangle:
            around[vertex].update(set(triangle) - {vertex})
    rows = [vertex for vertex, some in enumerate(around) for _ in some]
    columns = [other for some in around for other in some]
    values = [1 / len(some) for some in around for _ in some]
    return csr_matrix((values, (rows, columns)), shape=(len(around), len(around)))


@pytest.fixture(params=["in one", "in halves"])
def parts(request, monkeypatch):
    monkeypatch.setattr(geometry, "FEWEST_FOR_TWO", 10**9 if request.param == "in one" else 0)


@pytest.mark.usefixtures("parts")
@pytest.mark.parametrize("make", [ball, cap])
def test_meansAreThoseOfTheNeighbors(make):
    mesh = make()
    matrix, neighborhood = meanMatrix(mesh), Neighborhood(mesh)
    places = mesh.points.astype(np.float64) + 150
    assert np.allclose(neighborhood.mean(places), matrix @ places, rtol=0, atol=1e-9)
    some = np.array([5, 17, 40])
    assert np.allclose((neighborhood.meanAt(some) @ places), (matrix @ places)[some], rtol=0, atol=1e-9)
    generator = np.random.default_rng(1)
    values, weights = generator.normal(size=len(places)), generator.uniform(0.1, 4, len(places))
    once = (matrix @ (values * weights) + values * weights) / (matrix @ weights + weights)
    assert np.allclose(neighborhood.averaged(values, weights, 1), once, atol=1e-5)
    few = np.where(np.isin(np.arange(len(values)), some), values, 0)
    ones = np.ones(len(values))
    for start, asked in ((values, None), (few, None), (values, weights)):
        share, expected = ones if asked is None else asked, start
        for _ in range(3):
            expected = (matrix @ (expected * share) + expected * share) / (matrix @ share + share)
        assert np.allclose(neighborhood.averaged(start, asked, 3), expected, atol=1e-5)
    # Of a few vertices asked for alone, in columns: the last of the three.
    which = np.isin(np.arange(len(values)), some)
    columns = neighborhood.averagedAt(which, np.stack([ones, values], axis=1), weights, 3)
    assert np.allclose(columns, np.stack([ones, expected], axis=1)[which], atol=1e-5)


@pytest.mark.usefixtures("parts")
@pytest.mark.parametrize("make", [ball, cap])
def test_theMotionIsTheOneThatSolvesTheEquations(make):
    mesh = make()
    count, generator = len(mesh.points), np.random.default_rng(3)
    weight = generator.uniform(400, 4000, count)
    stiffness = generator.uniform(2000, 60000, count)
    asked, bend = generator.normal(0, 0.1, count), generator.normal(0, 0.01, count)
    bending = meanMatrix(mesh) - identity(count)
    system = diags(weight) + bending.T @ diags(stiffness) @ bending
    exact = spsolve(system.tocsc(), weight * asked + bending.T @ (stiffness * bend))
    found = smoothValues(Neighborhood(mesh), weight, asked, stiffness, bend)
    assert np.abs(exact - asked).max() > 0.1
    # Solved to a thousandth of the first residual.
    assert np.abs(found - exact).max() < 0.004 and np.sqrt(np.mean((found - exact) ** 2)) < 0.001
