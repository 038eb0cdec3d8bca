"""Flat surface that is larger than the other surface as a whole, and so cannot be part of it: a scan table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .Rotations import evenRotations
from .SurfaceSample import SurfaceSample

NODES, TRIES, MOST_PLANES = 1500, 150, 6
# How far points of a plane lie from it, as a share of the size, and how alike they face.
FLAT, ALIKE = 0.006, 0.94
# What lies on a plane faces as it does up to this cosine: noise turns single triangles.
FACING = 0.7
# A plane is larger than the other surface when it spans this many times as much.
LARGER = 1.05
# Less of a surface is no plane worth looking at.
LEAST_SHARE = 0.08


def span(points: np.ndarray) -> float:
    """The largest extent of points (n, 3) in any of many directions, without the outermost percent, mm."""
    directions = evenRotations(20).reshape(-1, 3)
    low, high = np.percentile(points[:: max(1, len(points) // 3000)] @ directions.T, [0.5, 99.5], axis=0)
    return float((high - low).max())


@dataclass(frozen=True)
class LargePlane:
    """A plane with a side: where a scan table's face lies.

    :ivar middle: float64 (3,), LPS mm. :ivar normal: float64 (3,), unit length. :ivar thickness: mm, how far off it
        something may lie that belongs to it.
    """

    middle: np.ndarray
    normal: np.ndarray
    thickness: float

    def holds(self, points: np.ndarray, normals: np.ndarray) -> np.ndarray:
        """Which of points (n, 3) with normals (n, 3) lie on it and face as it does, bool (n,)."""
        return (np.abs((points - self.middle) @ self.normal) < self.thickness) & (normals @ self.normal > FACING)

    def shifted(self, by: np.ndarray) -> LargePlane:
        """The plane after a shift (3,)."""
        return LargePlane(self.middle + by, self.normal, self.thickness)


def onPlanes(planes: Sequence[LargePlane], points: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Which of points (n, 3) with normals (n, 3) lie on any of the planes, bool (n,)."""
    held = np.zeros(len(points), dtype=bool)
    for plane in planes:
        held |= plane.holds(points, normals)
    return held


def largePlanes(sample: SurfaceSample, other: SurfaceSample) -> list[LargePlane]:
    """The planes of a surface that span more than all of the other surface."""
    limit, size = LARGER * span(other.points), sample.size
    found: list[LargePlane] = []
    if span(sample.points) < limit:
        return found
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
        if span(chosen) > limit:
            middle = chosen.mean(axis=0)
            normal = np.linalg.svd(chosen - middle, full_matrices=False)[2][2]
            found.append(LargePlane(middle, normal * np.sign(normal @ normals[tried[best]]), 2 * FLAT * size))
        left = ~flat[best]
        points, normals = points[left], normals[left]
    return found
