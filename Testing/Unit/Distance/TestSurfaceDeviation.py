"""Distances between meshes against brute force and closed formulas."""

import threading

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from M3DLib.Distance.ClosestSurface import ClosestSurface
from M3DLib.Distance.DeviationMap import Quality
from M3DLib.Distance.SurfaceDeviation import compareSurfaces, surfaceDeviation
from M3DLib.Distance.SurfaceSign import surfaceSide, windingNumber
from M3DLib.Errors import Cancelled, M3DError
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.Phantom.PhantomShapes import Box, Difference, Sphere, Torus
from M3DTestSupport.BruteForce import bruteForce
from M3DTestSupport.ShapeMeshes import surfaceMesh

CUBE_POINTS = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], dtype=float)
CUBE_TRIANGLES = np.array(
    [
        [0, 1, 3],
        [0, 3, 2],
        [4, 6, 7],
        [4, 7, 5],
        [0, 4, 5],
        [0, 5, 1],
        [2, 3, 7],
        [2, 7, 6],
        [0, 2, 6],
        [0, 6, 4],
        [1, 5, 7],
        [1, 7, 3],
    ]
)


def cube(size=10.0, center=(0, 0, 0)):
    return TriangleMesh((CUBE_POINTS - 0.5) * size + center, CUBE_TRIANGLES)


@settings(max_examples=20, deadline=None)
@example(196, 0.01, 0.1)
@given(st.integers(0, 2**31), st.sampled_from([0.0, 0.01, 1.0]), st.sampled_from([0.1, 5.0, 100.0]))
def test_distanceEqualsBruteForceOnAnyMesh(seed, flatness, spread):
    generator = np.random.default_rng(seed)
    count = int(generator.integers(3, 150))
    scale = generator.choice([1.0, 40.0])
    points = generator.normal(size=(count, 3)) * scale * [1, flatness, 1] + generator.normal(size=3) * 100
    points[generator.integers(0, count, 5)] = points[0]
    triangles = generator.integers(0, count, (int(generator.integers(1, 300)), 3))
    mesh = TriangleMesh(points, triangles)
    queries = points[generator.integers(0, count, 40)] + generator.normal(size=(40, 3)) * spread
    found = ClosestSurface(mesh).query(queries)
    assert np.abs(found.distance - bruteForce(mesh, queries)).max() <= 1e-5


@settings(max_examples=15, deadline=None)
# A triangle with one short side between two long ones.
@example(6985, 0.01, 5.0)
@given(st.integers(0, 2**31), st.sampled_from([0.0, 0.01, 1.0]), st.sampled_from([0.1, 5.0, 100.0]))
def test_distanceEqualsBruteForceAcrossTheBordersOfTiles(seed, flatness, spread):
    generator = np.random.default_rng(seed)
    points = generator.normal(size=(100, 3)) * 40 * [1, flatness, 1] + generator.normal(size=3) * 100
    points[generator.integers(0, 100, 5)] = points[0]
    # Small triangles beside those that reach across many tiles.
    near = np.argsort(((points[:, None] - points) ** 2).sum(axis=2), axis=1)[:, :3]
    mesh = TriangleMesh(points, np.concatenate([near, generator.integers(0, 100, (20, 3))]))
    queries = points[generator.integers(0, 100, 60)] + generator.normal(size=(60, 3)) * spread
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("TILE", 8), ("SMALLEST_TILE", 8), ("GROUP", 5), ("BLOCK", 7)):
            patch.setattr(f"M3DLib.Distance.SurfaceTiles.{name}", value)
        for name, value in (("ROUNDS", ()), ("FEW_LEFT", 0), ("COARSE", 3)):
            patch.setattr(f"M3DLib.Distance.ClosestSurface.{name}", value)
        surface = ClosestSurface(mesh)
        assert len(surface.tiles.numbers) > 8
        found = surface.query(queries)
    assert np.abs(found.distance - bruteForce(mesh, queries)).max() <= 1e-5


@pytest.mark.parametrize("fewLeft", [0, 4096])
def test_meshOfSeveralTilesIsExact(monkeypatch, fewLeft):
    # In the tiles, and among the triangles near the points without any.
    monkeypatch.setattr("M3DLib.Distance.ClosestSurface.FEW_LEFT", fewLeft)
    shape = Torus((0, 0, 0), (0, 1, 2), 8, 3)
    mesh = surfaceMesh(shape, [-13] * 3, [13] * 3, 0.2)
    surface = ClosestSurface(mesh)
    assert len(surface.tiles.numbers) > 3
    generator = np.random.default_rng(6)
    everywhere = generator.uniform(-13, 13, (40, 3))
    close = mesh.points[generator.integers(0, len(mesh.points), 40)] + generator.normal(size=(40, 3)) * 0.2
    points = np.concatenate([everywhere, close])
    assert np.abs(surface.query(points).distance - bruteForce(mesh, points)).max() <= 1e-5


def test_keptTilesFindTheSameEveryTime(monkeypatch):
    monkeypatch.setattr("M3DLib.Distance.SurfaceTiles.SMALLEST_TILE", 100)
    mesh = surfaceMesh(Torus((0, 0, 0), (0, 0.3, 1), 8, 3), [-12] * 3, [12] * 3, 1.0)
    kept = ClosestSurface(mesh, keepTiles=True)
    assert len(kept.tiles.numbers) > 3
    for seed in range(3):
        points = np.random.default_rng(seed).uniform(-12, 12, (50, 3))
        found = kept.query(points)
        assert np.abs(found.distance - bruteForce(mesh, points)).max() <= 1e-5
        assert np.array_equal(found.distance, ClosestSurface(mesh).query(points).distance)


def test_fineAndCoarseTrianglesTogetherAreExact():
    fine = surfaceMesh(Sphere((0, 0, 0), 3), [-4] * 3, [4] * 3, 0.3)
    coarse = cube(300, (20, 0, 0))
    mesh = TriangleMesh(
        np.concatenate([fine.points, coarse.points]),
        np.concatenate([fine.triangles, coarse.triangles + len(fine.points)]),
    )
    points = np.random.default_rng(3).uniform(-200, 200, (300, 3))
    assert np.abs(ClosestSurface(mesh).query(points).distance - bruteForce(mesh, points)).max() <= 1e-5


SHAPES = {
    "cube": (cube(), Box((0, 0, 0), (10, 10, 10))),
    "ring": (
        surfaceMesh(Torus((0, 0, 0), (0, 1, 2), 8, 3), [-13] * 3, [13] * 3, 0.5),
        Torus((0, 0, 0), (0, 1, 2), 8, 3),
    ),
    "sphere with a cavity": (
        surfaceMesh(Difference(Sphere((0, 0, 0), 9), Sphere((1, 0, 0), 4)), [-10] * 3, [10] * 3, 0.5),
        Difference(Sphere((0, 0, 0), 9), Sphere((1, 0, 0), 4)),
    ),
}


@pytest.mark.parametrize("name", SHAPES)
def test_signIsThatOfTheClosedSurface(name):
    mesh, shape = SHAPES[name]
    points = np.random.default_rng(4).uniform(-14, 14, (4000, 3))
    points = points[np.abs(shape.signedDistance(points)) > 0.1].astype(np.float32)
    probes = TriangleMesh(points, np.arange(len(points) // 3 * 3).reshape(-1, 3))
    deviation = surfaceDeviation(probes, mesh)
    used = np.unique(probes.triangles)
    assert np.array_equal(deviation.distance[used] < 0, shape.signedDistance(points)[used] > 0)
    assert np.abs(-deviation.distance[used] - shape.signedDistance(points)[used]).max() < 0.05


def test_signIsRightAtSharpEdgesAndCorners():
    # Directly above edges and corners of the cube, where the nearest faces are seen edge-on.
    directions = np.array([[x, y, z] for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1) if x or y or z])
    points = np.concatenate([directions * 5 * 1.2, directions * 5 * 0.8]).astype(np.float32)
    mesh = TriangleMesh(
        points, np.array([[i, (i + 1) % len(points), (i + 7) % len(points)] for i in range(len(points))])
    )
    deviation = surfaceDeviation(mesh, cube())
    assert deviation.reliable.all()
    assert np.all(deviation.distance[: len(directions)] < 0)
    assert np.all(deviation.distance[len(directions) :] > 0)


def test_cubesThatTouchAtAnEdgeStillHaveAnInside():
    mesh = TriangleMesh(
        np.concatenate([cube(2, (-1, -1, 0)).points, cube(2, (1, 1, 0)).points]),
        np.concatenate([CUBE_TRIANGLES, CUBE_TRIANGLES + 8]),
    )
    points = np.array(
        [[0.2, -0.2, 0], [-0.3, 0.3, 0.2], [0.2, 0.2, 0], [-0.4, -0.4, 0.1], [3, 0, 0], [0.01, -0.01, 0.5]]
    )
    probes = TriangleMesh(points, [[0, 1, 2], [3, 4, 5]])
    outside = np.array([True, True, False, False, True, True])
    assert np.array_equal(surfaceDeviation(probes, mesh).distance < 0, outside)


def test_looseTrianglesCountAsOneSurface():
    ball = surfaceMesh(Sphere((0, 0, 0), 8), [-9] * 3, [9] * 3, 0.8)
    soup = TriangleMesh(ball.points[ball.triangles].reshape(-1, 3), np.arange(3 * len(ball.triangles)).reshape(-1, 3))
    probe = surfaceMesh(Sphere((0, 0, 0), 8.5), [-10] * 3, [10] * 3, 0.9)
    joined, loose = surfaceDeviation(probe, ball), surfaceDeviation(probe, soup)
    assert np.array_equal(joined.distance, loose.distance)


def test_windingNumberTellsInsideFromOutside():
    mesh, shape = SHAPES["sphere with a cavity"]
    points = np.random.default_rng(5).uniform(-10, 10, (200, 3))
    expected = shape.signedDistance(points) < 0
    clear = np.abs(shape.signedDistance(points)) > 0.1
    assert np.array_equal((windingNumber(ClosestSurface(mesh), points) > 0.5)[clear], expected[clear])


def test_bothDirectionsUseTheSameSign():
    small = surfaceMesh(Sphere((0, 0, 0), 8), [-9] * 3, [9] * 3, 0.5)
    large = surfaceMesh(Sphere((0, 0, 0), 8.4), [-9] * 3, [9] * 3, 0.5)
    comparison = compareSurfaces(small, large)
    assert comparison.forward.distance.mean() == pytest.approx(0.4, abs=0.01)
    assert comparison.reverse.distance.mean() == pytest.approx(0.4, abs=0.01)


def test_referenceThatFacesInwardGivesTheSameAnswer():
    ball = surfaceMesh(Sphere((0, 0, 0), 8), [-9] * 3, [9] * 3, 0.8)
    probe = surfaceMesh(Sphere((0, 0, 0), 8.5), [-10] * 3, [10] * 3, 0.9)
    assert np.array_equal(surfaceDeviation(probe, ball).distance, surfaceDeviation(probe, ball.reversed()).distance)


def test_meshAgainstItselfIsZero():
    mesh, _ = SHAPES["ring"]
    assert np.abs(surfaceDeviation(mesh, mesh).distance).max() < 1e-5


EDGE_AT = np.array([300.0, -200.0, 700.0])


def twoWedgesAtAnEdge():
    """Two wedges of 30 degrees, 30 degrees apart, that share their sharp edge: four triangles lie at it."""
    points, triangles = [], []
    for number, first in enumerate((0.0, 60.0)):
        turns = np.radians([first, first + 30.0])
        base = np.array([[0, 0, 0], *([10 * np.cos(turn), 10 * np.sin(turn), 0] for turn in turns)])
        points += [base, base + np.array([0, 0, 10])]
        faces = [(0, 2, 1), (3, 4, 5), (0, 1, 4), (0, 4, 3), (1, 2, 5), (1, 5, 4), (2, 0, 3), (2, 3, 5)]
        triangles += [tuple(6 * number + corner for corner in face) for face in faces]
    merged, own = np.unique(np.concatenate(points), axis=0, return_inverse=True)
    return TriangleMesh(merged + EDGE_AT, own.ravel()[np.array(triangles)])


def test_whatLiesOnTheSurfaceUpToRoundingIsNotHeldAgainstAllOfIt(monkeypatch):
    mesh = twoWedgesAtAnEdge()
    assert mesh.isClosed
    asked = []

    def counting(surface, points):
        asked.append(len(points))
        return windingNumber(surface, points)

    monkeypatch.setattr("M3DLib.Distance.SurfaceSign.windingNumber", counting)
    surface = ClosestSurface(mesh)
    onEdge = EDGE_AT + np.array([[0, 0, height] for height in range(1, 9)])
    for off, side, count in (((-4e-5, -4e-5), 1, 0), ((-0.1, -0.1), 1, 8), ((1.0, 0.2), -1, 0)):
        asked.clear()
        points = onEdge + np.array([*off, 0.0])
        found, sure = surfaceSide(surface, points, surface.closest(points, surface.search(points)))
        assert sure.all() and sum(asked) == count
        assert (found == side).all()


def test_boundaryOfAnOpenReferenceIsNotReliable():
    ball = surfaceMesh(Sphere((0, 0, 0), 8), [-9] * 3, [9] * 3, 0.8)
    upper = ball.triangles[(ball.points[ball.triangles][:, :, 2] > 0).all(axis=1)]
    probe = surfaceMesh(Sphere((0, 0, 0), 8.5), [-10] * 3, [10] * 3, 0.9)
    deviation = surfaceDeviation(probe, TriangleMesh(ball.points, upper))
    low, high = probe.points[:, 2] < -1, probe.points[:, 2] > 1.5
    assert np.all(deviation.quality[low] == Quality.OPEN_REFERENCE)
    assert deviation.reliable[high].all()
    assert np.all(deviation.distance[high] < 0)


def test_farAwayFromTheOriginNothingIsLost():
    shift = np.array([3000.0, -2000.0, 1500.0])
    ball = surfaceMesh(Sphere((0, 0, 0), 8), [-9] * 3, [9] * 3, 0.8)
    probe = surfaceMesh(Sphere((0, 0, 0), 8.5), [-10] * 3, [10] * 3, 0.9)
    near = surfaceDeviation(probe, ball).distance
    far = surfaceDeviation(
        TriangleMesh(probe.points + shift, probe.triangles), TriangleMesh(ball.points + shift, ball.triangles)
    ).distance
    assert np.abs(near - far).max() < 1e-3


def test_emptyAndBrokenMeshesAreRefused():
    ball = cube()
    with pytest.raises(M3DError, match="no triangles"):
        surfaceDeviation(ball, TriangleMesh(np.zeros((3, 3)), np.empty((0, 3))))
    with pytest.raises(M3DError, match="not finite"):
        surfaceDeviation(ball, TriangleMesh([[0, 0, 0], [1, 0, 0], [0, np.inf, 0]], [[0, 1, 2]]))


def test_comparingStopsInTheMiddle():
    ball = surfaceMesh(Sphere((0, 0, 0), 8), [-9] * 3, [9] * 3, 0.2)
    calls = []

    def stop(fraction, text):
        calls.append(fraction)
        if fraction > 0.5:
            raise Cancelled

    before = threading.active_count()
    with pytest.raises(Cancelled):
        surfaceDeviation(ball, ball, progress=stop)
    assert 0.5 < calls[-1] < 0.8
    assert sorted(calls) == calls
    assert threading.active_count() == before


def test_comparingCanBeCancelled():
    def stop(fraction, text):
        raise Cancelled

    with pytest.raises(Cancelled):
        compareSurfaces(cube(), cube(9), progress=stop)
