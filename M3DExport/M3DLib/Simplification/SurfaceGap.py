"""How far a coarse surface and the original one are apart at most, in both directions.

Where two surfaces of triangles lie one upon the other, their distance is largest at a corner of one of them or where
edges of both cross. So the original vertices are measured against the new triangles, and the new vertices and all of
the new edges (``EdgeGap``) against the original triangles; the inside of new triangles (``InsideGap``) where a crease
gives reason to fear that it is farther away. All figures are bounds from above: the distance to triangles
that are known to be near. Where such a bound is too large, those around are looked at too; then it counts as too far.
Bounds are kept, so that only what has changed is measured again.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .CoarseSurface import CoarseSurface, touching
from .EdgeGap import EdgeGap
from .InsideGap import InsideGap
from .TriangleFans import TriangleFans


class SurfaceGap:
    """The distances between a coarse surface and what it was made of.

    :ivar points: float64 (3, n), the vertices of the coarse surface as they will be stored.
    :ivar there: (n,) mm, from each original vertex, an upper bound; 0 for those of no triangle.
    :ivar back: from the edges of the coarse surface.
    :ivar inside: from the inside of its triangles, but for those that are given back for other reasons.
    :ivar condemned: bool (n,), vertices that are to be what they were for such a reason.
    """

    def __init__(self, surface: CoarseSurface, limit: float):
        self.surface, self.limit = surface, limit
        self.used = np.flatnonzero(np.diff(surface.fans.first) > 0)
        self.points = np.zeros((3, len(surface.points)))
        self.there = np.zeros(len(surface.original))
        self.condemned = np.zeros(len(surface.points), dtype=bool)
        self.back = EdgeGap(surface, limit)
        self.inside = InsideGap(surface, limit, self.back.edge)

    def measure(self, progress: Callable[[float], None], changed: np.ndarray | None = None) -> None:
        """Bring the bounds up to date.

        :param changed: bool (n,), vertices that were moved, came back, or got other triangles; all when None.
        """
        surface, triangles, which = self.surface, self.surface.triangles, self.used
        owner = surface.owner.take(which)
        fresh = np.ones(len(surface.points), dtype=bool) if changed is None else changed | self.condemned
        self._store(fresh)
        around = surface.withNeighbors(surface.withNeighbors(fresh))
        if changed is not None:
            # What is measured below needs the triangles of no other vertices than these.
            triangles = triangles.take(np.flatnonzero(touching(surface.withNeighbors(around), triangles)), axis=0)
            near = np.flatnonzero(surface.withNeighbors(changed).take(owner))
            which = which.take(near)
        now = TriangleFans.of(self.points.T, triangles)
        places = surface.original.take(which, axis=0)
        distance, _ = now.distance(places, surface.owner[which], lambda done: progress(0.2 * done))
        far = np.flatnonzero(distance > self.limit)
        distance[far] = now.ringDistance(places[far], surface.owner[which[far]])
        self.there[which] = distance
        self.back.measure(self.points, lambda done: progress(0.2 + 0.6 * done), changed)
        edges = self.back.edges[self.back.distance > self.limit]
        self.condemned = self._givenBack(edges)
        which = self.used.take(np.flatnonzero(around.take(owner)))
        self.inside.measure(now, which, ~fresh, self.condemned, lambda done: progress(0.8 + 0.2 * done))

    def _store(self, changed: np.ndarray) -> None:
        """Take over where vertices (n,) are now, as they will be stored."""
        which, center = np.flatnonzero(changed), self.surface.center
        places = (self.surface.points.take(which, axis=0) + center).astype(np.float32) - center
        for axis in range(3):
            self.points[axis, which] = places[:, axis]

    def tooFar(self) -> np.ndarray:
        """Vertices of the coarse surface that are to be what they were, bool (n,), since the two are too far apart."""
        return self.condemned | self._givenBack(self.inside.triangles[self.inside.distance > self.limit])

    def _givenBack(self, joined: np.ndarray) -> np.ndarray:
        """Vertices (n,) that edges or triangles (k, 2 or 3) join, and those that stand for what is too far away.

        Where all that are joined are what they were already, it is their neighbors.
        """
        surface = self.surface
        far, ends = (np.zeros(len(surface.points), dtype=bool) for _ in range(2))
        far[surface.owner[self.there > self.limit]] = True
        alone = np.bincount(surface.owner, minlength=len(far)) <= 1
        far[joined] = True
        ends[joined[alone.take(joined).all(axis=1)]] = True
        return far | surface.withNeighbors(ends)

    def largest(self) -> float:
        """What no measured distance exceeds, mm."""
        return max(float(one.max(initial=0)) for one in (self.there, self.back.distance, self.inside.distance))
