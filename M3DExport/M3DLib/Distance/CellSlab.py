"""Points and triangles of one slab of cells: those of a cell held against each other, the closest measured exactly.

For each triangle the plane it lies in and those that stand upright on its sides tell how far away it is at least, and
above the triangle how far it is exactly. These are products of a matrix of planes with one of points, for cells of
about equally many of both at a time. In single precision, with what rounding may do to them, they leave little more
than one triangle to measure.
"""

from __future__ import annotations

import numpy as np

from .CellGrid import CellGrid
from .Grouping import grouped, keepClosest, runsOf
from .TriangleDistance import SLIVER, cross, dot, squaredDistance

# Products of points with triangles at a time, and triangles looked up for them: what fits the processor's cache.
PAIRS, LOOKED_UP = 1 << 17, 1 << 15
# Triangles measured together.
MEASURED = 1 << 12
# Cells that a triangle is entered in at most, and along one axis.
MOST_CELLS, MOST_ALONG = 400, 31
# Entries tried at a time.
ENTERED = 1 << 18
# Numbers of points that cells are treated as having: fewer kinds of cells for a few points looked at twice.
ROUNDED = np.array([0, 1, 2, 3, 4, 6, 6, 8, 8, 12, 12, 12, 12, 16, 16, 16, 16])
# More triangles in a cell than this are not held against all its points.
MOST_TRIANGLES = 1 << 11
# Rounding of single precision in a sum of four products, as a share of the slab's extent.
ROUNDING = 1e-6
# Makes any distance beside a triangle larger than all others.
FAR = np.float32(1e30)


class CellSlab:
    """One slab of a grid.

    :param cells: the grid. :param slab: first layer and that after the last. :param which: numbers of its points.
    :param triangles: numbers of the triangles that come near it. :param across: first and last layer of each.

    :ivar large: triangles that were left out because they reach across too many cells.
    """

    def __init__(
        self,
        cells: CellGrid,
        slab: tuple[int, int],
        which: np.ndarray,
        triangles: np.ndarray,
        across: tuple[np.ndarray, np.ndarray],
    ):
        self.cells, self.surface, self.layers = cells, cells.surface, slab
        self.size = np.array([cells.size[0], cells.size[1], slab[1] - slab[0]])
        self.triangles, self.across = triangles, across
        low = np.empty(3)
        low[cells.axes] = cells.low
        low[cells.axes[2]] += slab[0] * cells.cell
        self.low, self.rounding = low, np.float32(ROUNDING * self.size.max() * cells.cell)
        place = cells.points.take(which, axis=0) - self.surface.center
        number = np.zeros(len(which), dtype=np.int64)
        for axis, width in enumerate((1, self.size[0], self.size[0] * self.size[1])):
            number += width * cells.along(axis, place[:, cells.axes[axis]]).astype(np.int64)
        number -= slab[0] * self.size[0] * self.size[1]
        # Points in the order of the cells; of the cells those that hold any.
        self.order, ends = grouped(np.arange(len(which), dtype=np.int32), number, int(self.size.prod()))
        counts = np.diff(ends)
        occupied = np.flatnonzero(counts)
        self.begins, self.counts = ends.take(occupied), counts.take(occupied)
        self.lookup = np.full(len(counts), -1, dtype=np.int32)
        self.lookup[occupied] = np.arange(len(occupied), dtype=np.int32)
        place = place.take(self.order, axis=0)
        self.columns = np.ascontiguousarray(place.T)
        self.rows = np.ones((len(which), 4), dtype=np.float32)
        self.rows[:, :3] = place - low
        # How far away the nearest triangle is that a point is above, mm at most; no smaller than true.
        self.above = np.full(len(which), np.inf, dtype=np.float32)
        self.large = np.empty(0, dtype=np.int32)

    def search(self, best: np.ndarray, triangle: np.ndarray) -> None:
        """Find the closest triangles within the reach.

        :param best: squared distance (n,) of the slab's points below which a triangle is wanted; lowered in place to
            what the closest one's is at most.
        :param triangle: (n,), set to the number of the closest triangle where one was found.
        """
        corners = self.surface.triangles.take(self.triangles, axis=0).T
        corners = [[column.take(corner) for column in self.surface.columns] for corner in corners]
        held, first = self._entries(corners)
        held, corners = self._entered(held, corners)
        table = _table(corners, self.surface.center)
        del corners
        least, found = best.take(self.order), np.full(len(best), -1, dtype=np.int32)
        points, candidates, bounds = self._near(held, first, self._planes(table), least)
        if len(points):
            self._measure(points, candidates, bounds, table=table, best=least, found=found)
        best[self.order] = least
        hit = np.flatnonzero(found >= 0)
        triangle[self.order[hit]] = self.triangles.take(found[hit])

    def _entries(self, corners) -> tuple[np.ndarray, np.ndarray]:
        """Triangles within reach of each of the cells that hold points: one list after the other, where each begins."""
        cells, starts, spans = self.cells, [], []
        for axis in range(2):
            a, b, c = (corner[cells.axes[axis]] for corner in corners)
            center = self.surface.center[cells.axes[axis]]
            low, high = np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)
            low = cells.along(axis, low - center - cells.reach).clip(0, self.size[axis]).astype(np.int32)
            high = cells.along(axis, high - center + cells.reach).clip(-1, self.size[axis] - 1).astype(np.int32)
            starts.append(low)
            spans.append((high - low + 1).clip(0))
        low, high = self.across
        starts.append(np.maximum(low, self.layers[0]).astype(np.int32) - self.layers[0])
        spans.append(np.minimum(high, self.layers[1] - 1).astype(np.int32) - self.layers[0] - starts[2] + 1)
        start = (starts[2] * self.size[1] + starts[1]) * self.size[0] + starts[0]
        many = spans[0].astype(np.int64) * spans[1] * spans[2]
        large = (many > MOST_CELLS) | (np.maximum(np.maximum(spans[0], spans[1]), spans[2]) > MOST_ALONG) & (many > 0)
        self.large = self.triangles[large]
        # Triangles that reach across equally many cells along all axes are entered together.
        base = MOST_ALONG + 1
        kind = (spans[2] * base + spans[1]) * base + spans[0]
        kind[large | (many == 0)] = 0
        order = np.argsort(kind.astype(np.int16), kind="stable")
        sortedKind = kind.take(order)
        entered, holders = [np.empty(0, np.int32)], [np.empty(0, np.int32)]
        for begin, end in runsOf(sortedKind):
            along = [int(sortedKind[begin]) // base**axis % base for axis in range(3)]
            if not along[0]:
                continue
            k, j, i = np.ix_(*(np.arange(count) for count in along[::-1]))
            offsets = ((k * self.size[1] + j) * self.size[0] + i).ravel()
            step = max(1, ENTERED // len(offsets))
            for own in (order[first : min(first + step, end)] for first in range(begin, end, step)):
                holder = self.lookup.take(start.take(own)[:, None] + offsets).ravel()
                hit = np.flatnonzero(holder >= 0)
                holders.append(holder.take(hit))
                entered.append(own.take(hit // len(offsets)).astype(np.int32))
        return grouped(np.concatenate(entered), np.concatenate(holders), len(self.begins))

    def _entered(self, held, corners):
        """The same without triangles that are in no cell, where those are many."""
        used = np.zeros(len(self.triangles), dtype=bool)
        used[held] = True
        kept = np.flatnonzero(used)
        if 2 * len(kept) > len(self.triangles):
            return held, corners
        self.triangles = self.triangles.take(kept)
        number = np.cumsum(used, dtype=np.int32) - np.int32(1)
        return number.take(held), [[column.take(kept) for column in corner] for corner in corners]

    def _planes(self, table: np.ndarray) -> np.ndarray:
        """Of each triangle the plane it lies in and those that stand upright on its sides, facing it.

        Zero where a triangle is so narrow that it has no sure plane. Those of the sides stand so far inside that a
        point above all of them is above the triangle for certain.

        :return: float32 (m, 16): unit normal and offset of each of four planes.
        """
        determinant = table[9] * table[11]
        sure = determinant - table[10] ** 2 > SLIVER * determinant
        normal = (_unit(cross(table[3:6], table[6:9])) * sure).astype(np.float32)
        a = (table[0:3] - self.low[:, None]).astype(np.float32)
        # A short side between two long ones keeps its direction only where it is a difference of doubles.
        ab, ac, bc = (side.astype(np.float32) for side in (table[3:6], table[6:9], table[6:9] - table[3:6]))
        planes = np.empty((table.shape[1], 16), dtype=np.float32)
        b = a + ab
        planes[:, :3] = normal.T
        np.negative(dot(normal, a), out=planes[:, 3])
        for number, (side, corner) in enumerate(((ab, a), (bc, b), (-ac, a)), start=1):
            upright = _unit(cross(normal, side))
            planes[:, 4 * number : 4 * number + 3] = upright.T
            np.subtract(-self.rounding, dot(upright, corner), out=planes[:, 4 * number + 3])
        return planes

    def _near(self, held, first, planes, best) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Triangles that may be the closest of points.

        :param held, first: of :meth:`_entries`. :param best: squared distance (n,) below which one is wanted.
        :return: points (in the order of the cells), the entries of each following each other, triangles, and the
            squared distance of the two at least, float32.
        """
        count = np.diff(first)
        limit = np.sqrt(np.minimum(best, self.cells.reach**2)).astype(np.float32)
        limit *= np.float32(1 + 1e-6)
        alike = ROUNDED.take(self.counts, mode="clip")
        alike = np.where(self.counts < len(ROUNDED), alike, self.counts).astype(np.int64)
        order = np.argsort(alike * (MOST_TRIANGLES + 1) + np.minimum(count, MOST_TRIANGLES + 1))
        order = order[(count.take(order) > 0) & (count.take(order) <= MOST_TRIANGLES)]
        count, alike = count.take(order), alike.take(order)
        steps = np.arange(int(count.max(initial=0)))
        results = [(np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.float32))]
        start = 0
        while start < len(order):
            points = int(alike[start])
            most = max(1, min(PAIRS // points, LOOKED_UP) // int(count[start]))
            end = min(int(np.searchsorted(alike, points, side="right")), start + most)
            end = start + int(np.searchsorted(count[start:end], int(1.3 * count[start]) + 6, side="right"))
            own, width = order[start:end], int(count[end - 1])
            # Lists that are shorter go on with the triangles of other cells, which does no harm.
            candidates = held.take(first.take(own)[:, None] + steps[:width], mode="clip")
            # A cell of fewer points has its last one several times.
            which = self.begins.take(own)[:, None] + np.minimum(np.arange(points), self.counts.take(own)[:, None] - 1)
            part = max(1, PAIRS // (width * len(own)))
            for begin in range(0, points, part):
                one = which[:, begin : begin + part]
                results.append(self._nearOf(one, candidates, planes, limit))
            start = end
        return tuple(np.concatenate(parts) for parts in zip(*results, strict=True))

    def _nearOf(self, which, candidates, planes, limit):
        """The same for cells (c,) with as many points (c, k) and triangles (c, m) each."""
        width, points = candidates.shape[1], which.shape[1]
        rows = self.rows.take(which, axis=0)
        sides = planes.take(candidates, axis=0)
        which = which.ravel()
        height2, inward, other, third = (
            np.matmul(rows, sides[:, :, 4 * number : 4 * number + 4].swapaxes(1, 2)).reshape(-1, width)
            for number in range(4)
        )
        with np.errstate(over="ignore"):
            height2 *= height2
            np.minimum(inward, other, out=inward)
            np.minimum(inward, third, out=inward)
            np.minimum(inward, 0, out=inward)
            inward *= inward
            bound = np.add(height2, inward, out=other)
            # Above a triangle, its plane is as far away as it is.
            inward *= FAR
            inward += height2
        nearest = np.sqrt(inward.min(axis=1))
        nearest += self.rounding
        self.above[which] = nearest
        # What planes tell is wrong by one rounding along the normal, and by two beside the triangle.
        nearest = np.minimum(nearest, limit.take(which))
        nearest += 3 * self.rounding
        nearest *= nearest
        near = np.flatnonzero(bound <= nearest[:, None])
        row = near // width
        return which.take(row), candidates.ravel().take(row // points * width + near - row * width), bound.take(near)

    def _measure(self, points, candidates, bounds, *, table, best, found) -> None:
        """Measure the candidates that seem closest, and then what may be closer than those.

        What a point is above for certain, with nothing else near, is its closest triangle unmeasured; ``best`` is then
        what rounding may make of its distance.
        """
        starts = np.flatnonzero(np.r_[True, points[1:] != points[:-1]])
        counts = np.diff(np.r_[starts, len(points)])
        least = np.repeat(np.minimum.reduceat(bounds, starts), counts)
        first = np.flatnonzero(bounds == least)
        first = first[np.r_[True, np.diff(points.take(first)) != 0]]
        owners = points.take(first)
        away2 = np.square(self.above.take(owners), dtype=np.float64)
        clear = (counts == 1) & (away2 < np.minimum(best.take(owners), self.cells.reach**2))
        which = owners[clear]
        best[which], found[which] = away2[clear], candidates.take(first[clear])
        rest = np.repeat(~clear, counts)
        first = first[~clear]
        rest[first] = False

        def measured(which):
            result = np.empty(len(which))
            for start in range(0, len(which), MEASURED):
                part = which[start : start + MEASURED]
                places = self.columns.take(points.take(part), axis=1)
                result[start : start + MEASURED] = squaredDistance(places, table.take(candidates.take(part), axis=1))
            return result

        if len(first):
            keepClosest(points.take(first), candidates.take(first), measured(first), best, found)
        limit = np.sqrt(best).astype(np.float32)
        limit += 4 * self.rounding
        limit *= limit * np.float32(1 + 1e-6)
        # Nothing is closer than a triangle that a point lies on.
        limit[best == 0] = -1
        rest = np.flatnonzero(rest & (bounds <= limit.take(points)))
        if len(rest):
            keepClosest(points.take(rest), candidates.take(rest), measured(rest), best, found)


def _table(corners, center: np.ndarray) -> np.ndarray:
    """What :func:`squaredDistance` needs of triangles; corners are three lists of their coordinates, float32."""
    table = np.empty((12, len(corners[0][0])))
    a, b, c = corners
    for axis in range(3):
        np.subtract(a[axis], center[axis], out=table[axis], dtype=np.float64)
        np.subtract(b[axis], a[axis], out=table[3 + axis], dtype=np.float64)
        np.subtract(c[axis], a[axis], out=table[6 + axis], dtype=np.float64)
    for row, (x, y) in enumerate(((3, 3), (3, 6), (6, 6)), start=9):
        table[row] = dot(table[x : x + 3], table[y : y + 3])
    return table


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors (3, n) at length 1; those without a length stay zero."""
    length = np.sqrt(dot(vectors, vectors))
    length[length == 0] = 1
    return vectors / length
