"""Fewer triangles for a view: on surfaces full of narrow handles, and where weights rise steadily over a surface."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.MeshShapes import box, icosphere
from M3DValidationLib.Report.Pictures.FewerTriangles import fewerTriangles


def sponge(size=56, seed=4):
    """The surface of a random solid within its box, with dozens of handles of a few voxels."""
    field = gaussian_filter(np.random.default_rng(seed).normal(size=(size,) * 3), 1.7)
    field[[0, -1]] = field[:, [0, -1]] = field[:, :, [0, -1]] = -1.0
    from vtkmodules.util.numpy_support import numpy_to_vtk
    from vtkmodules.vtkCommonDataModel import vtkImageData
    from vtkmodules.vtkFiltersCore import vtkFlyingEdges3D

    image = vtkImageData()
    image.SetDimensions(size, size, size)
    image.GetPointData().SetScalars(numpy_to_vtk(field.ravel(), deep=True))
    contour = vtkFlyingEdges3D()
    contour.SetInputData(image)
    contour.SetValue(0, 0.0)
    contour.Update()
    return TriangleMesh.fromPolyData(contour.GetOutput())


def topology(mesh):
    """Edges that do not have two triangles, points where more than one fan of triangles meets, Euler characteristic."""
    triangles = mesh.triangles.astype(np.int64)
    corners = np.arange(triangles.size).reshape(-1, 3)
    start, end = triangles.ravel(), triangles[:, [1, 2, 0]].ravel()
    at, to = corners.ravel(), corners[:, [1, 2, 0]].ravel()
    isRising = start < end
    low, high = np.where(isRising, at, to), np.where(isRising, to, at)
    _edges, edge, number = np.unique(
        np.minimum(start, end) * len(mesh.points) + np.maximum(start, end), return_inverse=True, return_counts=True
    )
    if (number != 2).any():
        return int((number != 2).sum()), None, None
    one, other = np.argsort(edge, kind="stable").reshape(-1, 2).T
    joined = np.concatenate([[low[one], low[other]], [high[one], high[other]]], axis=1)
    fans = connected_components(coo_matrix((np.ones(len(joined[0])), joined), shape=(triangles.size,) * 2))[0]
    points = len(np.unique(triangles))
    return 0, fans - points, points - len(number) + len(triangles)


@pytest.mark.parametrize("most", [20000, 8000])
def test_narrowHandlesAreNeitherLostNorPinched(most):
    mesh = sponge()
    before = topology(mesh)
    assert before[:2] == (0, 0) and before[2] < -100 and len(mesh.triangles) > 3 * most
    fewer, source = fewerTriangles(mesh, most)
    assert len(fewer.triangles) < 1.5 * most
    assert topology(fewer) == before
    np.testing.assert_array_equal(fewer.points, mesh.points[source])


@pytest.mark.parametrize("along", [0, 2])
def test_weightsThatRiseSteadilyKeepNoTriangles(along):
    mesh = TriangleMesh(*icosphere(30.0, 6))
    weights = 1 + (mesh.points[:, along] + 30) / 60
    fewer, _source = fewerTriangles(mesh, 6000, weights)
    assert 4800 < len(fewer.triangles) <= 6000
    assert topology(fewer) == (0, 0, 2)
    assert np.abs(np.linalg.norm(fewer.points, axis=1) - 30).max() < 0.01
    # Nowhere a hole in what is shown: every point has one that is left near it.
    away = np.linalg.norm(mesh.points[::50, None] - fewer.points[None], axis=2).min(axis=1)
    assert away.max() < 3.5


def test_weightedPointsStayInsteadOfTheirNeighbors():
    mesh = TriangleMesh(*icosphere(30.0, 6))
    heavy = np.random.default_rng(2).choice(len(mesh.points), 40, replace=False)
    weights = np.ones(len(mesh.points))
    weights[heavy] = 5
    _fewer, source = fewerTriangles(mesh, 9000, weights)
    left = np.isin(heavy, source).mean()
    assert left > 0.9


def test_edgesOfABoxStay():
    mesh = TriangleMesh(*box((40, 30, 20), level=6))
    fewer, _source = fewerTriangles(mesh, len(mesh.triangles) // 6)
    assert topology(fewer) == (0, 0, 2)
    assert fewer.volumeMm3 == pytest.approx(24000, rel=0.02)
    np.testing.assert_allclose(fewer.boundsLps, mesh.boundsLps, atol=1e-4)


def test_whatIsOpenIsNotTouchedAndNotClosed():
    whole = TriangleMesh(*icosphere(30.0, 6))
    middles = whole.points[whole.triangles].mean(axis=1)
    mesh = TriangleMesh(whole.points, whole.triangles[middles[:, 2] < 20])
    border = mesh.openEdges()
    fewer, source = fewerTriangles(mesh, 6000)
    assert 4800 < len(fewer.triangles) <= 6000
    kept = np.sort(source[fewer.openEdges()], axis=1)
    np.testing.assert_array_equal(kept[np.lexsort(kept.T[::-1])], border[np.lexsort(border.T[::-1])])
