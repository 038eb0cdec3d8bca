"""Which boxes overlap: the broad phase of every search on triangles, on grids of growing cell size.

A box lives on the grid whose cells are just as large as it is, so that it covers at most two cells along each axis; a
small box also visits the coarser grids. A pair is reported in one cell only: the one that holds the larger of the two
lower corners, which is where along no axis both boxes have begun in the cell before.

Within a cell each box is two integers (``_packed``), so that one subtraction compares all three axes at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

_CHUNK = 2_000_000
# Entries compared together with all that follow them in their cells: what is held for them stays in the processor.
_BLOCK = 1 << 15
# Boxes of one set whose cells are held at a time.
_SLAB = 1 << 18
# Bits of a box's corner within its cell along each axis; with one bit to borrow from, three fit into 57.
_BITS = 18
_GUARDS = np.int64(sum(1 << (_BITS + (_BITS + 1) * axis) | 1 << (3 * (_BITS + 1) + 1 + 2 * axis) for axis in range(3)))
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
        """
        key, second = np.zeros(len(low), dtype=np.int64), []
        for axis in range(3):
            first = self.cells(low[:, axis], axis)
            second.append(self.cells(high[:, axis], axis) > first)
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
            row = np.arange(len(key), dtype=number) if covered is None else np.flatnonzero(covered).astype(number)
            rows.append(row)
            keys.append(key[row] + offset)
            bits.append(np.full(len(row), corner, dtype=np.uint8))
        return np.concatenate(rows), np.concatenate(keys), np.concatenate(bits)

    def cells(self, values: np.ndarray, axis: int) -> np.ndarray:
        return ((values - self.origin[axis]) / self.size).astype(np.int64)

    def within(self, values: np.ndarray, key: np.ndarray, axis: int) -> np.ndarray:
        """Coordinates along an axis relative to where the cells begin, in cells."""
        if axis == 2:
            cell = key % self.counts[2]
        else:
            cell = key // (self.counts[2] if axis == 1 else self.counts[1] * self.counts[2])
            cell %= self.counts[axis]
        return (values - self.origin[axis]) / self.size - cell


def _packed(grid: _Grid, key, bits, low, high) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper corners of boxes within cells as one integer each, int64 (n,).

    Of two boxes of a cell, none ends before the other begins along any axis exactly when subtracting one's lower corner
    from the other's upper one, both ways, leaves all ``_GUARDS`` set. Corners are rounded away from the box, by up to a
    hundred-thousandth of the cell. Three more fields of one bit each say along which axes the cell is not the box's
    second one and is it: two boxes that have both begun in the cell before are no pair here.

    :param low, high: (n, 3), of the box of each entry.
    """
    lower, upper = np.zeros(len(key), dtype=np.int64), np.zeros(len(key), dtype=np.int64)
    # A box reaches from one cell before to one cell behind; a little more, so that rounding stays within.
    scale = ((1 << _BITS) - 1) / 3.01
    for axis in range(3):
        shift, flag = (_BITS + 1) * axis, 3 * (_BITS + 1) + 2 * axis
        inCell = grid.within(low[:, axis], key, axis)
        lower |= np.floor((inCell + 1.005) * scale).astype(np.int64) << shift
        inCell = grid.within(high[:, axis], key, axis)
        upper |= np.ceil((inCell + 1.005) * scale).astype(np.int64) << shift
        second = (bits >> axis & 1).astype(np.int64)
        lower |= second << flag
        upper |= (1 - second) << flag
    return lower, upper | _GUARDS


def overlappingBoxes(low: np.ndarray, high: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of boxes of one set that share at least a point, or all but do, each pair once, in portions.

    :param low, high: (n, 3), lower and upper corners.
    :return: portions (i, j) of box numbers, int64 each. Boxes that a hundred-thousandth of the longest edge of most of
        them would join may be among them.
    """
    for residents, visitors, grid in _levels((low, high), (low, high), sameSet=True):
        for part in _slabs(grid, residents, low):
            row, key, bits = grid.entries(low[part.boxes], high[part.boxes])
            held = np.flatnonzero((key >= part.first) & (key < part.last)) if part.last else np.arange(len(key))
            held = held[_byKey(key[held])]
            key, bits, box = key[held], bits[held], part.boxes[row[held]]
            del row, held
            yield from _pairsWithin(grid, (key, bits, box), low, high)
            if len(visitors):
                near = _nearCells(grid, key, visitors, low)
                yield from _pairsAcross(grid, near, (low, high), (key, bits, box), (low, high))


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
    layer = grid.cells(low[boxes, 0], 0)
    ends = np.searchsorted(np.cumsum(np.bincount(layer)), np.arange(_SLAB, len(boxes), _SLAB))
    ends = np.unique(np.r_[0, ends, grid.counts[0]])
    stride = int(grid.counts[1] * grid.counts[2])
    for first, last in pairwise(ends.tolist()):
        # A box that begins in the layer before may reach into this one.
        yield _Slab(boxes[(layer >= first - 1) & (layer < last)], first * stride, last * stride)


def _byKey(key: np.ndarray) -> np.ndarray:
    """The order that sorts keys, equal ones as they come."""
    numberBits = len(key).bit_length()
    if len(key) and int(key.max()).bit_length() + numberBits < 63:
        # Key and number sorted as one integer: several times quicker than sorting an index.
        packed = key << numberBits
        packed |= np.arange(len(key))
        packed.sort()
        packed &= (1 << numberBits) - 1
        return packed
    return np.argsort(key, kind="stable")


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
        own += grid.cells(low[visitors, axis], axis)
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
    for residents, visitors, grid in _levels((low, high), (otherLow, otherHigh), sameSet=False):
        row, key, bits = grid.entries(otherLow[residents], otherHigh[residents])
        order = _byKey(key)
        held = (key[order], bits[order], residents[row[order]])
        yield from _pairsAcross(grid, visitors, (low, high), held, (otherLow, otherHigh))
    # The pairs in which the first set's box lives on the coarser grid.
    for residents, visitors, grid in _levels((otherLow, otherHigh), (low, high), sameSet=False, strictly=True):
        row, key, bits = grid.entries(low[residents], high[residents])
        order = _byKey(key)
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
    # Nearly all boxes share the finest grid, unless most of them are far smaller; what is left needs further grids.
    usual, most = np.quantile(both, (0.75, 0.999))
    base = float(min(2 * usual, most)) or float(both.max()) or 1.0
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


def _pairsWithin(grid, held, low, high) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs among the entries of the same cell (``held``: key, bits and box number, sorted by key): entry e with e + 1,
    then e + 2, and so on to the fullest cell.
    """
    (key, bits, box), count = held, len(held[0])
    lower, upper = np.empty(count, dtype=np.int64), np.empty(count, dtype=np.int64)
    for start in range(0, count, _BLOCK):
        part = slice(start, start + _BLOCK)
        lower[part], upper[part] = _packed(grid, key[part], bits[part], low[box[part]], high[box[part]])
    last = np.flatnonzero(np.r_[key[1:] != key[:-1], True])
    remaining = (np.repeat(last, np.diff(np.r_[-1, last])) - np.arange(count)).astype(np.int32)
    found, others, waiting = [], [], 0
    for start in range(0, count, _BLOCK):
        stop = min(start + _BLOCK, count)
        left = remaining[start:stop]
        entries = np.flatnonzero(left > 0)
        distance = 1
        while len(entries):
            # Whole stretches of the table are compared as they lie in memory, which is several times quicker.
            if 4 * len(entries) > stop - start:
                end = min(stop, count - distance)
                here, there = slice(start, end), slice(start + distance, end + distance)
                pairs = np.flatnonzero(_overlap(lower, upper, here, there) & (left[: end - start] >= distance))
            else:
                pairs = entries[_overlap(lower, upper, entries + start, entries + (start + distance))]
            if len(pairs):
                found.append(pairs + start)
                others.append(pairs + (start + distance))
                waiting += len(pairs)
            distance += 1
            entries = entries[left[entries] >= distance]
        if waiting >= _CHUNK or stop == count:
            if waiting:
                yield box[np.concatenate(found)], box[np.concatenate(others)]
            found, others, waiting = [], [], 0


def _overlap(lower, upper, here, there) -> np.ndarray:
    """Which of the entries ``here`` overlap the one of ``there`` in the same place of the list."""
    both = upper[here] - lower[there]
    both &= upper[there] - lower[here]
    both &= _GUARDS
    return both == _GUARDS


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
