"""Are the triangles that replace an edge near the surface they replace, and where would they be nearer?

Many edges at a time. What a quadric estimates from planes is measured here: each original vertex against the new
triangles, and the new vertex and the middles of its edges against the original triangles.
"""

from __future__ import annotations

import numpy as np

from ..Distance.TriangleDistance import closestOnTriangles, cross, distanceTable, dot, squaredDistance
from .TriangleFans import TriangleFans, expanded, placesOfLeast

# Say of a distance that is small, beside that of one as large as is allowed.
LITTLE_SAY = 0.05
# How strongly a new vertex stays where it is, as a share of what draws it elsewhere.
STAYING = 0.02
# Where edges that go out from the new vertex are looked at, as shares of their length.
ALONG = (1 / 3, 2 / 3)
# Squared share of what is allowed above which no other place is looked for.
HOPELESS = 4.0


class Patches:
    """Patches of new triangles around one new vertex each, and the original vertices they stand for.

    :ivar limit2: (k,) squares of the distances allowed, mm2.
    :ivar ring: two arrays (3, f), the corners that follow the new vertex in each triangle, patch by patch.
    :ivar triangles: (k + 1,) where those of each patch begin.
    :ivar samples: (s,) original vertices, patch by patch. :ivar first: (k + 1,) where those of each patch begin.
    :ivar fans: of the original surface.
    """

    def __init__(self, limit2, triangles, samples, fans: TriangleFans):
        """:param triangles: ring and the patch of each, rising. :param samples: these and the patch of each, rising."""
        (ring, patchOfTriangle), (samples, patchOfSample) = triangles, samples
        count = np.arange(len(limit2) + 1)
        self.limit2, self.ring, self.samples, self.fans = limit2, ring, samples, fans
        self.patchOfTriangle, self.patchOfSample = patchOfTriangle, patchOfSample
        self.triangles = np.searchsorted(patchOfTriangle, count)
        self.first = np.searchsorted(patchOfSample, count)
        self.original = fans.columns.take(samples, axis=1)

    def chosen(self, which: np.ndarray) -> Patches:
        """Some of the patches, by their numbers, rising."""
        triangleOf, within = expanded(np.diff(self.triangles)[which])
        triangle = self.triangles[which].take(triangleOf) + within
        sampleOf, within = expanded(np.diff(self.first)[which])
        sample = self.first[which].take(sampleOf) + within
        ring = tuple(corner.take(triangle, axis=1) for corner in self.ring)
        return Patches(self.limit2[which], (ring, triangleOf), (self.samples[sample], sampleOf), self.fans)

    def measure(self, place: np.ndarray) -> np.ndarray:
        """The largest distance of each patch in either direction, as a share of what is allowed, squared.

        Bounds from above; the new points are looked at only where the original vertices are near enough.

        :param place: (3, k), where the new vertices are.
        """
        self.place = place
        centers = place.take(self.patchOfTriangle, axis=1)
        self.nearest = self._sectors(centers)
        table = distanceTable(*(corner.take(self.nearest, axis=1) for corner in (centers, *self.ring)))
        worst = np.maximum.reduceat(squaredDistance(self.original, table), self.first[:-1]) / self.limit2
        # New points: the vertices, and the middles of the edges that go out from them.
        numbers = np.flatnonzero(worst <= 1)
        triangles = np.flatnonzero((worst <= 1)[self.patchOfTriangle])
        patch = self.patchOfTriangle[triangles]
        begins, ends = centers.take(triangles, axis=1), self.ring[0].take(triangles, axis=1)
        self.patch = np.concatenate([numbers] + [patch] * len(ALONG))
        self.share = np.concatenate([np.ones(len(numbers))] + [np.full(len(patch), 1 - share) for share in ALONG])
        self.new = np.concatenate(
            [place.take(numbers, axis=1)] + [(1 - share) * begins + share * ends for share in ALONG], axis=1
        )
        self.newNearest = self._samplesNearest()
        limit2 = self.limit2[self.patch]
        distance2 = self.fans.squaredDistance(self.new.T, self.newNearest)
        far = np.flatnonzero(distance2 > limit2)
        if len(far):
            # Another vertex than those of the patch may be nearer.
            self.newNearest[far] = self.fans.nearest(self.new[:, far])
            distance2[far] = self.fans.squaredDistance(self.new[:, far].T, self.newNearest[far])
        np.maximum.at(worst, self.patch, distance2 / limit2)
        return worst

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

    def _samplesNearest(self) -> np.ndarray:
        """The original vertex of its patch that is nearest to each new point."""
        counts = np.diff(self.first)[self.patch]
        row, within = expanded(counts)
        sample = self.first[self.patch].take(row) + within
        offset = self.new.take(row, axis=1)
        offset -= self.original.take(sample, axis=1)
        return self.samples[sample[placesOfLeast(dot(offset, offset), counts)]]

    def fitted(self, which: np.ndarray) -> np.ndarray:
        """Places (3, w) of some patches at which the largest of the distances just measured would be smaller.

        Each distance changes as the new vertex moves by its share of the point on the new triangle; the least squares
        of what is left, large distances counted for more.
        """
        count = len(self.limit2)
        number = np.full(count, -1)
        number[which] = np.arange(len(which))
        sample = np.flatnonzero(number[self.patchOfSample] >= 0)
        new = np.flatnonzero(number[self.patch] >= 0)
        nearest = self.nearest[sample]
        patch = self.patchOfTriangle[nearest]
        original = self.original.take(sample, axis=1)
        corners = [self.place.take(patch, axis=1), *(corner.take(nearest, axis=1) for corner in self.ring)]
        closest, _ = closestOnTriangles(original, *corners)
        share = np.concatenate([_shareOfFirst(closest, *corners), self.share[new]])
        points = self.new.take(new, axis=1)
        offset = self.fans.closest(points.T, self.newNearest[new]) - points
        offset = np.concatenate([original - closest, offset], axis=1)
        patch = np.concatenate([patch, self.patch[new]])
        size = np.sqrt(dot(offset, offset))
        direction = offset / np.maximum(size, 1e-9)
        say = (size * size / self.limit2[patch] + LITTLE_SAY) * share
        pull = say * size
        say *= share
        patch = number[patch]
        matrix, right = np.empty((len(which), 3, 3)), np.empty((len(which), 3))
        for i in range(3):
            right[:, i] = np.bincount(patch, pull * direction[i], len(which))
            for j in range(i, 3):
                values = np.bincount(patch, say * direction[i] * direction[j], len(which))
                matrix[:, i, j] = matrix[:, j, i] = values
        matrix += (STAYING * np.trace(matrix, axis1=1, axis2=2) + 1e-12)[:, None, None] * np.eye(3)
        return self.place.take(which, axis=1) + np.linalg.solve(matrix, right[:, :, None])[:, :, 0].T


def _shareOfFirst(points, a, b, c) -> np.ndarray:
    """How much of a point (3, n) of a triangle is its first corner: 1 there, 0 on the opposite side."""
    side = c - b
    whole, part = cross(a - b, side), cross(points - b, side)
    return np.sqrt(dot(part, part) / np.maximum(dot(whole, whole), 1e-300)).clip(0, 1)
