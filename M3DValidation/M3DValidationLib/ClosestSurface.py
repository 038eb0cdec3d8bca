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
from M3DLib.TriangleMesh import TriangleMesh

from .TriangleDistance import closestOnTriangles, distanceTable, squaredDistance

BLOCK = 8192
FIRST_NEIGHBORS = 4


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
        samples, owners, sampleOf, reach = self._samples()
        self.reach = reach
        self.farthestReach = float(reach.max())
        order = np.argsort(sampleOf, kind="stable")
        self.around = owners[order]
        self.first = np.searchsorted(sampleOf[order], np.arange(len(samples) + 1))
        self.tree = cKDTree(samples, balanced_tree=False, compact_nodes=True)

    def _samples(self):
        """Corners, and further ones inside large triangles.

        :return: positions (s, 3); for each corner of each (part of a) triangle its owner and the number of its sample;
            for each sample the largest bound r of the parts at it.
        """
        d00, d01, d11 = self.table[:, 9:].T
        longest2 = np.maximum(np.maximum(d00, d11), d00 + d11 - 2 * d01)
        area = float(np.sqrt(np.maximum(d00 * d11 - d01**2, 0)).sum() / 2)
        # Twice the side of a square of the mean area: even meshes stay as they are.
        limit2 = max(4 * area / (len(self.triangles) + 20_000), 1e-6 * float(longest2.max()), 1e-12)
        large = longest2 > 3 * limit2
        if not large.any():
            count = len(self.corners)
            owners = np.repeat(np.arange(len(self.triangles)), 3)
            return (
                self.corners,
                owners,
                self.triangles.ravel(),
                _largestAt(self.triangles.ravel(), owners, longest2, count),
            )
        keep = np.flatnonzero(~large)
        parts, owners = self.corners[self.triangles[large]], np.flatnonzero(large)
        done, doneOwners = [self.corners[self.triangles[keep]]], [keep]
        while len(parts):
            small = _longest2(parts) <= 3 * limit2
            done.append(parts[small])
            doneOwners.append(owners[small])
            parts, owners = _halved(parts[~small]), np.repeat(owners[~small], 2)
        parts, owners = np.concatenate(done), np.repeat(np.concatenate(doneOwners), 3)
        samples, number = np.unique(parts.reshape(-1, 3), axis=0, return_inverse=True)
        number = number.reshape(-1)
        longest2 = _longest2(parts)
        return samples, owners, number, _largestAt(number, np.repeat(np.arange(len(parts)), 3), longest2, len(samples))

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
        open_, neighbors, tried = np.arange(len(points)), FIRST_NEIGHBORS, 0
        total = len(self.reach)
        while len(open_):
            neighbors = min(neighbors, total)
            distance, sample = self.tree.query(points[open_], k=neighbors)
            distance, sample = distance.reshape(len(open_), -1), sample.reshape(len(open_), -1)
            for rank in range(tried, neighbors):
                near = distance[:, rank] ** 2 <= (best[open_] + self.reach[sample[:, rank]] ** 2) * (1 + 1e-9)
                self._try(points, open_[near], sample[near, rank], best, triangle)
            if neighbors == total:
                break
            bound = (best[open_] + self.farthestReach**2) * (1 + 1e-9)
            tried, open_ = neighbors, open_[distance[:, -1] ** 2 <= bound]
            neighbors *= 4
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
    from M3DLib.PointMerging import mergePoints

    used = np.zeros(len(mesh.points), dtype=bool)
    used[mesh.triangles.ravel()] = True
    bits = np.ascontiguousarray(mesh.points + np.float32(0)).view(np.uint32).astype(np.uint64)
    hashes = bits[:, 0] * np.uint64(0x9E3779B97F4A7C15) ^ bits[:, 1] * np.uint64(0xC2B2AE3D27D4EB4F)
    hashes = np.sort((hashes ^ (hashes >> np.uint64(31))) * np.uint64(0x165667B19E3779F9) + bits[:, 2])
    if used.all() and (hashes[1:] != hashes[:-1]).all():
        return mesh.points, mesh.triangles.astype(np.int64)
    points, triangles = mergePoints(mesh.points[mesh.triangles])
    return points, triangles.astype(np.int64)


def _longest2(corners: np.ndarray) -> np.ndarray:
    """Squared length of the longest side of triangles (m, 3, 3)."""
    return np.maximum.reduce([((corners[:, i] - corners[:, i - 1]) ** 2).sum(axis=1) for i in range(3)])


def _largestAt(number, part, longest2, count) -> np.ndarray:
    """For every sample the largest bound r of the parts at it: no point of a triangle whose longest side is l is
    farther than l / sqrt(3) from its nearest corner.
    """
    reach2 = np.zeros(count)
    np.maximum.at(reach2, number, longest2[part] / 3)
    return np.sqrt(reach2)


def _halved(parts: np.ndarray) -> np.ndarray:
    """Triangles (m, 3, 3) cut in two at the middle of their longest side, (2 m, 3, 3), both parts in turn."""
    sides = np.stack([((parts[:, (i + 1) % 3] - parts[:, i]) ** 2).sum(axis=1) for i in range(3)], axis=1)
    start = sides.argmax(axis=1)
    row = np.arange(len(parts))
    a, b, c = (parts[row, (start + shift) % 3] for shift in range(3))
    # The same side is cut at the same place from both of its triangles, whichever way they run along it.
    middle = (a + b) / 2
    return np.stack([np.stack([a, middle, c], axis=1), np.stack([middle, b, c], axis=1)], axis=1).reshape(-1, 3, 3)
