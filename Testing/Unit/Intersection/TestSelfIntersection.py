"""Exact predicates, box search and self-intersection against brute force in rational numbers."""

import itertools
from fractions import Fraction

import numpy as np
import pytest

from M3DLib.Intersection.BoxPairs import overlappingBoxes, overlappingBoxesBetween
from M3DLib.Intersection.ExactPredicates import collinear, orientation2d, orientation3d
from M3DLib.Intersection.SelfIntersection import flatFans, selfIntersections
from M3DLib.Intersection.TriangleIntersection import APART, CROSSING, TOUCHING, meeting, plainlyApart
from M3DTestSupport.MeshShapes import box, icosphere, together, torus


def stored(values):
    """As a mesh holds them: rounded to float32."""
    return np.asarray(values, dtype=np.float32).astype(np.float64)


def rational(point):
    return [Fraction(float(value)) for value in point]


def determinantSign(a, b, c, d):
    a, b, c, d = map(rational, (a, b, c, d))
    u, v, w = ([q - p for p, q in zip(a, x, strict=True)] for x in (b, c, d))
    value = sum(w[i] * (u[i - 2] * v[i - 1] - u[i - 1] * v[i - 2]) for i in range(3))
    return (value > 0) - (value < 0)


def coplanarCases(kind, rng, count=400):
    """Four points in one plane, as nearly as float32 has it."""
    a, b, c = (stored(rng.normal(size=(count, 3)) * 20) for _ in range(3))
    if kind == "wholeNumbers":
        a, b, c = (np.round(points) for points in (a, b, c))
    s, t = rng.integers(-3, 4, size=(2, count, 1)) if kind == "wholeNumbers" else rng.random((2, count, 1))
    d = stored(a + s * (b - a) + t * (c - a))
    if kind == "farOut":
        a, b, c, d = (stored(points + 5000) for points in (a, b, c, d))
    if kind == "veryDifferentSizes":
        a[:, 2], b[:, 2], c[:, 2], d[:, 2] = (stored(value) for value in (1e-20, 1e-20, 1e-20, 1e-20))
        d[::2, 2] = stored(1.0000001e-20)
    return a, b, c, d


@pytest.mark.parametrize("kind", ["rounded", "wholeNumbers", "farOut", "veryDifferentSizes"])
def test_orientationIsExact(kind):
    corners = coplanarCases(kind, np.random.default_rng(1))
    expected = [determinantSign(*four) for four in zip(*corners, strict=True)]
    assert orientation3d(*corners).tolist() == expected
    assert expected.count(0) < len(expected) or kind == "wholeNumbers"


def test_orientationInThePlaneAndCollinearityAreExact():
    rng = np.random.default_rng(2)
    a, b = (stored(rng.normal(size=(300, 3))) for _ in range(2))
    middle = stored((a + b) / 2)
    truth = []
    for corners in zip(a, b, middle, strict=True):
        p, q, m = map(rational, corners)
        crosses = [(q[i] - p[i]) * (m[j] - p[j]) - (q[j] - p[j]) * (m[i] - p[i]) for i, j in ((0, 1), (1, 2), (2, 0))]
        truth.append(crosses)
    assert orientation2d(a[:, :2], b[:, :2], middle[:, :2]).tolist() == [(t[0] > 0) - (t[0] < 0) for t in truth]
    assert collinear(a, b, middle).tolist() == [all(value == 0 for value in crosses) for crosses in truth]
    whole = np.round(a * 10)
    assert collinear(whole, whole + np.array([2, 4, 6]), whole + np.array([3, 6, 9])).all()


@pytest.mark.parametrize("seed", range(6))
def test_overlappingBoxesAreAllFoundOnce(seed):
    rng = np.random.default_rng(seed)
    low = rng.random((150, 3)).astype(np.float32)
    if seed % 2:
        low = np.round(low * 6) / 6
    high = low + (rng.random((150, 3)) ** (2 + 3 * seed)).astype(np.float32)
    overlap = ((low[:, None] <= high[None]) & (low[None] <= high[:, None])).all(axis=2)
    found = [(min(pair), max(pair)) for i, j in overlappingBoxes(low, high) for pair in zip(i, j, strict=True)]
    assert len(found) == len(set(found))
    assert set(found) == set(zip(*np.nonzero(np.triu(overlap, 1)), strict=True))
    between = [
        pair
        for i, j in overlappingBoxesBetween(low[:60], high[:60], low[60:], high[60:])
        for pair in zip(i, j, strict=True)
    ]
    assert len(between) == len(set(between))
    assert set(between) == set(zip(*np.nonzero(overlap[:60, 60:]), strict=True))


def segmentTriangleBruteForce(p, q, triangle):
    """Whether a closed segment and a closed triangle share a point: by clipping in rational numbers."""
    p, q = rational(p), rational(q)
    a, b, c = (rational(corner) for corner in triangle)
    u, v, d = ([y - x for x, y in zip(s, e, strict=True)] for s, e in ((a, b), (a, c), (p, q)))
    n = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]]
    dot = lambda x, y: sum(i * j for i, j in zip(x, y, strict=True))  # noqa: E731
    slope, height = dot(n, d), dot(n, [x - y for x, y in zip(p, a, strict=True)])
    low, high = Fraction(0), Fraction(1)
    if slope == 0:
        if height != 0:
            return False
    else:
        low = high = -height / slope
        if not 0 <= low <= 1:
            return False
    for start, end in ((a, b), (b, c), (c, a)):
        edge = [y - x for x, y in zip(start, end, strict=True)]
        inward = [n[1] * edge[2] - n[2] * edge[1], n[2] * edge[0] - n[0] * edge[2], n[0] * edge[1] - n[1] * edge[0]]
        at, per = dot(inward, [x - y for x, y in zip(p, start, strict=True)]), dot(inward, d)
        if per == 0:
            if at < 0:
                return False
        elif per > 0:
            low = max(low, -at / per)
        else:
            high = min(high, -at / per)
    return low <= high


def trianglesMeetBruteForce(first, second):
    return any(
        segmentTriangleBruteForce(one[start], one[end], other)
        for one, other in ((first, second), (second, first))
        for start, end in ((0, 1), (1, 2), (2, 0))
    )


@pytest.mark.parametrize("kind", ["anywhere", "onASmallGrid", "inOnePlane"])
def test_meetingOfTrianglesIsExact(kind):
    rng = np.random.default_rng(3)
    pairs = rng.normal(size=(500, 2, 3, 3))
    if kind != "anywhere":
        pairs = rng.integers(0, 4, size=(1500, 2, 3, 3)).astype(float)
    if kind == "inOnePlane":
        pairs[..., 2] = 2 * pairs[..., 0] - pairs[..., 1]
    pairs = stored(pairs)
    area = np.linalg.norm(np.cross(pairs[..., 1, :] - pairs[..., 0, :], pairs[..., 2, :] - pairs[..., 0, :]), axis=-1)
    pairs = pairs[(area > 1e-9).all(axis=1)]
    how = meeting(pairs[:, 0], pairs[:, 1])
    expected = [trianglesMeetBruteForce(*pair) for pair in pairs]
    assert (how != APART).tolist() == expected
    assert 0 < sum(expected) < len(expected)
    assert not np.any(plainlyApart(pairs[:, 0], pairs[:, 1]) & np.array(expected))
    if kind == "onASmallGrid":
        assert {TOUCHING, CROSSING} <= set(how.tolist())


def selfIntersectionsBruteForce(points, triangles):
    """Pairs that share more than their common corners and edge, every pair tried."""
    found = set()
    for i, j in itertools.combinations(range(len(triangles)), 2):
        one, other = triangles[i], triangles[j]
        common = set(one) & set(other)
        if len(common) == 0:
            meets = trianglesMeetBruteForce(points[one], points[other])
        elif len(common) == 1:
            restOne, restOther = ([k for k in t if k not in common] for t in (one, other))
            meets = segmentTriangleBruteForce(*points[restOne], points[other])
            meets |= segmentTriangleBruteForce(*points[restOther], points[one])
        else:
            edge = points[sorted(common)]
            tips = [points[k] for t in (one, other) for k in t if k not in common]
            flat = determinantSign(*edge, *tips) == 0
            sides = [np.cross(edge[1] - edge[0], tip - edge[0]) for tip in tips]
            meets = flat and float(np.dot(*sides)) > 0
        if meets:
            found.add((i, j))
    return found


def crumpled(seed):
    points, triangles = icosphere(10, 1)
    return points + np.random.default_rng(seed).normal(size=points.shape) * 4, triangles


def foldedPlane():
    grid = np.array([[x, y, 0] for x in range(4) for y in range(4)], dtype=float)
    grid[5] = (2.5, 1.25, 0)
    number = np.arange(16).reshape(4, 4)
    a, b, c, d = (part.ravel() for part in (number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]))
    return grid, np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])


MESHES = {
    "crumpled1": lambda: crumpled(1),
    "crumpled2": lambda: crumpled(2),
    "foldedPlane": foldedPlane,
    "boxesThroughEachOther": lambda: together(box(level=1), box((8, 8, 8), (10, 2, 3), level=0)),
    "boxesFaceToFace": lambda: together(box(level=1), box((10, 10, 10), (15, 0, 0), level=1)),
    "sound": lambda: icosphere(10, 1),
}


@pytest.mark.parametrize("name", MESHES)
def test_selfIntersectionsMatchBruteForce(name):
    points, triangles = MESHES[name]()
    points = stored(points)
    found = selfIntersections(points, triangles)
    expected = selfIntersectionsBruteForce(points, triangles)
    assert set(map(tuple, found.pairs.tolist())) == expected
    assert bool(expected) == (name != "sound")


def test_fansOfSmoothSurfacesAreSettledWithoutPairs():
    points, triangles = torus()
    assert flatFans(stored(points), triangles).all()
    spiked = points.copy()
    spiked[500] = (0, 0, 40)
    flat = flatFans(stored(spiked), triangles)
    assert 0 < np.sum(~flat) < 60


@pytest.mark.parametrize("turns", [1.05, 1.4, 1.9])
@pytest.mark.parametrize("start", [0.0, 1.0, 2.1, 3.3, 4.2, 5.5])
def test_anOpenFanThatCoversItselfIsFoundWhereverItBegins(turns, start):
    # A staircase of triangles around one point, flattened: every triangle faces up, yet the last cover the first.
    angle = start + np.linspace(0, turns * 2 * np.pi, 16)
    points = stored(np.concatenate([[[0, 0, 0]], np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)]))
    triangles = np.array([(0, i, i + 1) for i in range(1, 16)])
    found = selfIntersections(points, triangles)
    expected = selfIntersectionsBruteForce(points, triangles)
    assert expected and set(map(tuple, found.pairs.tolist())) == expected


def test_aClosedFanThatTurnsTwiceIsNotTakenForFlat():
    angle = np.arange(15) * 4 * np.pi / 15
    rim = np.stack([np.cos(angle), np.sin(angle), 0.01 * np.sin(angle / 2)], axis=1)
    points = stored(np.concatenate([[[0, 0, 0]], rim]))
    triangles = np.array([(0, i, i % 15 + 1) for i in range(1, 16)])
    assert not flatFans(points, triangles)[0]
    found = selfIntersections(points, triangles)
    assert set(map(tuple, found.pairs.tolist())) == selfIntersectionsBruteForce(points, triangles)


def test_seamsThatAreKnownAlreadyChangeNothing():
    # Two tetrahedra that pass through each other, one of them open.
    points = np.array([(0, 0, 0), (2, 0, 0), (0, 2, 0), (0, 0, 2)], dtype=np.float64)
    points = np.concatenate([points, points + 0.25])
    faces = np.array([(0, 2, 1), (0, 1, 3), (0, 3, 2), (1, 2, 3)])
    triangles = np.concatenate([faces, faces[1:] + 4])
    found = selfIntersections(points, triangles)
    assert len(found.pairs)
    for kind in (np.int32, np.int64):
        known = selfIntersections(points, triangles.astype(kind), seams=np.array([(4, 5), (5, 6), (4, 6)]))
        assert np.array_equal(known.pairs, found.pairs)
        assert np.array_equal(known.crossing, found.crossing)
