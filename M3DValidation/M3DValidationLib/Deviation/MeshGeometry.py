"""What is measured at the vertices of a mesh before anything is compared: normals, areas, ridges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from M3DLib.Errors import M3DError
from M3DLib.Mesh.TriangleMesh import TriangleMesh


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
    points = _requireSurface(mesh)
    a, b, c = (points[mesh.triangles[:, corner]] for corner in range(3))
    doubleAreas = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    _requireArea(mesh, doubleAreas)
    return np.bincount(mesh.triangles.T.ravel(), np.tile(doubleAreas, 3), len(points)) / 6


def _requireSurface(mesh: TriangleMesh) -> np.ndarray:
    """The mesh's points relative to its middle, float32 (n, 3)."""
    if not len(mesh.triangles):
        raise M3DError(f"Mesh '{mesh.name}' has no triangles, so there is no surface to measure.")
    if not np.isfinite(mesh.points).all():
        raise M3DError(f"Mesh '{mesh.name}' has points that are not finite numbers; repair it first.")
    return mesh.points - (mesh.points.min(axis=0) + mesh.points.max(axis=0)) / 2


def _requireArea(mesh: TriangleMesh, doubleAreas: np.ndarray) -> None:
    if not doubleAreas.any():
        raise M3DError(f"Mesh '{mesh.name}' has no triangle with an area, so there is no surface to measure.")


def vertexGeometry(mesh: TriangleMesh) -> VertexGeometry:
    """Normals and areas at the vertices.

    The triangles' normals are weighted by area over the squared lengths of the two sides at the vertex, which is exact
    on a ball however uneven the triangles (Max 1999, "Weights for computing vertex normals from facet normals").

    :raises M3DError: when the mesh has no triangle with an area, or a position that is not a number.
    """
    points, triangles = _requireSurface(mesh), mesh.triangles
    count = len(points)
    a, b, c = (points[triangles[:, corner]] for corner in range(3))
    cross = np.cross(b - a, c - a)
    doubleAreas = np.linalg.norm(cross, axis=1)
    _requireArea(mesh, doubleAreas)
    areas = np.bincount(triangles.T.ravel(), np.tile(doubleAreas, 3), count) / 6
    normals = _normals((a, b, c), cross, triangles, count)
    return VertexGeometry(normals, areas)


def _normals(corners, cross, triangles, count) -> np.ndarray:
    sides = [((corners[(side + 1) % 3] - corners[side]) ** 2).sum(axis=1) for side in range(3)]
    # Slivers have side lengths near the rounding of their coordinates: their direction must not outweigh the others'.
    least = 0.01 * np.mean(sides)
    total = np.zeros((count, 3))
    for corner in range(3):
        weight = 1 / ((sides[corner] + least) * (sides[(corner + 2) % 3] + least))
        for axis in range(3):
            total[:, axis] += np.bincount(triangles[:, corner], cross[:, axis] * weight, count)
    total /= np.maximum(np.linalg.norm(total, axis=1), 1e-30)[:, None]
    return total.astype(np.float32)


def meshEdges(triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Start and end of the edges; of a closed surface each once, else those of the boundary weigh half."""
    start, end = triangles.ravel(), triangles[:, [1, 2, 0]].ravel()
    once = start < end
    if once.sum() * 2 < 0.9 * len(once):
        return start, end
    return start[once], end[once]


def ridgeCurvature(mesh: TriangleMesh, normals: np.ndarray, reach: float) -> np.ndarray:
    """How sharply the surface turns at every vertex, float32 (n,), 1/mm: root mean square of the normals' change.

    1/r on a ball. The normals are averaged over about ``reach`` (mm) first, so that the steps of a voxel surface do not
    count as ridges.
    """
    start, end = meshEdges(mesh.triangles)
    count, points = len(mesh.points), mesh.points
    length2 = ((points[end] - points[start]) ** 2).sum(axis=1)
    rounds = int(np.clip(np.rint(reach**2 / max(float(np.mean(length2)), 1e-12)), 1, 5))
    normals = normals.astype(np.float32).T.copy()
    for _ in range(rounds):
        for axis in range(3):
            values = normals[axis]
            normals[axis] += np.bincount(start, values[end], count) + np.bincount(end, values[start], count)
        normals /= np.maximum(np.sqrt((normals**2).sum(axis=0)), 1e-30)
    change2 = ((normals[:, end] - normals[:, start]) ** 2).sum(axis=0)
    turning = np.bincount(start, change2, count) + np.bincount(end, change2, count)
    lengths = np.bincount(start, length2, count) + np.bincount(end, length2, count)
    sharpest = turning / np.maximum(lengths, 1e-30)
    # A ridge disturbs its surroundings too: take the average around a vertex where that is sharper than its own place.
    for _ in range(rounds + 1):
        turning += np.bincount(start, turning[end], count) + np.bincount(end, turning[start], count)
        lengths += np.bincount(start, lengths[end], count) + np.bincount(end, lengths[start], count)
        np.maximum(sharpest, turning / np.maximum(lengths, 1e-30), out=sharpest)
    return np.sqrt(sharpest).astype(np.float32)
