"""Rays against a tree of boxes: every pair that plain comparison finds, once."""

from itertools import pairwise

import numpy as np
import pytest

from M3DLib.Intersection.BoxTree import _mortonCode, _tree, raysMeetingBoxes


def pairs(points, directions, reach, low, high):
    found = [np.stack(part, axis=1) for part in raysMeetingBoxes(points, directions, reach, low, high)]
    found = np.concatenate(found) if found else np.empty((0, 2), dtype=int)
    assert len(np.unique(found, axis=0)) == len(found)
    return set(map(tuple, found.tolist()))


@pytest.mark.parametrize("count", [1, 3, 4, 5, 700, 4000])
def test_everyPairIsFoundOnce(count):
    random = np.random.default_rng(count)
    points = random.uniform(-10, 10, (300, 3))
    directions = random.normal(size=(300, 3))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    # Needles along the axes, and boxes without any thickness.
    low = random.uniform(-10, 10, (count, 3))
    high = low + random.choice([0, 0.05, 8], (count, 3))
    reach = 6.0
    with np.errstate(divide="ignore"):
        one = (low[None] - points[:, None]) / directions[:, None]
        other = (high[None] - points[:, None]) / directions[:, None]
    enter = np.maximum(np.minimum(one, other).max(axis=2), 0)
    leave = np.minimum(np.maximum(one, other).min(axis=2), reach)
    expected = set(map(tuple, np.argwhere(enter <= leave).tolist()))
    doubtful = set(map(tuple, np.argwhere(np.abs(enter - leave) < 1e-4).tolist()))
    assert count < 700 or len(expected) > 1000
    assert pairs(points, directions, reach, low, high) ^ expected <= doubtful


def test_raysAlongTheFacesOfBoxesMeetThem():
    low, high = np.array([[0.0, 0, 0], [0, 0, 5]]), np.array([[1.0, 1, 0], [1, 1, 5]])
    points = np.array([[0.0, 0, -1], [1, 1, -1], [0, 0.5, 0], [2, 0.5, 0]])
    directions = np.array([[0.0, 0, 1], [0, 0, 1], [1, 0, 0], [1, 0, 0]])
    assert pairs(points, directions, 3, low, high) == {(0, 0), (1, 0), (2, 0)}
    assert pairs(points, directions, 7, low, high) == {(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)}


def test_nothingMeetsNothing():
    none = np.empty((0, 3))
    assert pairs(none, none, 1, np.zeros((1, 3)), np.ones((1, 3))) == set()
    assert pairs(np.zeros((1, 3)), np.eye(3)[:1], 1, none, none) == set()


def test_placesAreNumberedByTheirInterleavedBits():
    places = np.random.default_rng(5).integers(0, 2**16, (200, 3)).astype(np.float64)
    places[0], places[1] = 0, 2**16 - 1
    expected = [
        sum((int(place[axis]) >> bit & 1) << (3 * bit + axis) for bit in range(16) for axis in range(3))
        for place in places
    ]
    assert _mortonCode(places, places).tolist() == expected


def test_levelsHoldTheBoxesBelowThem():
    generator = np.random.default_rng(7)
    low = generator.normal(size=(37, 3))
    order, levels = _tree(low, low + generator.random((37, 3)))
    assert sorted(order.tolist()) == list(range(37))
    assert [bottom.shape[1] for bottom, _ in levels] == [1, 2, 4, 8, 16, 64]
    for (bottom, top), (lower, upper) in pairwise(levels):
        share = lower.shape[1] // bottom.shape[1]
        assert np.array_equal(bottom, lower.reshape(3, -1, share).min(axis=2))
        assert np.array_equal(top, upper.reshape(3, -1, share).max(axis=2))


def test_boxesOfTheTreeAreNeverSmallerThanThoseGiven():
    generator = np.random.default_rng(11)
    low = 800 + generator.normal(size=(50, 3))
    high = low + 1e-7
    order, levels = _tree(low, high)
    bottom, top = levels[-1]
    place = np.arange(bottom.shape[1]) < len(order)
    assert (bottom[:, place].T.astype(float) <= low[order]).all()
    assert (top[:, place].T.astype(float) >= high[order]).all()
