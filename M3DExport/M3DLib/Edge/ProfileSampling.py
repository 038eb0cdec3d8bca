"""Values of an image along lines and around points, at positions between its voxels."""

from __future__ import annotations

import numpy as np

from ..Errors import M3DError
from ..Image.ImageVolume import ImageVolume

# Samples along lines that are read at a time, so that what is needed for them stays in the processor's cache.
SAMPLES = 8


class VolumeSampler:
    """Reads an image of any orientation, spacing and shear; the voxels stay in their own type.

    Arrays are (samples, vertices), so that every step runs along memory. Positions outside the image take the value of
    the nearest voxel; who must know asks :meth:`rangeInside`.
    """

    def __init__(self, image: ImageVolume):
        if min(image.array.shape) < 2:
            raise M3DError("The image needs at least two voxels along every axis to be measured between them.")
        if image.array.dtype.kind not in "iufb":
            raise M3DError(f"The image's voxels must be numbers, not of type {image.array.dtype}.")
        self.flat = np.ascontiguousarray(image.array).reshape(-1)
        # Type of the voxels' places in memory: the smaller one is made from positions three times as fast.
        self.whole = np.int32 if self.flat.size < 2**31 else np.intp
        self.dimensions = np.array(image.dimensions)
        self.strides = np.array([1, self.dimensions[0], self.dimensions[0] * self.dimensions[1]])
        self.toLps = image.ijkToLps[:3, :3]
        self.origin = image.ijkToLps[:3, 3]
        self.toIndex = np.linalg.inv(self.toLps)
        self.spacing = image.spacing
        # Unit vectors along i, j, k, in columns.
        self.axes = self.toLps / self.spacing

    def read(self, index: np.ndarray, offset: int = 0) -> np.ndarray:
        """Values of the voxels so many behind given ones, by their place in memory, float32."""
        return self.flat[offset:].take(index).astype(np.float32)

    def toIndices(self, points: np.ndarray) -> np.ndarray:
        """Fractional voxel indices (3, n) of positions (n, 3) in LPS mm."""
        return self.toIndex @ (np.asarray(points, dtype=np.float64) - self.origin).T

    def profiles(self, start: np.ndarray, direction: np.ndarray, steps: np.ndarray) -> np.ndarray:
        """Trilinear values, float32 (samples, n), at start + step * direction.

        :param start: (3, n) voxel indices.
        :param direction: (3, n) voxel indices per mm.
        :param steps: (samples,) mm.
        """
        result = np.empty((len(steps), start.shape[1]), dtype=np.float32)
        start, direction, steps = (values.astype(np.float32) for values in (start, direction, steps))
        inside = self.allInside(start, direction, float(np.abs(steps).max()))
        for first in range(0, len(steps), SAMPLES):
            index, parts = None, []
            for axis in range(3):
                position = np.multiply.outer(steps[first : first + SAMPLES], direction[axis])
                position += start[axis]
                if not inside:
                    np.clip(position, 0, self.dimensions[axis] - 1.0001, out=position)
                whole = position.astype(self.whole)
                position -= whole.astype(np.float32)
                parts.append(position)
                whole *= self.strides[axis]
                index = whole if index is None else np.add(index, whole, out=index)
            result[first : first + SAMPLES] = self._trilinear(index.astype(np.intp, copy=False), *parts)
        return result

    def allInside(self, start: np.ndarray, direction: np.ndarray, reach: float) -> bool:
        """Whether lines (3, n), so many mm long to either side, lie among the middles of the image's voxels."""
        if not start.shape[1]:
            return True
        far = np.abs(direction).max(axis=1) * reach
        return bool((start.min(axis=1) > far).all() and (start.max(axis=1) + far < self.dimensions - 1.001).all())

    def _trilinear(self, index, alongI, alongJ, alongK) -> np.ndarray:
        _, row, plane = self.strides

        def line(offset):
            low, high = self.read(index, offset), self.read(index, offset + 1)
            high -= low
            high *= alongI
            low += high
            return low

        def sheet(offset):
            low, high = line(offset), line(offset + row)
            high -= low
            high *= alongJ
            low += high
            return low

        low, high = sheet(0), sheet(plane)
        high -= low
        high *= alongK
        low += high
        return low

    def rangeInside(self, start: np.ndarray, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First and last step (mm, each (n,)) at which start + step * direction lies within the voxels' extent.

        The first is above the last where the line misses the image.
        """
        low, high = np.full(start.shape[1], -np.inf), np.full(start.shape[1], np.inf)
        for axis in range(3):
            with np.errstate(divide="ignore", invalid="ignore"):
                ends = (np.array([[-0.5], [self.dimensions[axis] - 0.5]]) - start[axis]) / direction[axis]
            flat = direction[axis] == 0
            within = (start[axis] >= -0.5) & (start[axis] <= self.dimensions[axis] - 0.5)
            ends[0] = np.where(flat, np.where(within, -np.inf, np.inf), ends[0])
            ends[1] = np.where(flat, np.where(within, np.inf, -np.inf), ends[1])
            lower, upper = np.where(flat, ends[0], ends.min(axis=0)), np.where(flat, ends[1], ends.max(axis=0))
            low, high = np.maximum(low, lower), np.minimum(high, upper)
        return low, high

    def offsetsWithin(self, reach: np.ndarray) -> np.ndarray:
        """Voxel steps (m, 3) inside the ellipsoid of half lengths ``reach`` (mm along i, j, k), within the image."""
        half = np.minimum(np.floor(reach / self.spacing).astype(int), (self.dimensions - 1) // 2)
        ranges = [np.arange(-count, count + 1) for count in half]
        k, j, i = np.meshgrid(*ranges[::-1], indexing="ij")
        offsets = np.stack([i, j, k], axis=-1).reshape(-1, 3)
        return offsets[(((offsets * self.spacing) / reach) ** 2).sum(axis=1) <= 1]

    def nearestVoxels(self, indices: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """Voxels (3, n) nearest to fractional indices (3, n) from where every offset stays inside the image."""
        reach = np.abs(offsets).max(axis=0)[:, None]
        return np.clip(np.rint(indices).astype(np.intp), reach, self.dimensions[:, None] - 1 - reach)

    def neighborhoods(self, voxels: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """Voxel values, float32 (m, n), at voxels (3, n) plus each of the offsets (m, 3)."""
        base = self.strides @ voxels
        return self.read(np.add.outer(offsets @ self.strides, base))
