"""Scores of edges that are kept from round to round are those that all of them would get anew."""

import numpy as np

from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.Phantom.PhantomShapes import Torus
from M3DLib.Simplification.EdgeCollapse import EdgeCollapse, planeQuadrics
from M3DLib.Simplification.TriangleFans import TriangleFans
from M3DTestSupport.ShapeMeshes import surfaceMesh


def roughRing():
    ring = surfaceMesh(Torus((0.1, 0.2, 0.3), (0, 1, 2), 9, 3), [-13] * 3, [13] * 3, 0.6)
    offset = np.random.default_rng(6).normal(0, 0.04, ring.points.shape)
    return TriangleMesh(ring.points + offset, ring.triangles)


def test_scoresThatAreKeptAreThoseThatWouldBeFoundAnew():
    mesh = roughRing()
    points = mesh.points.astype(np.float64)
    everything = np.arange(len(points))
    fans = TriangleFans.of(points, mesh.triangles)
    # A vertex in nine stays, and so do all edges at it.
    allowed = np.where(everything % 9 == 0, 0.0, 0.1)
    of = {"fans": fans, "samples": everything}
    work = EdgeCollapse(
        np.ascontiguousarray(points.T),
        mesh.triangles.astype(np.int64),
        quadrics=planeQuadrics(points, mesh.triangles),
        allowed=allowed,
        owner=everything,
        **of,
    )
    refused = 0
    for _ in range(8):
        before = work.corners.shape[1]
        work.round()
        assert work.corners.shape[1] < before
        work.rate()
        anew = EdgeCollapse(
            work.points, work.corners.T, quadrics=work.quadrics, allowed=work.allowed, owner=work.owner, **of
        )
        anew.length = work.length
        anew.rate()
        refused += (work.score < 0).sum()
        np.testing.assert_allclose(np.where(work.score < 0, -1 - work.score, work.score), anew.score, rtol=1e-5)
    assert refused > 20
