"""Voxel grids and segments with an analytic truth."""

import numpy as np

from M3DLib.Segmentation.Segment import Segment


def gridThrough(center, spacing, axes, size=40.0):
    """Affine and shape (k, j, i) of a grid around a point.

    :param center: LPS mm, near the middle of the grid but on no voxel center.
    :param axes: (3, 3), columns are the directions of i, j and k.
    :param size: extent along each axis, mm.
    """
    counts = np.ceil(size / np.array(spacing)).astype(int)
    matrix = np.eye(4)
    matrix[:3, :3] = np.asarray(axes, dtype=float) * np.array(spacing)
    matrix[:3, 3] = np.asarray(center) - matrix[:3, :3] @ ((counts - 1) / 2 + [0.21, -0.13, 0.37])
    return matrix, tuple(counts[::-1])


def ballOn(grid, center, radius, name="ball"):
    """Segment of the voxels whose center lies in a ball (LPS mm)."""
    matrix, shape = grid
    indices = np.indices(shape)[::-1].reshape(3, -1)
    points = matrix[:3, :3] @ indices + matrix[:3, 3:]
    inside = np.linalg.norm(points - np.asarray(center)[:, np.newaxis], axis=0) <= radius
    return Segment(inside.reshape(shape).astype(np.uint8), matrix, name)
