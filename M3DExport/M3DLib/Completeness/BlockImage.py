"""An image in blocks of about a millimeter: fine enough for what a model may lack, coarse enough to look at a whole
scan at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..Distance.MeshVoxels import windingGrid
from ..Image.ImageVolume import ImageVolume, gridIndices
from ..Mesh.TriangleMesh import TriangleMesh

BLOCK_MM = 1.0
MOST_BLOCKS = 16_000_000


@dataclass
class BlockImage:
    """Means of blocks of voxels, whole blocks only.

    :ivar values: float32 (k, j, i). :ivar ijkToLps: float64 (4, 4), block index to the block's middle, LPS mm.
    :ivar factors: voxels per block along i, j, k. :ivar mirrored: whether the grid is left-handed.
    """

    values: np.ndarray
    ijkToLps: np.ndarray
    factors: tuple[int, int, int]

    @classmethod
    def of(cls, image: ImageVolume, polarity: int = 1) -> BlockImage:
        """Blocks of at most ``BLOCK_MM`` (one voxel where those are larger), larger ones in a very large image.

        :param polarity: -1 turns the values around, so that what is dark becomes bright.
        """
        spacing, dimensions = image.spacing, np.array(image.dimensions)
        size = BLOCK_MM
        while True:
            factors = np.clip(np.floor(size / spacing + 1e-3), 1, np.maximum(dimensions // 2, 1)).astype(int)
            if np.prod(dimensions // factors) <= MOST_BLOCKS or (factors >= dimensions // 2).all():
                break
            size *= 1.2
        matrix = image.ijkToLps.copy()
        matrix[:3, :3] = image.ijkToLps[:3, :3] * factors
        matrix[:3, 3] += image.ijkToLps[:3, :3] @ ((factors - 1) / 2)
        values = _means(image.array, *(int(factor) for factor in factors[::-1]))
        if polarity < 0:
            np.negative(values, out=values)
        return cls(values, matrix, tuple(int(factor) for factor in factors))

    @property
    def spacing(self) -> np.ndarray:
        """Distance of the blocks' middles along i, j, k, mm."""
        return np.linalg.norm(self.ijkToLps[:3, :3], axis=0)

    @property
    def volumeMm3(self) -> float:
        """Volume of one block."""
        return abs(float(np.linalg.det(self.ijkToLps[:3, :3])))

    def toIndex(self, points: np.ndarray) -> np.ndarray:
        """LPS mm (n, 3) to fractional block indices i, j, k, float64 (n, 3)."""
        return gridIndices(points, self.ijkToLps)

    def toLps(self, indices: np.ndarray) -> np.ndarray:
        """Block indices i, j, k (n, 3) to LPS mm."""
        return np.asarray(indices, dtype=np.float64) @ self.ijkToLps[:3, :3].T + self.ijkToLps[:3, 3]

    def at(self, array: np.ndarray, points: np.ndarray, outside) -> np.ndarray:
        """Values of an array (k, j, i) of blocks at LPS positions (n, 3), those of the nearest block.

        :param outside: the value beyond the outermost blocks.
        """
        index = np.rint(self.toIndex(points)).astype(np.intp)
        last = np.array(array.shape[::-1]) - 1
        within = ((index >= 0) & (index <= last)).all(axis=1)
        index = np.clip(index, 0, last)
        found = array[index[:, 2], index[:, 1], index[:, 0]]
        found[~within] = outside
        return found

    def inside(self, mesh: TriangleMesh) -> np.ndarray:
        """Whether the blocks' middles lie inside a closed mesh, bool (k, j, i); overlapping bodies count once."""
        size = tuple(int(n) for n in self.values.shape[::-1])
        return windingGrid(self.toIndex(mesh.points), mesh.triangles, size) != 0

    def cells(self, mm: float) -> np.ndarray:
        """A length in blocks along i, j, k, rounded, at least 1."""
        return np.maximum(np.rint(mm / self.spacing), 1).astype(int)


def _means(array: np.ndarray, slices: int, rows: int, columns: int) -> np.ndarray:
    """Means of blocks, float32; slab by slab, so that nothing as large as the image is made besides the result."""
    depth, height, width = array.shape[0] // slices, array.shape[1] // rows, array.shape[2] // columns
    result = np.zeros((depth, height, width), dtype=np.float32)
    for k in range(depth):
        for slab in range(slices):
            plane = array[k * slices + slab, : height * rows, : width * columns]
            for row in range(rows):
                for column in range(columns):
                    result[k] += plane[row::rows, column::columns]
    result /= slices * rows * columns
    return result


def grown(mask: np.ndarray, cells) -> np.ndarray:
    """A mask (k, j, i) and all within a box of ``cells`` (along i, j, k) around its members."""
    result = mask
    for axis, reach in zip((2, 1, 0), cells, strict=True):
        done = 0
        while done < reach:
            # A run that was widened by s can be widened by up to s + 1 more without gaps.
            step = min(done + 1, int(reach) - done)
            result = _widened(result, axis, step)
            done += step
    return result.copy() if result is mask else result


def _widened(mask: np.ndarray, axis: int, step: int) -> np.ndarray:
    if step >= mask.shape[axis]:
        return mask.copy()
    behind, ahead = [slice(None)] * 3, [slice(None)] * 3
    behind[axis], ahead[axis] = slice(None, -step), slice(step, None)
    behind, ahead = tuple(behind), tuple(ahead)
    first = tuple(slice(None, step) if along == axis else slice(None) for along in range(3))
    result = np.empty_like(mask)
    result[first] = mask[first]
    np.logical_or(mask[behind], mask[ahead], out=result[ahead])
    result[behind] |= mask[ahead]
    return result


def shrunk(mask: np.ndarray, cells) -> np.ndarray:
    """What of a mask, bool (k, j, i), is farther than a box of ``cells`` from its outside; beyond the array is mask."""
    return ~grown(~mask, cells)
