"""Edges of a surface collapsed in rounds of many at a time, each where the surface loses least by it.

Every vertex carries the planes of the original triangles it stands for as a quadric (Garland and Heckbert 1997,
"Surface simplification using quadric error metrics"), which tells where the vertex that replaces an edge lies best and
how far the planes are from it. A round takes edges that are the best of their surroundings and have no triangle in
common, so that all of them can be looked at and collapsed at once. What the quadric only estimates is measured: the
original vertices that an edge stands for must lie within the allowed distance of the triangles that are to be there.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np

from ..Distance.TriangleDistance import cross, dot
from ..TwoThreads import inTwoThreads
from .PatchGap import areNear

# Root mean square distance of the planes above which an edge is not worth measuring, as a share of the allowed one.
WORTHWHILE = 0.75
# And below which no measurement is needed: the farthest point of a patch is some two to three times as far.
CERTAIN = 0.3
# Pull of a new vertex toward the middle of its edge, as a share of the planes' own, where these leave its place open.
MIDDLE = 1e-3
# A triangle may turn by at most about 70 degrees, and gets no thinner than this (area over longest side squared).
LEAST_COSINE, THINNEST = 0.35, 0.02
# Choices of edges by the same costs, before these are computed again.
CHOICES = 3
FEWEST = 0.005
MOST_ROUNDS = 80


@dataclass
class _Fans:
    """Triangles at the ends of the chosen edges, by edge.

    :ivar edge: (f,) number of the chosen edge. :ivar triangle: (f,) number of the triangle.
    :ivar shared: bool (f,), whether it lies at both ends and vanishes.
    :ivar end: (f,) its corner that is an end of the edge, the first one if both are.
    :ivar ring: two arrays (f,), the corners that follow this one.
    """

    edge: np.ndarray
    triangle: np.ndarray
    shared: np.ndarray
    end: np.ndarray
    ring: tuple[np.ndarray, np.ndarray]

    def some(self, which: np.ndarray) -> _Fans:
        """Some of the triangles: numbers, or bool (f,)."""
        ring = (self.ring[0][which], self.ring[1][which])
        return _Fans(self.edge[which], self.triangle[which], self.shared[which], self.end[which], ring)


class EdgeCollapse:
    """A piece of a surface while its edges are collapsed.

    :ivar points: float64 (3, n), where the vertices are. :ivar triangles: int64 (m, 3), into them.
    :ivar quadrics: float64 (14, n), of what each vertex stands for (:func:`planeQuadrics`).
    :ivar allowed: (n,), how far what a vertex stands for may be from the new surface, mm; 0 for vertices that stay as
        they are, among them all whose triangles are not all here.
    :ivar fans: of the original surface. :ivar samples: (s,), its vertices that must stay near. :ivar owner: int64 (s,),
        the vertex that stands for each of them.
    """

    def __init__(self, points, triangles, *, quadrics, allowed, fans, samples, owner):
        self.points, self.triangles, self.quadrics, self.allowed = points, triangles, quadrics, allowed
        self.fans, self.samples, self.owner = fans, samples, owner
        self.original = fans.columns.take(samples, axis=1)
        self.awake = allowed > 0
        # Edges that were looked at in vain, by their ends, until something changes around them.
        self.refused = np.empty(0, dtype=np.int64)

    def run(self, stopped: threading.Event) -> None:
        """Collapse edges until hardly any is left that may be; or until it is to stop."""
        for _ in range(MOST_ROUNDS):
            before = len(self.triangles)
            self.round()
            if stopped.is_set() or before - len(self.triangles) <= FEWEST * before:
                break

    def round(self) -> None:
        """Collapse edges that are best where they are."""
        start, end = self._edges()
        place, cost = self._costs(start, end)
        limit = np.minimum(self.allowed.take(start), self.allowed.take(end))
        cost /= limit
        # Ends of edges that are worth nothing need not be asked again before something has changed there.
        open_ = np.zeros(self.points.shape[1], dtype=bool)
        worth = cost < WORTHWHILE
        worth &= ~self._isRefused(start, end)
        worth = np.flatnonzero(worth)
        if not len(worth):
            return
        open_[start[worth]] = open_[end[worth]] = True
        self.awake &= open_
        start, end, place, cost = start[worth], end[worth], place[:, worth], cost[worth]
        chosen = self._choose(start, end, cost)
        start, end, place, cost = start[chosen], end[chosen], place[:, chosen], cost[chosen]
        self.limit2 = limit[worth[chosen]] ** 2
        fans = self._fans(start, end)
        staying = fans.some(~fans.shared)
        good = self._keepsTopology(start, end, fans) & self._keepsShape(place, staying)
        doubtful = np.flatnonzero(good & (cost > CERTAIN))
        good[doubtful] = self._measure(start, end, place, staying, doubtful)
        self._refuse(start[~good], end[~good])
        self._wake(fans, good)
        self._apply(start[good], end[good], place[:, good])

    def _key(self, start, end) -> np.ndarray:
        return np.minimum(start, end) * self.points.shape[1] + np.maximum(start, end)

    def _isRefused(self, start, end) -> np.ndarray:
        if not len(self.refused):
            return np.zeros(len(start), dtype=bool)
        key = self._key(start, end)
        return self.refused.take(np.searchsorted(self.refused, key), mode="clip") == key

    def _refuse(self, start, end) -> None:
        self.refused = np.sort(np.concatenate([self.refused, self._key(start, end)]))

    def _wake(self, fans: _Fans, good: np.ndarray) -> None:
        """What lies around edges that are collapsed is to be looked at again."""
        around = np.zeros(self.points.shape[1], dtype=bool)
        around[self.triangles[fans.triangle[good[fans.edge]]].ravel()] = True
        self.awake |= around & (self.allowed > 0)
        start, end = np.divmod(self.refused, self.points.shape[1])
        self.refused = self.refused[~(around[start] | around[end])]

    def _edges(self) -> tuple[np.ndarray, np.ndarray]:
        start = self.triangles.ravel()
        end = self.triangles[:, [1, 2, 0]].ravel()
        free = self.awake.take(start) & self.awake.take(end)
        # On a closed surface every edge is there in both directions; one is enough.
        free &= start < end
        return start[free], end[free]

    def _costs(self, start, end) -> tuple[np.ndarray, np.ndarray]:
        """Best place (3, k) of the vertex that replaces each edge, and the planes' root mean square distance, mm."""
        q = self.quadrics[:11].take(start, axis=1)
        q += self.quadrics[:11].take(end, axis=1)
        middle = self.points.take(start, axis=1)
        middle += self.points.take(end, axis=1)
        middle /= 2
        pull = MIDDLE * q[10]
        xx, xy, xz, yy, yz, zz = q[0] + pull, q[1], q[2], q[3] + pull, q[4], q[5] + pull
        rx, ry, rz = (pull * middle[axis] - q[6 + axis] for axis in range(3))
        cxx, cxy, cxz = yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy
        determinant = xx * cxx + xy * cxy + xz * cxz
        cyy, cyz, czz = xx * zz - xz * xz, xy * xz - xx * yz, xx * yy - xy * xy
        place = np.stack(
            [cxx * rx + cxy * ry + cxz * rz, cxy * rx + cyy * ry + cyz * rz, cxz * rx + cyz * ry + czz * rz]
        )
        place /= np.maximum(determinant, 1e-300)
        x, y, z = place
        square = x * (q[0] * x + 2 * (q[1] * y + q[2] * z + q[6])) + y * (q[3] * y + 2 * (q[4] * z + q[7]))
        square += z * (q[5] * z + 2 * q[8]) + q[9]
        return place, np.sqrt(np.maximum(square, 0) / q[10])

    def _choose(self, start, end, cost) -> np.ndarray:
        """Numbers of edges that are the best of their surroundings and have no triangle in common."""
        # A little chance parts equal costs, as on a plane; short edges come first there.
        length = self.points.take(start, axis=1) - self.points.take(end, axis=1)
        length = np.sqrt(dot(length, length))
        # The same for an edge each time, so that what is tried again elsewhere changes nothing here.
        chance = (start * 7919 + end * 104729) % 1009 / 1009
        score = (cost + 0.02 * (chance + length / max(float(length.mean()), 1e-30))).astype(np.float32)
        size = self.points.shape[1]
        open_ = np.zeros(size, dtype=bool)
        open_[start] = open_[end] = True
        allStart, allEnd = self.triangles.ravel(), self.triangles[:, [1, 2, 0]].ravel()
        number = free = np.arange(len(start))
        chosen = []
        for _ in range(CHOICES):
            # What lies beside no open edge has no say.
            say = np.flatnonzero(open_.take(allStart) & open_.take(allEnd))
            allStart, allEnd = allStart.take(say), allEnd.take(say)
            start, end, score, number = (values.take(free) for values in (start, end, score, number))
            best = np.full(size, np.inf, dtype=np.float32)
            np.minimum.at(best, start, score)
            np.minimum.at(best, end, score)
            around = best.copy()
            np.minimum.at(around, allStart, best.take(allEnd))
            picked = np.flatnonzero((score <= around.take(start)) & (score <= around.take(end)))
            chosen.append(number.take(picked))
            ends = np.zeros(size, dtype=bool)
            ends[start.take(picked)] = ends[end.take(picked)] = True
            open_[allEnd[ends.take(allStart)]] = False
            open_ &= ~ends
            free = np.flatnonzero(open_.take(start) & open_.take(end))
            if not len(free):
                break
        return np.concatenate(chosen)

    def _fans(self, start, end) -> _Fans:
        edgeOf = np.full(self.points.shape[1], -1)
        edgeOf[start] = edgeOf[end] = np.arange(len(start))
        corners = edgeOf.take(self.triangles)
        edge = np.maximum(np.maximum(corners[:, 0], corners[:, 1]), corners[:, 2])
        triangle = np.flatnonzero(edge >= 0)
        triangle = triangle[_inOrder(edge[triangle])]
        a, b, c = (corners[:, corner].take(triangle) >= 0 for corner in range(3))
        at = np.where(a, 0, np.where(b, 1, 2))
        places, flat = 3 * triangle, self.triangles.ravel()
        ends = tuple(flat.take(places + (at + shift) % 3) for shift in range(3))
        return _Fans(edge[triangle], triangle, (a & b) | (b & c) | (c & a), ends[0], ends[1:])

    def _keepsTopology(self, start, end, fans: _Fans) -> np.ndarray:
        """Edges whose ends have just two neighbors in common, which keep three triangles or more, bool (k,)."""
        count, size = len(start), self.points.shape[1]
        degree = np.bincount(self.triangles.ravel(), minlength=size)
        # Around a vertex every neighbor follows it in just one triangle; in those at both ends one is the other end.
        edge, follows = fans.edge, fans.ring[0]
        isEnd = (follows == start.take(edge)) | (follows == end.take(edge))
        neighbor = np.where(isEnd, fans.ring[1], follows)
        key = np.sort(edge * size + neighbor)
        common = key[1:][key[1:] == key[:-1]]
        good = np.bincount(common // size, minlength=count) == 2
        good &= np.bincount(edge[fans.shared], minlength=count) == 2
        good[common[degree.take(common % size) <= 3] // size] = False
        return good

    def _keepsShape(self, place, staying: _Fans) -> np.ndarray:
        """Edges of which no triangle turns over or becomes a needle, bool (k,).

        :param place: (3, k). :param staying: triangles that are at one end only.
        """
        first, second = (self.points.take(corner, axis=1) for corner in staying.ring)
        third = second - first
        old = cross(first - self.points.take(staying.end, axis=1), third)
        toFirst, toSecond = (corner - place.take(staying.edge, axis=1) for corner in (first, second))
        new = cross(toFirst, third)
        newSize2 = dot(new, new)
        sides = np.maximum(np.maximum(dot(toFirst, toFirst), dot(toSecond, toSecond)), dot(third, third))
        poor = dot(old, new) < LEAST_COSINE * np.sqrt(dot(old, old) * newSize2)
        # Where the original came back beside what did not, a triangle may lie upside down; it is to turn back.
        normal = self.quadrics[11:]
        upright = sum(normal.take(corner, axis=1) for corner in (staying.end, *staying.ring))
        poor = np.where(dot(old, upright) < 0, dot(new, upright) < 0, poor)
        poor |= newSize2 < (THINNEST * sides) ** 2
        good = np.ones(place.shape[1], dtype=bool)
        good[staying.edge[poor]] = False
        return good

    def _measure(self, start, end, place, staying: _Fans, doubtful) -> np.ndarray:
        """Which of some edges (d,), bool (d,), keep old and new surface near enough.

        :param doubtful: their numbers. :param place: (3, k). :param staying: triangles that are at one end only.
        """
        if not len(doubtful):
            return np.empty(0, dtype=bool)
        patchOf = np.full(len(start), -1)
        patchOf[doubtful] = np.arange(len(doubtful))
        edgeOf = np.full(self.points.shape[1], -1)
        edgeOf[start], edgeOf[end] = patchOf, patchOf
        patch = edgeOf.take(self.owner)
        sample = np.flatnonzero(patch >= 0)
        sample = sample[_inOrder(patch[sample])]
        measured = staying.some(patchOf.take(staying.edge) >= 0)
        ring = tuple(self.points.take(corner, axis=1) for corner in measured.ring)
        triangles, samples = (ring, patchOf[measured.edge]), (self.samples[sample], patch[sample])
        return areNear(place[:, doubtful], self.limit2[doubtful], triangles, samples, self.fans)

    def _apply(self, start, end, place) -> None:
        self.points[:, start] = place
        self.allowed[start] = np.minimum(self.allowed[start], self.allowed[end])
        self.quadrics[:, start] += self.quadrics[:, end]
        becomes = np.arange(self.points.shape[1])
        becomes[end] = start
        self.owner = becomes.take(self.owner)
        triangles = becomes.take(self.triangles)
        a, b, c = triangles.T
        self.triangles = triangles[(a != b) & (b != c) & (c != a)]


def _inOrder(numbers: np.ndarray) -> np.ndarray:
    """Places of numbers (n,), 0 or more, as they rise, equal ones as they are."""
    # Numbers of 16 bits are sorted in steps as many as numbers.
    few = numbers.max(initial=0) < 1 << 16
    return np.argsort(numbers.astype(np.uint16) if few else numbers, kind="stable")


def planeQuadrics(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Quadrics (14, n) of the planes at each vertex: xx, xy, xz, yy, yz, zz, x, y, z, constant, weight, and normal.

    :param points: float64 (n, 3), not far from 0. :param triangles: (m, 3).
    """
    from scipy.sparse import csr_matrix

    a, b, c = (np.ascontiguousarray(points.take(triangles[:, corner], axis=0).T) for corner in range(3))
    normal = cross(b - a, c - a)
    size = np.sqrt(dot(normal, normal))
    unit = normal / np.maximum(size, 1e-30)
    offset = -dot(unit, a)
    x, y, z = unit
    factors = ((x, x), (x, y), (x, z), (y, y), (y, z), (z, z), (x, offset), (y, offset), (z, offset), (offset, offset))
    corners = np.arange(0, 3 * len(triangles) + 1, 3)
    at = csr_matrix((np.ones(corners[-1]), triangles.ravel(), corners), shape=(len(triangles), len(points))).T.tocsr()
    quadrics = np.empty((14, len(points)))

    def fill(row: int) -> None:
        if row < 10:
            one, other = factors[row]
            quadrics[row] = at @ (one * other * size)
        else:
            quadrics[row] = at @ (size if row == 10 else normal[row - 11])

    inTwoThreads(fill, range(14))
    return quadrics
