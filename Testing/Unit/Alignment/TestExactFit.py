"""What the noise leaves open of a position, and partners that face alike where another face lies nearer."""

import numpy as np
import pytest

from M3DLib.Alignment.ExactFit import lengthWithin
from M3DLib.Alignment.Search.PoseRefinement import SearchedSurface
from M3DLib.Alignment.Search.SurfaceSample import sampleSurface
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.MeshShapes import box


@pytest.mark.parametrize("variances", [(1, 1, 1), (1, 0, 0), (1, 0.5, 0.1), (4, 1, 0)])
def test_99PercentOfVectorsAreShorter(variances):
    vectors = np.random.default_rng(0).normal(size=(400_000, 3)) * np.sqrt(variances)
    assert lengthWithin(np.diag(np.float64(variances))) == pytest.approx(
        np.quantile(np.linalg.norm(vectors, axis=1), 0.99), rel=0.01
    )


def test_aTurnOfTheAxesChangesNothing():
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    covariance = np.diag([3.0, 1.0, 0.2])
    assert lengthWithin(turn @ covariance @ turn.T) == pytest.approx(lengthWithin(covariance), rel=0.01)
    assert lengthWithin(np.zeros((3, 3))) == 0


def test_onAThinWallThePartnerIsOnTheSideThatFacesAlike():
    wall = SearchedSurface(sampleSurface(TriangleMesh(*box((40, 40, 0.6), level=4)), 20_000))
    # 0.4 mm inside of the upper face, so that the lower one is nearer.
    points = np.random.default_rng(2).uniform(-15, 15, (500, 3)) * [1, 1, 0] - [0, 0, 0.1]
    up = np.tile([0.0, 0.0, 1.0], (500, 1))
    distance, number, alike = wall.nearestAlike(points, up, 2.0)
    assert (wall.sample.points[wall.nearest(points, 2.0)[1], 2] < 0).mean() > 0.9
    assert alike.mean() > 0.95 and np.allclose(wall.sample.points[number[alike], 2], 0.3)
    assert (distance[alike] >= 0.39).all()
    assert not wall.nearestAlike(points, np.tile([1.0, 0.0, 0.0], (500, 1)), 2.0)[2].any()
