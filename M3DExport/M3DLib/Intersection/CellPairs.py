"""Which boxes in the cells of a grid overlap, where most of the pairs are those of neighbors.

Within a cell each box is two integers (``packedCorners``), so that one subtraction compares all three axes at once. The
cells with the same number of boxes stand beside each other, a row for each of their boxes: whole rows are compared.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

# Bits of a box's corner within its cell along each axis; with one bit to borrow from, three fit into 57.
_BITS = 18
# Steps of a corner within a cell. A box reaches from one cell before to one cell behind; a little more, so that
# rounding stays within.
_STEPS = int(((1 << _BITS) - 1) / 3.01)
_SHIFTS = tuple((_BITS + 1) * axis for axis in range(3))
# Three more fields of one bit each.
_FLAGS = tuple(3 * (_BITS + 1) + 2 * axis for axis in range(3))
_GUARDS = np.int64(sum(1 << (_BITS + shift) for shift in _SHIFTS) | sum(1 << (flag + 1) for flag in _FLAGS))
# What stands where a cell has fewer boxes than its row: it begins where no box reaches.
_NOTHING = np.int64(sum(((1 << _BITS) - 1) << shift for shift in _SHIFTS))
# Entries compared with each other at a time: what is held for them stays in the processor's cache.
_BLOCK = 1 << 14
# Up to so many boxes, cells stand beside those with just as many; above, with some fewer as well.
_EXACT = 16


def packedCorners(grid, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper corners of boxes within the first of their cells as one integer each, int64 (n,).

    Corners are rounded away from the box, by up to a hundred-thousandth of the cell.

    :param grid: whose cells are no smaller than any of the boxes.
    :param low, high: (3, n).
    """
    lower, upper = np.zeros(low.shape[1], dtype=np.int64), np.full(low.shape[1], _GUARDS)
    for axis, (shift, flag) in enumerate(zip(_SHIFTS, _FLAGS, strict=True)):
        first = np.floor((low[axis] - grid.origin[axis]) / grid.size)
        for corner, result, rounded in ((low, lower, np.floor), (high, upper, np.ceil)):
            place = (corner[axis] - grid.origin[axis]) / grid.size
            place -= first
            place += 1.005
            place *= _STEPS
            np.add(result, rounded(place, out=place).astype(np.int64) << shift, out=result)
        upper += 1 << flag
    return lower, upper


def _cornerSteps() -> tuple[np.ndarray, np.ndarray]:
    """What is added to the packed corners of a box in a cell that along some axes is the box's second one; (8,) each.

    One flag for each axis says that the cell is the second one, another that it is not: two boxes that have both begun
    in the cell before are no pair here.
    """
    lower, upper = np.zeros(8, dtype=np.int64), np.zeros(8, dtype=np.int64)
    for corner in range(8):
        for axis in range(3):
            if corner >> axis & 1:
                lower[corner] += (1 << _FLAGS[axis]) - (_STEPS << _SHIFTS[axis])
                upper[corner] -= (1 << _FLAGS[axis]) + (_STEPS << _SHIFTS[axis])
    return lower, upper


_LOWER_STEPS, _UPPER_STEPS = _cornerSteps()


def pairsWithinCells(
    key: np.ndarray,
    corner: np.ndarray,
    row: np.ndarray,
    packed: tuple[np.ndarray, np.ndarray],
    portion: int,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of boxes that overlap in a cell, by their rows, each in one of the cells that they share; in portions.

    Of two boxes of a cell, none ends before the other begins along any axis exactly when subtracting one's lower corner
    from the other's upper one, both ways, leaves all guards set.

    :param key: cell of each entry, rising; (e,).
    :param corner: bits of the axes along which the cell is the box's second one, (e,).
    :param row: which of the packed boxes, (e,).
    :param packed: of :func:`packedCorners`.
    :param portion: so many pairs are given at a time, or a little more.
    """
    if not len(key):
        return
    count = len(key)
    lower, upper = (np.empty(count + 1, dtype=np.int64) for _ in range(2))
    for values, result, steps in ((packed[0], lower, _LOWER_STEPS), (packed[1], upper, _UPPER_STEPS)):
        np.take(values, row, out=result[:-1])
        result[:-1] += steps.take(corner)
    lower[-1], upper[-1] = _NOTHING, _GUARDS
    begin = np.flatnonzero(np.r_[True, key[1:] != key[:-1]])
    number = np.diff(np.r_[begin, count])
    found, others, waiting = [], [], 0
    for cells, most in _alike(number):
        width = max(1, _BLOCK // most)
        for start in range(0, len(cells), width):
            part = cells[start : start + width]
            entry = begin[part] + np.arange(most)[:, None]
            if most > _EXACT:
                entry[np.arange(most)[:, None] >= number[part]] = count
            for here, there in _overlapping(lower.take(entry), upper.take(entry)):
                found.append(row.take(entry.reshape(-1).take(here)))
                others.append(row.take(entry.reshape(-1).take(there)))
                waiting += len(here)
            if waiting >= portion:
                yield np.concatenate(found), np.concatenate(others)
                found, others, waiting = [], [], 0
    if waiting:
        yield np.concatenate(found), np.concatenate(others)


def _alike(number: np.ndarray) -> Iterator[tuple[np.ndarray, int]]:
    """The cells with about the same number of boxes, and what none of them has more of; those of one box left out."""
    highest = int(number.max())
    ends = list(range(1, min(_EXACT, highest) + 1))
    while ends[-1] < highest:
        ends.append(min(highest, ends[-1] + ends[-1] // 8))
    group = np.searchsorted(ends, number)
    order = np.argsort(group.astype(np.int16), kind="stable")
    edges = np.searchsorted(group[order], np.arange(len(ends) + 1))
    for place, most in enumerate(ends):
        cells = order[edges[place] : edges[place + 1]]
        if most > 1 and len(cells):
            yield cells, most


def _overlapping(lower: np.ndarray, upper: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Places in the table of the two boxes of each pair that overlaps; boxes of a cell stand in one column."""
    rows, columns = lower.shape
    for first in range(rows - 1):
        both = upper[first] - lower[first + 1 :]
        both &= upper[first + 1 :] - lower[first]
        both &= _GUARDS
        there = np.flatnonzero(both.reshape(-1) == _GUARDS)
        if len(there):
            yield there % columns + first * columns, there + (first + 1) * columns
