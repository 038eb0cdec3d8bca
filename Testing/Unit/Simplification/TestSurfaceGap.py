"""Measuring again only where a surface has changed finds what measuring all of it anew does."""

import numpy as np

from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.Phantom.PhantomShapes import Torus
from M3DLib.Simplification.CoarseSurface import CoarseSurface
from M3DLib.Simplification.SurfaceGap import SurfaceGap
from M3DTestSupport.ShapeMeshes import surfaceMesh

LIMIT = 0.08


def ignored(done):
    """Progress that nobody wants."""


def test_measuredWhereItChangedItIsWhatMeasuringAllOfItGives():
    ring = surfaceMesh(Torus((0.1, 0.2, 0.3), (0, 1, 2), 9, 3), [-13] * 3, [13] * 3, 0.6)
    offset = np.random.default_rng(4).normal(0, 0.06, ring.points.shape)
    mesh = TriangleMesh(ring.points + offset, ring.triangles)
    surface = CoarseSurface(mesh, np.full(len(mesh.points), 0.1))
    surface.collapse(ignored)
    gap = SurfaceGap(surface, LIMIT)
    gap.measure(ignored)
    shares = []
    for _ in range(3):
        bad = gap.tooFar()
        assert bad.any()
        back = surface.restore(bad, np.full(len(mesh.points), 0.05))
        changed = surface.withNeighbors(back)
        surface.collapse(ignored, changed)
        changed = surface.withNeighbors(changed)
        shares.append(changed.mean())
        gap.measure(ignored, changed)
        whole = SurfaceGap(surface, LIMIT)
        whole.measure(ignored)
        np.testing.assert_array_equal(gap.there, whole.there)
        np.testing.assert_array_equal(gap.back.edges, whole.back.edges)
        np.testing.assert_array_equal(gap.back.distance, whole.back.distance)
        np.testing.assert_array_equal(gap.tooFar(), whole.tooFar())
        assert gap.largest() == whole.largest()
    # Not everything has changed each time.
    assert min(shares) < 0.5
