"""Points in which surfaces touch in the point alone, however many triangles meet there."""

import numpy as np
import pytest

from M3DLib.Intersection.MeshTopology import MeshTopology


def cones(counts, joined):
    """Closed double cones side by side, their upper tips in one point where they are joined; and that point's number.

    :param counts: triangles around the upper tip of each.
    """
    points, triangles = [], []
    for number, count in enumerate(counts):
        turn = 2 * np.pi * np.arange(count) / count
        start, middle = sum(map(len, points)), np.array([0.0, 0.0, 0.0])
        rim = np.stack([np.cos(turn), np.sin(turn), np.full(count, -3.0)], axis=1)
        # Spread like the petals of a flower, so that they have the tip alone in common.
        tilt = np.radians(360 * number / len(counts))
        turned = np.array([[np.cos(tilt), 0, np.sin(tilt)], [0, 1, 0], [-np.sin(tilt), 0, np.cos(tilt)]])
        points.append(np.concatenate([[middle], [[0, 0, -6.0]], rim]) @ turned.T)
        one, other = np.arange(count), (np.arange(count) + 1) % count
        tip, end = np.full(count, start), np.full(count, start + 1)
        triangles += [np.stack([tip, start + 2 + one, start + 2 + other], axis=1)]
        triangles += [np.stack([end, start + 2 + other, start + 2 + one], axis=1)]
    points, triangles = np.concatenate(points), np.concatenate(triangles)
    if joined:
        tips = np.cumsum([0, *(count + 2 for count in counts[:-1])])
        triangles[np.isin(triangles, tips)] = 0
    return MeshTopology(points, triangles.astype(np.int32), np.arange(len(triangles)))


@pytest.mark.parametrize("counts", [(3, 3), (3, 40), (40, 3), (5, 5, 5), (70, 3), (200, 150), (1000, 4)])
def test_twoTipsInOnePointAreFound(counts):
    assert cones(counts, joined=True).pinchedPoints.tolist() == [0]
    assert cones(counts, joined=False).pinchedPoints.tolist() == []


@pytest.mark.parametrize("count", [3, 64, 65, 128, 3000])
def test_oneTipOfManyTrianglesIsNone(count):
    assert cones((count,), joined=False).pinchedPoints.tolist() == []
