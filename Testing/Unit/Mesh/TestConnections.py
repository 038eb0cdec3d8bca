"""Which edges of a mesh are open, and which of its corners are one, against counting by hand."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from M3DLib.Distance import EqualCorners
from M3DLib.Distance.EqualCorners import withoutEqualCorners
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.MeshShapes import icosphere


def randomMesh(seed):
    generator = np.random.default_rng(seed)
    count = int(generator.integers(3, 40))
    triangles = generator.integers(0, count, (int(generator.integers(1, 120)), 3))
    return TriangleMesh(generator.integers(-1, 2, (count, 3)), triangles)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31))
def test_edgeIsOpenWhereItIsNotCrossedBothWaysEquallyOften(seed):
    mesh = randomMesh(seed)
    balance = Counter()
    for triangle in mesh.triangles.tolist():
        for start, end in zip(triangle, triangle[1:] + triangle[:1], strict=True):
            if start != end:
                balance[min(start, end), max(start, end)] += 1 if start < end else -1
    expected = sorted(edge for edge, difference in balance.items() if difference)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("BLOCK", 7), ("RANGE", 5)):
            patch.setattr(f"M3DLib.Mesh.TriangleMesh.{name}", value)
        assert list(map(tuple, mesh.openEdges().tolist())) == expected
        assert mesh.isClosed == (not expected)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 4))
def test_meshIsClosedOnlyWhereEveryEdgeIsCrossedBothWays(seed, faults):
    generator = np.random.default_rng(seed)
    points, triangles = icosphere(10, 1)
    # Twice the same surface, triangles that are a line or a point, and another order: closed as before.
    lines = generator.integers(0, len(points), (3, 1)).repeat(3, axis=1)
    lines[0, 0] = 5
    back = lines[:1, ::-1]
    triangles = generator.permutation(np.concatenate([triangles, triangles, lines, back]))
    for row in generator.choice(len(triangles), faults, replace=False):
        triangles[row] = triangles[row][::-1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("M3DLib.Mesh.TriangleMesh.BLOCK", 7)
        mesh = TriangleMesh(points, triangles)
        assert mesh.isClosed == (len(mesh.openEdges()) == 0)
        if not faults:
            assert mesh.isClosed


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.booleans())
def test_equalCornersBecomeOneAndTrianglesStayInPlace(seed, hashesCollide):
    mesh = randomMesh(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EqualCorners, "BLOCK", 7)
        if hashesCollide:
            patch.setattr(EqualCorners, "_hashes", lambda points: np.zeros(len(points), dtype=np.uint64))
        points, triangles = withoutEqualCorners(mesh)
    assert np.array_equal(points[triangles], mesh.points[mesh.triangles])
    assert len(points) == len(np.unique(mesh.points[mesh.triangles].reshape(-1, 3), axis=0))
    assert len(np.unique(triangles)) == len(points)


def test_meshWithoutEqualCornersIsNotCopied():
    mesh = TriangleMesh([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]])
    points, triangles = withoutEqualCorners(mesh)
    assert points is mesh.points
    assert triangles is mesh.triangles
