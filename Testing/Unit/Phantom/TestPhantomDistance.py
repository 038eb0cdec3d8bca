"""Distances computed only where they matter are those that each point gives by itself."""

import numpy as np
import pytest

from M3DLib.Phantom.PhantomDistance import gridDistances, neighborDistances
from M3DLib.Phantom.PhantomShapes import (
    Box,
    Difference,
    Ellipsoid,
    Gyroid,
    HalfSpace,
    Intersection,
    Moved,
    Sphere,
    Union,
    rotationAbout,
)

ORIGIN = (0.0, 0.0, 0.0)
TURN = tuple(map(tuple, rotationAbout((1.0, 2.0, 3.0), 33.0)))
SHAPES = {
    "shell of two ellipsoids, cut": Intersection(
        (Difference(Ellipsoid(ORIGIN, (9, 12, 10)), Ellipsoid(ORIGIN, (7, 10, 8))), HalfSpace((0, 0, -3), (0, 0, -1)))
    ),
    "balls that overlap": Union((Sphere(ORIGIN, 6), Sphere((5, 1, 0), 4), Box((0, -8, 2), (3, 4, 5)))),
    "moved difference": Moved(Difference(Box(ORIGIN, (12, 10, 14)), Sphere((2, 2, 2), 4)), TURN, (1.0, -2.0, 0.5)),
    "gyroid in a ball": Intersection((Gyroid(ORIGIN, 5.0), Sphere(ORIGIN, 9))),
    "thin ellipsoid": Ellipsoid(ORIGIN, (12.0, 3.0, 0.8), TURN),
}
MATRIX = np.array([[0.6, 0.1, 0.0], [0.0, 0.7, 0.1], [0.05, 0.0, 1.1]])


@pytest.mark.parametrize("name", SHAPES)
def test_valuesNearTheSurfaceAreExactAndSignsHoldEverywhere(name):
    shape = SHAPES[name]
    counts, first, reach = (41, 37, 23), np.array([-12.3, -13.1, -12.7]), 0.9
    found = gridDistances(shape, MATRIX, first, counts, reach)
    assert found.shape == counts[::-1]
    k, j, i = np.meshgrid(*map(np.arange, counts[::-1]), indexing="ij")
    points = np.stack([i, j, k], axis=-1).reshape(-1, 3) @ MATRIX.T + first
    truth = shape.signedDistance(points).reshape(found.shape)
    near = np.abs(truth) < reach
    assert near.any() and not near.all()
    np.testing.assert_allclose(found[near], truth[near], atol=1e-9)
    assert np.array_equal(found < 0, truth < 0)
    assert np.abs(found[~near]).min() >= reach - 1e-9


@pytest.mark.parametrize("name", SHAPES)
def test_neighborsOfCentersHaveTheirOwnDistances(name):
    shape, generator = SHAPES[name], np.random.default_rng(4)
    centers = generator.uniform(-13, 13, (300, 3))
    offsets = generator.uniform(-0.4, 0.4, (7, 3))
    found = neighborDistances(shape, centers, offsets, 0.7)
    truth = shape.signedDistance((centers[:, None] + offsets).reshape(-1, 3)).reshape(300, 7)
    np.testing.assert_allclose(found, truth, atol=1e-9)
