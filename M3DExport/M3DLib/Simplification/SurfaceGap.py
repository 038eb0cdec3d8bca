"""How far a coarse surface and the original one are apart, in both directions.

Where two surfaces of triangles lie one upon the other, their distance is largest at a corner of one of them or where
edges of both cross. So the original vertices are measured against the new triangles, and the new vertices and points
along the new edges against the original triangles. Bounds from above are found from the triangles that are known to be
near; what they leave open is searched for in the whole surface (:class:`~..Distance.ClosestSurface.ClosestSurface`).
Bounds are kept, so that only what has changed is measured again.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..Distance.ClosestSurface import ClosestSurface
from ..Mesh.TriangleMesh import TriangleMesh
from .CoarseSurface import CoarseSurface
from .TriangleFans import TriangleFans, expanded

# Points along an edge of the new surface: one in every so many mean lengths of the original edges, at least one.
SPACING, MOST_PARTS = 0.5, 16
# Parts of edges that may be farther away than these shares of the limit are cut in so many, one after the other.
SUSPICIOUS, PARTS = (0.5, 0.85, 0.97), 4
# Points of which the exact distance is asked at a time, the most distant first.
AT_A_TIME = 4096


class SurfaceGap:
    """The distances between a coarse surface and what it was made of.

    :ivar there: (n,) mm, from each original vertex, an upper bound; 0 for those of no triangle.
    :ivar edges: (k, 2) ends of the edges of the coarse surface. :ivar back: (k,) mm, from each, an upper bound.
    """

    def __init__(self, surface: CoarseSurface, limit: float):
        self.surface, self.limit = surface, limit
        self.used = np.flatnonzero(np.diff(surface.fans.first) > 0)
        sides = surface.original[surface.originalTriangles[:, 0]] - surface.original[surface.originalTriangles[:, 1]]
        self.spacing = SPACING * float(np.sqrt((sides**2).sum(axis=1)).mean())
        self.there = np.zeros(len(surface.original))
        self.edges, self.back = np.empty((0, 2), dtype=np.int32), np.empty(0)

    def measure(self, progress: Callable[[float], None], changed: np.ndarray | None = None) -> None:
        """Bring the bounds up to date.

        :param changed: bool (n,), vertices that were moved, came back, or got other triangles; all when None.
        """
        surface = self.surface
        # The new triangles as they will be stored.
        points = (surface.points + surface.center).astype(np.float32) - surface.center
        now = TriangleFans.of(points, surface.triangles)
        which = self.used
        ends = surface.triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
        if changed is not None:
            star = changed.copy()
            star[surface.triangles[changed.take(surface.triangles).any(axis=1)]] = True
            which = which[star.take(surface.owner.take(which))]
            stays = ~changed.take(self.edges).any(axis=1)
            self.edges, self.back = self.edges[stays], self.back[stays]
            ends = ends[changed.take(ends).any(axis=1)]
        self.there[which], _ = now.distance(
            surface.original[which], surface.owner[which], lambda done: progress(0.3 * done)
        )
        ends = np.sort(ends, axis=1).astype(np.int64)
        # Vertices count as edges without length.
        alone = np.unique(ends)
        key = np.unique(np.concatenate([ends[:, 0] * len(points) + ends[:, 1], alone * (len(points) + 1)]))
        edges = np.stack(np.divmod(key, len(points)), axis=1).astype(np.int32)
        back = self._ofEdges(points, edges, lambda done: progress(0.3 + 0.7 * done))
        self.edges, self.back = np.concatenate([self.edges, edges]), np.concatenate([self.back, back])

    def _ofEdges(self, points, edges, progress) -> np.ndarray:
        """Upper bound of the distance of edges (k, 2) from the original surface, mm.

        In the middle of each part of an edge the distance is measured; to the ends of the part it can rise as edge and
        surface run apart there. Where that is too much, the part is cut into smaller ones.
        """
        fans, limit = self.surface.fans, self.limit
        start, way = points[edges[:, 0]], points[edges[:, 1]] - points[edges[:, 0]]
        parts = np.ceil(np.linalg.norm(way, axis=1) / self.spacing).astype(np.int64).clip(1, MOST_PARTS)
        edge, step = expanded(parts)
        width = 1 / parts.take(edge)
        middle = (step + 0.5) * width
        back = np.zeros(len(edges))
        for number, suspicious in enumerate((*SUSPICIOUS, np.inf)):
            done = number / (1 + len(SUSPICIOUS))
            place = start.take(edge, axis=0) + middle[:, None] * way.take(edge, axis=0)
            distance, triangle = fans.distance(
                place, fans.nearest(place.T, workers=2), lambda part, done=done: progress(done + 0.25 * part)
            )
            rise = np.abs((fans.normals(triangle) * way.T.take(edge, axis=1)).sum(axis=0)) * width / 2
            last = number == len(SUSPICIOUS)
            far = np.flatnonzero(distance + rise * last > limit)
            if len(far):
                distance[far] = ClosestSurface.of(self.surface.mesh).query(place[far] + self.surface.center).distance
            again = distance + rise > suspicious * limit
            np.maximum.at(back, edge[~again], (distance + rise)[~again])
            # What is too far away for certain need not be known better.
            lost = distance > limit
            np.maximum.at(back, edge[lost], distance[lost])
            again &= back.take(edge) <= limit
            which, part = expanded(np.where(again, PARTS, 0))
            width = width[which] / PARTS
            middle, edge = middle[which] + (part - (PARTS - 1) / 2) * width, edge[which]
            if not len(edge):
                break
        return back

    def tooFar(self) -> np.ndarray:
        """Vertices of the coarse surface at which the two are farther apart than the limit, bool (n,)."""
        surface = self.surface
        far = np.zeros(len(surface.points), dtype=bool)
        which = np.flatnonzero(self.there > self.limit)
        if len(which):
            distance = self._exactThere(ClosestSurface(surface.result()), which)
            far[surface.owner[which[distance > self.limit]]] = True
        far[self.edges[self.back > self.limit]] = True
        return far

    def largest(self, small: TriangleMesh) -> float:
        """The largest distance, mm: exact from the original vertices, the least bound known from the new edges.

        :param small: the coarse surface as it is now.
        """
        other = ClosestSurface(small)
        order = np.argsort(self.there)[::-1]
        largest = float(self.back.max(initial=0))
        for start in range(0, len(order), AT_A_TIME):
            which = order[start : start + AT_A_TIME]
            if self.there[which[0]] <= largest:
                break
            largest = max(largest, float(self._exactThere(other, which).max()))
        return largest

    def _exactThere(self, other: ClosestSurface, which: np.ndarray) -> np.ndarray:
        return other.query(self.surface.original[which] + self.surface.center).distance
