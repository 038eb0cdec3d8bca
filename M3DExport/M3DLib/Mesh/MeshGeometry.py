"""What is measured at the vertices of a mesh before anything is compared: normals, areas, ridges."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..Errors import M3DError
from ..TwoThreads import inTwoThreads
from .TriangleMesh import TriangleMesh, cross, lowAndHigh

# Triangles handled at a time: what is held for them stays in the processor's cache.
BLOCK = 1 << 14
# Below so many vertices a second thread costs more than it saves.
FEWEST_FOR_TWO = 20_000


@dataclass
class VertexGeometry:
    """Properties of every vertex.

    :ivar normals: float32 (n, 3), unit length, outward; zero where a vertex belongs to no triangle that has an area.
    :ivar areas: float64 (n,), mm2; a third of each adjoining triangle.
    """

    normals: np.ndarray
    areas: np.ndarray


def vertexAreas(mesh: TriangleMesh) -> np.ndarray:
    """Area that each vertex stands for, float64 (n,), mm2: a third of each triangle at it.

    :raises M3DError: as :func:`vertexGeometry`.
    """
    return _areas(mesh, _requireSurface(mesh))[0]


def _requireSurface(mesh: TriangleMesh) -> np.ndarray:
    """The mesh's points relative to its middle, float32 (3, n): whole columns are quicker to pick from than rows."""
    if not len(mesh.triangles):
        raise M3DError(f"Mesh '{mesh.name}' has no triangles, so there is no surface to measure.")
    low, high = lowAndHigh(mesh.points)
    if not np.isfinite([low, high]).all():
        raise M3DError(f"Mesh '{mesh.name}' has points that are not finite numbers; repair it first.")
    columns = np.array(mesh.points.T, dtype=np.float32, order="C")
    columns -= ((low + high) / 2)[:, None]
    return columns


def _blocks(triangles: np.ndarray) -> Iterator[np.ndarray]:
    """Triangles a block at a time, (3 corners, k) of the type that picks elements."""
    for start in range(0, len(triangles), BLOCK):
        yield triangles[start : start + BLOCK].T.astype(np.intp, order="C")


def _areas(mesh: TriangleMesh, points: np.ndarray) -> tuple[np.ndarray, float]:
    """Area that each vertex stands for, mm2, and the mean square of the triangles' sides, mm2."""

    def add(corners: np.ndarray, areas: np.ndarray) -> float:
        a, b, c = (points.take(corner, axis=1) for corner in corners)
        doubleAreas = _length(cross(b - a, c - a)).astype(np.float64)
        for corner in corners:
            np.add.at(areas, corner, doubleAreas)
        return sum(float(np.square(end - start).sum(dtype=np.float64)) for start, end in ((a, b), (b, c), (c, a)))

    areas, squares = _summed(mesh.triangles, points.shape[1:], add)
    if not areas.any():
        raise M3DError(f"Mesh '{mesh.name}' has no triangle with an area, so there is no surface to measure.")
    areas /= 6
    return areas, squares / (3 * len(mesh.triangles))


def _length(vectors: np.ndarray) -> np.ndarray:
    """Lengths of vectors (3, k)."""
    return np.sqrt(vectors[0] * vectors[0] + vectors[1] * vectors[1] + vectors[2] * vectors[2])


def vertexGeometry(mesh: TriangleMesh) -> VertexGeometry:
    """Normals and areas at the vertices.

    The triangles' normals are weighted by area over the squared lengths of the two sides at the vertex, which is exact
    on a ball however uneven the triangles (Max 1999, "Weights for computing vertex normals from facet normals").
    Beyond the result, about 40 bytes per vertex are held.

    :raises M3DError: when the mesh has no triangle with an area, or a position that is not a number.
    """
    points = _requireSurface(mesh)
    areas, meanSquare = _areas(mesh, points)
    normals = _normals(points, mesh.triangles, meanSquare)
    return VertexGeometry(normals, areas)


def _summed(triangles: np.ndarray, shape: tuple[int, ...], add: Callable) -> tuple[np.ndarray, float]:
    """What is added up over all triangles, those of large meshes in two threads.

    :param shape: of the sums, float64. :param add: told the corners (3, k) of a block of triangles and where to add
        what they have at their vertices; returns a number.
    :return: the sums, and the sum of the numbers.
    """
    middle = len(triangles) // 2 if shape[-1] > FEWEST_FOR_TWO else len(triangles)
    halves = [part for part in (triangles[:middle], triangles[middle:]) if len(part)]
    sums = [np.zeros(shape) for _ in halves]
    numbers = [0.0 for _ in halves]

    def half(which: int) -> None:
        for corners in _blocks(halves[which]):
            numbers[which] += add(corners, sums[which])

    if len(halves) == 1:
        half(0)
    else:
        inTwoThreads(half, range(2))
        sums[0] += sums[1]
    return sums[0], sum(numbers)


def _normals(points: np.ndarray, triangles: np.ndarray, meanSquare: float) -> np.ndarray:
    # Slivers have side lengths near the rounding of their coordinates: their direction must not outweigh the others'.
    least = np.float32(0.01 * meanSquare)

    def add(corners: np.ndarray, total: np.ndarray) -> float:
        places = [points.take(corner, axis=1) for corner in corners]
        normal = cross(places[1] - places[0], places[2] - places[0])
        sides = [np.square(places[(side + 1) % 3] - places[side]).sum(axis=0) for side in range(3)]
        for corner in range(3):
            weight = 1 / ((sides[corner] + least) * (sides[(corner + 2) % 3] + least))
            for axis in range(3):
                np.add.at(total[axis], corners[corner], (normal[axis] * weight).astype(np.float64))
        return 0.0

    total, _ = _summed(triangles, points.shape, add)
    normals = np.empty((points.shape[1], 3), dtype=np.float32)
    for start in range(0, len(normals), BLOCK):
        part = total[:, start : start + BLOCK]
        normals[start : start + BLOCK] = (part / np.maximum(_length(part), 1e-30)).T
    return normals


class MeshEdges:
    """A mesh's edges, sorted by their starts; of a closed surface each once.

    Of the rim of an open one, either every second is missing, or all weigh half of what those within do.

    About 20 bytes per vertex.

    :ivar end: int32 (k,), number of the vertex at each edge's end. :ivar weight: int8 (k,).
    :ivar first: int32 (n + 1,), the edges that start at a vertex are those from its entry to the next one.
    """

    def __init__(self, triangles: np.ndarray, count: int, neighbors=None):
        """:param count: number of the mesh's vertices.
        :param neighbors: what :meth:`bothWays` gives, where that is at hand: of a closed surface a one for each pair.
        """
        self.neighbors, self.shape = neighbors, (count, count)
        if neighbors is not None:
            self._takeRising(neighbors.indices, neighbors.indptr)
            return
        from scipy.sparse import coo_matrix

        ends = self._sides(triangles)
        matrix = coo_matrix((np.ones(len(ends[0]), dtype=np.int8), ends), shape=self.shape, copy=False)
        del ends
        matrix = matrix.tocsr()
        self.end, self.weight, self.first = matrix.indices, matrix.data, matrix.indptr

    def _takeRising(self, ends: np.ndarray, first: np.ndarray) -> None:
        """Of both directions of every edge the one to the higher end; they are in the same order already."""
        rising, counts = np.empty(len(ends), dtype=bool), np.zeros(len(first), dtype=np.int32)
        for low in range(0, len(first) - 1, BLOCK):
            at = first[low : low + BLOCK + 1]
            part = slice(int(at[0]), int(at[-1]))
            starts = np.repeat(np.arange(low, low + len(at) - 1, dtype=ends.dtype), np.diff(at))
            np.greater(ends[part], starts, out=rising[part])
            counts[low + 1 : low + len(at)] = np.diff(np.r_[0, np.cumsum(rising[part])][at - at[0]])
        self.end, self.first = ends[rising], np.cumsum(counts, dtype=np.int32)
        self.weight = np.ones(len(self.end), dtype=np.int8)

    @staticmethod
    def _sides(triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lower and higher end of the triangles' sides: of every side, or of every second where all occur twice."""
        sides = ((0, 1), (1, 2), (2, 0))
        rising = sum(int((triangles[:, a] < triangles[:, b]).sum()) for a, b in sides)
        if rising * 2 < 0.9 * triangles.size:
            ends = np.concatenate([triangles[:, side] for side in sides])
            return ends.min(axis=1), ends.max(axis=1)
        start, end = np.empty(rising, dtype=np.int32), np.empty(rising, dtype=np.int32)
        done = 0
        for a, b in sides:
            which = triangles[:, a] < triangles[:, b]
            part = slice(done, done + int(which.sum()))
            start[part], end[part] = triangles[which, a], triangles[which, b]
            done = part.stop
        return start, end

    def blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Starts and ends (k,) of a block of edges at a time."""
        for _, start, end in self.parts():
            yield start, end

    def parts(self) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """The edges a block at a time, for the processor's cache: which they are, their starts and ends (k,)."""
        for low in range(0, self.shape[0], BLOCK // 3):
            first = self.first[low : low + BLOCK // 3 + 1]
            part = slice(int(first[0]), int(first[-1]))
            yield part, np.repeat(np.arange(low, low + len(first) - 1), np.diff(first)), self.end[part]

    def matrix(self, values: np.ndarray):
        """Values (k,) of the edges as a sparse matrix, row and column being their ends."""
        from scipy.sparse import csr_matrix

        return csr_matrix((values, self.end, self.first), shape=self.shape, copy=False)

    def bothWays(self):
        """The weights as a sparse symmetric matrix, float32: every edge at both its ends. About 50 bytes per vertex."""
        if self.neighbors is not None:
            return self.neighbors
        half = self.matrix(self.weight.astype(np.float32))
        return half + half.T.tocsr()

    def degrees(self) -> np.ndarray:
        """Sum of the edges' weights at every vertex, float32 (n,)."""
        if self.neighbors is not None:
            return np.diff(self.neighbors.indptr).astype(np.float32)
        return self.sumAtEnds(np.ones(len(self.end), dtype=np.float32))

    def sumAtEnds(self, values: np.ndarray) -> np.ndarray:
        """Sum of the values (k,) of the edges at every vertex, times the edges' weights, (n,) of their type."""
        matrix, ones = self.matrix(values * self.weight), np.ones(self.shape[0], dtype=values.dtype)
        sums = matrix @ ones
        sums += matrix.T @ ones
        return sums

    def sumAround(self, fields: list[np.ndarray]) -> list[np.ndarray]:
        """For each field (n,) the sum over the neighbors of every vertex, (n,) of its type."""
        if self.neighbors is not None and fields[0].dtype == np.float32:
            both = RowHalves(self.neighbors)
            return [both @ values for values in fields]
        matrix = self.matrix(self.weight.astype(fields[0].dtype))
        backward, sums = matrix.T, [np.empty_like(values) for values in fields]

        def one(number: int) -> None:
            np.add(matrix @ fields[number], backward @ fields[number], out=sums[number])

        if len(fields) > 1 and self.shape[0] > FEWEST_FOR_TWO:
            inTwoThreads(one, range(len(fields)))
        else:
            for number in range(len(fields)):
                one(number)
        return sums


class RowHalves:
    """A sparse matrix (n, n) that is multiplied on two threads, each with one half of its rows."""

    def __init__(self, matrix, values: np.ndarray | None = None):
        """:param values: to be taken instead of those of the matrix; none of both is copied."""
        from scipy.sparse import csr_matrix

        values, count = matrix.data if values is None else values, matrix.shape[0]
        ends = (0, count) if count < FEWEST_FOR_TWO else (0, count // 2, count)
        self.halves = []
        for start, end in pairwise(ends):
            first, last = int(matrix.indptr[start]), int(matrix.indptr[end])
            arrays = values[first:last], matrix.indices[first:last], matrix.indptr[start : end + 1] - first
            rows = csr_matrix(arrays, shape=(end - start, matrix.shape[1]), copy=False)
            self.halves.append((slice(start, end), rows))

    def __matmul__(self, values: np.ndarray) -> np.ndarray:
        """The product with values (n,) or (n, k) of the matrix's type."""
        result = np.empty_like(values)

        def half(part: tuple) -> None:
            rows, matrix = part
            result[rows] = matrix @ values

        if len(self.halves) == 1:
            half(self.halves[0])
        else:
            inTwoThreads(half, self.halves)
        return result


def ridgeCurvature(edges: MeshEdges, points: np.ndarray, normals: np.ndarray, reach: float) -> np.ndarray:
    """How sharply the surface turns at every vertex, float32 (n,), 1/mm: root mean square of the normals' change.

    1/r on a ball. The normals are averaged over about ``reach`` (mm) first, so that the steps of a voxel surface do not
    count as ridges.

    :param points: (n, 3), mm. :param normals: (n, 3), unit.
    """
    lengths = edges.sumAtEnds(_squares(edges, np.ascontiguousarray(points.T)))
    meanSquare = float(lengths.sum(dtype=np.float64)) / max(2 * int(edges.weight.sum(dtype=np.int64)), 1)
    rounds = int(np.clip(np.rint(reach**2 / max(meanSquare, 1e-12)), 1, 5))
    normals = np.array(normals.T, dtype=np.float32, order="C")
    for _ in range(rounds):
        for values, total in zip(normals, edges.sumAround(list(normals)), strict=True):
            np.add(values, total, out=values)
        for first in range(0, normals.shape[1], BLOCK):
            part = normals[:, first : first + BLOCK]
            part /= np.maximum(_length(part), 1e-30)
    turning = edges.sumAtEnds(_squares(edges, normals))
    del normals
    sharpest = np.zeros(len(turning), dtype=np.float32)
    _takeSharper(sharpest, turning, lengths)
    # A ridge disturbs its surroundings too: take the average around a vertex where that is sharper than its own place.
    for _ in range(rounds + 1):
        for values, total in zip((turning, lengths), edges.sumAround([turning, lengths]), strict=True):
            np.add(values, total, out=values)
        _takeSharper(sharpest, turning, lengths)
    return np.sqrt(sharpest, out=sharpest)


def _squares(edges: MeshEdges, columns: np.ndarray) -> np.ndarray:
    """Squared length of the difference of vectors (3, n) between the ends of every edge, float32 (k,)."""
    result = np.empty(len(edges.end), dtype=np.float32)
    for part, start, end in edges.parts():
        numbers, square = end.astype(np.intp), np.zeros(len(end), dtype=np.float32)
        for values in columns:
            change = values.take(numbers) - values.take(start)
            square += np.square(change, out=change)
        result[part] = square
    return result


def _takeSharper(sharpest: np.ndarray, turning: np.ndarray, lengths: np.ndarray) -> None:
    for first in range(0, len(sharpest), BLOCK):
        part = slice(first, first + BLOCK)
        ratio = turning[part] / np.maximum(lengths[part], 1e-30)
        np.maximum(sharpest[part], ratio, out=sharpest[part])
