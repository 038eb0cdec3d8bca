"""A scan table is no part: it is left out of the comparison, and what hangs on the part stays."""

import numpy as np
import pytest

from M3DLib.Alignment.AnyPosition import alignFromAnywhere
from M3DLib.Alignment.ScanTable import withoutTable
from M3DLib.Alignment.SurfaceAlignment import SurfaceAlignment
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.MeshShapes import box, together
from M3DTestSupport.PartShapes import partMesh, posed, randomPose


@pytest.fixture(scope="module")
def vertebra():
    return partMesh("vertebra", 1.6)


def test_tableAndClampAreLeftOutTheStubStays(vertebra):
    low, high = vertebra.points.min(axis=0), vertebra.points.max(axis=0)
    table = box((220, 220, 3), (*((low + high) / 2)[:2], low[2] - 12), level=5)
    clamp = box((10, 10, 10), (95, 0, low[2] + 5), level=3)
    stub = box((2, 2, 5), tuple(vertebra.points[vertebra.points[:, 2].argmin()] - [0, 0, 2]), level=2)
    scan = TriangleMesh(*together((vertebra.points, vertebra.triangles), table, clamp, stub))
    pose = randomPose(41)
    scan = posed(scan, pose, 0.05, 1)
    alignment = alignFromAnywhere(scan, vertebra)
    assert not alignment.doubtful, alignment.doubts
    left, share = withoutTable(scan, alignment, vertebra, 0.5)
    assert len(left.triangles) == len(vertebra.triangles) + len(stub[1])
    assert left.isClosed
    assert share == pytest.approx(1 - (vertebra.areaMm2 + 44) / scan.areaMm2, abs=0.01)


def test_withoutATableNothingIsTouched(vertebra):
    same, share = withoutTable(vertebra, SurfaceAlignment(np.eye(4)), vertebra, 0.5)
    assert same is vertebra and share == 0
