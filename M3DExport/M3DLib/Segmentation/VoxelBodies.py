"""Connected bodies of voxels, by runs of voxels instead of single ones: in a third of the time, without a label image.

A mask of anatomy has some hundred thousand runs (voxels that follow each other along a row), where the image has
millions of voxels. Runs of neighboring rows that touch are linked, and the connected groups of links are the bodies.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass
class VoxelBodies:
    """The connected bodies of a mask, numbered from 1 in the order in which their first voxels lie in memory.

    :ivar shape: of the mask, (k, j, i). :ivar starts, ends: (r,), places in memory of each run's first voxel and of the
        one behind its last. :ivar labels: int32 (r,), number of the body of each run. :ivar count: of bodies.
    """

    shape: tuple[int, int, int]
    starts: np.ndarray
    ends: np.ndarray
    labels: np.ndarray
    count: int

    @classmethod
    def of(cls, mask: np.ndarray, corners: bool = False, empty: bool = False) -> VoxelBodies:
        """The bodies of a mask (k, j, i), bool or 0 and 1.

        :param corners: whether voxels that touch at an edge or a corner hang together too, not only those at a face.
        :param empty: of what does not belong to the mask.
        """
        return cls.ofSlices(mask, mask.shape, corners, empty)

    @classmethod
    def ofSlices(
        cls, slices: Iterable[np.ndarray], shape: tuple[int, int, int], corners: bool = False, empty: bool = False
    ) -> VoxelBodies:
        """The same of a mask of a shape (k, j, i) that comes slice by slice (j, i) and need not be there as a whole."""
        starts, ends = _runs(slices, shape, empty)
        one, other = _links(starts, ends, shape, int(corners))
        count, labels = _groups(len(starts), one, other)
        # Back from rows with a gap behind each to those of the mask.
        width = shape[2] + 1
        row = starts // width
        return cls(tuple(shape), starts - row, ends - row, labels.astype(np.int32) + 1, count)

    @cached_property
    def sizes(self) -> np.ndarray:
        """Number of voxels of each body, int64 (count + 1,), 0 for number 0."""
        weights = self.ends - self.starts
        return np.bincount(self.labels, weights, self.count + 1).astype(np.int64)

    @property
    def image(self) -> np.ndarray:
        """Number of the body of each voxel, int32 (k, j, i), 0 for none."""
        return self.spread(np.arange(self.count + 1, dtype=np.int32))

    def spread(self, values: np.ndarray) -> np.ndarray:
        """An image (k, j, i) of the values (count + 1,) of the voxels' bodies, that of number 0 for voxels of none."""
        # Gaps and runs in turn.
        edges = np.stack([self.starts, self.ends], axis=1).ravel()
        lengths = np.diff(edges, prepend=0, append=int(np.prod(self.shape)))
        turns = np.full(len(lengths), values[0], dtype=values.dtype)
        turns[1::2] = values.take(self.labels)
        return np.repeat(turns, lengths).reshape(self.shape)

    def at(self, place: int) -> int:
        """The number of the body that holds the voxel at a place in memory, 0 for none."""
        run = int(np.searchsorted(self.starts, place, side="right")) - 1
        return int(self.labels[run]) if run >= 0 and place < self.ends[run] else 0

    def touched(self, mask: np.ndarray) -> np.ndarray:
        """Which bodies hold a voxel of a mask (k, j, i) of the same shape, bool (count + 1,)."""
        flat = np.ascontiguousarray(mask).reshape(-1)
        found = np.zeros(self.count + 1, dtype=bool)
        edges = np.stack([self.starts, self.ends], axis=1).ravel()
        # The last run may end with the mask, where no part begins.
        inRun = np.maximum.reduceat(flat, edges[:-1])[::2] if len(edges) else flat[:0]
        if len(edges):
            inRun[-1] = flat[self.starts[-1] : self.ends[-1]].any()
        found[self.labels[inRun != 0]] = True
        return found

    def touchedBy(self, other: VoxelBodies, chosen: np.ndarray) -> np.ndarray:
        """Which bodies share a voxel with some of another mask's of the same shape, bool (count + 1,); by runs alone.

        :param chosen: bool (other.count + 1,), which of the other's bodies.
        """
        found = np.zeros(self.count + 1, dtype=bool)
        runs = np.flatnonzero(chosen.take(other.labels))
        if len(runs):
            starts, ends = other.starts.take(runs), other.ends.take(runs)
            # The first of those that end behind this run's first voxel.
            first = np.searchsorted(ends, self.starts, side="right")
            met = starts.take(first, mode="clip") < self.ends
            found[self.labels[met & (first < len(runs))]] = True
        return found

    @property
    def centers(self) -> np.ndarray:
        """Mean index (k, j, i) of each body's voxels, float64 (count + 1, 3), 0 for number 0."""
        length = (self.ends - self.starts).astype(np.float64)
        row, first = np.divmod(self.starts, self.shape[2])
        k, j = np.divmod(row, self.shape[1])
        middle = first + (length - 1) / 2
        sums = [np.bincount(self.labels, length * axis, self.count + 1) for axis in (k, j, middle)]
        return np.stack(sums, axis=1) / np.maximum(self.sizes, 1)[:, None]


def _runs(slices: Iterable[np.ndarray], shape: tuple[int, int, int], empty: bool) -> tuple[np.ndarray, np.ndarray]:
    """First place of each run and the one behind its last, int64, as if a gap followed each row of the mask."""
    _depth, height, width = shape
    rows = np.zeros((height, width + 1), dtype=np.uint8)
    found = []
    for k, plane in enumerate(slices):
        (np.equal if empty else np.not_equal)(plane, 0, out=rows[:, :-1].view(bool))
        flat = rows.reshape(-1)
        changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
        if flat.size and flat[0]:
            changes = np.concatenate([[0], changes])
        found.append(changes + k * flat.size)
    changes = np.concatenate(found) if found else np.empty(0, dtype=np.int64)
    return changes[::2], changes[1::2]


def _links(starts, ends, shape, reach: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of runs in neighboring rows that touch, numbers of both; across so many voxels beyond their ends."""
    width = shape[2] + 1
    row = starts // width
    k, j = np.divmod(row, shape[1])
    one, other = [], []
    beside = ((0, -1), (-1, 0)) if not reach else ((0, -1), (-1, -1), (-1, 0), (-1, 1))
    for planes, rows in beside:
        which = np.flatnonzero((k + planes >= 0) & (j + rows >= 0) & (j + rows < shape[1]))
        shift = (planes * shape[1] + rows) * width
        # The runs there that end behind this one's first voxel and begin before its end.
        first = np.searchsorted(ends, starts[which] + shift - reach, side="right")
        count = np.maximum(np.searchsorted(starts, ends[which] + shift + reach, side="left") - first, 0)
        last = np.cumsum(count)
        one.append(np.repeat(which, count))
        other.append(np.arange(last[-1] if len(last) else 0) + np.repeat(first - (last - count), count))
    return np.concatenate(one), np.concatenate(other)


def _groups(count: int, one: np.ndarray, other: np.ndarray) -> tuple[int, np.ndarray]:
    """How many groups so many things form that are linked in pairs, and the group of each, numbered by its first.

    As fast as scipy's connected components, whose import takes longer than the bodies of a whole scan.
    """
    # Everything belongs to the first thing that it is known to hang together with.
    first = np.arange(count)
    while True:
        a, b = first[one], first[other]
        apart = np.flatnonzero(a != b)
        if not len(apart):
            break
        a, b, one, other = a[apart], b[apart], one[apart], other[apart]
        np.minimum.at(first, np.maximum(a, b), np.minimum(a, b))
        # First things that belong to others by now, until all belong to one that belongs to itself.
        while not np.array_equal(first, further := first[first]):
            first = further
    isFirst = first == np.arange(count)
    return int(isFirst.sum()), (np.cumsum(isFirst) - 1)[first]
