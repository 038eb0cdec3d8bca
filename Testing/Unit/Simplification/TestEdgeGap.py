"""The bound of the distance of simplified edges holds everywhere on them, by VTK's own locator, and is close."""

import numpy as np
import pytest
import vtk

from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.Phantom.PhantomShapes import Torus
from M3DLib.Simplification.CoarseSurface import CoarseSurface
from M3DLib.Simplification.EdgeGap import EdgeGap
from M3DLib.Simplification.EdgeWalk import walkedDistance
from M3DTestSupport.ShapeMeshes import surfaceMesh

ALONG = 33


def roughRing(noise):
    ring = surfaceMesh(Torus((0.1, 0.2, 0.3), (0, 1, 2), 9, 3), [-13] * 3, [13] * 3, 0.7)
    offset = np.random.default_rng(3).normal(0, noise, ring.points.shape)
    return TriangleMesh(ring.points + offset, ring.triangles)


def farthestAlong(mesh, starts, ends):
    """Largest distance of points on each segment from a mesh, mm (k,)."""
    distance = vtk.vtkImplicitPolyDataDistance()
    distance.SetInput(mesh.toPolyData())
    share = np.linspace(0, 1, ALONG)[:, None]
    return np.array(
        [
            max(abs(distance.EvaluateFunction(point)) for point in start * (1 - share) + end * share)
            for start, end in zip(starts, ends, strict=True)
        ]
    )


@pytest.fixture(scope="module", params=[0.0, 0.05])
def gap(request):
    """Edges of a surface simplified to 0.1 mm, smooth and rough."""
    mesh = roughRing(request.param)
    surface = CoarseSurface(mesh, np.full(len(mesh.points), 0.1))
    surface.collapse(lambda done: None)
    assert len(surface.triangles) < 0.5 * len(mesh.triangles)
    found = EdgeGap(surface, 0.1)
    found.measure(np.ascontiguousarray(surface.points.T), lambda done: None)
    return surface, found


def test_noPointOfAnEdgeIsFartherAwayThanItsBound(gap):
    surface, found = gap
    which = np.arange(0, len(found.edges), 5)
    start, end = (surface.points[found.edges[which, at]] + surface.center for at in (0, 1))
    true, bound = farthestAlong(surface.mesh, start, end), found.distance[which]
    near = true <= 0.1
    assert near.mean() > 0.9
    assert (true[near] <= bound[near] + 1e-5).all()
    # What is too far away is known to be, though not how far.
    assert (bound[~near] > 0.1).all()
    # The way over the triangles is hardly longer than the shortest one: by less than an eighth of what is allowed.
    assert np.percentile(bound[near] - true[near], 90) < 0.1 / 8


def test_nearlyAllEdgesAreSettledOnTheWayOverTheTriangles(gap):
    surface, found = gap
    walked = walkedDistance(surface.fans, found.near, found.edges, np.inf, lambda done: None)
    assert np.isfinite(walked).mean() > 0.95
    assert (walked[found.distance <= 0.1] > 0.1).mean() < 0.1


def test_onlyWhatHasChangedIsMeasuredAgain(gap):
    surface, found = gap
    edges, distance = found.edges.copy(), found.distance.copy()
    vertex = edges[len(edges) // 2, 0]
    points = np.ascontiguousarray(surface.points.T)
    points[:, vertex] += 0.05
    found.measure(points, lambda done: None)
    touched = (edges == vertex).any(axis=1)
    assert (found.distance[~touched] == distance[~touched]).all()
    assert (found.distance[touched] != distance[touched]).any()
    found.measure(np.ascontiguousarray(surface.points.T), lambda done: None)
    np.testing.assert_array_equal(found.distance, distance)


def test_anEdgeOverAStepIsAsFarAwayAsTheStepIsHigh():
    # Two levels with a wall between them; the edge runs over the lower one at the height of the upper one.
    x = np.array([0.0, 1, 2, 2, 3, 4])
    height = np.array([1.0, 1, 1, 0, 0, 0])
    points = np.array([[a, y, h] for y in (0.0, 1, 2) for a, h in zip(x, height, strict=True)])
    corner = np.array([row * 6 + column for row in range(2) for column in range(5)])
    triangles = np.concatenate(
        [np.stack([corner, corner + 1, corner + 7], axis=1), np.stack([corner, corner + 7, corner + 6], axis=1)]
    )
    mesh = TriangleMesh(points, triangles)
    surface = CoarseSurface(mesh, np.zeros(len(points)))
    surface.triangles = np.array([[6, 10, 16], [6, 16, 12]], dtype=np.int32)
    found = EdgeGap(surface, 5.0)
    moved = np.ascontiguousarray(surface.points.T)
    moved[2, 10] = moved[2, 6]
    found.measure(moved, lambda done: None)
    bound = {tuple(edge): value for edge, value in zip(found.edges.tolist(), found.distance, strict=True)}
    # The end at x = 3 lies 1 above the lower level; at the wall itself the surface is at hand.
    assert bound[6, 10] == pytest.approx(1.0, abs=1e-6)
    assert bound[6, 12] == pytest.approx(0.0, abs=1e-6)
