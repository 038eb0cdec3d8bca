"""Points spread over a surface: as many everywhere, with normals that noise as large as the triangles leaves right."""

import numpy as np
import pytest

from M3DLib.Alignment.Search.SurfaceSample import sampleSurface
from M3DLib.Errors import M3DError
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.MeshShapes import box, icosphere


def test_pointsLieOnTheSurfaceEvenlyWhateverTheTriangles():
    points, triangles = box((40, 20, 10), level=2)
    # One face in two triangles, the others in many.
    top = (points[triangles][:, :, 2] > 4.99).all(axis=1)
    corners = [int(np.abs(points - corner).sum(axis=1).argmin()) for corner in
               ([-20, -10, 5], [20, -10, 5], [20, 10, 5], [-20, 10, 5])]  # fmt: skip
    triangles = np.concatenate([triangles[~top], [[corners[0], corners[1], corners[2]],
                                                  [corners[0], corners[2], corners[3]]]])  # fmt: skip
    sample = sampleSurface(TriangleMesh(points, triangles), 20_000)
    onTop = np.abs(sample.points[:, 2] - 5) < 1e-6
    assert onTop.mean() == pytest.approx(800 / 2800, abs=0.005)
    assert np.allclose(sample.normals[onTop], [0, 0, 1])
    assert sample.areaMm2 == pytest.approx(2800)


def test_normalsStandUpToNoiseAsLargeAsTheTriangles():
    points, triangles = icosphere(15.0, 6)
    noisy = points + np.random.default_rng(0).normal(0, 0.2, points.shape)
    sample = sampleSurface(TriangleMesh(noisy, triangles), 6000)
    outward = sample.points / np.linalg.norm(sample.points, axis=1, keepdims=True)
    assert np.einsum("ij,ij->i", sample.normals, outward).mean() > 0.95


def test_aMeshThatFacesInwardIsTurned():
    points, triangles = icosphere(10.0, 3)
    sample = sampleSurface(TriangleMesh(points, triangles[:, ::-1]), 2000)
    assert (np.einsum("ij,ij->i", sample.normals, sample.points) > 0).all()


def test_thinningKeepsBothSidesOfAThinWall():
    sample = sampleSurface(TriangleMesh(*box((40, 40, 0.5), level=4)), 20_000).thinned(800)
    up = sample.normals[:, 2] > 0.9
    assert 250 < up.sum() < 600 and np.abs(sample.points[up, 2] - 0.25).max() < 0.01


@pytest.mark.parametrize(
    ("mesh", "message"),
    [
        (TriangleMesh(np.zeros((3, 3)), np.empty((0, 3))), "no triangles"),
        (TriangleMesh(np.zeros((3, 3)), [[0, 1, 2]]), "with an area"),
        (TriangleMesh([[0, 0, 0], [1, 0, 0], [0, np.nan, 0]], [[0, 1, 2]]), "not finite"),
    ],
)
def test_whatHasNoSurfaceIsRefused(mesh, message):
    with pytest.raises(M3DError, match=message):
        sampleSurface(mesh, 100)
