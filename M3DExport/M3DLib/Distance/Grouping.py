"""Values that belong together: sorted by groups, runs of equal ones, the least of each."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np


def grouped(values: np.ndarray, group: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Values (n,) sorted by their group (n,), and where each of the groups begins, (count + 1,)."""
    from scipy.sparse import csr_matrix

    # A matrix with one row for all entries, turned around: a counting sort in compiled code.
    ones = np.ones(len(values), dtype=np.int8)
    turned = csr_matrix((ones, group, np.arange(len(values) + 1)), shape=(len(values), count)).tocsc()
    return values[turned.indices], turned.indptr


def runsOf(values: np.ndarray) -> Iterable[tuple[int, int]]:
    """Begin and end of each run of equal values."""
    if not len(values):
        return []
    begins = np.flatnonzero(np.r_[True, values[1:] != values[:-1]])
    return zip(begins.tolist(), [*begins[1:].tolist(), len(values)], strict=True)


def keepClosest(owners, candidates, distance2, best, triangle) -> None:
    """Take over the closest candidate of each point where it is closer than the best.

    :param owners: points, repeated; what belongs to one follows each other.
    """
    starts = np.flatnonzero(np.r_[True, owners[1:] != owners[:-1]])
    least, points = np.minimum.reduceat(distance2, starts), owners[starts]
    hit = np.flatnonzero(distance2 == np.repeat(least, np.diff(np.r_[starts, len(owners)])))
    winner = np.empty(len(points), dtype=np.int64)
    # Of equally close ones the first.
    winner[np.searchsorted(starts, hit[::-1], side="right") - 1] = candidates[hit[::-1]]
    better = np.flatnonzero(least < best[points])
    best[points[better]] = least[better]
    triangle[points[better]] = winner[better]
