"""The closest point of a triangle mesh to given points: exact, for any mesh, in blocks.

The search rests on a k-d tree of the mesh's corners. If q is the point of the mesh closest to p, p - q stands at right
angles on the triangle (or on its edge) that holds q, so the corner v of that triangle nearest to q is no farther from p
than sqrt(|p - q|**2 + r**2), where r is the largest distance any point of the triangle has from its nearest corner.
Corners are tried from the nearest on, with all the triangles at them; once the next corner lies beyond that bound, the
closest point has been found. Large triangles get further corners inside, so that r stays small.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from M3DLib.Errors import M3DError, noProgress
from M3DLib.Mesh.TriangleMesh import TriangleMesh

from .TriangleDistance import closestOnTriangles, distanceTable, squaredDistance

BLOCK = 8192
FIRST_NEIGHBORS = 6


@dataclass
class ClosestPoints:
    """Result of a search, arrays (n,) and (n, 3).

    :ivar distance: mm, not negative.
    :ivar offset: (n, 3), from the closest point to the given one, mm.
    :ivar triangle: the triangle that holds the closest point.
    :ivar feature: what of that triangle holds it (constants of ``TriangleDistance``).
    """

    distance: np.ndarray
    offset: np.ndarray
    triangle: np.ndarray
    feature: np.ndarray


class ClosestSurface:
    """Search structure of one mesh; positions are taken relative to its center so that no digits are lost.

    :ivar corners: float64 (k, 3), merged corners of the mesh, relative to ``center``.
    :ivar triangles: int64 (m, 3), into ``corners``.
    """

    def __init__(self, mesh: TriangleMesh):
        from scipy.spatial import cKDTree

        if not len(mesh.triangles):
            raise M3DError(f"Mesh '{mesh.name}' has no triangles, so nothing can be compared with it.")
        if not np.isfinite(mesh.points).all():
            raise M3DError(f"Mesh '{mesh.name}' has points that are not finite numbers; repair it first.")
        self.mesh = mesh
        self.center = (mesh.points.min(axis=0).astype(np.float64) + mesh.points.max(axis=0)) / 2
        points, self.triangles = _mergedPoints(mesh)
        self.corners = points.astype(np.float64) - self.center
        self.table = distanceTable(self.corners, self.triangles)
        samples, owners, sampleOf, self.reach2 = self._samples()
        self.farthestReach2 = float(self.reach2.max())
        self.around, self.first = grouped(owners, sampleOf, len(samples))
        self.tree = cKDTree(samples, balanced_tree=False, compact_nodes=True)

    def _samples(self):
        """Corners, and further ones inside large triangles.

        :return: positions (s, 3); for each corner of each (part of a) triangle its owner and the number of its sample;
            for each sample the square of the largest bound r of the parts at it.
        """
        area = float(_doubleAreas2(self.table).clip(0) ** 0.5 @ np.full(len(self.triangles), 0.5))
        # Far enough above what the triangles of an even mesh have that it gets no further corners.
        limit = max(4 * area / (len(self.triangles) + 20_000), 1e-7 * float(self.table[:, 9].max()), 1e-12)
        reach2 = coveringRadius2(self.table)
        large = reach2 > limit
        number = self.triangles[~large].ravel()
        owners = np.repeat(np.flatnonzero(~large), 3)
        reaches, samples = np.repeat(reach2[~large], 3), self.corners
        parts, partOwners = self.corners[self.triangles[large]], np.flatnonzero(large)
        while len(parts):
            table = distanceTable(parts.reshape(-1, 3), np.arange(3 * len(parts)).reshape(-1, 3))
            reach2 = coveringRadius2(table)
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
        largest = np.zeros(len(samples))
        np.maximum.at(largest, number, reaches)
        return samples, owners, number, largest

    def query(self, points: np.ndarray, progress: Callable[[float, str], None] = noProgress) -> ClosestPoints:
        """Closest points of the mesh to positions (n, 3) in LPS mm."""
        count = len(points)
        found = ClosestPoints(
            np.empty(count), np.empty((count, 3)), np.empty(count, np.int64), np.empty(count, np.int8)
        )
        starts = range(0, count, BLOCK)
        stopped = threading.Event()

        def work(start):
            if not stopped.is_set():
                part = slice(start, start + BLOCK)
                centered = points[part].astype(np.float64) - self.center
                triangle = self._block(centered)
                closest, feature = closestOnTriangles(
                    centered, *(self.corners[self.triangles[triangle, corner]] for corner in range(3))
                )
                offset = centered - closest
                found.distance[part] = np.linalg.norm(offset, axis=1)
                found.offset[part], found.triangle[part], found.feature[part] = offset, triangle, feature

        with ThreadPoolExecutor(2) as pool:
            try:
                for done, _ in enumerate(pool.map(work, starts)):
                    if done % 8 == 0:
                        progress(done / len(starts), "Measuring the distance between the surfaces")
            except BaseException:
                stopped.set()
                raise
        return found

    def _block(self, points) -> np.ndarray:
        """The triangle closest to each of one block of centered points."""
        best = np.full(len(points), np.inf)
        triangle = np.zeros(len(points), dtype=np.int64)
        open_, neighbors, reached = np.arange(len(points)), FIRST_NEIGHBORS, None
        total = len(self.reach2)
        while len(open_):
            neighbors = min(neighbors, total)
            distance, sample = self.tree.query(points[open_], k=neighbors)
            distance2 = np.ascontiguousarray(distance.reshape(len(open_), -1).T)
            distance2 *= distance2 * (1 - 1e-9)
            sample = np.ascontiguousarray(sample.reshape(len(open_), -1).T)
            for rank in range(neighbors):
                near = distance2[rank] <= best[open_] + self.reach2[sample[rank]]
                if reached is not None:
                    # Equally near corners come in any order, so those as far as the last one may not have been tried.
                    near &= distance2[rank] >= reached
                near = np.flatnonzero(near)
                self._try(points, open_[near], sample[rank, near], best, triangle)
            if neighbors == total:
                break
            goesOn = distance2[-1] <= best[open_] + self.farthestReach2
            reached, open_ = distance2[-1, goesOn] * (1 - 1e-9), open_[goesOn]
            neighbors *= 2
        return triangle

    def _try(self, points, which, samples, best, triangle) -> None:
        """Measure the triangles at one sample for each of the chosen points and keep the closest."""
        if not len(which):
            return
        counts = self.first[samples + 1] - self.first[samples]
        ends = np.cumsum(counts)
        place = np.arange(ends[-1]) - np.repeat(ends - counts, counts)
        candidates = self.around[np.repeat(self.first[samples], counts) + place]
        distance = squaredDistance(points[np.repeat(which, counts)], self.table[candidates])
        starts = ends - counts
        least = np.minimum.reduceat(distance, starts)
        hit = np.flatnonzero(distance == np.repeat(least, counts))
        group = np.searchsorted(ends, hit, side="right")
        winner = np.empty(len(which), dtype=np.int64)
        winner[group[::-1]] = candidates[hit[::-1]]
        better = least < best[which]
        best[which[better]] = least[better]
        triangle[which[better]] = winner[better]


def _mergedPoints(mesh: TriangleMesh) -> tuple[np.ndarray, np.ndarray]:
    """Points and triangles with equal points merged and unused ones left out."""
    from M3DLib.Mesh.PointMerging import mergePoints

    used = np.zeros(len(mesh.points), dtype=bool)
    used[mesh.triangles.ravel()] = True
    bits = np.ascontiguousarray(mesh.points + np.float32(0)).view(np.uint32).astype(np.uint64)
    hashes = bits[:, 0] * np.uint64(0x9E3779B97F4A7C15) ^ bits[:, 1] * np.uint64(0xC2B2AE3D27D4EB4F)
    hashes = np.sort((hashes ^ (hashes >> np.uint64(31))) * np.uint64(0x165667B19E3779F9) + bits[:, 2])
    if used.all() and (hashes[1:] != hashes[:-1]).all():
        return mesh.points, mesh.triangles.astype(np.int64)
    points, triangles = mergePoints(mesh.points[mesh.triangles])
    return points, triangles.astype(np.int64)


def _doubleAreas2(table: np.ndarray) -> np.ndarray:
    """Squares of the triangles' doubled areas from their table."""
    return table[:, 9] * table[:, 11] - table[:, 10] ** 2


def coveringRadius2(table: np.ndarray) -> np.ndarray:
    """Square of the largest distance that a point of each triangle has from its nearest corner, from above.

    The radius of the circumscribed circle where all angles are acute; else half the longest side at most.
    """
    d00, d01, d11 = table[:, 9], table[:, 10], table[:, 11]
    third = d00 + d11 - 2 * d01
    longest = np.maximum(np.maximum(d00, d11), third)
    with np.errstate(divide="ignore", invalid="ignore"):
        circle = d00 * d11 * third / (4 * _doubleAreas2(table)) * (1 + 1e-6)
    acute = 2 * longest < (d00 + d11 + third) * (1 - 1e-9)
    # No acute triangle's circle is larger than that of the equilateral one, nor smaller than one around its longest
    # side; rounding may claim so where two angles are nearly right.
    return np.where(acute, np.clip(circle, longest / 4, longest / 3), longest / 4) * (1 + 1e-9)


def grouped(values: np.ndarray, group: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Values (n,) sorted by their group (n,), and where each of the groups begins, (count + 1,)."""
    from scipy.sparse import csr_matrix

    # A matrix with one row for all entries, turned around: a counting sort in compiled code.
    ones = np.ones(len(values), dtype=np.int8)
    turned = csr_matrix((ones, group, np.arange(len(values) + 1)), shape=(len(values), count)).tocsc()
    return values[turned.indices], turned.indptr


def _halved(parts: np.ndarray) -> np.ndarray:
    """Triangles (m, 3, 3) cut in two at the middle of their longest side, (2 m, 3, 3), both parts in turn."""
    sides = np.stack([((parts[:, (i + 1) % 3] - parts[:, i]) ** 2).sum(axis=1) for i in range(3)], axis=1)
    start = sides.argmax(axis=1)
    row = np.arange(len(parts))
    a, b, c = (parts[row, (start + shift) % 3] for shift in range(3))
    # The same side is cut at the same place from both of its triangles, whichever way they run along it.
    middle = (a + b) / 2
    return np.stack([np.stack([a, middle, c], axis=1), np.stack([middle, b, c], axis=1)], axis=1).reshape(-1, 3, 3)
