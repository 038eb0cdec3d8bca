"""Fitting a blurred edge to the voxels themselves: position and width of a known step, without interpolation."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np

from ..Mesh.CurvatureTensor import applied, squares
from .EdgeSearch import SQRT_TWO_PI
from .ProfileSampling import VolumeSampler

TABLE_REACH = 4.0
TABLE_CELLS = 256
ITERATIONS = 3
MORE_ITERATIONS = 6
WIDTH_PULL = 0.05
MOST_VOXELS = 90


@dataclass
class EdgeFit:
    """Blurred edges fitted around vertices, arrays (n,).

    :ivar position: mm from the vertex along its outward normal.
    :ivar width: standard deviation of the blur, mm.
    :ivar residual: weighted root mean square of what the model leaves unexplained, image units.
    :ivar gain: standard deviation of the position, mm, per image unit of white voxel noise.
    :ivar change: movement of the last step, mm; large where the fit did not settle.
    """

    position: np.ndarray
    width: np.ndarray
    residual: np.ndarray
    gain: np.ndarray
    change: np.ndarray


class EdgeFitter:
    """Gauss-Newton fit of position and width of an error-function edge, weighted by the distance from the normal line.

    Interpolating between voxels first would blur the edge and shift it with its place in the voxel; here every voxel is
    compared at its own position with the value the edge would have there. Distances follow the surface's curvatures.
    """

    def __init__(self, sampler: VolumeSampler, typicalWidth: float):
        self.sampler = sampler
        spacing = sampler.spacing
        size = float(np.prod(spacing) ** (1 / 3))
        # Wide enough to hold voxels on both flanks, narrow enough that what lies beside the line has little say.
        self.lateral = np.maximum(1.25 * spacing, 1.25 * size)
        reach = np.maximum(np.maximum(1.6 * typicalWidth, 1.3 * size), 1.1 * spacing)
        offsets = sampler.offsetsWithin(reach)
        # Where the blur spans many voxels, a regular part of them tells as much and costs less.
        stride = int(np.ceil(len(offsets) / MOST_VOXELS))
        self.offsets = offsets[(offsets @ np.array([1, 2, 3])) % stride == 0]
        self.offsetsLps = (self.offsets @ sampler.toLps.T).astype(np.float32)
        # What a quadratic function of the offset is a sum of.
        ones = np.ones((len(self.offsets), 1), dtype=np.float32)
        self.offsetPowers = np.concatenate([squares(self.offsetsLps, self.offsetsLps), self.offsetsLps, ones], axis=1)
        # Scales a displacement in LPS so that the lateral weight's reach becomes 1 along each of the grid's axes.
        directions = sampler.toLps / spacing
        self.scaling = np.diag(1 / self.lateral) @ np.linalg.inv(directions)
        grid = np.arange(-TABLE_REACH * TABLE_CELLS, TABLE_REACH * TABLE_CELLS + 1) / TABLE_CELLS
        from scipy.special import ndtr

        self.fall = ndtr(-grid).astype(np.float32)
        self.bell = (np.exp(-(grid**2) / 2) / SQRT_TWO_PI).astype(np.float32)

    def reading(self, sampler: VolumeSampler) -> EdgeFitter:
        """The same fitter on the same grid of other voxels."""
        other = copy.copy(self)
        other.sampler = sampler
        return other

    def fit(self, points, normals, curvature, edges, polarity: int) -> EdgeFit:
        """Refine candidate edges.

        :param points: (n, 3) LPS mm, float64. :param normals: (n, 3) unit, LPS.
        :param curvature: (n, 6) 1/mm, of :func:`~.CurvatureTensor.curvatureTensors`.
        :param edges: :class:`~.EdgeSearch.EdgeCandidates` of the same vertices, all with a position.
        """
        values, along, weights = self._surroundings(points, normals, curvature, edges.position)
        values *= polarity
        contrast = edges.inside - edges.outside
        values -= edges.outside
        values /= contrast
        first = np.clip(edges.width, 0.15, None).astype(np.float32)
        start = (edges.position.astype(np.float32), first)
        result = self._iterate(values, along, weights, start, iterations=ITERATIONS, widthPull=0.0)
        # Where only one flank has voxels, any width would do: a pull to that of the profile decides.
        late = np.flatnonzero(result[-1] > 0.05 * result[1])
        if len(late):
            more = self._iterate(
                *(array[:, late] for array in (values, along, weights)),
                (edges.position[late].astype(np.float32), first[late]),
                iterations=MORE_ITERATIONS,
                widthPull=WIDTH_PULL,
            )
            for array, part in zip(result, more, strict=True):
                array[late] = part
        position, width, rms, gain, change = result
        return EdgeFit(position, width, rms * contrast, gain / contrast, change)

    def _iterate(self, values, along, weights, start, *, iterations, widthPull) -> tuple[np.ndarray, ...]:
        """Position, width, residual and gain (in units of the contrast), last change."""
        position, first = start
        width, change = first.copy(), np.zeros_like(position)
        for _ in range(iterations):
            x = along - position
            x /= width
            cell = np.clip(x, -TABLE_REACH, TABLE_REACH)
            cell *= TABLE_CELLS
            cell += TABLE_REACH * TABLE_CELLS + 0.5
            cell = cell.astype(np.intp)
            residual = values - self.fall.take(cell)
            bell = self.bell.take(cell)
            weightedBell = bell * weights
            x *= bell
            a11 = _dot(weightedBell, bell) + 1e-9
            a12 = _dot(weightedBell, x)
            pull = widthPull * a11
            a22 = _dot(x * weights, x) + 0.05 * a11
            r1 = _dot(weightedBell, residual)
            r2 = _dot(x * weights, residual) + pull * (first / width - 1)
            determinant = a11 * a22 - a12 * a12
            change = width * np.clip((a22 * r1 - a12 * r2) / determinant, -0.7, 0.7)
            position = position + change
            width = np.clip(width * (1 + (a11 * r2 - a12 * r1) / determinant), 0.4 * first, 2.0 * first)
        rms = np.sqrt(_dot(residual * weights, residual) / (weights.sum(axis=0) + 1e-9))
        gain = width * np.sqrt(_dot(weightedBell, weightedBell)) / a11
        return position, width, rms, gain, np.abs(change)

    def _surroundings(self, points, normals, curvature, position):
        """Values of the voxels around each edge, their signed distance from the vertex's surface, their weights."""
        sampler = self.sampler
        middle = points + position[:, None] * normals
        voxels = sampler.nearestVoxels(sampler.toIndices(middle), self.offsets)
        values = sampler.neighborhoods(voxels, self.offsets)
        centers = (sampler.toLps @ voxels + sampler.origin[:, None]).T
        base = (centers - points).astype(np.float32)
        normals = normals.astype(np.float32)
        along = self.offsetsLps @ normals.T
        along += _dot(base.T, normals.T)
        scaledOffsets = (self.offsetsLps @ self.scaling.T).astype(np.float32)
        scaledBase = (base @ self.scaling.T).astype(np.float32)
        scaledNormals = (normals @ self.scaling.T).astype(np.float32)
        # Squared length of the scaled displacement less its part along the normal.
        beside = scaledOffsets @ (2 * scaledBase).T
        beside += (scaledOffsets**2).sum(axis=1)[:, None]
        beside += (scaledBase**2).sum(axis=1)
        mixed = scaledOffsets @ scaledNormals.T
        mixed += _dot(scaledBase.T, scaledNormals.T)
        mixed *= -2
        mixed += along * (scaledNormals**2).sum(axis=1)
        mixed *= along
        beside += mixed
        weights = 1 - beside
        np.maximum(weights, 0, out=weights)
        weights *= weights
        # Beside the vertex a curved surface lies lower, by half of x K x.
        half = (curvature / 2).astype(np.float32)
        turned = applied(half, base)
        fall = np.concatenate([half, 2 * turned, _dot(turned.T, base.T)[:, None]], axis=1)
        along += self.offsetPowers @ fall.T
        return values, along, weights


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->j", a, b)
