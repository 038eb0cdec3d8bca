"""Which boxes overlap: the broad phase of every search on triangles, on grids of growing cell size.

A box lives on the grid whose cells are just as large as it is, so that it covers at most two cells along each axis; a
small box also visits the coarser grids. A pair is reported in one cell only: the one that holds the larger of the two
lower corners, which is where along no axis both boxes have begun in the cell before.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

_CHUNK = 2_000_000
# Boxes fewer than the others by this factor are first looked for in so many cells along each axis.
_FEW, _CELLS = 30, 160


def boxesOf(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper corners of the boxes of triangles (n, 3 corners, 3 axes); (n, 3) each.

    Corner by corner, since numpy's reduction along an axis of three is ten times slower.
    """
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    return np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)


def boxesOfPieces(corners: np.ndarray, size: float, most: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes that cover triangles without covering much else: long triangles in several small boxes each.

    :param size: triangles with a longer edge are halved across it, again and again.
    :param most: no more halving beyond about so many pieces.
    :return: lower and upper corners (n, 3), and the triangle each box belongs to, int64 (n,).
    """
    long = _longestSide2(corners) > size * size
    if len(corners) + int(long.sum()) > most:
        long[:] = False
    short, owner = np.flatnonzero(~long), np.flatnonzero(long)
    # Mostly all of them, which are not copied then.
    done = [(*boxesOf(corners if len(short) == len(corners) else corners[short]), short)]
    count = len(corners) + len(owner)
    parts, owner = _halves(corners[owner]), np.concatenate([owner, owner])
    while len(parts):
        long = _longestSide2(parts) > size * size
        if count + int(long.sum()) > most:
            long[:] = False
        done.append((*boxesOf(parts[~long]), owner[~long]))
        parts, owner = _halves(parts[long]), np.concatenate([owner[long], owner[long]])
        count += int(long.sum())
    return tuple(np.concatenate(column) for column in zip(*done, strict=True))


def _longestSide2(corners: np.ndarray) -> np.ndarray:
    """Square of the longest side of triangles (n, 3 corners, 3 axes), (n,)."""
    longest = np.zeros(len(corners))
    for one, other in ((0, 1), (1, 2), (2, 0)):
        square = np.zeros(len(corners))
        for axis in range(3):
            side = corners[:, other, axis] - corners[:, one, axis]
            square += side * side
        np.maximum(longest, square, out=longest)
    return longest


def _halves(corners: np.ndarray) -> np.ndarray:
    """Triangles cut in two across their longest side: first the one halves of all, then the others."""
    edges = corners[:, [1, 2, 0]] - corners
    longest = np.einsum("nij,nij->ni", edges, edges).argmax(axis=1)
    row = np.arange(len(corners))
    a, b, c = (corners[row, (longest + step) % 3] for step in range(3))
    middle = (a + b) / 2
    return np.concatenate([np.stack([a, middle, c], axis=1), np.stack([middle, b, c], axis=1)])


class _Grid:
    """Cells of one size over the extent of all boxes."""

    def __init__(self, origin: np.ndarray, extent: np.ndarray, size: float):
        # A cell count that overflows 63 bits would mix up cells; larger cells only cost time.
        self.size = max(size, float(extent.max()) / 2**20, np.finfo(np.float32).tiny)
        self.origin = origin
        self.counts = (extent // self.size).astype(np.int64) + 2

    def entries(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Every cell every box covers: row number of the box, key of the cell, bits of the axes along which the
        cell is the box's second one.
        """
        first = ((low - self.origin) / self.size).astype(np.int64)
        second = ((high - self.origin) / self.size).astype(np.int64) > first
        key = (first[:, 0] * self.counts[1] + first[:, 1]) * self.counts[2] + first[:, 2]
        strides = (int(self.counts[1] * self.counts[2]), int(self.counts[2]), 1)
        rows, keys, bits = [], [], []
        for corner in range(8):
            covered = None
            offset = 0
            for axis in range(3):
                if corner >> axis & 1:
                    covered = second[:, axis] if covered is None else covered & second[:, axis]
                    offset += strides[axis]
            row = np.arange(len(key)) if covered is None else np.flatnonzero(covered)
            rows.append(row)
            keys.append(key[row] + offset)
            bits.append(np.full(len(row), corner, dtype=np.uint8))
        return np.concatenate(rows), np.concatenate(keys), np.concatenate(bits)


def overlappingBoxes(low: np.ndarray, high: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of boxes of one set that share at least a point, each pair once, in portions.

    :param low, high: (n, 3), lower and upper corners.
    :return: portions (i, j) of box numbers, int64 each.
    """
    for residents, visitors, grid in _levels((low, high), (low, high), sameSet=True):
        row, key, bits = grid.entries(low[residents], high[residents])
        order = np.argsort(key, kind="stable")
        key, bits, box = key[order], bits[order], residents[row[order]]
        yield from _pairsWithin(key, bits, box, low, high)
        if len(visitors):
            yield from _pairsAcross(grid, visitors, (low, high), (key, bits, box), (low, high))


def overlappingBoxesBetween(
    low: np.ndarray, high: np.ndarray, otherLow: np.ndarray, otherHigh: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of a box of one set and a box of another that share at least a point, each pair once, in portions.

    :return: portions (i, j): number in the first set, number in the other set.
    """
    if len(low) and _FEW * len(low) < len(otherLow):
        near = _nearby(low, high, otherLow, otherHigh)
        if 2 * len(near) < len(otherLow):
            for i, j in overlappingBoxesBetween(low, high, otherLow[near], otherHigh[near]):
                yield i, near[j]
            return
    for residents, visitors, grid in _levels((low, high), (otherLow, otherHigh), sameSet=False):
        row, key, bits = grid.entries(otherLow[residents], otherHigh[residents])
        order = np.argsort(key, kind="stable")
        held = (key[order], bits[order], residents[row[order]])
        yield from _pairsAcross(grid, visitors, (low, high), held, (otherLow, otherHigh))
    # The pairs in which the first set's box lives on the coarser grid.
    for residents, visitors, grid in _levels((otherLow, otherHigh), (low, high), sameSet=False, strictly=True):
        row, key, bits = grid.entries(low[residents], high[residents])
        order = np.argsort(key, kind="stable")
        held = (key[order], bits[order], residents[row[order]])
        for j, i in _pairsAcross(grid, visitors, (otherLow, otherHigh), held, (low, high)):
            yield i, j


def _nearby(low, high, otherLow, otherHigh) -> np.ndarray:
    """Numbers of the boxes of the other set that may overlap one of the few boxes of the first, and of some more."""
    # Where the lower corner of an overlapping box may lie.
    start, end = low - (otherHigh - otherLow).max(axis=0), high
    origin, extent = start.min(axis=0), (end.max(axis=0) - start.min(axis=0)).max()
    size = max(float(extent) / _CELLS, np.finfo(np.float32).tiny)
    marked = np.zeros((_CELLS + 1,) * 3, dtype=bool)
    for first, last in zip(*(((corner - origin) / size).astype(np.int64) for corner in (start, end)), strict=True):
        marked[tuple(slice(a, b + 1) for a, b in zip(first, last, strict=True))] = True
    inside, place = np.ones(len(otherLow), dtype=bool), np.zeros(len(otherLow), dtype=np.int64)
    for axis in range(3):
        cell = np.floor((otherLow[:, axis] - origin[axis]) / size)
        inside &= (cell >= 0) & (cell <= _CELLS)
        place *= _CELLS + 1
        place += np.clip(cell, 0, _CELLS).astype(np.int64)
    return np.flatnonzero(inside & marked.reshape(-1).take(place))


def _levels(boxes, otherBoxes, sameSet: bool, strictly: bool = False):
    """Grids from fine to coarse with the boxes of the other set that live there and the boxes that visit them."""
    (low, high), (otherLow, otherHigh) = boxes, otherBoxes
    if not len(low) or not len(otherLow):
        return
    origin = np.minimum(low.min(axis=0), otherLow.min(axis=0)).astype(np.float64)
    extent = np.maximum(high.max(axis=0), otherHigh.max(axis=0)) - origin
    size, otherSize = (_sizes(bottom, top) for bottom, top in ((low, high), (otherLow, otherHigh)))
    both = size if sameSet else np.concatenate([size, otherSize])
    # Three quarters of the boxes share the finest grid; most meshes then need two or three grids.
    base = float(np.quantile(both, 0.75)) or float(both.max()) or 1.0
    base *= 1 + 1e-6
    level, otherLevel = (
        np.ceil(np.log2(np.maximum(values / base, 1))).astype(np.int64) for values in (size, otherSize)
    )
    for current in np.unique(otherLevel):
        residents = np.flatnonzero(otherLevel == current)
        visiting = level < current if sameSet or strictly else level <= current
        yield residents, np.flatnonzero(visiting), _Grid(origin, extent, base * 2.0 ** int(current))


def _sizes(low, high) -> np.ndarray:
    """Longest edge of each box; in float64, since a box rounded down would reach into a third cell."""
    edges = np.subtract(high, low, dtype=np.float64)
    return np.maximum(np.maximum(edges[:, 0], edges[:, 1]), edges[:, 2])


def _pairsWithin(key, bits, box, low, high) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs among the entries of the same cell: entry e with e + 1, then e + 2, and so on to the fullest cell."""
    low, high = low[box], high[box]
    last = np.flatnonzero(np.r_[key[1:] != key[:-1], True])
    remaining = np.repeat(last, np.diff(np.r_[-1, last])) - np.arange(len(key))
    entries = np.flatnonzero(remaining > 0)
    distance = 1
    while len(entries):
        for start in range(0, len(entries), _CHUNK):
            one = entries[start : start + _CHUNK]
            # Whole stretches of the table are compared as they lie in memory, which is several times quicker.
            dense = len(one) > (one[-1] - one[0]) // 2
            if dense:
                here, there = slice(one[0], one[-1] + 1), slice(one[0] + distance, one[-1] + 1 + distance)
            else:
                here, there = one, one + distance
            hit = (bits[here] & bits[there]) == 0
            if dense:
                hit &= remaining[here] >= distance
            for axis in range(3):
                hit &= low[here, axis] <= high[there, axis]
                hit &= low[there, axis] <= high[here, axis]
            found = np.flatnonzero(hit)
            if len(found):
                found = found + one[0] if dense else one[found]
                yield box[found], box[found + distance]
        distance += 1
        entries = entries[remaining[entries] >= distance]


def _pairsAcross(grid, visitors, boxes, held, heldBoxes) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of a visiting box and a box held in the same cell (``held``: key, bits and box number, sorted by key)."""
    (low, high), (key, bits, box), (heldLow, heldHigh) = boxes, held, heldBoxes
    cells = key[np.flatnonzero(np.r_[True, key[1:] != key[:-1]])]
    for start in range(0, len(visitors), _CHUNK):
        part = visitors[start : start + _CHUNK]
        row, visitedKey, visitedBits = grid.entries(low[part], high[part])
        place = np.minimum(np.searchsorted(cells, visitedKey), len(cells) - 1)
        occupied = np.flatnonzero(cells[place] == visitedKey)
        row, visitedKey, visitedBits = part[row[occupied]], visitedKey[occupied], visitedBits[occupied]
        first = np.searchsorted(key, visitedKey, side="left")
        count = np.searchsorted(key, visitedKey, side="right") - first
        for begin, end in _portions(count):
            number = count[begin:end]
            entry = np.repeat(np.arange(begin, end), number)
            within = np.arange(len(entry)) - np.repeat(np.cumsum(number) - number, number)
            other = first[entry] + within
            i, j = row[entry], box[other]
            hit = (visitedBits[entry] & bits[other]) == 0
            for axis in range(3):
                hit &= low[i, axis] <= heldHigh[j, axis]
                hit &= heldLow[j, axis] <= high[i, axis]
            if hit.any():
                yield i[hit], j[hit]


def _portions(count: np.ndarray) -> Iterator[tuple[int, int]]:
    """Ranges of entries whose counts add up to about one portion."""
    if not len(count):
        return
    total = np.cumsum(count)
    edges = np.searchsorted(total, np.arange(_CHUNK, total[-1], _CHUNK), side="right")
    edges = np.unique(np.r_[0, edges, len(count)])
    yield from pairwise(edges.tolist())
