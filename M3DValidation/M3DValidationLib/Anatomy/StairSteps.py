"""How much of a surface shows the steps of the voxels it was made from."""

from __future__ import annotations

import numpy as np

from M3DLib.Mesh.TriangleMesh import TriangleMesh

# A facet along a voxel's face, and off the direction the surface has on the whole.
_ALONG_VOXEL = np.cos(np.radians(25))
_OFF_SURFACE = np.cos(np.radians(12))
# Triangles looked at together: what is held for them stays in the processor's cache.
_BLOCK = 1 << 14


def stairStepShare(
    mesh: TriangleMesh, ijkToLps: np.ndarray, count: int = 4000, seed: int = 0
) -> tuple[float, np.ndarray]:
    """Share of the area whose triangles lie along the voxels' faces (within 25 degrees) although the surface around,
    over two of the largest voxel edges, runs more than 12 degrees otherwise.

    :param ijkToLps: of the grid the segment had, (4, 4).
    :param count: number of places looked at, spread by area.
    :return: share 0 to 1, and the places that are steps, float64 (k, 3), LPS mm.
    """
    from scipy.spatial import cKDTree

    area = _doubleAreas(mesh)
    use = np.flatnonzero(area > 0)
    area = area[use]
    if not len(use):
        return float("nan"), np.empty((0, 3))
    columns = ijkToLps[:3, :3]
    edges = np.linalg.norm(columns, axis=0)
    faces = np.linalg.inv(columns) / np.linalg.norm(np.linalg.inv(columns), axis=1, keepdims=True)
    generator = np.random.default_rng(seed)
    chosen = generator.choice(len(use), min(count, 20 * len(use)), p=area / area.sum())
    along = np.abs(_units(mesh, use[chosen]) @ faces.T).max(axis=1) > _ALONG_VOXEL
    # Only these can be steps; the others count as smooth without a look around.
    suspects = chosen[along]
    radius = 2 * float(edges.max())
    thinned = generator.choice(len(use), 150_000, p=area / area.sum()) if len(use) > 150_000 else np.arange(len(use))
    weight = np.full(len(thinned), area.sum() / len(thinned)) if len(use) > 150_000 else area[thinned]
    centers, unit = _centers(mesh, use[suspects]), _units(mesh, use[suspects])
    around = cKDTree(_centers(mesh, use[thinned])).query_ball_point(centers, radius)
    units = _units(mesh, use[thinned])
    steps = np.zeros(len(suspects), dtype=bool)
    for number, neighbors in enumerate(around):
        own, near = unit[number], units[neighbors]
        # The other side of a thin wall is not this surface.
        same = near @ own > 0.1
        mean = (near[same] * weight[neighbors][same, None]).sum(axis=0) if same.any() else own
        steps[number] = mean @ own < _OFF_SURFACE * np.linalg.norm(mean)
    return float(steps.sum() / len(chosen)), centers[steps]


def _corners(mesh: TriangleMesh, triangles) -> list[np.ndarray]:
    """The three corners of some triangles, float64 (k, 3) each."""
    return [mesh.points.take(mesh.triangles[triangles, corner], axis=0).astype(np.float64) for corner in range(3)]


def _doubleAreas(mesh: TriangleMesh) -> np.ndarray:
    """Twice the area of every triangle, float64 (m,), mm2."""
    result = np.empty(len(mesh.triangles))
    for start in range(0, len(result), _BLOCK):
        part = slice(start, start + _BLOCK)
        a, b, c = (corner.T.copy() for corner in _corners(mesh, part))
        u, v = b - a, c - a
        x, y, z = (u[i] * v[j] - u[j] * v[i] for i, j in ((1, 2), (2, 0), (0, 1)))
        result[part] = np.sqrt(x * x + y * y + z * z)
    return result


def _units(mesh: TriangleMesh, triangles: np.ndarray) -> np.ndarray:
    """Unit normals of triangles with an area, float64 (k, 3)."""
    a, b, c = _corners(mesh, triangles)
    normal = np.cross(b - a, c - a)
    return normal / np.linalg.norm(normal, axis=1)[:, None]


def _centers(mesh: TriangleMesh, triangles: np.ndarray) -> np.ndarray:
    """Middles of triangles, float64 (k, 3), LPS mm."""
    return sum(_corners(mesh, triangles)) / 3
