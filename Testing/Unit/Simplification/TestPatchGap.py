"""Whether what replaces an edge is near enough, on roofs of known height; and quadrics after their definition."""

import numpy as np
import pytest

from M3DLib.Simplification.EdgeCollapse import planeQuadrics
from M3DLib.Simplification.PatchGap import areNear
from M3DLib.Simplification.TriangleFans import TriangleFans

SIZE = 9
LIMIT = 0.1


@pytest.fixture(scope="module")
def plane():
    """The triangles of a level grid of points 1 mm apart."""
    x, y = np.meshgrid(np.arange(SIZE), np.arange(SIZE), indexing="ij")
    points = np.stack([x.ravel(), y.ravel(), 0 * x.ravel()], axis=1).astype(float)
    corner = (x[:-1, :-1] * SIZE + y[:-1, :-1]).ravel()
    a, b, c, d = corner, corner + SIZE, corner + SIZE + 1, corner + 1
    return TriangleFans.of(points, np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)]))


def pyramids(plane, heights, samples):
    """Are square pyramids of these heights, 4 mm wide, one beside the other in time, near to what they stand for?"""
    square = np.array([[2.0, 2, 0], [6, 2, 0], [6, 6, 0], [2, 6, 0]]).T
    count = len(heights)
    place = np.array([[4.0] * count, [4.0] * count, heights])
    ring = (np.tile(square, count), np.tile(np.roll(square, -1, axis=1), count))
    triangles = (ring, np.repeat(np.arange(count), 4))
    taken = (np.concatenate([samples] * count), np.repeat(np.arange(count), len(samples)))
    return areNear(place, np.full(count, LIMIT**2), triangles, taken, plane).tolist()


def at(x, y):
    return x * SIZE + y


def test_theTopOfAPyramidMayBeAsHighAsIsAllowed(plane):
    middle = np.array([at(x, y) for x in (3, 4, 5) for y in (3, 4, 5)])
    assert pyramids(plane, [0.0, 0.099, 0.101, -0.099, -0.101], middle) == [True, True, False, True, False]


def test_aTopThatIsTooHighIsSeenWhereNoOriginalCornerIsBelowIt(plane):
    # The faces are at a third of the height there.
    rim = np.array([at(2, 3), at(6, 5)])
    assert pyramids(plane, [0.09, 0.15], rim) == [True, False]


def test_anOriginalCornerFarAboveFlatTrianglesIsSeen(plane):
    peak = TriangleFans(plane.columns.copy(), plane.triangles, plane.around, plane.first)
    peak.columns[2, at(5, 4)] = 0.2
    corners = np.array([at(5, 4), at(3, 3), at(4, 4), at(5, 5)])
    assert pyramids(peak, [0.0], corners) == [False]
    assert pyramids(peak, [0.0], corners[1:]) == [True]


def test_aQuadricIsTheSumOfSquaredDistancesFromThePlanesByTwiceTheirArea():
    random = np.random.default_rng(4)
    points, place = random.normal(0, 1, (12, 3)), random.normal(0, 1, 3)
    triangles = np.array([random.permutation(12)[:3] for _ in range(25)])
    expected, weight, normals = np.zeros(12), np.zeros(12), np.zeros((12, 3))
    for triangle in triangles:
        a, b, c = points[triangle]
        normal = np.cross(b - a, c - a)
        for corner in triangle:
            expected[corner] += np.dot(normal, place - a) ** 2 / np.linalg.norm(normal)
            weight[corner] += np.linalg.norm(normal)
            normals[corner] += normal
    xx, xy, xz, yy, yz, zz, x, y, z, constant, sizes, *normal = planeQuadrics(points, triangles)
    matrix = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
    found = np.einsum("i,ijn,j->n", place, matrix, place) + 2 * place @ np.array([x, y, z]) + constant
    np.testing.assert_allclose(found, expected, atol=1e-12)
    np.testing.assert_allclose(sizes, weight)
    np.testing.assert_allclose(np.transpose(normal), normals, atol=1e-12)
