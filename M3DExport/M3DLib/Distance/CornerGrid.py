"""Closest triangles of points that lie near a surface, by a grid of cells that hold the surface's corners.

What the tree of :mod:`~.SurfaceTile` finds for any point, this finds in a third of the time where the distance is not
much larger than the triangles: as between a surface and the same surface smoothed. The corners that may matter lie in
the 27 cells around a point, or a few more. Bounds in single precision, with what rounding may do to them, leave two
triangles of fifteen; those are measured exactly. Where the cells may not hold the closest corner, the point is left to
the tree.
"""

from __future__ import annotations

import numpy as np

from .TriangleDistance import SLIVER, cross, dot, squaredDistance

# Points looked at together: what is held for them fits the processor's cache.
BLOCK = 4096
# Cells on each side of that of a point that are looked into, at most.
WIDEST = 2
# Larger grids than this many cells for each corner are mostly empty.
MOST_CELLS = 64
# Rounding of single precision in a sum of four products, as a share of the grid's extent.
ROUNDING = 1e-6


class CornerGrid:
    """Corners of a tile sorted by cells, and the planes of its triangles."""

    @classmethod
    def of(cls, tile, reach: float) -> CornerGrid | None:
        """The grid of a tile for points up to about ``reach`` (mm) away from its surface; None where it does not pay.

        :param tile: :class:`~.SurfaceTile.SurfaceTile`.
        """
        cell = 1.05 * float(np.sqrt(tile.farthestReach2 + reach * reach))
        cells = float(np.prod(np.ptp(tile.samples, axis=0) / cell + 4 * WIDEST + 1))
        return cls(tile, cell) if cells <= MOST_CELLS * (len(tile.samples) + 1024) else None

    def __init__(self, tile, cell: float):
        self.cell, self.farthestReach2 = cell, tile.farthestReach2
        self.table, self.first, self.around, self.reachAround = tile.table, tile.first, tile.around, tile.reachAround
        # Empty cells all around: as many as a point beside the outermost corners may lie in, and as many beyond.
        self.low = tile.samples.min(axis=0) - (2 * WIDEST + 0.01) * cell
        self.size = np.floor((tile.samples.max(axis=0) - self.low) / cell).astype(np.int64) + 2 * WIDEST + 1
        self.rounding = ROUNDING * float(self.size.max() * cell)
        self.rounding2 = 8 * WIDEST * self.rounding * cell + 1e-6 * ((WIDEST * cell) ** 2 + tile.farthestReach2)
        numbers = self._number(np.floor((tile.samples - self.low) / cell).astype(np.int64))
        self.order, self.starts = grouped(np.arange(len(numbers)), numbers, int(self.size.prod()))
        self.columns = (tile.samples.take(self.order, axis=0) - self.low).T.astype(np.float32, order="C")
        self.reach2 = tile.reach2.take(self.order).astype(np.float32)
        self.planes = self._planes()

    def _number(self, cells: np.ndarray) -> np.ndarray:
        return (cells[:, 2] * self.size[1] + cells[:, 1]) * self.size[0] + cells[:, 0]

    def _planes(self) -> np.ndarray:
        """Of each triangle the plane it lies in and those that stand upright on its sides, facing it.

        Zero where a triangle is so narrow that it has no sure plane.

        :return: float32 (4, 4, m): unit normal and offset of each of four planes.
        """
        determinant = self.table[9] * self.table[11]
        sure = determinant - self.table[10] ** 2 > SLIVER * determinant
        normal = (_unit(cross(self.table[3:6], self.table[6:9])) * sure).astype(np.float32)
        a, ab, ac = self.table[0:3] - self.low[:, None], self.table[3:6], self.table[6:9]
        planes = np.empty((4, 4, self.table.shape[1]), dtype=np.float32)
        planes[0, :3] = normal
        # A short side between two long ones keeps its direction only where it is a difference of doubles.
        for number, side in enumerate((ab, ac - ab, -ac), start=1):
            planes[number, :3] = _unit(cross(normal, side.astype(np.float32)))
        a, b = a.astype(np.float32), (a + ab).astype(np.float32)
        for plane, corner in zip(planes, (a, a, b, a), strict=True):
            np.negative(dot(plane[:3], corner), out=plane[3])
        return planes

    def search(self, points: np.ndarray, best: np.ndarray, triangle: np.ndarray) -> np.ndarray:
        """Find closer triangles near points.

        :param points: (n, 3). :param best: squared distance (n,) below which a triangle is wanted; lowered in place.
        :param triangle: (n,), -1 for none; set to the number of the closest triangle where one was found.
        :return: float32 (n,), squared distance up to which no triangle was overlooked.
        """
        certain = np.full(len(points), self._certain(1), dtype=np.float32)
        for start in range(0, len(points), BLOCK):
            part = slice(start, start + BLOCK)
            self._search(points[part], best[part], triangle[part], 1)
        for wide in range(2, WIDEST + 1):
            left = np.flatnonzero(best > certain)
            certain[left] = self._certain(wide)
            for start in range(0, len(left), BLOCK):
                part = left[start : start + BLOCK]
                distance2, found = best[part], triangle[part]
                self._search(points[part], distance2, found, wide)
                best[part], triangle[part] = distance2, found
        return certain

    def _certain(self, wide: int) -> float:
        """Squared distance of a point from the nearest triangle that it may have beyond so many cells, at least."""
        return (wide * self.cell) ** 2 * (1 - 1e-6) - self.farthestReach2

    def _search(self, points, best, triangle, wide: int) -> None:
        """Look in a cube of cells that reaches so many cells beyond that of the point."""
        place = points - self.low
        cells = np.floor(place / self.cell).astype(np.int64)
        # Beyond the empty cells no corner is near enough.
        within = np.flatnonzero(((cells >= wide) & (cells < self.size - wide)).all(axis=1))
        owners, corners = self._cornersAround(within, self._number(cells.take(within, axis=0)), wide)
        if not len(owners):
            return
        place = place.T.astype(np.float32)
        bound = best.astype(np.float32)
        bound *= np.float32(1 + 1e-6)
        owners, candidates = self._nearCorners(place, bound, owners, corners)
        left = self._nearTriangles(place, bound, owners, candidates)
        owners, candidates = owners.take(left), candidates.take(left)
        if not len(owners):
            return
        columns = np.ascontiguousarray(points.T)
        distance2 = squaredDistance(columns.take(owners, axis=1), self.table.take(candidates, axis=1))
        keepClosest(owners, candidates, distance2, best, triangle)

    def _cornersAround(self, which, numbers, wide: int) -> tuple[np.ndarray, np.ndarray]:
        """Places in the order of the cells of all corners around points in cells, and whose they are."""
        # Runs of cells along i.
        beside = np.arange(-wide, wide + 1)
        runs = ((beside[:, None] * self.size[1] + beside) * self.size[0]).ravel() - wide
        first = (numbers[:, None] + runs).ravel()
        begins = self.starts.take(first)
        counts = self.starts.take(first + len(beside)) - begins
        held = np.flatnonzero(counts)
        places, counts = _places(begins.take(held), counts.take(held))
        return np.repeat(which.take(held // len(runs)), counts), places

    def _nearCorners(self, place, bound, owners, corners) -> tuple[np.ndarray, np.ndarray]:
        """The triangles at corners that may be nearer than the nearest corner; lowers the bounds to its distance."""
        distance2 = 0.0
        for axis in range(3):
            offset = self.columns[axis].take(corners)
            offset -= place[axis].take(owners)
            offset *= offset
            distance2 = offset if axis == 0 else np.add(distance2, offset, out=distance2)
        distance2 += np.float32(self.rounding2)
        _lower(bound, owners, distance2)
        distance2 -= np.float32(2 * self.rounding2)
        near = np.flatnonzero(distance2 - self.reach2.take(corners) <= bound.take(owners))
        owners, distance2, groups = owners.take(near), distance2.take(near), self.order.take(corners.take(near))
        begins = self.first.take(groups)
        places, counts = _places(begins, self.first.take(groups + 1) - begins)
        # A corner reaches as far as the largest triangle at it; this one may be smaller.
        owners, distance2 = np.repeat(owners, counts), np.repeat(distance2, counts)
        distance2 -= self.reachAround.take(places)
        near = np.flatnonzero(distance2 <= bound.take(owners))
        return owners.take(near), self.around.take(places.take(near)).astype(np.int64)

    def _nearTriangles(self, place, bound, owners, candidates) -> np.ndarray:
        """Which candidates are no farther than the bounds, by how far their plane and sides are at least."""
        place = place.take(owners, axis=1)

        def above(number: int) -> np.ndarray:
            rows = self.planes[number]
            height = rows[3].take(candidates)
            for axis in range(3):
                part = rows[axis].take(candidates)
                part *= place[axis]
                height += part
            return height

        height = above(0)
        np.abs(height, out=height)
        inward = above(1)
        np.minimum(inward, above(2), out=inward)
        np.minimum(inward, above(3), out=inward)
        rounding = np.float32(self.rounding)
        # Above a triangle, its plane is as far away as it is.
        over = np.flatnonzero(inward >= rounding)
        if len(over):
            _lower(bound, owners.take(over), np.square(height.take(over) + rounding))
        height -= rounding
        np.maximum(height, 0, out=height)
        height *= height
        inward += rounding
        np.minimum(inward, 0, out=inward)
        inward *= inward
        height += inward
        return np.flatnonzero(height <= bound.take(owners) * np.float32(1 + 1e-5))


def keepClosest(owners, candidates, distance2, best, triangle) -> None:
    """Take over the closest candidate of each point (``owners``, rising, repeated) where it is closer than the best."""
    starts = np.flatnonzero(np.r_[True, owners[1:] != owners[:-1]])
    least, points = np.minimum.reduceat(distance2, starts), owners[starts]
    hit = np.flatnonzero(distance2 == np.repeat(least, np.diff(np.r_[starts, len(owners)])))
    winner = np.empty(len(points), dtype=np.int64)
    # Of equally close ones the first.
    winner[np.searchsorted(starts, hit[::-1], side="right") - 1] = candidates[hit[::-1]]
    better = np.flatnonzero(least < best[points])
    best[points[better]] = least[better]
    triangle[points[better]] = winner[better]


def grouped(values: np.ndarray, group: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Values (n,) sorted by their group (n,), and where each of the groups begins, (count + 1,)."""
    from scipy.sparse import csr_matrix

    # A matrix with one row for all entries, turned around: a counting sort in compiled code.
    ones = np.ones(len(values), dtype=np.int8)
    turned = csr_matrix((ones, group, np.arange(len(values) + 1)), shape=(len(values), count)).tocsc()
    return values[turned.indices], turned.indptr


def _places(begins: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of runs (first, how many), one after the other; and the counts.

    Both as wide as what memory is addressed by, so that no lookup has to widen them anew.
    """
    counts = counts.astype(np.int64)
    ends = np.cumsum(counts)
    places = np.arange(ends[-1] if len(ends) else 0)
    places += np.repeat(begins - (ends - counts), counts)
    return places, counts


def _lower(bound, owners, values) -> None:
    """Lower the bound of each owner (rising, repeated) to the least of its values."""
    starts = np.flatnonzero(np.r_[True, owners[1:] != owners[:-1]])
    which = owners[starts]
    bound[which] = np.minimum(bound[which], np.minimum.reduceat(values, starts))


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors (3, n) at length 1; those without a length stay zero."""
    length = np.sqrt(dot(vectors, vectors))
    length[length == 0] = 1
    return vectors / length
