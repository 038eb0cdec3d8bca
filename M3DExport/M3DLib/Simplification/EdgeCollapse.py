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
from .PatchFit import HOPELESS, Patches

# Root mean square distance of the planes above which an edge is not worth measuring, as a share of the allowed one.
WORTHWHILE = 1.0
# And below which no measurement is needed: the farthest point of a patch is some two to three times as far.
CERTAIN = 0.3
# Pull of a new vertex toward the middle of its edge, as a share of the planes' own, where these leave its place open.
MIDDLE = 1e-3
# A triangle may turn by at most about 70 degrees, and gets no thinner than this (area over longest side squared).
LEAST_COSINE, THINNEST = 0.35, 0.02
# Choices of edges by the same costs, before these are computed again.
CHOICES = 3
FEWEST = 0.002
MOST_ROUNDS = 80
# How often another place is looked for where the planes' own is too far from the surface.
FITTINGS = 1


@dataclass
class _Fans:
    """Triangles at the ends of the chosen edges.

    :ivar edge: (f,) number of the chosen edge. :ivar triangle: (f,) number of the triangle.
    :ivar shared: bool (f,), whether it lies at both ends and vanishes.
    """

    edge: np.ndarray
    triangle: np.ndarray
    shared: np.ndarray


class EdgeCollapse:
    """A piece of a surface while its edges are collapsed.

    :ivar points: float64 (n, 3), where the vertices are. :ivar triangles: int64 (m, 3), into them.
    :ivar quadrics: float64 (11, n), of what each vertex stands for (:func:`planeQuadrics`).
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
        open_ = np.zeros(len(self.points), dtype=bool)
        worth = cost < WORTHWHILE
        worth &= ~self._isRefused(start, end)
        worth = np.flatnonzero(worth)
        if not len(worth):
            return
        open_[start[worth]] = open_[end[worth]] = True
        self.awake &= open_
        start, end, place, cost = start[worth], end[worth], place[:, worth], cost[worth]
        chosen = self._choose(start, end, cost)
        start, end, place, cost = start[chosen], end[chosen], place[:, chosen].T, cost[chosen]
        self.limit2 = limit[worth[chosen]] ** 2
        fans = self._fans(start, end)
        good = self._keepsTopology(start, end, fans) & self._keepsShape(start, end, place, fans)
        self._measure(start, end, place, fans, good=good, doubtful=np.flatnonzero(good & (cost > CERTAIN)))
        self._refuse(start[~good], end[~good])
        self._wake(fans, good)
        self._apply(start[good], end[good], place[good])

    def _key(self, start, end) -> np.ndarray:
        return np.minimum(start, end) * len(self.points) + np.maximum(start, end)

    def _isRefused(self, start, end) -> np.ndarray:
        if not len(self.refused):
            return np.zeros(len(start), dtype=bool)
        key = self._key(start, end)
        return self.refused.take(np.searchsorted(self.refused, key), mode="clip") == key

    def _refuse(self, start, end) -> None:
        self.refused = np.sort(np.concatenate([self.refused, self._key(start, end)]))

    def _wake(self, fans: _Fans, good: np.ndarray) -> None:
        """What lies around edges that are collapsed is to be looked at again."""
        around = np.zeros(len(self.points), dtype=bool)
        around[self.triangles[fans.triangle[good[fans.edge]]].ravel()] = True
        self.awake |= around & (self.allowed > 0)
        start, end = np.divmod(self.refused, len(self.points))
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
        q = self.quadrics.take(start, axis=1)
        q += self.quadrics.take(end, axis=1)
        middle = (self.points.take(start, axis=0) + self.points.take(end, axis=0)).T / 2
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
        length = np.linalg.norm(self.points.take(start, axis=0) - self.points.take(end, axis=0), axis=1)
        # The same for an edge each time, so that what is tried again elsewhere changes nothing here.
        chance = (start * 7919 + end * 104729) % 1009 / 1009
        score = (cost + 0.02 * (chance + length / max(float(length.mean()), 1e-30))).astype(np.float32)
        allStart = self.triangles.ravel()
        allEnd = self.triangles[:, [1, 2, 0]].ravel()
        chosen = []
        blocked = np.zeros(len(self.points), dtype=bool)
        for _ in range(CHOICES):
            free = np.flatnonzero(~(blocked.take(start) | blocked.take(end)))
            if not len(free):
                break
            best = np.full(len(self.points), np.inf, dtype=np.float32)
            np.minimum.at(best, start.take(free), score.take(free))
            np.minimum.at(best, end.take(free), score.take(free))
            around = best.copy()
            np.minimum.at(around, allStart, best.take(allEnd))
            picked = free[(score[free] <= around.take(start[free])) & (score[free] <= around.take(end[free]))]
            chosen.append(picked)
            ends = np.zeros(len(self.points), dtype=bool)
            ends[start[picked]] = ends[end[picked]] = True
            blocked |= ends
            blocked[allEnd[ends.take(allStart)]] = True
        return np.concatenate(chosen) if chosen else np.empty(0, dtype=np.intp)

    def _fans(self, start, end) -> _Fans:
        edgeOf = np.full(len(self.points), -1)
        edgeOf[start] = edgeOf[end] = np.arange(len(start))
        corners = edgeOf.take(self.triangles)
        edge = corners.max(axis=1)
        triangle = np.flatnonzero(edge >= 0)
        edge = edge[triangle]
        shared = (corners[triangle] >= 0).sum(axis=1) == 2
        order = np.argsort(edge, kind="stable")
        return _Fans(edge[order], triangle[order], shared[order])

    def _keepsTopology(self, start, end, fans: _Fans) -> np.ndarray:
        """Edges whose ends have just two neighbors in common, which keep three triangles or more, bool (k,)."""
        count = len(start)
        corners = self.triangles[fans.triangle]
        degree = np.bincount(self.triangles.ravel(), minlength=len(self.points))
        rings = []
        for ends in (start, end):
            at = (corners == ends[fans.edge][:, None]).any(axis=1)
            edge, around = np.repeat(fans.edge[at], 3), corners[at].ravel()
            outside = (around != start[edge]) & (around != end[edge])
            rings.append(np.unique(edge[outside] * len(self.points) + around[outside]))
        common = np.intersect1d(*rings, assume_unique=True)
        good = np.bincount(common // len(self.points), minlength=count) == 2
        good &= np.bincount(fans.edge[fans.shared], minlength=count) == 2
        poor = common[degree[common % len(self.points)] <= 3] // len(self.points)
        good[poor] = False
        return good

    def _moved(self, start, end, place, fans: _Fans) -> tuple[np.ndarray, np.ndarray]:
        """Corners (f, 3, 3) of the triangles that stay, before and after."""
        stays = ~fans.shared
        corners = self.triangles[fans.triangle[stays]]
        edge = fans.edge[stays]
        before = self.points[corners]
        ends = (corners == start[edge][:, None]) | (corners == end[edge][:, None])
        return before, np.where(ends[:, :, None], place[edge][:, None, :], before)

    def _keepsShape(self, start, end, place, fans: _Fans) -> np.ndarray:
        """Edges of which no triangle turns over or becomes a needle, bool (k,)."""
        before, after = self._moved(start, end, place, fans)
        edge = fans.edge[~fans.shared]
        old = np.cross(before[:, 1] - before[:, 0], before[:, 2] - before[:, 0])
        new = np.cross(after[:, 1] - after[:, 0], after[:, 2] - after[:, 0])
        oldSize, newSize = np.linalg.norm(old, axis=1), np.linalg.norm(new, axis=1)
        sides = ((after[:, [1, 2, 0]] - after) ** 2).sum(axis=2).max(axis=1)
        poor = (np.einsum("ij,ij->i", old, new) < LEAST_COSINE * oldSize * newSize) | (newSize < THINNEST * sides)
        good = np.ones(len(start), dtype=bool)
        good[edge[poor]] = False
        return good

    def _measure(self, start, end, place, fans: _Fans, *, good, doubtful) -> None:
        """Strike out of ``good`` (k,) the ``doubtful`` edges at which old and new surface are too far apart.

        Where a vertex would be nearer elsewhere, ``place`` is changed, if no triangle turns over by that.
        """
        patchOf = np.full(len(start) + 1, -1)
        patchOf[doubtful] = np.arange(len(doubtful))
        edgeOf = np.full(len(self.points), -1)
        edgeOf[start], edgeOf[end] = patchOf[:-1], patchOf[:-1]
        patch = edgeOf.take(self.owner)
        sample = np.flatnonzero(patch >= 0)
        sample = sample[np.argsort(patch[sample], kind="stable")]
        stays = ~fans.shared & (patchOf[fans.edge] >= 0)
        corners, edge = self.triangles[fans.triangle[stays]], fans.edge[stays]
        at = ((corners == start[edge][:, None]) | (corners == end[edge][:, None])).argmax(axis=1)
        row = np.arange(len(at))
        ring = tuple(self.points.take(corners[row, (at + shift) % 3], axis=0).T for shift in (1, 2))
        patches = Patches(
            self.limit2[doubtful], (ring, patchOf[edge]), (self.samples[sample], patch[sample]), self.fans
        )
        worst = patches.measure(place[doubtful].T)
        good[doubtful[worst > 1]] = False
        left = np.flatnonzero((worst > 1) & (worst <= HOPELESS))
        which, better = doubtful.copy(), np.zeros(len(start), dtype=bool)
        for _ in range(FITTINGS):
            if not len(left):
                break
            elsewhere = patches.fitted(left)
            which, patches = which[left], patches.chosen(left)
            worst = patches.measure(elsewhere)
            near = worst <= 1
            better[which[near]] = True
            place[which[near]] = elsewhere[:, near].T
            left = np.flatnonzero((worst > 1) & (worst <= HOPELESS))
        if better.any():
            part = better[fans.edge]
            some = _Fans(fans.edge[part], fans.triangle[part], fans.shared[part])
            good |= better & self._keepsShape(start, end, place, some)

    def _apply(self, start, end, place) -> None:
        self.points[start] = place
        self.allowed[start] = np.minimum(self.allowed[start], self.allowed[end])
        self.quadrics[:, start] += self.quadrics[:, end]
        becomes = np.arange(len(self.points))
        becomes[end] = start
        self.owner = becomes.take(self.owner)
        triangles = becomes.take(self.triangles)
        a, b, c = triangles.T
        self.triangles = triangles[(a != b) & (b != c) & (c != a)]


def planeQuadrics(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Quadrics (11, n) of the planes at each vertex: xx, xy, xz, yy, yz, zz, x, y, z, constant and weight.

    :param points: float64 (n, 3), not far from 0. :param triangles: (m, 3).
    """
    a, b, c = (np.ascontiguousarray(points.take(triangles[:, corner], axis=0).T) for corner in range(3))
    normal = cross(b - a, c - a)
    size = np.sqrt(dot(normal, normal))
    normal /= np.maximum(size, 1e-30)
    offset = -dot(normal, a)
    x, y, z = normal
    quadrics = np.zeros((11, len(points)))
    corners = [np.ascontiguousarray(triangles[:, corner]) for corner in range(3)]
    factors = ((x, x), (x, y), (x, z), (y, y), (y, z), (z, z), (x, offset), (y, offset), (z, offset), (offset, offset))
    for row, (one, other) in enumerate(factors):
        values = one * other
        values *= size
        for corner in corners:
            quadrics[row] += np.bincount(corner, values, len(points))
    for corner in corners:
        quadrics[10] += np.bincount(corner, size, len(points))
    return quadrics
