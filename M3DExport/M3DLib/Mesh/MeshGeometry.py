"""What is measured at the vertices of a mesh before anything is compared: normals, areas, ridges."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..Errors import M3DError
from .TriangleMesh import TriangleMesh

# Triangles handled at a time: what is held for them stays in the processor's cache.
BLOCK = 1 << 14


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
    low, high = mesh.points.min(axis=0), mesh.points.max(axis=0)
    if not np.isfinite([low, high]).all():
        raise M3DError(f"Mesh '{mesh.name}' has points that are not finite numbers; repair it first.")
    columns = np.empty((3, len(mesh.points)), dtype=np.float32)
    return np.subtract(mesh.points.T, ((low + high) / 2)[:, None], out=columns)


def _blocks(triangles: np.ndarray) -> Iterator[np.ndarray]:
    """Triangles a block at a time, (3 corners, k) of the type that picks elements."""
    for start in range(0, len(triangles), BLOCK):
        yield triangles[start : start + BLOCK].T.astype(np.intp, order="C")


def _areas(mesh: TriangleMesh, points: np.ndarray) -> tuple[np.ndarray, float]:
    """Area that each vertex stands for, mm2, and the mean square of the triangles' sides, mm2."""
    areas, squares = np.zeros(points.shape[1]), 0.0
    for corners in _blocks(mesh.triangles):
        a, b, c = (points.take(corner, axis=1) for corner in corners)
        doubleAreas = _length(_cross(b - a, c - a)).astype(np.float64)
        for corner in corners:
            np.add.at(areas, corner, doubleAreas)
        squares += sum(float(np.square(end - start).sum(dtype=np.float64)) for start, end in ((a, b), (b, c), (c, a)))
    if not areas.any():
        raise M3DError(f"Mesh '{mesh.name}' has no triangle with an area, so there is no surface to measure.")
    areas /= 6
    return areas, squares / (3 * len(mesh.triangles))


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cross product of vectors (3, k)."""
    return np.stack([a[i] * b[j] - a[j] * b[i] for i, j in ((1, 2), (2, 0), (0, 1))])


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


def _normals(points: np.ndarray, triangles: np.ndarray, meanSquare: float) -> np.ndarray:
    # Slivers have side lengths near the rounding of their coordinates: their direction must not outweigh the others'.
    least = np.float32(0.01 * meanSquare)
    total = np.zeros((3, points.shape[1]))
    for corners in _blocks(triangles):
        places = [points.take(corner, axis=1) for corner in corners]
        cross = _cross(places[1] - places[0], places[2] - places[0])
        sides = [np.square(places[(side + 1) % 3] - places[side]).sum(axis=0) for side in range(3)]
        for corner in range(3):
            weight = 1 / ((sides[corner] + least) * (sides[(corner + 2) % 3] + least))
            for axis in range(3):
                np.add.at(total[axis], corners[corner], (cross[axis] * weight).astype(np.float64))
    normals = np.empty((points.shape[1], 3), dtype=np.float32)
    for start in range(0, len(normals), BLOCK):
        part = total[:, start : start + BLOCK]
        normals[start : start + BLOCK] = (part / np.maximum(_length(part), 1e-30)).T
    return normals


class MeshEdges:
    """Start and end of a mesh's edges; of a closed surface each once, else those of the boundary weigh half."""

    def __init__(self, triangles: np.ndarray):
        self.triangles = triangles
        rising = sum(int((start < end).sum()) for start, end in self._sides())
        self.once = rising * 2 >= 0.9 * triangles.size

    def _sides(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for corners in _blocks(self.triangles):
            yield corners.ravel(), corners[[1, 2, 0]].ravel()

    def blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Start and end (k,) of a block of edges at a time."""
        for start, end in self._sides():
            if self.once:
                rising = np.flatnonzero(start < end)
                yield start.take(rising), end.take(rising)
            else:
                yield start, end

    def sumAround(self, fields: list[np.ndarray]) -> list[np.ndarray]:
        """For each field (n,) the sum over the neighbors of every vertex, float64 (n,)."""
        sums = [np.zeros(len(values)) for values in fields]
        for start, end in self.blocks():
            for values, total in zip(fields, sums, strict=True):
                np.add.at(total, start, values.take(end).astype(np.float64, copy=False))
                np.add.at(total, end, values.take(start).astype(np.float64, copy=False))
        return sums


def ridgeCurvature(mesh: TriangleMesh, normals: np.ndarray, reach: float) -> np.ndarray:
    """How sharply the surface turns at every vertex, float32 (n,), 1/mm: root mean square of the normals' change.

    1/r on a ball. The normals are averaged over about ``reach`` (mm) first, so that the steps of a voxel surface do not
    count as ridges.
    """
    edges = MeshEdges(mesh.triangles)
    points = np.ascontiguousarray(mesh.points.T)
    # The first sum is of squared lengths, the second of the edges' ends.
    lengths, ends = np.zeros(points.shape[1]), 0
    for start, end in edges.blocks():
        length2 = _square(points, start, end)
        np.add.at(lengths, start, length2)
        np.add.at(lengths, end, length2)
        ends += 2 * len(start)
    del points
    rounds = int(np.clip(np.rint(reach**2 / max(float(lengths.sum()) / ends, 1e-12)), 1, 5))
    normals = np.array(normals.T, dtype=np.float32, order="C")
    for _ in range(rounds):
        for values, total in zip(normals, edges.sumAround(list(normals)), strict=True):
            np.add(values, total, out=values)
        for first in range(0, normals.shape[1], BLOCK):
            part = normals[:, first : first + BLOCK]
            part /= np.maximum(_length(part), 1e-30)
    turning = np.zeros(normals.shape[1])
    for start, end in edges.blocks():
        change2 = _square(normals, start, end)
        np.add.at(turning, start, change2)
        np.add.at(turning, end, change2)
    del normals
    sharpest = np.zeros(len(turning))
    _takeSharper(sharpest, turning, lengths)
    # A ridge disturbs its surroundings too: take the average around a vertex where that is sharper than its own place.
    for _ in range(rounds + 1):
        for values, total in zip((turning, lengths), edges.sumAround([turning, lengths]), strict=True):
            np.add(values, total, out=values)
        _takeSharper(sharpest, turning, lengths)
    return np.sqrt(sharpest, out=sharpest).astype(np.float32)


def _square(columns: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Squared length of the difference of vectors (3, n) between the ends of edges, float64 (k,)."""
    change = columns.take(end, axis=1) - columns.take(start, axis=1)
    return np.square(change, out=change).sum(axis=0).astype(np.float64)


def _takeSharper(sharpest: np.ndarray, turning: np.ndarray, lengths: np.ndarray) -> None:
    for first in range(0, len(sharpest), BLOCK):
        part = slice(first, first + BLOCK)
        ratio = turning[part] / np.maximum(lengths[part], 1e-30)
        np.maximum(sharpest[part], ratio, out=sharpest[part])
