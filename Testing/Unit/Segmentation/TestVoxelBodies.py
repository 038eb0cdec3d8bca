"""Bodies by runs of voxels are those that the label image of scipy shows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from M3DLib.Segmentation.VoxelBodies import VoxelBodies, _groups

STRUCTURE = {False: None, True: np.ones((3, 3, 3))}


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.booleans(), st.sampled_from([0.02, 0.2, 0.5, 0.9]))
def test_bodiesAreThoseOfTheLabelImage(seed, corners, share):
    generator = np.random.default_rng(seed)
    mask = generator.random(generator.integers(1, 9, 3)) < share
    expected, count = ndimage.label(mask, STRUCTURE[corners])
    bodies = VoxelBodies.of(mask, corners)
    assert bodies.count == count
    image = bodies.image
    assert np.array_equal(VoxelBodies.of(~mask, corners, empty=True).image, image)
    assert np.array_equal(image > 0, mask)
    # The same pieces, each with one number in both.
    assert len(set(zip(image[mask].tolist(), expected[mask].tolist(), strict=True))) == count
    assert np.array_equal(bodies.sizes[1:], np.bincount(image.ravel(), minlength=count + 1)[1:])
    first = [int(np.flatnonzero(image.ravel() == number)[0]) for number in range(1, count + 1)]
    assert first == sorted(first)
    if count:
        centers = ndimage.center_of_mass(mask, image, range(1, count + 1))
        assert np.abs(bodies.centers[1:] - np.array(centers)).max() < 1e-9
    place = int(generator.integers(mask.size))
    assert bodies.at(place) == image.ravel()[place]
    other = generator.random(mask.shape) < 0.2
    assert set(np.flatnonzero(bodies.touched(other))) == set(np.unique(image[other & mask]))
    others = VoxelBodies.of(other)
    chosen = generator.random(others.count + 1) < 0.5
    chosen[0] = False
    assert set(np.flatnonzero(bodies.touchedBy(others, chosen))) == set(np.unique(image[chosen[others.image] & mask]))


def test_valuesOfBodiesAreSpreadOverTheirVoxels():
    mask = np.array([[[1, 1, 0, 1], [0, 0, 0, 1]], [[0, 0, 0, 0], [1, 0, 0, 0]]], dtype=np.uint8)
    bodies = VoxelBodies.of(mask)
    assert bodies.count == 3
    kept = bodies.spread(np.array([False, False, True, False]))
    assert kept.tolist() == (np.array([[[0, 0, 0, 1], [0, 0, 0, 1]], [[0] * 4] * 2]) > 0).tolist()


@pytest.mark.parametrize("shape", [(0, 3, 3), (2, 3, 4)])
def test_anEmptyMaskHasNoBody(shape):
    bodies = VoxelBodies.of(np.zeros(shape, dtype=bool))
    assert bodies.count == 0
    assert not bodies.image.any()


@pytest.mark.parametrize(("things", "links"), [(1, 0), (400, 150), (3000, 2900), (3000, 9000)])
def test_groupsOfLinksAreThoseOfAnotherLibrary(things, links):
    generator = np.random.default_rng(things + links)
    one, other = generator.integers(0, things, (2, links))
    graph = coo_matrix((np.ones(links), (one, other)), shape=(things, things))
    count, labels = connected_components(graph, directed=False)
    found, groups = _groups(things, one, other)
    assert found == count
    # Numbered by their first members.
    _, first = np.unique(labels, return_index=True)
    np.testing.assert_array_equal(groups, np.argsort(np.argsort(first))[labels])


def test_aLongChainInAnyOrderIsOneGroup():
    order = np.random.default_rng(3).permutation(20000)
    count, groups = _groups(len(order), order[:-1], order[1:])
    assert count == 1 and not groups.any()
    zigzag = np.stack([np.arange(10000), 19999 - np.arange(10000)], axis=1).ravel()
    assert _groups(20000, zigzag[:-1], zigzag[1:])[0] == 1
