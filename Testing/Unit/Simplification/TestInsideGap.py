"""Which triangles are looked into, found here one vertex after the other."""

import numpy as np
import pytest

from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.Phantom.PhantomShapes import Torus
from M3DLib.Simplification.CoarseSurface import CoarseSurface
from M3DLib.Simplification.InsideGap import InsideGap
from M3DLib.Simplification.TriangleFans import TriangleFans
from M3DTestSupport.ShapeMeshes import surfaceMesh

LIMIT = 0.05


def coarseRing(away):
    """A rough ring simplified to 0.4 mm, and where ``away`` is above 0 a triangle so far from it, mm."""
    ring = surfaceMesh(Torus((0.1, 0.2, 0.3), (0, 1, 2), 6, 2), [-9] * 3, [9] * 3, 0.8)
    points = ring.points + np.random.default_rng(3).normal(0, 0.15, ring.points.shape)
    triangles = ring.triangles
    if away:
        points = np.concatenate([points, away + np.eye(3)])
        triangles = np.concatenate([triangles, len(ring.points) + np.array([[0, 1, 2]])])
    stays = np.arange(len(points)) >= len(ring.points)
    surface = CoarseSurface(TriangleMesh(points, triangles), np.where(stays, 0.0, 0.4))
    surface.collapse(lambda done: None)
    return surface, TriangleFans.of(surface.points, surface.triangles)


def lookedInto(surface, now, known):
    inside = InsideGap(surface, LIMIT, edge=0.8)
    every = np.arange(len(surface.original))
    inside.measure(now, every, known, np.zeros(len(every), dtype=bool), lambda done: None)
    return {tuple(corners) for corners in inside.triangles.tolist()}


def hasCornerAbove(surface, triangle, neighbors):
    """Whether an original vertex of a triangle's surroundings lies farther than the limit above or below its inside."""
    a, b, c = surface.points[triangle]
    normal = np.cross(b - a, c - a)
    normal /= np.linalg.norm(normal)
    around = set().union(*(neighbors[corner] for corner in triangle))
    places = surface.original[np.isin(surface.owner, list(around))]
    high = np.abs((places - a) @ normal) > LIMIT
    for start, end in ((a, b), (b, c), (c, a)):
        high &= np.cross(end - start, places - start) @ normal >= 0
    return high.any()


@pytest.mark.parametrize("away", [0, 5000])
def test_everyTriangleWithAnOriginalCornerHighAboveItIsLookedIntoAndNoOther(away):
    surface, now = coarseRing(away)
    neighbors = {}
    for triangle in surface.triangles.tolist():
        for corner in triangle:
            neighbors.setdefault(corner, set()).update(triangle)
    original = {frozenset(triangle) for triangle in surface.originalTriangles.tolist()}
    still = (surface.points == surface.original).all(axis=1)
    expected = {
        tuple(triangle)
        for triangle in surface.triangles.tolist()
        if hasCornerAbove(surface, triangle, neighbors)
        and not (frozenset(triangle) in original and all(still[triangle]))
    }
    assert 20 < len(expected) < len(surface.triangles)
    assert lookedInto(surface, now, np.zeros(len(surface.original), dtype=bool)) == expected
    known = surface.original[:, 0] < np.median(surface.original[:, 0])
    fresh = {triangle for triangle in expected if not all(known[list(triangle)])}
    assert 0 < len(fresh) < len(expected)
    assert lookedInto(surface, now, known) == fresh
