"""How far the inside of new triangles is from the original surface.

The distance of two surfaces of triangles that lie one upon the other is largest at a corner of one of them or where
edges of both cross. In a crease that is not all: a corner of the original can be near to one new triangle and yet high
above the inside of another, in which then a place is farther away than all corners and edges are. Such triangles are
divided by four until each part lies within the limit of one original triangle with all three corners (so does then
all of it, for the distance from a triangle is convex), or its middle is so near that no place of it can be beyond the
limit. Parts that are tiny beside the original triangles are measured at their middle.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..Distance.ClosestSurface import ClosestSurface
from ..Distance.TriangleDistance import cross, distanceTable, dot, squaredDistance
from ..TwoThreads import inTwoThreads
from .CoarseSurface import CoarseSurface, touching
from .TriangleFans import TriangleFans, expanded

# How often a triangle is divided by four at most, and how small the parts get, in mean lengths of the original edges.
DIVISIONS, SMALL = 8, 0.03
BLOCK = 1 << 14
# How much a distance from a plane computed with 24 binary digits may be wrong, as a share of the largest coordinate.
ROUGHNESS = 4e-6


class InsideGap:
    """Distances of the inside of triangles of a coarse surface from what it was made of.

    :ivar triangles: int32 (k, 3), corners of those that were looked into.
    :ivar distance: (k,) mm, the largest bound or measured distance of a part.
    """

    def __init__(self, surface: CoarseSurface, limit: float, edge: float):
        """:param edge: mean length of the original edges, mm."""
        self.surface, self.limit, self.small = surface, limit, SMALL * edge
        self.triangles, self.distance = np.empty((0, 3), np.int32), np.empty(0)
        self._surface: ClosestSurface | None = None

    def measure(
        self,
        now: TriangleFans,
        original: np.ndarray,
        known: np.ndarray,
        condemned: np.ndarray,
        progress: Callable[[float], None],
    ) -> None:
        """Look into the triangles where more than the limit is to be feared.

        :param now: the coarse surface. :param original: numbers of original vertices that may lie above them.
        :param known: bool (n,), vertices around which nothing has changed since the last time.
        :param condemned: bool (n,), vertices that are given back anyway: their triangles need no look.
        """
        fresh = np.flatnonzero(touching(~known, now.triangles) & ~touching(condemned, now.triangles))
        triangles = now.triangles[fresh[self._below(now, fresh, original, lambda done: progress(0.5 * done))]]
        triangles = triangles[~self._areOriginal(now, triangles)]
        kept = ~touching(~known, self.triangles)
        distance = self._bounds(now.columns, triangles, lambda done: progress(0.5 + 0.5 * done))
        self.triangles = np.concatenate([self.triangles[kept], triangles])
        self.distance = np.concatenate([self.distance[kept], distance])

    def _areOriginal(self, now: TriangleFans, triangles: np.ndarray) -> np.ndarray:
        """Which of triangles (k, 3) are original ones, where they were, bool (k,)."""
        fans = self.surface.fans
        moved = np.zeros(now.columns.shape[1], dtype=bool)
        corners = triangles.ravel()
        moved[corners] = (now.columns.take(corners, axis=1) != fans.columns.take(corners, axis=1)).any(axis=0)
        still = ~touching(moved, triangles)
        begins = fans.first.take(triangles[:, 0])
        row, within = expanded(fans.first.take(triangles[:, 0] + 1) - begins)
        corners = fans.triangles.take(fans.around.take(begins.take(row) + within), axis=0)
        same = [(corners == triangles[:, at].take(row)[:, None]).any(axis=1) for at in (1, 2)]
        return still & (np.bincount(row[same[0] & same[1]], minlength=len(still)) > 0)

    def _below(self, now: TriangleFans, which, original, progress) -> np.ndarray:
        """Which triangles (k,) have an original vertex of their surroundings above or below their inside, bool (k,)."""
        around, first = _around(now, which)
        a, b, c = (now.columns.take(corner, axis=1) for corner in now.triangles[which].T)
        normal = cross(b - a, c - a)
        normal /= np.maximum(np.sqrt(dot(normal, normal)), 1e-300)
        owner, places = self.surface.owner.take(original), self.surface.original.take(original, axis=0)
        # Of all surroundings roughly those inside, of these exactly those that are high above or far below.
        rough = np.ones((len(places), 4), dtype=np.float32)
        rough[:, :3] = places
        wrong = ROUGHNESS * float(np.abs(places).max(initial=0))
        sides = [_sides(normal, one, other, wrong) for one, other in ((a, b), (b, c), (c, a))]
        chosen = np.zeros(len(which), dtype=bool)

        def work(start: int) -> None:
            part = slice(start, start + BLOCK)
            begins = first.take(owner[part])
            row, within = expanded(first.take(owner[part] + 1) - begins)
            triangle = around.take(begins.take(row) + within)
            for side in sides:
                left = np.einsum("ij,ij->i", side.take(triangle, axis=0), rough[part].take(row, axis=0))
                inside = np.flatnonzero(left >= 0)
                triangle, row = triangle.take(inside), row.take(inside)
            place, up = places[part].take(row, axis=0).T, normal.take(triangle, axis=1)
            corners = [corner.take(triangle, axis=1) for corner in (a, b, c)]
            inside = np.abs(dot(up, place - corners[0])) > self.limit
            for at, corner in enumerate(corners):
                inside &= dot(cross(corners[(at + 1) % 3] - corner, place - corner), up) >= 0
            chosen[triangle[inside]] = True

        inTwoThreads(work, range(0, len(owner), BLOCK), progress)
        return chosen

    def _bounds(self, columns, triangles, progress) -> np.ndarray:
        """What :attr:`distance` is of triangles (k, 3)."""
        bound = np.zeros(len(triangles))
        which, corners = np.arange(len(bound)), [columns.take(corner, axis=1) for corner in triangles.T]
        for number in range(DIVISIONS + 1):
            progress(number / (DIVISIONS + 1))
            middle = sum(corners) / 3
            fans = self.surface.fans
            far, triangle = fans.nearTriangle(middle, self.limit)
            doubtful = np.flatnonzero(far > self.limit)
            if len(doubtful):
                far[doubtful] = self._exact(middle.take(doubtful, axis=1))
            lost = far > self.limit
            table = distanceTable(*(fans.columns.take(corner, axis=1) for corner in fans.triangles[triangle].T))
            most = np.sqrt(np.max([squaredDistance(corner, table) for corner in corners], axis=0))
            # No distance changes faster than the place.
            reach = np.sqrt(np.max([dot(corner - middle, corner - middle) for corner in corners], axis=0))
            most = np.minimum(most, far + reach)
            proved = most <= self.limit
            kept = lost | proved | (reach <= self.small) | (number == DIVISIONS)
            np.maximum.at(bound, which[kept], np.where(proved, most, far)[kept])
            left = np.flatnonzero(~kept & (bound.take(which) <= self.limit))
            if not len(left):
                break
            a, b, c = (corner.take(left, axis=1) for corner in corners)
            ab, bc, ca = (a + b) / 2, (b + c) / 2, (c + a) / 2
            parts = ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))
            which = np.tile(which[left], 4)
            corners = [np.concatenate([part[at] for part in parts], axis=1) for at in range(3)]
        return bound

    def _exact(self, places) -> np.ndarray:
        """Distance of places (3, k) from the original surface."""
        if self._surface is None:
            self._surface = ClosestSurface.of(self.surface.mesh)
        return self._surface.query(places.T + self.surface.center).distance


def _sides(normal, start, end, wrong: float) -> np.ndarray:
    """Planes upright on triangles along one side of each, float32 (k, 4): above 0 inside, as far as they can be wrong.

    :param normal, start, end: (3, k). :param wrong: mm, how much the distance from a plane may be wrong.
    """
    inward = cross(normal, end - start)
    inward /= np.maximum(np.sqrt(dot(inward, inward)), 1e-300)
    return np.concatenate([inward, wrong - dot(inward, start)[None]]).T.astype(np.float32)


def _around(now: TriangleFans, which: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Some of the triangles (k,) at each vertex and at its neighbors, as places in ``which``, each once, by vertex.

    :return: these, and where those of each vertex begin.
    """
    from scipy.sparse import csr_matrix

    def cornersOf(triangles) -> csr_matrix:
        numbers = triangles.ravel()
        parts = (np.ones(len(numbers), np.int8), numbers, np.arange(0, len(numbers) + 1, 3))
        return csr_matrix(parts, shape=(len(triangles), count))

    count = now.columns.shape[1]
    at = csr_matrix((np.ones(len(now.around), np.int8), now.around, now.first), shape=(count, len(now.triangles)))
    joined = (at @ cornersOf(now.triangles)) @ cornersOf(now.triangles[which]).T.tocsr()
    return joined.indices, joined.indptr
