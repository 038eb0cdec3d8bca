"""Triangles that may meet those that have moved."""

import numpy as np

from M3DLib.Intersection.TriangleBoxes import MovingTriangles, trianglesAround


def boxesOverlap(points, triangles, changed):
    corners = points[triangles]
    low, high = corners.min(axis=1), corners.max(axis=1)
    own = changed[triangles].any(axis=1)
    meets = ((low[:, None] <= high[None, own]) & (high[:, None] >= low[None, own])).all(axis=2)
    return np.flatnonzero(own | meets.any(axis=1))


def test_trianglesAreFoundWhereTheyAreAfterEveryMove():
    generator = np.random.default_rng(3)
    points = generator.uniform(0, 10, (300, 3)).astype(np.float32).astype(np.float64)
    triangles = np.argsort(np.linalg.norm(points[:, None] - points[None], axis=2), axis=1)[:, :3].astype(np.int32)
    moving = MovingTriangles(points, triangles)
    for _ in range(4):
        changed = generator.random(300) < 0.03
        points[changed] = (points[changed] + generator.normal(size=(changed.sum(), 3))).astype(np.float32)
        found = moving.around(points, changed)
        assert found.tolist() == boxesOverlap(points, triangles, changed).tolist()
        assert found.tolist() == trianglesAround(points, triangles, changed).tolist()
