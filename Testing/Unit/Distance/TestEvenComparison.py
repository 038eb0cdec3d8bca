"""What large triangles hide between their corners is measured, however far from the origin."""

import numpy as np
import pytest

from M3DLib.Distance.EvenComparison import compareEvenly, longestEdge
from M3DLib.Distance.SurfaceDeviation import compareSurfaces
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.MeshShapes import box, icosphere

OUTER, INNER, HEIGHT = 40.0, 12.0, 6.0


def frame() -> TriangleMesh:
    """A square plate with a square hole through it, as a design program writes it: every corner lies on the faces."""
    around = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    points = [
        (*(around[k] * half), z) for z in (-HEIGHT / 2, HEIGHT / 2) for half in (OUTER / 2, INNER / 2) for k in range(4)
    ]
    triangles = []
    for k in range(4):
        n = (k + 1) % 4
        triangles += [(k, 4 + k, n), (n, 4 + k, 4 + n), (8 + k, 8 + n, 12 + k), (8 + n, 12 + n, 12 + k)]
        triangles += [(k, n, 8 + k), (n, 8 + n, 8 + k), (4 + k, 12 + k, 4 + n), (4 + n, 12 + k, 12 + n)]
    return TriangleMesh(np.array(points), np.array(triangles))


PLATE = TriangleMesh(*box((OUTER, OUTER, HEIGHT), level=0))


def test_aHoleDrilledThroughAPlateIsSeenFromBothSides():
    comparison = compareEvenly(frame(), PLATE)
    # The middle of the hole's wall is half the thickness away from the plate's faces, ...
    assert comparison.forward.distance.max() == pytest.approx(HEIGHT / 2, abs=0.2)
    # ... and the middle of the plate's face half the hole's width from its rim.
    assert comparison.reverse.distance.max() == pytest.approx(INNER / 2, abs=0.3)
    assert compareSurfaces(frame(), PLATE).forward.distance.max() == 0


def test_fineMeshesAreComparedAsTheyAre():
    ball = TriangleMesh(*icosphere(10, 5))
    comparison = compareEvenly(ball, ball)
    assert comparison.forward.mesh is ball and np.abs(comparison.forward.distance).max() < 1e-5


def test_smallPartsAreLookedAtMoreClosely():
    tooth, skull = TriangleMesh(*icosphere(3, 1)), TriangleMesh(*icosphere(90, 1))
    assert longestEdge(tooth) == 0.2 and longestEdge(skull) == 1.0 and longestEdge(tooth, skull) == 0.2


def test_farFromTheOriginNothingIsLost():
    away = np.array([3.0e6, -2.0e6, 1.0e6])
    hole, plate = (
        TriangleMesh(one.points + away, one.triangles, precise=one.points.astype(float) + away)
        for one in (frame(), PLATE)
    )
    far, near = compareEvenly(hole, plate), compareEvenly(frame(), PLATE)
    assert far.forward.distance == pytest.approx(near.forward.distance, abs=1e-4)
    assert np.abs(far.forward.mesh.exactPoints - away - near.forward.mesh.points).max() < 1e-4
