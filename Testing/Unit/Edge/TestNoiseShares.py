"""The shares of the sources of noise: least squares of which none is below zero, against another way to find them."""

import numpy as np
import pytest
from scipy.optimize import nnls

from M3DLib.Edge.EdgeNoise import sharesNotNegative


@pytest.mark.parametrize("seed", range(6))
def test_theSharesAreTheNearestOnesThatAreNotNegative(seed):
    generator = np.random.default_rng(seed)
    design = generator.uniform(0, 1, (200, 6)) ** 2
    truth = generator.uniform(-1, 1, 6)
    truth[seed] = -0.5
    target = design @ truth + generator.normal(0, 0.05, 200)
    found = sharesNotNegative(design, target)
    assert (found >= 0).all()
    assert np.allclose(found, nnls(design, target)[0], atol=1e-9)


def test_whereNothingIsNearerThanZeroAllAreZero():
    design = np.random.default_rng(1).uniform(0.1, 1, (50, 6))
    assert np.array_equal(sharesNotNegative(design, -np.ones(50)), np.zeros(6))


def test_aSourceThatNoVertexHasGetsNoShare():
    design = np.random.default_rng(2).uniform(0.1, 1, (50, 6))
    design[:, [2, 5]] = 0
    found = sharesNotNegative(design, design @ np.array([1.0, 2, 3, 0, 1, 4]))
    assert found == pytest.approx([1, 2, 0, 0, 1, 0])
