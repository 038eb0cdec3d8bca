"""How much of a surface shows the steps of the voxels it was made from."""

from __future__ import annotations

import numpy as np

from M3DLib.Mesh.TriangleMesh import TriangleMesh

# A facet along a voxel's face, and off the direction the surface has on the whole.
_ALONG_VOXEL = np.cos(np.radians(25))
_OFF_SURFACE = np.cos(np.radians(12))


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

    corners = mesh.corners()
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(normals, axis=1)
    use = np.flatnonzero(area > 0)
    normals, area, centers = normals[use], area[use], corners[use].mean(axis=1)
    if not len(use):
        return float("nan"), np.empty((0, 3))
    columns = ijkToLps[:3, :3]
    edges = np.linalg.norm(columns, axis=0)
    faces = np.linalg.inv(columns) / np.linalg.norm(np.linalg.inv(columns), axis=1, keepdims=True)
    generator = np.random.default_rng(seed)
    chosen = generator.choice(len(use), min(count, 20 * len(use)), p=area / area.sum())
    unit = normals / area[:, None]
    along = np.abs(unit[chosen] @ faces.T).max(axis=1) > _ALONG_VOXEL
    # Only these can be steps; the others count as smooth without a look around.
    suspects = chosen[along]
    radius = 2 * float(edges.max())
    thinned = generator.choice(len(use), 150_000, p=area / area.sum()) if len(use) > 150_000 else np.arange(len(use))
    weight = np.full(len(thinned), area.sum() / len(thinned)) if len(use) > 150_000 else area[thinned]
    around = cKDTree(centers[thinned]).query_ball_point(centers[suspects], radius)
    steps = np.zeros(len(suspects), dtype=bool)
    for number, (suspect, neighbors) in enumerate(zip(suspects, around, strict=True)):
        near = thinned[neighbors]
        # The other side of a thin wall is not this surface.
        same = unit[near] @ unit[suspect] > 0.1
        mean = (unit[near[same]] * weight[neighbors][same, None]).sum(axis=0) if same.any() else unit[suspect]
        steps[number] = mean @ unit[suspect] < _OFF_SURFACE * np.linalg.norm(mean)
    return float(steps.sum() / len(chosen)), centers[suspects[steps]]
