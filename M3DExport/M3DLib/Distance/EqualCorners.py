"""Merging the equal corners of a mesh, so that triangles that meet are known to meet."""

from __future__ import annotations

import numpy as np

from ..Mesh.PointMerging import mergePoints
from ..Mesh.TriangleMesh import TriangleMesh

BLOCK = 1 << 15
# Odd constants of a multiplicative hash; equal hashes are always checked against the coordinates.
_MULTIPLIERS = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9)


def withoutEqualCorners(mesh: TriangleMesh) -> tuple[np.ndarray, np.ndarray]:
    """Points float32 (k, 3) and triangles int32 (m, 3) with equal points merged and unused ones left out.

    The mesh's own arrays where there is nothing to merge. The points, not the triangles' corners, are sorted: about 30
    bytes per point are held.
    """
    points, triangles = mesh.points, mesh.triangles
    used = np.zeros(len(points), dtype=bool)
    for start in range(0, len(triangles), BLOCK):
        used[triangles[start : start + BLOCK]] = True
    hashes = _hashes(points)
    if used.all():
        # Sorting alone is several times as quick as finding the order, and mostly there is nothing to merge.
        inOrder = np.sort(hashes)
        if (inOrder[1:] != inOrder[:-1]).all():
            return points, triangles
        del inOrder
    order = np.argsort(hashes)
    hashes = hashes[order]
    starts = np.flatnonzero(np.r_[True, hashes[1:] != hashes[:-1]])
    del hashes
    order = order.astype(np.int32)
    same = np.empty(len(points), dtype=np.int32)
    same[order] = np.repeat(np.minimum.reduceat(order, starts), np.diff(np.r_[starts, len(points)]))
    del order, starts
    for start in range(0, len(points), BLOCK):
        part = slice(start, start + BLOCK)
        if (points[same[part]] != points[part]).any():
            # Different points with one hash, which next to never happens.
            return mergePoints(points[triangles])
    kept = np.zeros(len(points), dtype=bool)
    kept[same[used]] = True
    number = np.cumsum(kept, dtype=np.int32) - np.int32(1)
    number = number.take(same)
    merged = np.empty_like(triangles)
    for start in range(0, len(triangles), BLOCK):
        number.take(triangles[start : start + BLOCK], out=merged[start : start + BLOCK], mode="clip")
    return points[kept], merged


def _hashes(points: np.ndarray) -> np.ndarray:
    """uint64 (n,) that is equal for equal points; -0.0 counts as 0.0."""
    result = np.empty(len(points), dtype=np.uint64)
    for start in range(0, len(points), BLOCK):
        bits = (points[start : start + BLOCK] + np.float32(0)).view(np.uint32).astype(np.uint64)
        hashed = result[start : start + BLOCK]
        hashed[:] = 0
        for axis, multiplier in enumerate(_MULTIPLIERS):
            hashed ^= bits[:, axis]
            hashed *= np.uint64(multiplier)
            hashed ^= hashed >> np.uint64(29)
    return result
