"""Flat surface that is larger than the other surface as a whole, and so cannot be part of it: a scan table."""

from __future__ import annotations

import numpy as np

from .Rotations import evenRotations
from .SurfaceSample import SurfaceSample

NODES, TRIES, MOST_PLANES = 1500, 150, 6
# How far points of a plane lie from it, as a share of the size, and how alike they face.
FLAT, ALIKE = 0.006, 0.94
# A plane is larger than the other surface when it spans this many times as much.
LARGER = 1.05
# Less of a surface is no plane worth looking at.
LEAST_SHARE = 0.08


def span(points: np.ndarray) -> float:
    """The largest extent of points (n, 3) in any of many directions, without the outermost percent, mm."""
    directions = evenRotations(20).reshape(-1, 3)
    low, high = np.percentile(points[:: max(1, len(points) // 3000)] @ directions.T, [0.5, 99.5], axis=0)
    return float((high - low).max())


def onLargePlanes(sample: SurfaceSample, other: SurfaceSample) -> np.ndarray:
    """Which points lie on a plane that spans more than all of the other surface, bool (n,)."""
    limit, size = LARGER * span(other.points), sample.size
    away = np.zeros(len(sample), dtype=bool)
    if span(sample.points) < limit:
        return away
    rng = np.random.default_rng(0)
    nodes = sample.thinned(NODES)
    points, normals = nodes.points, nodes.normals
    for _ in range(MOST_PLANES):
        if len(points) < LEAST_SHARE * len(nodes):
            break
        tried = rng.permutation(len(points))[:TRIES]
        height = normals[tried] @ points.T - np.einsum("ij,ij->i", normals[tried], points[tried])[:, None]
        flat = (np.abs(height) < FLAT * size) & (normals[tried] @ normals.T > ALIKE)
        best = int(flat.sum(axis=1).argmax())
        if flat[best].sum() < LEAST_SHARE * len(nodes):
            break
        chosen = points[flat[best]]
        middle = chosen.mean(axis=0)
        normal = np.linalg.svd(chosen - middle, full_matrices=False)[2][2]
        normal *= np.sign(normal @ normals[tried[best]])
        near = (np.abs((sample.points - middle) @ normal) < 2 * FLAT * size) & (sample.normals @ normal > 0.7)
        if span(chosen) > limit:
            away |= near
        left = ~flat[best]
        points, normals = points[left], normals[left]
    return away
