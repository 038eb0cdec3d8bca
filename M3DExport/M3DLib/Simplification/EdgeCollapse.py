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
from .PatchGap import areNear

# Root mean square distance of the planes above which an edge is not worth measuring, as a share of the allowed one.
WORTHWHILE = 0.75
# And below which no measurement is needed: the farthest point of a patch is some two to three times as far.
CERTAIN = 0.4
# Pull of a new vertex toward the middle of its edge, as a share of the planes' own, where these leave its place open.
MIDDLE = 1e-3
# A triangle may turn by at most about 70 degrees, and gets no thinner than this (area over longest side squared).
LEAST_COSINE, THINNEST = 0.35, 0.02
# Choices of edges by the same costs, before these are computed again.
CHOICES = 5
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

    :ivar points: float64 (3, n), where the vertices are. :ivar corners: int64 (3, m), of the triangles, into them.
    :ivar quadrics: float64 (14, n), of what each vertex stands for (:func:`planeQuadrics`).
    :ivar allowed: (n,), how far what a vertex stands for may be from the new surface, mm; 0 for vertices that stay as
        they are, among them all whose triangles are not all here.
    :ivar fans: of the original surface. :ivar samples: (s,), its vertices that must stay near. :ivar owner: int64 (s,),
        the vertex that stands for each of them.
    :ivar score: float32 (3 m,), of the side from each corner to the next one, as it comes in ``corners``: the lower,
        the sooner the edge goes. Infinite where it is not worth a look; not a number where that is not known yet; -1
        less the score where it was looked at in vain, until something changes around it.
    """

    def __init__(self, points, triangles, *, quadrics, allowed, fans, samples, owner):
        """:param triangles: int64 (m, 3)."""
        self.points, self.quadrics, self.allowed = points, quadrics, allowed
        self.corners = np.ascontiguousarray(triangles.T)
        self.fans, self.samples, self.owner = fans, samples, owner
        self.original = fans.columns.take(samples, axis=1)
        self.score = np.empty(self.corners.size, dtype=np.float32)
        start, end = self._sides()
        self._forget(np.arange(len(start)), start, end)
        length = points.take(start, axis=1) - points.take(end, axis=1)
        self.length = max(float(np.sqrt(dot(length, length)).mean()), 1e-30) if len(start) else 1.0

    def run(self, stopped: threading.Event) -> None:
        """Collapse edges until hardly any is left that may be; or until it is to stop."""
        for _ in range(MOST_ROUNDS):
            before = self.corners.shape[1]
            self.round()
            if stopped.is_set() or before - self.corners.shape[1] <= FEWEST * before:
                break

    def round(self) -> None:
        """Collapse edges that are best where they are."""
        self.rate()
        start, end = self._sides()
        side = np.flatnonzero((self.score >= 0) & (self.score < np.inf))
        if not len(side):
            return
        start, end = start.take(side), end.take(side)
        chosen = self._choose(start, end, self.score.take(side))
        side, start, end = side.take(chosen), start.take(chosen), end.take(chosen)
        place, cost = self._costs(start, end)
        limit = np.minimum(self.allowed.take(start), self.allowed.take(end))
        cost /= limit
        self.limit2 = limit * limit
        fans = self._fans(start, end)
        staying = fans.some(np.flatnonzero(~fans.shared))
        good = self._keepsTopology(start, end, fans) & self._keepsShape(place, staying)
        doubtful = np.flatnonzero(good & (cost > CERTAIN))
        good[doubtful] = self._measure(start, end, place, staying, doubtful)
        refused = side[~good]
        self.score[refused] = -1 - self.score[refused]
        self._wake(fans, good)
        self._apply(start[good], end[good], place[:, good])

    def _sides(self) -> tuple[np.ndarray, np.ndarray]:
        """Where the sides of the triangles start and end, (3 m,) each: on a closed surface every edge, both ways."""
        return self.corners.ravel(), self.corners[[1, 2, 0]].ravel()

    def _forget(self, side, start, end) -> None:
        """The scores of some sides are not known any more.

        :param side: their numbers. :param start, end: where they start and end.
        """
        # On a closed surface every edge is there in both directions; one is enough.
        free = (start < end) & (self.allowed.take(start) > 0) & (self.allowed.take(end) > 0)
        self.score[side] = np.where(free, np.nan, np.inf)

    def rate(self) -> None:
        """Find the scores that are not known: only where something has changed, for most edges stay as they are."""
        side = np.flatnonzero(np.isnan(self.score))
        start, end = (sides.take(side) for sides in self._sides())
        cost = self._costs(start, end)[1]
        cost /= np.minimum(self.allowed.take(start), self.allowed.take(end))
        worth = np.flatnonzero(cost < WORTHWHILE)
        self.score[side] = np.inf
        side, start, end = side.take(worth), start.take(worth), end.take(worth)
        length = self.points.take(start, axis=1) - self.points.take(end, axis=1)
        length = np.sqrt(dot(length, length))
        # A little chance parts equal costs, as on a plane; short edges come first there. It is the same for an edge
        # each time, so that what is tried again elsewhere changes nothing here.
        chance = (start * 7919 + end * 104729) % 1009 / 1009
        self.score[side] = cost.take(worth) + 0.02 * (chance + length / self.length)

    def _wake(self, fans: _Fans, good: np.ndarray) -> None:
        """What was looked at in vain around edges that are collapsed is to be looked at again."""
        refused = np.flatnonzero(self.score < 0)
        if not len(refused):
            return
        around = np.zeros(self.points.shape[1], dtype=bool)
        around[self.corners.take(fans.triangle[good.take(fans.edge)], axis=1).ravel()] = True
        start, end = (sides.take(refused) for sides in self._sides())
        refused = refused[around.take(start) | around.take(end)]
        self.score[refused] = -1 - self.score[refused]

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

    def _choose(self, start, end, score) -> np.ndarray:
        """Numbers of edges that are the best of their surroundings and have no triangle in common."""
        size = self.points.shape[1]
        open_ = np.zeros(size, dtype=bool)
        open_[start] = open_[end] = True
        allStart, allEnd = self._sides()
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
        edges = edgeOf.take(self.corners)
        edge = np.maximum(np.maximum(edges[0], edges[1]), edges[2])
        triangle = np.flatnonzero(edge >= 0)
        triangle = triangle[_inOrder(edge[triangle])]
        a, b, c = (edges[at].take(triangle) >= 0 for at in range(3))
        at = np.where(a, 0, np.where(b, 1, 2))
        flat, count = self.corners.ravel(), self.corners.shape[1]
        ends = tuple(flat.take((at + shift) % 3 * count + triangle) for shift in range(3))
        return _Fans(edge[triangle], triangle, (a & b) | (b & c) | (c & a), ends[0], ends[1:])

    def _keepsTopology(self, start, end, fans: _Fans) -> np.ndarray:
        """Edges whose ends have just two neighbors in common, which keep three triangles or more, bool (k,)."""
        count, size = len(start), self.points.shape[1]
        degree = np.bincount(self.corners.ravel(), minlength=size)
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
        corners = becomes.take(self.corners)
        a, b, c = corners
        stays = np.flatnonzero((a != b) & (b != c) & (c != a))
        self.score = self.score.reshape(corners.shape).take(stays, axis=1).ravel()
        self.corners = corners.take(stays, axis=1)
        changed = np.zeros(self.points.shape[1], dtype=bool)
        changed[start] = True
        start, end = self._sides()
        side = np.flatnonzero(changed.take(start) | changed.take(end))
        self._forget(side, start.take(side), end.take(side))


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
    for row, (one, other) in enumerate(factors):
        quadrics[row] = at @ (one * other * size)
    quadrics[10] = at @ size
    for row, values in enumerate(normal, start=11):
        quadrics[row] = at @ values
    return quadrics
