"""Computed images of analytic shapes: what a scanner of known blur and noise would show of an object of known size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from ..Errors import M3DError, noProgress
from ..Image.ImageVolume import ImageVolume
from ..TwoThreads import inTwoThreads
from .PhantomDistance import SURPLUS, gridDistances, halfDiagonal, neighborDistances, quadraticDistances
from .PhantomShapes import Shape

FWHM_PER_SIGMA = 2 * np.sqrt(2 * np.log(2))
# Fine cells per block and axis: small enough for the cache, large enough that margins do not dominate.
FINE_CELLS_PER_BLOCK = 144
MOST_FINE_CELLS_PER_VOXEL = 12
# Voxels whose cells are computed at once: their arrays stay in the processor's cache.
_VOXELS_AT_ONCE = 512


# Fourteen parameters: each is a property of the object or the scanner, given by name where it differs from the usual.
def renderPhantom(
    paint: Sequence[tuple[Shape, float]],
    background: float,
    dimensions: tuple[int, int, int],
    ijkToLps: np.ndarray,
    fwhm: float | Sequence[float],
    *,
    noise: float = 0.0,
    noiseFwhm: float | Sequence[float] = 0.0,
    seed: int = 0,
    voxelIntegration: bool = True,
    superSampling: int | Sequence[int] | None = None,
    dtype: type = np.int16,
    modality: str = "CT",
    name: str = "phantom",
    progress: Callable[[float, str], None] = noProgress,
) -> ImageVolume:
    """Image of painted shapes under a Gaussian point spread, with noise.

    The blur is that of the continuous object: every voxel that a surface crosses is divided into fine cells, each cell
    gets the share of it that lies inside, and the fine grid is blurred before it is sampled at the voxel centers. The
    variance that the fine cells add is taken off the Gaussian, so that the total is what was asked for: along each grid
    axis a Gaussian of the stated width, convolved with the voxel's own extent when ``voxelIntegration`` is set
    (variance spacing**2 / 12 more, as in a scanner whose detector and slice integrate over the voxel).

    :param paint: shapes and their values, later ones over earlier ones.
    :param background: value outside all shapes.
    :param dimensions: voxels along i, j, k.
    :param ijkToLps: (4, 4) voxel index to center in LPS mm; may be oblique, sheared or left-handed.
    :param fwhm: full width at half maximum of the point spread, mm; one value or one for each of i, j, k (the
        grid's own axes). 0: no blur besides the voxel's extent.
    :param noise: standard deviation of the normal noise added after the blur.
    :param noiseFwhm: width of the noise's own Gaussian correlation along i, j, k, mm; 0 makes it white. The standard
        deviation stays ``noise``.
    :param seed: of the noise; the same seed gives the same image.
    :param superSampling: fine cells per voxel (one value or one for each axis); None chooses by blur and spacing.
    :param dtype: of the array; integers are rounded and held within their range.
    :raises M3DError: for a grid or a blur that cannot be.
    """
    ijkToLps = np.asarray(ijkToLps, dtype=np.float64)
    spacing = np.linalg.norm(ijkToLps[:3, :3], axis=0)
    sigma = np.broadcast_to(np.asarray(fwhm, dtype=np.float64), 3) / FWHM_PER_SIGMA
    if abs(np.linalg.det(ijkToLps[:3, :3])) < 1e-9 or min(dimensions) < 1:
        raise M3DError("The phantom's grid needs at least one voxel along every axis and three independent directions.")
    if sigma.min() < 0 or noise < 0:
        raise M3DError("The phantom's blur and noise cannot be negative.")
    grid = _FineGrid.choose(
        dimensions, ijkToLps, sigma=sigma, superSampling=superSampling, voxelIntegration=voxelIntegration
    )
    array = np.full(tuple(dimensions)[::-1], background, dtype=np.float32)
    blocks = grid.blocks()
    with ThreadPoolExecutor(2) as pool:
        for done, _ in enumerate(pool.map(lambda block: _renderBlock(array, grid, block, paint, background), blocks)):
            if done % 64 == 0:
                progress(done / len(blocks), "Rendering phantom")
    if noise:
        _addNoise(array, noise, np.broadcast_to(noiseFwhm, 3) / FWHM_PER_SIGMA / spacing, seed)
    progress(1.0, "Rendering phantom")
    return ImageVolume(_cast(array, dtype), ijkToLps, name=name, modality=modality)


@dataclass(frozen=True)
class _FineGrid:
    """How voxels are divided, and how fine cells are weighted into voxels. Order of axes: i, j, k."""

    dimensions: tuple[int, int, int]
    ijkToLps: np.ndarray
    cells: tuple[int, int, int]
    sigmaInCells: tuple[float, float, float]
    margin: tuple[int, int, int]
    blockSize: tuple[int, int, int]
    voxelIntegration: bool

    @classmethod
    def choose(cls, dimensions, ijkToLps, *, sigma, superSampling, voxelIntegration) -> _FineGrid:
        spacing = np.linalg.norm(ijkToLps[:3, :3], axis=0)
        if superSampling is None:
            wanted = np.where(sigma > 0, spacing / np.maximum(0.6 * sigma, 1e-6), 4)
            cells = np.clip(np.ceil(wanted), 2, MOST_FINE_CELLS_PER_VOXEL).astype(int)
        else:
            cells = np.broadcast_to(np.asarray(superSampling, dtype=int), 3)
            if cells.min() < 2:
                raise M3DError("Super-sampling needs at least two fine cells per voxel and axis.")
        step = spacing / cells
        sigmaInCells = np.sqrt(np.maximum(sigma**2 - step**2 / 12, 0)) / step
        margin = np.ceil((4 * sigmaInCells + 0.5) / cells).astype(int)
        blockSize = np.maximum(FINE_CELLS_PER_BLOCK // cells, 4)
        return cls(tuple(dimensions), ijkToLps, *map(tuple, (cells, sigmaInCells, margin, blockSize)), voxelIntegration)

    def blocks(self) -> list[tuple[tuple[int, int], ...]]:
        """Ranges of voxels along i, j, k that together cover the image."""
        ranges = [
            [(start, min(start + size, count)) for start in range(0, count, size)]
            for size, count in zip(self.blockSize, self.dimensions, strict=True)
        ]
        return [(i, j, k) for k in ranges[2] for j in ranges[1] for i in ranges[0]]

    def weights(self, axis: int, voxels: int) -> np.ndarray:
        """Weight of every fine cell (columns, margins included) in every voxel (rows) of a block, along one axis."""
        cells, sigma, margin = self.cells[axis], self.sigmaInCells[axis], self.margin[axis]
        fine = np.arange((voxels + 2 * margin) * cells)
        within = np.arange(cells) if self.voxelIntegration or not sigma else np.array([(cells - 1) / 2])
        centers = (np.arange(voxels)[:, None] + margin) * cells + within
        offset = fine - centers[..., None]
        kernel = np.exp(-0.5 * (offset / sigma) ** 2) if sigma > 0.1 else (offset == 0).astype(np.float64)
        kernel = (kernel / kernel.sum(axis=-1, keepdims=True)).mean(axis=1)
        return kernel.astype(np.float32)


def _renderBlock(array, grid: _FineGrid, block, paint, background) -> None:
    """Fill one block of the image; blocks share nothing but the array they write to."""
    low = np.array([start for start, _ in block]) - grid.margin
    high = np.array([stop for _, stop in block]) + grid.margin
    matrix, origin = grid.ijkToLps[:3, :3], grid.ijkToLps[:3, 3]
    center = (matrix @ ((low + high - 1) / 2) + origin)[None]
    radius = SURPLUS * halfDiagonal(matrix * (high - low))
    value, crossing = background, []
    for shape, paintedValue in paint:
        distance = float(shape.signedDistance(center)[0])
        if distance <= -radius and not crossing:
            value = paintedValue
        elif distance < radius:
            crossing.append((shape, paintedValue))
    target = tuple(slice(*limits) for limits in block[::-1])
    if not crossing:
        array[target] = value
        return
    fine = _fineValues(grid, low, high, crossing, value)
    if fine is None or np.ptp(fine) == 0:
        array[target] = value if fine is None else fine.flat[0]
        return
    # Along i, then j, then k, each in the order in which the cells lie in memory.
    alongI, alongJ, alongK = (grid.weights(axis, stop - start) for axis, (start, stop) in enumerate(block))
    fine = (fine.reshape(-1, fine.shape[2]) @ alongI.T).reshape(*fine.shape[:2], len(alongI))
    fine = np.matmul(alongJ, fine)
    fine = (alongK @ fine.reshape(len(fine), -1)).reshape(len(alongK), *fine.shape[1:])
    array[target] = fine


def _fineValues(grid: _FineGrid, low, high, crossing, value) -> np.ndarray | None:
    """Painted values of a block's fine cells (k, j, i); None when no shape reaches any of its voxels."""
    matrix, origin = grid.ijkToLps[:3, :3], grid.ijkToLps[:3, 3]
    reach = SURPLUS * halfDiagonal(matrix)
    # One voxel more on every side, and exact there too: distances between the centers come from those around.
    around = [
        gridDistances(shape, matrix, matrix @ (low - 1) + origin, high - low + 2, 3 * reach) for shape, _ in crossing
    ]
    distances = [distance[1:-1, 1:-1, 1:-1] for distance in around]
    coarse = np.full(distances[0].shape, value, dtype=np.float32)
    touched = np.zeros(coarse.shape, dtype=bool)
    for (_, paintedValue), distance in zip(crossing, distances, strict=True):
        coarse[distance < 0] = paintedValue
        touched |= np.abs(distance) < reach
    if not touched.any() and np.ptp(coarse) == 0:
        return None if coarse.flat[0] == value else coarse
    cells, (nk, nj, ni) = grid.cells, coarse.shape
    fine = np.broadcast_to(coarse[:, None, :, None, :, None], (nk, cells[2], nj, cells[1], ni, cells[0])).copy()
    chosen = np.nonzero(touched)
    for start in range(0, len(chosen[0]), _VOXELS_AT_ONCE):
        kk, jj, ii = (index[start : start + _VOXELS_AT_ONCE] for index in chosen)
        centers = (np.stack([ii, jj, kk], axis=-1) + low) @ matrix.T + origin
        fine[kk, :, jj, :, ii, :] = _cellValues(grid, centers, crossing, (around, (kk + 1, jj + 1, ii + 1)), value)
    return fine.reshape(nk * cells[2], nj * cells[1], ni * cells[0])


def _cellValues(grid: _FineGrid, centers, crossing, known, value) -> np.ndarray:
    """Values of the fine cells within the voxels at the given centers, (n, cells k, cells j, cells i).

    :param known: for each shape its distances at the centers of voxels (k, j, i), and where in them the voxels lie.
    """
    matrix, cells = grid.ijkToLps[:3, :3], grid.cells
    offsets = [(np.arange(count) + 0.5) / count - 0.5 for count in cells]
    k, j, i = np.meshgrid(offsets[2], offsets[1], offsets[0], indexing="ij")
    steps = np.stack([i, j, k], axis=-1).reshape(-1, 3)
    shape4 = (len(centers), cells[2], cells[1], cells[0])
    values = np.full(shape4, value, dtype=np.float32)
    reach = SURPLUS * halfDiagonal(matrix)
    for (shape, paintedValue), distances in zip(crossing, known[0], strict=True):
        distance = distances[known[1]]
        share = np.broadcast_to((distance < 0).astype(np.float32)[:, None, None, None], shape4).copy()
        near = np.flatnonzero(np.abs(distance) < reach)
        if len(near):
            fine, smooth = quadraticDistances(distances, [index[near] for index in known[1]], steps)
            edged = np.flatnonzero(~smooth)
            if len(edged):
                fine[edged] = neighborDistances(shape, centers[near[edged]], steps @ matrix.T, reach)
            fine = fine.reshape(len(near), *shape4[1:])
            # The share of a cell inside a plane, as if the cell were a box of equal variance along the normal.
            width = np.sqrt(sum(slope**2 for slope in np.gradient(fine, axis=(1, 2, 3))))
            share[near] = np.clip(0.5 - fine / np.maximum(width, 1e-12), 0, 1)
        values += share * (np.float32(paintedValue) - values)
    return values


def _addNoise(array: np.ndarray, noise: float, sigmaInVoxels: np.ndarray, seed: int) -> None:
    """Add normal noise of a standard deviation, white or correlated along i, j, k."""
    generator = np.random.default_rng(seed)
    if not np.any(sigmaInVoxels):
        for k in range(len(array)):
            array[k] += np.float32(noise) * generator.standard_normal(array.shape[1:], dtype=np.float32)
        return
    grain = generator.standard_normal(array.shape, dtype=np.float32)
    for axis, sigma in enumerate(sigmaInVoxels[::-1]):
        _blur(grain, axis, float(sigma))
    array += np.float32(noise / grain.std(dtype=np.float64)) * grain


def _blur(grain: np.ndarray, axis: int, sigma: float) -> None:
    """Blur along one axis, in place, half of the lines in each of two threads."""
    from scipy.ndimage import gaussian_filter1d

    def blur(lines: np.ndarray) -> None:
        # "wrap" keeps the same deviation up to the border, where any other rule averages over fewer independent voxels.
        gaussian_filter1d(lines, sigma, axis, output=lines, mode="wrap")

    if sigma > 0:
        inTwoThreads(blur, np.array_split(grain, 2, axis=0 if axis else 1))


def _cast(array: np.ndarray, dtype: type) -> np.ndarray:
    """The array in another type; integers rounded and held within range."""
    dtype = np.dtype(dtype)
    if not np.issubdtype(dtype, np.integer):
        return array.astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    np.clip(np.rint(array, out=array), limits.min, limits.max, out=array)
    return array.astype(dtype)
