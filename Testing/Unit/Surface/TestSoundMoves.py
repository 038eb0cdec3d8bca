"""Moves taken back where a surface would pass through itself: as few as need be, and never by making a step."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from M3DLib.Intersection.SelfIntersection import selfIntersections
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.Surface.Neighborhood import Neighborhood
from M3DLib.Surface.SoundMoves import withoutNewIntersections

# Sheets of so many vertices a side and 0.5 mm between them lie above each other, mm.
SIDE, EDGE, APART, SHEETS = 60, 0.5, 0.8, 4


def sheets():
    row, column = np.mgrid[:SIDE, :SIDE]
    corner = (row * SIDE + column)[:-1, :-1].ravel()
    up = np.concatenate(
        [
            np.stack([corner, corner + 1, corner + SIDE + 1], axis=1),
            np.stack([corner, corner + SIDE + 1, corner + SIDE], axis=1),
        ]
    )
    points, triangles = [], []
    for number in range(SHEETS):
        height = np.full(SIDE**2, number * APART)
        points.append(np.stack([EDGE * column.ravel(), EDGE * row.ravel(), height], axis=1))
        triangles.append((up if number % 2 else up[:, ::-1]) + number * SIDE**2)
    return np.concatenate(points), np.concatenate(triangles)


def waves(seed, width, height):
    """A smooth way in all directions for every vertex, (n, 3), up to ``height`` mm; each sheet goes its own."""
    random = np.random.default_rng(seed)
    ways = [
        [gaussian_filter(random.normal(size=(SIDE, SIDE)), width, mode="nearest").ravel() for _ in range(3)]
        for _ in range(SHEETS)
    ]
    ways = np.concatenate([np.stack(way, axis=1) for way in ways])
    return ways * height / np.abs(ways).max()


def moved(points, triangles, way, limit=9.0):
    neighborhood = Neighborhood(TriangleMesh(points.astype(np.float32), triangles))
    still = np.zeros(len(points), dtype=bool)
    return withoutNewIntersections(points, points + way, triangles, neighborhood=neighborhood, limit=limit, fixed=still)


@pytest.mark.parametrize("seed", (0, 4, 9))
def test_sheetsThatWouldCrossAllOverStillGoAsFarAsTheyCan(seed):
    points, triangles = sheets()
    way = waves(seed, width=2, height=5)
    assert len(selfIntersections((points + way).astype(np.float32), triangles).pairs) > 10_000
    result, heldBack = moved(points, triangles, way)
    assert not len(selfIntersections(result.astype(np.float32), triangles).pairs)
    gone = np.linalg.norm(result - points, axis=1)
    assert gone.mean() > 0.4 * np.linalg.norm(way, axis=1).mean()
    np.testing.assert_allclose(result[~heldBack], (points + way)[~heldBack], atol=1e-5)


def test_whereNothingMeetsAllGoWhereTheyWant():
    points, triangles = sheets()
    way = waves(1, width=4, height=0.3)
    result, heldBack = moved(points, triangles, way)
    assert not heldBack.any()
    np.testing.assert_allclose(result, points + way, atol=1e-5)


def test_aPlaceThatWouldMeetHoldsBackOnlyWhatIsAroundIt():
    points, triangles = sheets()
    way = np.zeros_like(points)
    middle = np.linalg.norm(points[:, :2] - EDGE * SIDE / 2, axis=1) < 2
    first = np.arange(len(points)) < SIDE**2
    way[middle & first, 2] = 1.2
    result, heldBack = moved(points, triangles, way)
    assert not len(selfIntersections(result.astype(np.float32), triangles).pairs)
    assert heldBack.any()
    assert np.linalg.norm(points[heldBack][:, :2] - EDGE * SIDE / 2, axis=1).max() < 8
