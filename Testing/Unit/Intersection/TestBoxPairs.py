"""Boxes of two sets that overlap: every pair that plain comparison finds, once."""

import numpy as np
import pytest

from M3DLib.Intersection import BoxPairs
from M3DLib.Intersection.BoxPairs import overlappingBoxes, overlappingBoxesBetween
from M3DLib.Intersection.TriangleBoxes import boxesOfPieces


def pairs(low, high, otherLow, otherHigh):
    found = [np.stack(part, axis=1) for part in overlappingBoxesBetween(low, high, otherLow, otherHigh)]
    found = np.concatenate(found) if found else np.empty((0, 2), dtype=int)
    assert len(np.unique(found, axis=0)) == len(found)
    return set(map(tuple, found.tolist()))


@pytest.mark.parametrize("few", [1, 7, 60])
@pytest.mark.parametrize("spread", [0.5, 10, 200])
def test_fewBoxesMeetTheSameOnesOfMany(few, spread):
    random = np.random.default_rng(few)
    low = random.uniform(-spread, spread, (few, 3))
    high = low + random.uniform(0, 2, (few, 3))
    otherLow = random.uniform(-10, 10, (4000, 3))
    # Points and needles among them.
    otherHigh = otherLow + random.choice([0, 0.2, 3], (4000, 3))
    meet = (low[:, None] <= otherHigh).all(axis=2) & (otherLow <= high[:, None]).all(axis=2)
    assert pairs(low, high, otherLow, otherHigh) == set(map(tuple, np.argwhere(meet).tolist()))


def test_boxesOnTheBordersOfCellsAreFound():
    low = np.array([[0.0, 0.0, 0.0]])
    places = np.stack(np.meshgrid(*[np.arange(-20, 21) / 8] * 3), axis=-1).reshape(-1, 3)
    meet = ((places <= 1) & (places + 0.125 >= 0)).all(axis=1)
    assert pairs(low, low + 1, places, places + 0.125) == {(0, number) for number in np.flatnonzero(meet)}


def test_piecesCoverTheirTrianglesAndAreShort():
    corners = np.random.default_rng(3).uniform(-5, 5, (300, 3, 3))
    corners[::3] /= 20
    low, high, owner = boxesOfPieces(corners, 1.5, 10**6)
    assert set(owner.tolist()) == set(range(300))
    assert (high - low).max() <= 1.5
    shares = np.random.default_rng(4).dirichlet((1, 1, 1), 50)
    for number in range(0, 300, 7):
        points = shares @ corners[number]
        own = owner == number
        inside = (points[:, None] >= low[own] - 1e-9) & (points[:, None] <= high[own] + 1e-9)
        assert inside.all(axis=2).any(axis=1).all()


def test_fewPiecesAreMadeWhereManyAreNotWanted():
    corners = np.random.default_rng(3).uniform(-5, 5, (300, 3, 3))
    low, _high, owner = boxesOfPieces(corners, 0.01, 1000)
    assert 300 <= len(low) <= 1000
    assert set(owner.tolist()) == set(range(300))


def pairsOfOne(low, high):
    found = [np.sort(np.stack(part, axis=1), axis=1) for part in overlappingBoxes(low, high)]
    found = np.concatenate(found) if found else np.empty((0, 2), dtype=int)
    assert len(np.unique(found, axis=0)) == len(found)
    return set(map(tuple, found.tolist()))


@pytest.mark.parametrize("crowd", [1, 2, 3, 16, 17, 40, 300])
def test_cellsOfFewAndOfManyBoxesGiveEveryPairOnce(crowd):
    """Crowds of boxes far from each other: each in a cell or two, and single ones in between."""
    random = np.random.default_rng(crowd)
    middles = np.repeat(
        random.uniform(-100, 100, (900 // crowd + 5, 3)), random.integers(1, crowd + 1, 900 // crowd + 5), 0
    )
    # On a lattice, so that many touch exactly, and none all but touches.
    low = np.round((middles + random.uniform(-0.6, 0.6, middles.shape)) * 8) / 8
    high = low + random.integers(0, 5, low.shape) / 8
    meet = ((low[:, None] <= high) & (low <= high[:, None])).all(axis=2)
    wanted = set(map(tuple, np.argwhere(np.triu(meet, 1)).tolist()))
    assert crowd < 16 or len(wanted) > 50
    assert pairsOfOne(low, high) == wanted
    assert pairsOfOne(low.astype(np.float32), np.asfortranarray(high.astype(np.float32))) == wanted


def test_moreBoxesThanGoIntoOneSlabGiveEveryPairOnce(monkeypatch):
    monkeypatch.setattr(BoxPairs, "_SLAB", 100)
    random = np.random.default_rng(1)
    low = np.round(random.uniform(0, 12, (2000, 3)) * 16) / 16
    high = low + random.choice([0, 1 / 16, 0.5, 1], (2000, 3))
    meet = ((low[:, None] <= high) & (low <= high[:, None])).all(axis=2)
    assert pairsOfOne(low, high) == set(map(tuple, np.argwhere(np.triu(meet, 1)).tolist()))
