"""How far a surface was moved, against moves that are known."""

import numpy as np
import pytest

from M3DLib.Mesh.SurfaceComparison import compareSurfaces
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.MeshShapes import box, icosphere


def test_sameSurfaceIsNotMoved():
    mesh = TriangleMesh(*icosphere())
    comparison = compareSurfaces(mesh, mesh)
    assert comparison.largestDisplacement == pytest.approx(0.0, abs=1e-5)
    assert comparison.volumeChange == 0.0
    assert not comparison.sampled


@pytest.mark.parametrize("grow", [-0.5, 0.3])
def test_grownBoxIsMovedAtItsCorners(grow):
    before = TriangleMesh(*box((20.0, 20.0, 20.0)))
    after = TriangleMesh(*box((20.0 + 2 * grow,) * 3))
    comparison = compareSurfaces(before, after)
    # A corner of the larger box is nearest to the corner of the smaller one.
    assert comparison.largestDisplacement == pytest.approx(abs(grow) * np.sqrt(3), rel=1e-4)
    assert comparison.volumeChange == pytest.approx(((20 + 2 * grow) / 20) ** 3 - 1, rel=1e-4)


def test_lostPartShowsInOneDirectionOnly():
    large = TriangleMesh(*icosphere(10.0))
    points, triangles = icosphere(1.0, 2, (0.0, 0.0, 40.0))
    both = TriangleMesh(
        np.vstack([large.points, points]), np.vstack([large.triangles, np.asarray(triangles) + len(large.points)])
    )
    for first, second in ((both, large), (large, both)):
        assert compareSurfaces(first, second).largestDisplacement == pytest.approx(31.0, abs=0.1)


def test_manyPointsAreSampledAndSaidToBe():
    mesh = TriangleMesh(*icosphere(level=7))
    moved = TriangleMesh(mesh.points + np.float32([0.25, 0, 0]), mesh.triangles)
    comparison = compareSurfaces(mesh, moved)
    assert comparison.sampled
    assert comparison.largestDisplacement == pytest.approx(0.25, rel=0.01)
