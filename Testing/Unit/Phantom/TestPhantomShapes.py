"""Analytic shapes against brute force and Monte Carlo."""

import numpy as np
import pytest

from M3DLib.Errors import M3DError
from M3DLib.Phantom.PhantomShapes import (
    Box,
    Cylinder,
    Difference,
    Ellipsoid,
    Gyroid,
    HollowShell,
    Intersection,
    Moved,
    Sphere,
    Torus,
    Union,
    rotationAbout,
)

ROTATION = rotationAbout((1, 2, 3), 37)
AXES = tuple(map(tuple, ROTATION))
EXACT = {
    "sphere": Sphere((1, 2, 3), 8),
    "cylinder": Cylinder((1, -2, 3), (1, 1, 0.5), 6, 12),
    "box": Box((0, 1, 2), (10, 6, 3), AXES),
    "torus": Torus((0, 0, 1), (0, 1, 2), 8, 3),
    "ellipsoid": Ellipsoid((1, 0, 0), (9, 6, 4), AXES),
    "shell": HollowShell(Sphere((0, 0, 0), 9), 2),
    "moved": Moved(Box((3, 0, 0), (6, 6, 6)), AXES, (1, 2, 3)),
}


@pytest.mark.parametrize("name", EXACT)
def test_distanceLeadsToTheSurfaceAndIsTheShortest(name):
    shape = EXACT[name]
    points = np.random.default_rng(1).uniform(-14, 14, (3000, 3))
    distance = shape.signedDistance(points)
    step = 1e-4
    gradient = np.stack(
        [(shape.signedDistance(points + e) - shape.signedDistance(points - e)) / (2 * step) for e in step * np.eye(3)],
        1,
    )
    smooth = np.abs(np.linalg.norm(gradient, axis=1) - 1) < 1e-3
    assert smooth.mean() > 0.98
    foot = points[smooth] - distance[smooth, None] * gradient[smooth]
    assert np.abs(shape.signedDistance(foot)).max() < 2e-3
    # Nothing between a point and its foot may change sides: the ball of that radius holds no surface.
    direction = np.random.default_rng(2).normal(size=points.shape)
    direction /= np.linalg.norm(direction, axis=1)[:, None]
    elsewhere = points + 0.999 * np.abs(distance)[:, None] * direction
    assert np.all(np.sign(shape.signedDistance(elsewhere)) == np.sign(distance))


@pytest.mark.parametrize("name", EXACT)
def test_volumeIsThatOfTheInside(name):
    shape = EXACT[name]
    points = np.random.default_rng(3).uniform(-14, 14, (400_000, 3))
    inside = (shape.signedDistance(points) < 0).mean()
    tolerance = 4 * np.sqrt(inside * (1 - inside) / len(points)) * 28**3
    assert shape.volumeMm3 == pytest.approx(inside * 28**3, abs=tolerance)


def test_combinationsTellInsideFromOutside():
    ball, bar = Sphere((0, 0, 0), 10), Box((0, 0, 0), (4, 4, 30))
    points = np.random.default_rng(4).uniform(-16, 16, (5000, 3))
    inBall, inBar = (shape.signedDistance(points) < 0 for shape in (ball, bar))
    assert np.array_equal(Union((ball, bar)).signedDistance(points) < 0, inBall | inBar)
    assert np.array_equal(Intersection((ball, bar)).signedDistance(points) < 0, inBall & inBar)
    assert np.array_equal(Difference(ball, bar).signedDistance(points) < 0, inBall & ~inBar)


def test_volumeOfACombinationIsGivenOnlyWhereItIsKnown():
    ball, small = Sphere((0, 0, 0), 10), Sphere((1, 0, 0), 3)
    assert Difference(ball, small).volumeMm3 is None
    assert Difference(ball, small, contained=True).volumeMm3 == pytest.approx(4 / 3 * np.pi * (1000 - 27))
    assert Union((ball, Sphere((30, 0, 0), 1)), disjoint=True).volumeMm3 == pytest.approx(4 / 3 * np.pi * 1001)
    assert Intersection((ball, small)).volumeMm3 is None
    assert Gyroid((0, 0, 0), 10).volumeMm3 is None


def test_gyroidDistanceHoldsToFirstOrderAtItsSurface():
    shape = Gyroid((1, 2, 3), 12)
    points = np.random.default_rng(5).uniform(-20, 20, (20_000, 3))
    points = points[np.abs(shape.signedDistance(points)) < 0.2]
    step = 1e-5
    gradient = np.stack(
        [(shape.signedDistance(points + e) - shape.signedDistance(points - e)) / (2 * step) for e in step * np.eye(3)],
        1,
    )
    foot = points - shape.signedDistance(points)[:, None] * gradient
    assert np.abs(shape.signedDistance(foot)).max() < 0.02


def test_shellWithoutThicknessIsRefused():
    with pytest.raises(M3DError, match="thickness above 0"):
        HollowShell(Sphere((0, 0, 0), 5), 0)
