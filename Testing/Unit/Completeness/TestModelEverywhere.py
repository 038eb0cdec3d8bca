"""A model that fills the whole scan, as a wrong byte order makes one: nothing lies beside it, and that is no error."""

import numpy as np

from M3DLib.Completeness.Material import _thirdMaterial


def test_noThirdMaterialIsFoundWhereNothingLiesBesideTheModel():
    values = np.random.default_rng(2).normal(0, 100, (6, 6, 6))
    assert _thirdMaterial(values, np.zeros(values.shape, dtype=bool), -50.0, 50.0, values.size) is None
