"""How far a coarse surface and the original one are apart at most, in both directions.

Where two surfaces of triangles lie one upon the other, their distance is largest at a corner of one of them or where
edges of both cross, but for what is farther away upright than askew: 2 % more were found inside triangles.
So the original vertices are measured against the new triangles, and the new vertices and all of
the new edges (``EdgeGap``) against the original triangles. All figures are bounds from above: the distance to triangles
that are known to be near. Where such a bound is too large, those around are looked at too; then it counts as too far.
Bounds are kept, so that only what has changed is measured again.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .CoarseSurface import CoarseSurface
from .EdgeGap import EdgeGap
from .TriangleFans import TriangleFans


class SurfaceGap:
    """The distances between a coarse surface and what it was made of.

    :ivar there: (n,) mm, from each original vertex, an upper bound; 0 for those of no triangle.
    :ivar back: from the edges of the coarse surface.
    """

    def __init__(self, surface: CoarseSurface, limit: float):
        self.surface, self.limit = surface, limit
        self.used = np.flatnonzero(np.diff(surface.fans.first) > 0)
        self.there = np.zeros(len(surface.original))
        self.back = EdgeGap(surface, limit)

    def measure(self, progress: Callable[[float], None], changed: np.ndarray | None = None) -> None:
        """Bring the bounds up to date.

        :param changed: bool (n,), vertices that were moved, came back, or got other triangles; all when None.
        """
        surface = self.surface
        # The new triangles as they will be stored.
        points = (surface.points + surface.center).astype(np.float32) - surface.center
        now = TriangleFans.of(points, surface.triangles)
        which = self.used
        if changed is not None:
            star = changed.copy()
            star[surface.triangles[changed.take(surface.triangles).any(axis=1)]] = True
            which = which[star.take(surface.owner.take(which))]
        places = surface.original[which]
        distance, _ = now.distance(places, surface.owner[which], lambda done: progress(0.3 * done))
        far = np.flatnonzero(distance > self.limit)
        distance[far] = now.ringDistance(places[far], surface.owner[which[far]])
        self.there[which] = distance
        self.back.measure(now.columns, lambda done: progress(0.3 + 0.7 * done))

    def tooFar(self) -> np.ndarray:
        """Vertices of the coarse surface that are to be what they were, bool (n,), since the two are too far apart.

        Where an edge joins two vertices that are what they were, it is their neighbors.
        """
        surface, edges = self.surface, self.back.edges[self.back.distance > self.limit]
        far = np.zeros(len(surface.points), dtype=bool)
        far[surface.owner[self.there > self.limit]] = True
        far[edges] = True
        alone = np.bincount(surface.owner, minlength=len(far)) <= 1
        ends = np.zeros(len(far), dtype=bool)
        ends[edges[alone.take(edges).all(axis=1)]] = True
        far[surface.triangles[ends.take(surface.triangles).any(axis=1)]] = True
        return far

    def largest(self) -> float:
        """What no measured distance exceeds, mm."""
        return max(float(self.there.max(initial=0)), float(self.back.distance.max(initial=0)))
