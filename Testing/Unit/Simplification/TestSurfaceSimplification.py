"""Fewer triangles within a stated distance, measured here by VTK's own locator and by closed forms."""

import numpy as np
import pytest
import vtk

from M3DLib.Distance.ClosestSurface import ClosestSurface
from M3DLib.Errors import Cancelled, M3DError
from M3DLib.Intersection.SelfIntersection import selfIntersections
from M3DLib.Mesh.SurfaceParameters import SurfaceParameters
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.Phantom.PhantomShapes import Sphere, Torus
from M3DLib.Simplification import SurfaceSimplification
from M3DLib.Simplification.CoarseSurface import CoarseSurface
from M3DLib.Simplification.SurfaceSimplification import simplifySurface
from M3DLib.Surface.SurfaceRecord import recordTexts
from M3DTestSupport.ShapeMeshes import surfaceMesh

TORUS = Torus((0.1, 0.2, 0.3), (0, 1, 2), 12, 4)


def farthest(points, mesh):
    """Largest distance of points from a mesh by VTK."""
    distance = vtk.vtkImplicitPolyDataDistance()
    polyData = mesh.toPolyData()
    distance.SetInput(polyData)
    return max(abs(distance.EvaluateFunction(point)) for point in points.astype(float))


@pytest.fixture(scope="module")
def torus():
    return surfaceMesh(TORUS, [-18] * 3, [18] * 3, 0.6)


@pytest.mark.parametrize("maxError", [0.01, 0.05])
def test_theSurfacesLieWithinTheDistanceInBothDirections(torus, maxError):
    small = simplifySurface(torus, maxError)
    record = small.record["simplification"]
    assert len(small.triangles) < (0.7 if maxError == 0.01 else 0.3) * len(torus.triangles)
    assert record["largestDistance"] <= maxError
    assert farthest(torus.points[::7], small) <= maxError + 1e-4
    middles = small.corners().mean(axis=1)
    assert farthest(np.concatenate([small.points, middles])[::5], torus) <= maxError + 1e-4
    assert "proved at all corners" in record["largestDistanceIs"]
    assert (record["trianglesBefore"], record["triangles"]) == (len(torus.triangles), len(small.triangles))


def roughRing(seed, noise):
    """An even grid on a ring with noise on it, so that narrow peaks and furrows lie between the corners left."""
    around, about = np.meshgrid(np.arange(110), np.arange(40), indexing="ij")
    radius = 4 + np.random.default_rng(seed).normal(0, noise, around.shape)
    u, v = 2 * np.pi * around / 110, 2 * np.pi * about / 40
    out = 12 + radius * np.cos(v)
    points = np.stack([out * np.cos(u), out * np.sin(u), radius * np.sin(v)], axis=-1).reshape(-1, 3)
    corners = [((around + i) % 110 * 40 + (about + j) % 40).ravel() for i, j in ((0, 0), (1, 0), (1, 1), (0, 1))]
    a, b, c, d = corners
    return TriangleMesh(points, np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)]), "rough")


@pytest.fixture(scope="module")
def rough():
    return roughRing(5, 0.04)


def alongEdges(mesh, number):
    """Points on all edges, ends among them, float64 (k, 3)."""
    ends = np.unique(np.sort(mesh.triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1), axis=0)
    share = np.linspace(0, 1, number)[None, :, None]
    start, end = (mesh.points[ends[:, at]].astype(np.float64)[:, None] for at in (0, 1))
    return (start * (1 - share) + end * share).reshape(-1, 3)


def test_noPointOfARoughSurfaceIsFartherAwayThanStated(rough):
    # Two surfaces of triangles are farthest apart at a corner of one or where edges cross: so along all edges.
    small = simplifySurface(rough, 0.1)
    largest = small.record["simplification"]["largestDistance"]
    assert len(small.triangles) < 0.6 * len(rough.triangles)
    assert largest <= 0.1
    assert farthest(alongEdges(small, 9), rough) <= largest + 1e-4
    assert farthest(alongEdges(rough, 3), small) <= largest + 1e-4
    assert small.isClosed
    assert len(small.points) - len(small.triangles) // 2 == 0
    assert not len(selfIntersections(small.points.astype(np.float64), small.triangles.astype(np.int64)).pairs)


def test_whereNothingCouldGoItIsSaid():
    tetrahedron = TriangleMesh(10 * np.eye(4, 3), np.array([[0, 1, 2], [0, 3, 1], [1, 3, 2], [2, 3, 0]]), "small")
    small = simplifySurface(tetrahedron, 0.01)
    assert len(small.triangles) == 4
    assert recordTexts(small.record) == [
        "It keeps all of its 4 triangles: no fewer were found that stay within 0.01 mm of it."
    ]


def test_insideATriangleInACreaseNothingIsFartherAwayThanAllowed():
    # A corner of the original can be near to one triangle and high above another, inside which it is far then.
    creased = roughRing(2, 0.3)
    small = simplifySurface(creased, 0.4)
    assert len(small.triangles) < 0.3 * len(creased.triangles)
    shares = np.random.default_rng(1).dirichlet((1, 1, 1), size=(len(small.triangles), 400))
    places = np.einsum("mkc,mcx->mkx", shares, small.corners().astype(float)).reshape(-1, 3)
    worst = np.argsort(ClosestSurface.of(creased).query(places).distance)[-300:]
    assert farthest(places[worst], creased) <= 0.4


def test_whatComesBackIsTheOriginalAndHangsTogether(rough):
    surface = CoarseSurface(rough, np.full(len(rough.points), 0.1))
    surface.collapse(lambda done: None)
    few = len(surface.triangles)
    clusters = np.zeros(len(rough.points), dtype=bool)
    clusters[np.unique(surface.triangles)[::40]] = True
    back = surface.restore(clusters, np.full(len(rough.points), 0.02))
    assert back[clusters.take(surface.owner) & (surface.owner == np.arange(len(back)))].all()
    np.testing.assert_allclose(surface.points[back] + surface.center, rough.points[back], atol=1e-5)
    mesh = surface.result()
    assert few < len(mesh.triangles) < len(rough.triangles)
    assert mesh.isClosed
    assert len(mesh.points) - len(mesh.triangles) // 2 == 0
    surface.restore(np.ones(len(back), dtype=bool), np.zeros(len(back)))
    assert {tuple(t) for t in surface.triangles} == {tuple(t) for t in rough.triangles}


def test_itStopsWhenItIsNoLongerWanted(torus):
    told = []

    def progress(done, text):
        told.append(done)
        if done > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        simplifySurface(torus, 0.05, progress)
    assert told == sorted(told)
    assert told[-1] < 0.9


def test_itCanBeStoppedWhileWhatIsTooFarAwayComesBack(rough):
    surface = CoarseSurface(rough, np.full(len(rough.points), 0.1))
    surface.collapse(lambda done: None)
    owner, triangles = surface.owner.copy(), surface.triangles.copy()

    def stop():
        raise Cancelled

    with pytest.raises(Cancelled):
        surface.restore(np.ones(len(rough.points), dtype=bool), np.zeros(len(rough.points)), stop)
    np.testing.assert_array_equal(surface.owner, owner)
    np.testing.assert_array_equal(surface.triangles, triangles)


def test_theSimplifiedSurfaceIsClosedAndDoesNotMeetItself(torus):
    small = simplifySurface(torus, 0.1)
    assert small.isClosed
    assert small.volumeMm3 == pytest.approx(TORUS.volumeMm3, rel=0.02)
    found = selfIntersections(small.points.astype(np.float64), small.triangles.astype(np.int64))
    assert not len(found.pairs)
    # A ring has as many edges as points and triangles together: its Euler characteristic is 0.
    assert len(small.points) - 3 * len(small.triangles) // 2 + len(small.triangles) == 0


def test_aBoxNeedsOnlyAFewTriangles():
    # 12 would do; what counts is that flat faces cost next to nothing and edges stay where they are.
    source = vtk.vtkCubeSource()
    source.SetXLength(10)
    triangulate, divide, clean = vtk.vtkTriangleFilter(), vtk.vtkLinearSubdivisionFilter(), vtk.vtkCleanPolyData()
    clean.SetInputConnection(source.GetOutputPort())
    triangulate.SetInputConnection(clean.GetOutputPort())
    divide.SetInputConnection(triangulate.GetOutputPort())
    divide.SetNumberOfSubdivisions(4)
    divide.Update()
    box = TriangleMesh.fromPolyData(divide.GetOutput())
    small = simplifySurface(box, 0.001)
    assert len(small.triangles) < 0.1 * len(box.triangles)
    assert small.volumeMm3 == pytest.approx(10, rel=1e-3)


def test_anOpenRimStaysWhereItIs():
    ball = surfaceMesh(Sphere((0, 0, 0), 8), [-9] * 3, [9] * 3, 0.6)
    half = TriangleMesh(ball.points, ball.triangles[(ball.corners()[:, :, 2] > 0).all(axis=1)])
    rim = {tuple(point) for point in half.points[np.unique(half.openEdges())]}
    small = simplifySurface(half, 0.05)
    assert len(small.triangles) < 0.5 * len(half.triangles)
    assert {tuple(point) for point in small.points[np.unique(small.openEdges())]} == rim


def test_pointsOfNoTriangleChangeNothing(torus):
    # Among the others and after them, near the surface and far from it.
    random = np.random.default_rng(2)
    place = np.sort(random.choice(len(torus.points), 500, replace=False))
    points = np.insert(torus.points, place, random.normal(0, 20, (500, 3)), axis=0)
    number = np.arange(len(torus.points)) + np.searchsorted(place, np.arange(len(torus.points)), side="right")
    points = np.concatenate([points, torus.points[:100]])
    small = simplifySurface(TriangleMesh(points, number[torus.triangles]), 0.05)
    assert small.isClosed
    assert len(small.points) - len(small.triangles) // 2 == 0
    assert len(small.triangles) == pytest.approx(len(simplifySurface(torus, 0.05).triangles), rel=0.1)
    assert farthest(torus.points[::7], small) <= small.record["simplification"]["largestDistance"] + 1e-4


def test_anErrorThatIsNoneIsRefused(torus):
    for wrong in (0.0, -1.0, float("nan")):
        with pytest.raises(M3DError, match="above 0 mm"):
            simplifySurface(torus, wrong)
        with pytest.raises(M3DError, match="above 0 mm"):
            SurfaceParameters(maxError=wrong)
    with pytest.raises(M3DError, match="no triangles"):
        simplifySurface(TriangleMesh(np.empty((0, 3)), np.empty((0, 3))), 0.1)


def test_whereEverMoreHasToComeBackHalfIsAllowedInPlaceOfKeepingEverything(torus, monkeypatch):
    # So it was with a skull whose thin parts are nearer to each other than 0.2 mm: 304 532 triangles of 304 532 left.
    within = SurfaceSimplification._within
    tried = []

    def failing(mesh, maxError, stays, progress):
        tried.append(maxError)
        return within(mesh, maxError, stays, progress) if maxError < 0.06 else None

    monkeypatch.setattr(SurfaceSimplification, "_within", failing)
    small = simplifySurface(torus, 0.2)
    assert tried == [0.2, 0.1, 0.05]
    record = small.record["simplification"]
    assert record["maxError"] == 0.2
    assert record["largestDistance"] <= 0.05
    assert np.array_equal(small.points, simplifySurface(torus, 0.05).points)
    assert len(small.triangles) < 0.3 * len(torus.triangles)


def test_anErrorThatWouldLeaveNothingOfTheShapeIsRefused():
    ball = surfaceMesh(Sphere((0, 0, 0), 5), [-7] * 3, [7] * 3, 1.0)
    with pytest.raises(M3DError, match="10 mm across at its narrowest, and within 5"):
        simplifySurface(ball, 5.1)
    assert len(simplifySurface(ball, 1.0).triangles) < len(ball.triangles)
