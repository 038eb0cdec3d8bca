"""What lies near thin places is found by cells, and none of it is missed."""

import numpy as np
import pytest

from M3DLib.Surface.EdgeTargets import around


@pytest.mark.parametrize("far", [0.0, 5e4])
@pytest.mark.parametrize("reach", [0.02, 1.7, 300.0])
def test_nothingWithinReachIsMissed(reach, far):
    generator = np.random.default_rng(3)
    points = (generator.uniform(-40, 40, (4000, 3)) + far).astype(np.float32)
    marks = points[generator.choice(len(points), 30, replace=False)]
    distance = np.linalg.norm(points[:, None].astype(float) - marks[None].astype(float), axis=2).min(axis=1)
    found = np.zeros(len(points), dtype=bool)
    found[around(points, marks, reach)] = True
    assert found[distance <= reach].all()
    # Two cells away, along the diagonal.
    assert not found[distance > max(2 * np.sqrt(3) * 1.01 * reach, 2)].any()


def test_aSingleMarkIsEnough():
    points = np.array(
        [[0, 0, 0], [0.9, 0, 0], [-0.9, 0.1, 0.2], [50, 0, 0], [-50, 0, 0], [0, 1e30, 0]], dtype=np.float32
    )
    assert around(points, points[:1], 1.0).tolist() == [0, 1, 2]
