"""Which boxes overlap: the broad phase of every search on triangles, on grids of growing cell size.

A box lives on the grid whose cells are just as large as it is, so that it covers at most two cells along each axis; a
small box also visits the coarser grids. A pair is reported in one cell only: the one that holds the larger of the two
lower corners, which is where along no axis both boxes have begun in the cell before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np

from .CellPairs import packedCorners, pairsWithinCells

_CHUNK = 2_000_000
# Boxes of one set whose cells are held at a time.
_SLAB = 1 << 17
# Boxes fewer than the others by this factor are first looked for in so many cells along each axis.
_FEW, _CELLS = 30, 160


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

        :param low, high: (3, n).
        """
        key, second = np.zeros(low.shape[1], dtype=np.int64), []
        for axis in range(3):
            first = self.cells(low[axis], axis)
            second.append(self.cells(high[axis], axis) > first)
            key *= self.counts[axis]
            key += first
        strides = (int(self.counts[1] * self.counts[2]), int(self.counts[2]), 1)
        rows, keys, bits = [], [], []
        number = np.int32 if len(key) < 1 << 31 else np.int64
        for corner in range(8):
            covered = None
            offset = 0
            for axis in range(3):
                if corner >> axis & 1:
                    covered = second[axis] if covered is None else covered & second[axis]
                    offset += strides[axis]
            row = np.arange(len(key)) if covered is None else np.flatnonzero(covered)
            rows.append(row.astype(number))
            keys.append(key if covered is None else key.take(row) + offset)
            bits.append(np.full(len(row), corner, dtype=np.uint8))
        return np.concatenate(rows), np.concatenate(keys), np.concatenate(bits)

    def cells(self, values: np.ndarray, axis: int) -> np.ndarray:
        return ((values - self.origin[axis]) / self.size).astype(np.int64)


def overlappingBoxes(low: np.ndarray, high: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of boxes of one set that share at least a point, or all but do, each pair once, in portions.

    :param low, high: (n, 3), lower and upper corners.
    :return: portions (i, j) of box numbers, int64 each. Boxes that a hundred-thousandth of the longest edge of most of
        them would join may be among them.
    """
    for search in boxSearches(low, high):
        yield from search()


def boxSearches(low: np.ndarray, high: np.ndarray) -> Iterator[Callable[[], Iterator[tuple[np.ndarray, np.ndarray]]]]:
    """The parts of the search of :func:`overlappingBoxes`, which know nothing of each other: each finds some pairs."""
    low, high = _columns(low), _columns(high)
    for residents, visitors, grid in _levels((low, high), (low, high), sameSet=True):
        for part in _slabs(grid, residents, low):
            yield partial(_pairsOf, part, visitors, grid, (low, high))


def _pairsOf(part: _Slab, visitors: np.ndarray, grid: _Grid, boxes) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of the boxes of a slab with each other, and with boxes that visit its grid."""
    low, high = boxes
    corners = low.take(part.boxes, axis=1), high.take(part.boxes, axis=1)
    row, key, bits = grid.entries(*corners)
    if part.last:
        held = np.flatnonzero((key >= part.first) & (key < part.last))
        row, key, bits = row.take(held), key.take(held), bits.take(held)
        del held
    row, key, bits = _sorted(row, key, bits)
    packed = packedCorners(grid, *corners)
    del corners
    for one, other in pairsWithinCells(key, bits, row, packed, _CHUNK):
        yield part.boxes[one], part.boxes[other]
    if len(visitors):
        near = _nearCells(grid, key, visitors, low)
        yield from _pairsAcross(grid, near, boxes, (key, bits, part.boxes[row]), boxes)


@dataclass
class _Slab:
    """Boxes that cover cells with keys from ``first`` to below ``last``; those of all keys where ``last`` is 0."""

    boxes: np.ndarray
    first: int = 0
    last: int = 0


def _slabs(grid: _Grid, boxes: np.ndarray, low: np.ndarray) -> Iterator[_Slab]:
    """The boxes, many of them in several slabs of the grid's cells, so that what is held for each stays small."""
    if len(boxes) <= _SLAB:
        yield _Slab(boxes)
        return
    layer = grid.cells(low[0].take(boxes), 0)
    ends = np.searchsorted(np.cumsum(np.bincount(layer)), np.arange(_SLAB, len(boxes), _SLAB))
    ends = np.unique(np.r_[0, ends, grid.counts[0]])
    stride = int(grid.counts[1] * grid.counts[2])
    for first, last in pairwise(ends.tolist()):
        # A box that begins in the layer before may reach into this one.
        yield _Slab(boxes[(layer >= first - 1) & (layer < last)], first * stride, last * stride)


def _columns(corners: np.ndarray) -> np.ndarray:
    """Corners (n, 3) as (3, n): numpy gathers and compares rows of three several times slower."""
    return np.ascontiguousarray(np.asarray(corners).T)


def _sorted(row: np.ndarray, key: np.ndarray, bits: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Entries (row, key, bits) by their keys."""
    if not len(key):
        return row, key, bits
    rowBits = int(row.max()).bit_length()
    if int(key.max()).bit_length() + rowBits + 3 < 63:
        # All three sorted as one integer: several times quicker than sorting an index.
        packed = key << (rowBits + 3)
        packed |= row.astype(np.int64) << 3
        packed |= bits
        packed.sort()
        return packed >> 3 & (1 << rowBits) - 1, packed >> (rowBits + 3), (packed & 7).astype(np.uint8)
    order = np.argsort(key, kind="stable")
    return row[order], key[order], bits[order]


def _nearCells(grid: _Grid, key: np.ndarray, visitors: np.ndarray, low: np.ndarray) -> np.ndarray:
    """Those of the visiting boxes that cover a cell of the sorted keys, and some more."""
    strides = np.array([grid.counts[1] * grid.counts[2], grid.counts[2], 1])
    steps = np.array([[corner >> axis & 1 for axis in range(3)] for corner in range(8)]) @ strides
    cells = key[np.flatnonzero(np.r_[True, key[1:] != key[:-1]])]
    # Where the lower corner of such a box lies: a box covers its own cell and at most the next along each axis.
    cells = np.unique(cells - steps[:, None])
    own = np.zeros(len(visitors), dtype=np.int64)
    for axis in range(3):
        own *= grid.counts[axis]
        own += grid.cells(low[axis].take(visitors), axis)
    place = np.minimum(np.searchsorted(cells, own), len(cells) - 1)
    return visitors[cells[place] == own]


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
    low, high, otherLow, otherHigh = (_columns(corners) for corners in (low, high, otherLow, otherHigh))
    for residents, visitors, grid in _levels((low, high), (otherLow, otherHigh), sameSet=False):
        row, key, bits = _sorted(*grid.entries(otherLow.take(residents, axis=1), otherHigh.take(residents, axis=1)))
        held = (key, bits, residents[row])
        yield from _pairsAcross(grid, visitors, (low, high), held, (otherLow, otherHigh))
    # The pairs in which the first set's box lives on the coarser grid.
    for residents, visitors, grid in _levels((otherLow, otherHigh), (low, high), sameSet=False, strictly=True):
        row, key, bits = _sorted(*grid.entries(low.take(residents, axis=1), high.take(residents, axis=1)))
        held = (key, bits, residents[row])
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
    if not low.shape[1] or not otherLow.shape[1]:
        return
    origin = np.minimum(low.min(axis=1), otherLow.min(axis=1)).astype(np.float64)
    extent = np.maximum(high.max(axis=1), otherHigh.max(axis=1)) - origin
    size = _sizes(low, high)
    otherSize = size if sameSet else _sizes(otherLow, otherHigh)
    both = size if sameSet else np.concatenate([size, otherSize])
    # Nearly all boxes share the finest grid, unless most of them are far smaller; what is left needs further grids.
    usual, most = np.quantile(both, (0.75, 0.999))
    base = float(min(2 * usual, most)) or float(both.max()) or 1.0
    base *= 1 + 1e-6
    level = _levelOf(size, base)
    otherLevel = level if sameSet else _levelOf(otherSize, base)
    for current in np.flatnonzero(np.bincount(otherLevel)):
        residents = np.flatnonzero(otherLevel == current)
        visiting = level < current if sameSet or strictly else level <= current
        yield residents, np.flatnonzero(visiting), _Grid(origin, extent, base * 2.0 ** int(current))


def _levelOf(sizes: np.ndarray, base: float) -> np.ndarray:
    """The grid that boxes of these sizes live on: 0 up to the size ``base``, 1 up to twice that, and so on."""
    level = np.zeros(len(sizes), dtype=np.int16)
    large = np.flatnonzero(sizes > base)
    level[large] = np.ceil(np.log2(np.maximum(sizes[large] / base, 1)))
    return level


def _sizes(low, high) -> np.ndarray:
    """Longest edge of each box; in float64, since a box rounded down would reach into a third cell."""
    longest = np.subtract(high[0], low[0], dtype=np.float64)
    for axis in (1, 2):
        np.maximum(longest, np.subtract(high[axis], low[axis], dtype=np.float64), out=longest)
    return longest


def _pairsAcross(grid, visitors, boxes, held, heldBoxes) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of a visiting box and a box held in the same cell (``held``: key, bits and box number, sorted by key)."""
    (low, high), (key, bits, box), (heldLow, heldHigh) = boxes, held, heldBoxes
    cells = key[np.flatnonzero(np.r_[True, key[1:] != key[:-1]])]
    for start in range(0, len(visitors), _CHUNK):
        part = visitors[start : start + _CHUNK]
        row, visitedKey, visitedBits = grid.entries(low.take(part, axis=1), high.take(part, axis=1))
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
                hit &= low[axis].take(i) <= heldHigh[axis].take(j)
                hit &= heldLow[axis].take(j) <= high[axis].take(i)
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
