"""The nearest of a surface's points for very many places at once: looked up in a grid, not searched."""

from __future__ import annotations

import numpy as np

from .SurfaceSample import SurfaceSample

CELLS = 48
# How far the grid reaches beyond the points, as a share of their extent.
MARGIN = 0.15


class NearestGrid:
    """The nearest point of a sample for every cell of a grid around it.

    What lies within a cell has the point nearest to the cell's middle, which is good enough to come near a fit; what
    lies outside the grid has that of the nearest cell.
    """

    def __init__(self, sample: SurfaceSample):
        from scipy.spatial import cKDTree

        low, high = sample.points.min(axis=0), sample.points.max(axis=0)
        margin = MARGIN * float((high - low).max())
        self.low = (low - margin).astype(np.float32)
        self.cell = np.float32(((high - low).max() + 2 * margin) / CELLS)
        self.counts = np.maximum(np.ceil((high + margin - self.low) / self.cell).astype(np.int32), 1)
        axes = [self.low[k] + self.cell * (np.arange(self.counts[k]) + 0.5) for k in range(3)]
        places = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
        tree = cKDTree(sample.points)
        self.nearest = tree.query(places, workers=2)[1].astype(np.int32)
        self.points = sample.points.astype(np.float32)
        self.normals = sample.normals.astype(np.float32)

    def lookUp(self, places: np.ndarray) -> np.ndarray:
        """Numbers of the nearest points, int32 (...), for float32 places (..., 3)."""
        index = ((places - self.low) / self.cell).astype(np.int32)
        x, y, z = (np.clip(index[..., axis], 0, self.counts[axis] - 1) for axis in range(3))
        return self.nearest.take((x * self.counts[1] + y) * self.counts[2] + z)
