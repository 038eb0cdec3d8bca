"""Are the triangles that replace an edge near the surface they replace?

Many edges at a time. What a quadric estimates from planes is measured here: each original vertex against the new
triangles, and the new vertex and the middles of its edges against the original triangles.
"""

from __future__ import annotations

import numpy as np

from ..Distance.TriangleDistance import cross, distanceTable, dot, squaredDistance
from .TriangleFans import TriangleFans, expanded, placesOfLeast


def areNear(place: np.ndarray, limit2: np.ndarray, triangles, samples, fans: TriangleFans) -> np.ndarray:
    """Which patches of triangles around one new vertex each are near what they replace, bool (k,).

    :param place: (3, k), where the new vertices are. :param limit2: (k,) squares of the distances allowed, mm2.
    :param triangles: two arrays (3, f), the corners that follow the new vertex in each triangle; and the patch of each
        triangle (f,), rising. :param samples: the original vertices (s,) that the patches stand for; and the patch of
        each, rising. :param fans: of the original surface.
    """
    return _Patches(place, limit2, triangles, samples, fans).near


class _Patches:
    """Some patches while they are measured.

    :ivar ring: two arrays (3, f), the corners that follow the new vertex in each triangle, patch by patch.
    :ivar triangles: (k + 1,) where those of each patch begin.
    :ivar samples: (s,) original vertices, patch by patch. :ivar first: (k + 1,) where those of each patch begin.
    :ivar near: bool (k,), which are near enough.
    """

    def __init__(self, place, limit2, triangles, samples, fans: TriangleFans):
        (self.ring, self.patchOfTriangle), (self.samples, self.patchOfSample) = triangles, samples
        self.place, self.limit2, self.fans = place, limit2, fans
        count = np.arange(len(limit2) + 1)
        self.triangles = np.searchsorted(self.patchOfTriangle, count)
        self.first = np.searchsorted(self.patchOfSample, count)
        self.original = fans.columns.take(self.samples, axis=1)
        centers = place.take(self.patchOfTriangle, axis=1)
        nearest = self._sectors(centers)
        table = distanceTable(*(corner.take(nearest, axis=1) for corner in (centers, *self.ring)))
        distance2 = np.maximum.reduceat(squaredDistance(self.original, table), self.first[:-1])
        self.near = distance2 <= limit2
        # The new points are looked at only where the original vertices are near enough.
        self._measureNew(centers)

    def _measureNew(self, centers) -> None:
        numbers = np.flatnonzero(self.near)
        triangles = np.flatnonzero(self.near[self.patchOfTriangle])
        patch = np.concatenate([numbers, self.patchOfTriangle[triangles]])
        middles = (centers.take(triangles, axis=1) + self.ring[0].take(triangles, axis=1)) / 2
        new = np.concatenate([self.place.take(numbers, axis=1), middles], axis=1)
        limit2 = self.limit2[patch]
        distance2 = self.fans.squaredDistance(new.T, self._samplesNearest(new, patch))
        far = np.flatnonzero(distance2 > limit2)
        # Another vertex than those of the patch may be nearer.
        distance2[far] = self.fans.squaredDistance(new[:, far].T, self.fans.nearest(new[:, far]))
        self.near[patch[far[distance2[far] > limit2[far]]]] = False

    def _sectors(self, centers: np.ndarray) -> np.ndarray:
        """For each sample the triangle above or below which it lies, seen along the mean normal of its patch.

        :param centers: (3, f), the new vertex of each triangle.
        """
        first, second = self.ring[0] - centers, self.ring[1] - centers
        normal = np.add.reduceat(cross(first, second), self.triangles[:-1], axis=1).take(self.patchOfTriangle, axis=1)
        # Lines that part the sectors: a sample lies on the left of the first side and on the right of the second one.
        lines = np.concatenate([cross(normal, first), cross(second, normal)])
        counts = np.diff(self.triangles)[self.patchOfSample]
        row, within = expanded(counts)
        triangle = self.triangles[self.patchOfSample].take(row) + within
        offset = (self.original - self.place.take(self.patchOfSample, axis=1)).take(row, axis=1)
        lines = lines.take(triangle, axis=1)
        outside = np.maximum(-dot(lines[:3], offset), -dot(lines[3:], offset))
        return triangle[placesOfLeast(outside, counts)]

    def _samplesNearest(self, new, patch) -> np.ndarray:
        """The original vertex of its patch that is nearest to each new point (3, k)."""
        counts = np.diff(self.first)[patch]
        row, within = expanded(counts)
        sample = self.first[patch].take(row) + within
        offset = new.take(row, axis=1)
        offset -= self.original.take(sample, axis=1)
        return self.samples[sample[placesOfLeast(dot(offset, offset), counts)]]
