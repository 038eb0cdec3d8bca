"""Where a surface may lie on another: for every rotation, the shifts that bring most of it onto what faces alike.

A generalized Hough transform over all rigid motions. It needs neither a start nor features, and parts that only one of
the two surfaces has (a scan table, supports, the side that was not seen) only add votes that do not agree.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...Errors import noProgress
from ...TwoThreads import inTwoThreads
from .Rotations import evenRotations
from .SurfaceSample import SurfaceSample

# 15 degrees between neighbors, so that some rotation is at most about 10 degrees off.
ROTATIONS = 3000
# Surfaces that face within this of each other may be the same: the grid's 10 degrees, and the turning of the surface
# between neighboring points.
ALIKE = np.cos(np.radians(28))
BINS = 20
PEAKS = 2
BATCH = 20


def voteForPoses(
    moving: SurfaceSample,
    fixed: SurfaceSample,
    rotations: int = ROTATIONS,
    progress: Callable[[float, str], None] = noProgress,
) -> np.ndarray:
    """Motions float32 (k, 4, 4) worth a closer look: for each of many rotations the best shifts, and the centers' own.

    :param moving, fixed: a few hundred points each.
    """
    turns = evenRotations(rotations).astype(np.float32)
    a, b = moving.points.astype(np.float32), fixed.points.astype(np.float32)
    normalsA, normalsB = moving.normals.astype(np.float32), fixed.normals.astype(np.float32)
    middleA, middleB = a.mean(axis=0), b.mean(axis=0)
    a, b = a - middleA, b - middleB
    half = float(np.linalg.norm(a, axis=1).max() + np.linalg.norm(b, axis=1).max())
    # Shifts beyond this would leave less than a sliver of the two together.
    half *= 0.8
    edge = 2 * half / BINS
    shifts = np.zeros((rotations, PEAKS + 1, 3), dtype=np.float32)

    def vote(start):
        turn = turns[start : start + BATCH]
        turnedNormals = np.einsum("rij,nj->rni", turn, normalsA).reshape(-1, 3)
        alike = (turnedNormals @ normalsB.T) > ALIKE
        which, other = np.divmod(np.flatnonzero(alike).astype(np.int32), np.int32(len(b)))
        turned = np.einsum("rij,nj->rni", turn, a).reshape(-1, 3)
        index = np.zeros(len(which), dtype=np.int32)
        inside = np.ones(len(which), dtype=bool)
        for axis in range(3):
            column = b[:, axis].take(other)
            column -= turned[:, axis].take(which)
            cell = np.floor((column + half) / edge).astype(np.int32)
            inside &= (cell >= 0) & (cell < BINS)
            index *= BINS
            index += cell
        # The pairs follow each other rotation by rotation.
        counts = np.diff(np.searchsorted(which, len(a) * np.arange(len(turn) + 1)))
        index += np.repeat(np.arange(len(turn), dtype=np.int32) * np.int32(BINS**3), counts)
        votes = np.bincount(index[inside], minlength=len(turn) * BINS**3).reshape(-1, BINS, BINS, BINS)
        shifts[start : start + len(turn), 1:] = _peaks(votes, edge, half)

    inTwoThreads(vote, range(0, rotations, BATCH), lambda done: progress(done, "Looking for the position"))
    poses = np.zeros((rotations, PEAKS + 1, 4, 4), dtype=np.float32)
    poses[..., :3, :3] = turns[:, None]
    poses[..., 3, 3] = 1
    poses[..., :3, 3] = shifts + middleB - np.einsum("rij,j->ri", turns, middleA)[:, None]
    return poses.reshape(-1, 4, 4)


def _peaks(votes: np.ndarray, edge: float, half: float) -> np.ndarray:
    """Shifts (r, PEAKS, 3) with most votes, each the middle of two bins by two by two, none beside another."""
    for axis in (1, 2, 3):
        ahead, behind = ([slice(None)] * 4 for _ in range(2))
        ahead[axis], behind[axis] = slice(1, None), slice(None, -1)
        votes = votes[tuple(ahead)] + votes[tuple(behind)]
    side = votes.shape[1]
    flat = votes.reshape(len(votes), -1).astype(np.int32)
    shifts = np.zeros((len(votes), PEAKS, 3), dtype=np.float32)
    places = np.stack(np.unravel_index(np.arange(side**3), (side,) * 3), axis=1)
    for number in range(PEAKS):
        best = flat.argmax(axis=1)
        shifts[:, number] = (places[best] + 1) * edge - half
        if number + 1 < PEAKS:
            for row, place in enumerate(places[best]):
                block = tuple(slice(max(value - 2, 0), value + 3) for value in place)
                votes[(row, *block)] = 0
            flat = votes.reshape(len(votes), -1).astype(np.int32)
    return shifts
