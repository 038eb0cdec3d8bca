"""Distances by the slow way that needs no thought."""

import numpy as np


def bruteForce(mesh, points):
    """Distance to the closest triangle, every point against every triangle, by projection and clipping."""
    a, b, c = (mesh.points[mesh.triangles[:, corner]].astype(np.float64) for corner in range(3))
    normal = np.cross(b - a, c - a)
    length = np.linalg.norm(normal, axis=1)
    normal /= np.maximum(length, 1e-300)[:, None]
    result = []
    for point in points.astype(np.float64):
        distances = []
        for start, end in ((a, b), (b, c), (c, a)):
            side = end - start
            share = np.clip(((point - start) * side).sum(1) / np.maximum((side**2).sum(1), 1e-300), 0, 1)
            distances.append(np.linalg.norm(point - start - share[:, None] * side, axis=1))
        height = ((point - a) * normal).sum(1)
        foot = point - height[:, None] * normal
        inside = length > 1e-12
        for start, end in ((a, b), (b, c), (c, a)):
            inside &= (np.cross(end - start, foot - start) * normal).sum(1) >= 0
        distances.append(np.where(inside, np.abs(height), np.inf))
        result.append(np.min(distances))
    return np.array(result)
