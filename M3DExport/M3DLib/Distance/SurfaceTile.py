"""Search for the closest of a modest number of triangles; a large mesh is searched tile by tile.

The search rests on a k-d tree of the triangles' corners. If q is the closest point of the triangles to p, p - q stands
at right angles on the triangle (or on its edge) that holds q, so the corner v of that triangle nearest to q is no
farther from p than sqrt(|p - q|**2 + r**2), where r is the largest distance any point of the triangle has from its
nearest corner. Corners are tried from the nearest on, with all the triangles at them; once the next corner lies beyond
that bound, the closest point has been found. Large triangles get further corners inside, so that r stays small.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from .Grouping import grouped, keepClosest
from .TriangleDistance import distanceTable, squaredDistance

FIRST_NEIGHBORS = 4


class SurfaceTile:
    """Search structure of some triangles.

    :param corners: float64 (k, 3). :param triangles: (m, 3), into ``corners``.
    :param limit: triangles whose r**2 is larger get further corners inside, mm2.
    """

    def __init__(self, corners: np.ndarray, triangles: np.ndarray, limit: float):
        columns = np.ascontiguousarray(corners.T)
        self.table = distanceTable(*(columns.take(triangles[:, corner], axis=1) for corner in range(3)))
        self.samples, owners, sampleOf, reaches = self._samples(corners, triangles, limit)
        order, self.first = grouped(np.arange(len(owners), dtype=np.int32), sampleOf, len(self.samples))
        self.around = owners.take(order)
        self.reach2 = np.maximum.reduceat(reaches.take(order), self.first[:-1])
        self.farthestReach2 = float(self.reach2.max())

    @cached_property
    def tree(self):
        """The tree of the corners, made when it is asked for."""
        from scipy.spatial import cKDTree

        # A fourth coordinate, zero for all that is searched, so that squared distances are less by r**2 and the same
        # for all: corners come in the order in which their bounds are passed.
        lift = np.sqrt(np.maximum(self.farthestReach2 - self.reach2, 0))
        return cKDTree(np.c_[self.samples, lift], balanced_tree=False)

    def _samples(self, corners, triangles, limit):
        """Corners, and further ones inside large triangles.

        :return: positions (s, 3); for each corner of each (part of a) triangle its owner, the number of its sample, and
            the square of the bound r of the part.
        """
        reach2 = coveringRadius2(self.table)
        large = reach2 > limit
        small = np.flatnonzero(~large)
        number, owners = triangles[small].ravel(), np.repeat(small, 3)
        reaches, samples = np.repeat(reach2[small], 3), corners
        parts, partOwners = corners[triangles[large]], np.flatnonzero(large)
        while len(parts):
            reach2 = coveringRadius2(distanceTable(*np.ascontiguousarray(parts.transpose(1, 2, 0))))
            small = reach2 <= limit
            points, place = np.unique(parts[small].reshape(-1, 3), axis=0, return_inverse=True)
            number = np.concatenate([number, len(samples) + place.reshape(-1)])
            samples = np.concatenate([samples, points])
            owners = np.concatenate([owners, np.repeat(partOwners[small], 3)])
            reaches = np.concatenate([reaches, np.repeat(reach2[small], 3)])
            parts, partOwners = _halved(parts[~small]), np.repeat(partOwners[~small], 2)
        used = np.bincount(number, minlength=len(samples)) > 0
        if not used.all():
            number, samples = (np.cumsum(used) - 1)[number], samples[used]
        return samples, owners, number, reaches

    def search(self, points: np.ndarray, best: np.ndarray, triangle: np.ndarray) -> None:
        """Find closer triangles.

        :param points: (n, 3). :param best: squared distance (n,) below which a triangle is wanted; lowered in place.
        :param triangle: (n,) set to the number of the closest triangle where one was found.
        """
        columns = np.ascontiguousarray(points.T)
        lifted = np.zeros((len(points), 4))
        lifted[:, :3] = points
        open_, neighbors, reached = np.arange(len(points)), FIRST_NEIGHBORS, None
        total = len(self.reach2)
        while len(open_):
            neighbors = min(neighbors, total)
            # Counted from 1, so that the result is a table for one neighbor too.
            bound, sample = self.tree.query(lifted[open_], k=np.arange(1, neighbors + 1))
            bound *= bound * (1 - 1e-9)
            bound -= self.farthestReach2
            if reached is None:
                # The first corner first: what it leaves open is little.
                near = np.flatnonzero(bound[:, 0] <= best)
                self._try(columns, near, sample[near, 0], best, triangle)
                bound[:, 0] = np.inf
            near = bound <= best[open_, None]
            if reached is not None:
                # Equally near corners come in any order, so those as far as the last one may not have been tried.
                near &= bound >= reached[:, None]
            which, rank = np.nonzero(near)
            self._try(columns, open_[which], sample[which, rank], best, triangle)
            if neighbors == total:
                break
            goesOn = np.flatnonzero(bound[:, -1] <= best[open_])
            reached, open_ = bound[goesOn, -1], open_[goesOn]
            reached -= 1e-9 * (np.abs(reached) + self.farthestReach2)
            neighbors *= 2

    def _try(self, columns, which, samples, best, triangle) -> None:
        """Measure the triangles at samples for the points ``which`` (rising, repeated) and keep the closest."""
        if not len(which):
            return
        begins = self.first.take(samples)
        counts = self.first.take(samples + 1) - begins
        ends = np.cumsum(counts)
        place = np.arange(ends[-1]) + np.repeat(begins - (ends - counts), counts)
        candidates = self.around.take(place)
        owners = np.repeat(which, counts)
        distance = squaredDistance(columns.take(owners, axis=1), self.table.take(candidates, axis=1))
        keepClosest(owners, candidates, distance, best, triangle)


def doubleAreas2(table: np.ndarray) -> np.ndarray:
    """Squares of the triangles' doubled areas from their table."""
    return table[9] * table[11] - table[10] ** 2


def coveringRadius2(table: np.ndarray) -> np.ndarray:
    """Square of the largest distance that a point of each triangle has from its nearest corner, from above.

    The radius of the circumscribed circle where all angles are acute; else half the longest side at most.
    """
    d00, d01, d11 = table[9:12]
    third = d00 + d11 - 2 * d01
    longest = np.maximum(np.maximum(d00, d11), third)
    with np.errstate(divide="ignore", invalid="ignore"):
        circle = d00 * d11 * third / (4 * doubleAreas2(table)) * (1 + 1e-6)
    acute = 2 * longest < (d00 + d11 + third) * (1 - 1e-9)
    # No acute triangle's circle is larger than that of the equilateral one, nor smaller than one around its longest
    # side; rounding may claim so where two angles are nearly right.
    return np.where(acute, np.clip(circle, longest / 4, longest / 3), longest / 4) * (1 + 1e-9)


def _halved(parts: np.ndarray) -> np.ndarray:
    """Triangles (m, 3, 3) cut in two at the middle of their longest side, (2 m, 3, 3), both parts in turn."""
    sides = np.stack([((parts[:, (i + 1) % 3] - parts[:, i]) ** 2).sum(axis=1) for i in range(3)], axis=1)
    start = sides.argmax(axis=1)
    row = np.arange(len(parts))
    a, b, c = (parts[row, (start + shift) % 3] for shift in range(3))
    # The same side is cut at the same place from both of its triangles, whichever way they run along it.
    middle = (a + b) / 2
    return np.stack([np.stack([a, middle, c], axis=1), np.stack([middle, b, c], axis=1)], axis=1).reshape(-1, 3, 3)
