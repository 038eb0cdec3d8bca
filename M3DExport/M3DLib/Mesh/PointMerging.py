"""Exact merging of equal points: what turns the loose triangles of an STL into a connected mesh."""

from __future__ import annotations

import numpy as np

from ..Errors import M3DError

# Triangles looked at in one go: what is held for them stays in the processor's cache.
CHUNK = 1 << 14

# Odd 64-bit constants of a multiplicative hash. Any will do: equal hashes are always checked against the coordinates.
_MULTIPLIERS = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9)


def mergePoints(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number equal points alike.

    Corners are grouped by a hash of their coordinates, then every corner is compared with the point it was given; the
    few whose hash collided get points of their own. Each sort key holds the hash in its upper bits and the corner's
    number in its lower ones, so that sorting needs neither an index array nor a second pass. Memory beyond the input
    and the result: 8 bytes per corner and some 20 per point.

    :param corners: float32 (m, 3 corners, 3 axes), may be a strided view of a file's bytes.
    :return: points float32 (n, 3), triangles int32 (m, 3). Points are in the order of their first appearance, except
        those of colliding hashes, which come last. -0.0 becomes 0.0.
    :raises M3DError: when a coordinate is not finite or there are more corners than int32 can number.
    """
    count = 3 * len(corners)
    if count > np.iinfo(np.int32).max:
        raise M3DError(f"{len(corners)} triangles are more than can be read ({np.iinfo(np.int32).max // 3}).")
    if not count:
        return np.empty((0, 3), np.float32), np.empty((0, 3), np.int32)
    label, firstCorner = _groupByHash(corners)
    order = np.argsort(firstCorner)
    rank = np.empty(len(order), dtype=np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    firstCorner = firstCorner[order]
    points = np.empty((len(firstCorner), 3), dtype=np.float32)
    for start in range(0, len(points), 3 * CHUNK):
        part = firstCorner[start : start + 3 * CHUNK]
        points[start : start + 3 * CHUNK] = corners[part // 3, part % 3]
    points += np.float32(0)
    del order, firstCorner
    collided = []
    triangles = label.reshape(-1, 3)
    for start in range(0, len(triangles), CHUNK):
        part = triangles[start : start + CHUNK]
        part[:] = rank.take(part)
        differs = points.take(part, axis=0) != corners[start : start + CHUNK]
        # Hardly ever; which corners it is takes longer to tell than whether it is any.
        if differs.any():
            collided.append(np.flatnonzero(differs.any(axis=2)) + 3 * start)
    if collided:
        # All corners at one place share one hash, so a place that lost its group lost it with all its corners.
        index = np.concatenate(collided)
        extra, inverse = np.unique(corners[index // 3, index % 3] + np.float32(0), axis=0, return_inverse=True)
        label[index] = len(points) + inverse.reshape(-1)
        points = np.concatenate([points, extra])
    return points, triangles


def _groupByHash(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Group number of every corner int32 (3 m,), and the first corner of every group int64 (n,)."""
    count = 3 * len(corners)
    indexBits = np.uint64(max(count - 1, 1).bit_length())
    keys = _sortedKeys(corners, indexBits)
    mask = (np.uint64(1) << indexBits) - np.uint64(1)
    label = np.empty(count, dtype=np.int32)
    firstCorners, groups, previous = [], 0, None
    for start in range(0, count, 3 * CHUNK):
        key = keys[start : start + 3 * CHUNK]
        index = (key & mask).astype(np.int64)
        hashed = key >> indexBits
        isNew = np.empty(len(key), dtype=bool)
        isNew[1:] = hashed[1:] != hashed[:-1]
        isNew[0] = previous is None or hashed[0] != previous
        label[index] = groups - 1 + np.cumsum(isNew)
        firstCorners.append(index[isNew])
        groups += len(firstCorners[-1])
        previous = hashed[-1]
    return label, np.concatenate(firstCorners)


def _sortedKeys(corners: np.ndarray, indexBits: np.uint64) -> np.ndarray:
    """uint64 (3 m,): hash of the coordinates above, number of the corner below; sorted."""
    keys = np.empty(3 * len(corners), dtype=np.uint64)
    mask = (np.uint64(1) << indexBits) - np.uint64(1)
    for start in range(0, len(corners), CHUNK):
        # Adding 0.0 turns -0.0 into 0.0, and copies.
        part = corners[start : start + CHUNK].astype(np.float32) + np.float32(0)
        if not np.isfinite(part).all():
            raise M3DError("The STL has coordinates that are not finite numbers (NaN or infinity).")
        bits = part.reshape(-1, 3).view(np.uint32).astype(np.uint64)
        hashed = np.zeros(len(bits), dtype=np.uint64)
        for axis, multiplier in enumerate(_MULTIPLIERS):
            hashed ^= bits[:, axis]
            hashed *= np.uint64(multiplier)
            hashed ^= hashed >> np.uint64(29)
        hashed &= ~mask
        hashed |= np.arange(3 * start, 3 * start + len(bits), dtype=np.uint64)
        keys[3 * start : 3 * start + len(bits)] = hashed
    keys.sort()
    return keys
