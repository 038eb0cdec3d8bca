"""How far the image's noise moves a measured edge: its covariance passed through the weights of the measurement itself.

A position depends on the voxels around it in two ways: on those of the fit, and on those from which the plateaus and
so the half height were read. Both are sums with known weights, so that the variance of the position follows from the
variance of the noise and the correlation of neighboring voxels, with nothing to be fitted. That is computed for a
sample of the vertices; the others follow from their own gain and blur, and from the direction of their normal in the
grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..Distance.DeviationMap import Quality
from .EdgeBlur import EdgeBlur
from .EdgeReader import EdgeReader
from .EdgeSearch import PLATEAU_REACH, PLATEAU_START, SQRT_TWO_PI
from .EdgeSurface import EdgeSurface
from .MeasuredEdges import MeasuredEdges
from .VertexParts import partOf

SAMPLE = 240
# Correlations below this are found in white noise too, where faint structure passes for noise.
LEAST_CORRELATION = 0.1
CORNERS = np.array([[i, j, k] for k in (0, 1) for j in (0, 1) for i in (0, 1)])


@dataclass
class PositionNoise:
    """What the noise of an image does to the positions of its edges.

    :ivar shares: by how much the sources of a position's variance count in this image, float64 (6,).
    """

    reader: EdgeReader
    shares: np.ndarray

    def deviation(self, surface: EdgeSurface, edges: MeasuredEdges, blur: EdgeBlur) -> np.ndarray:
        """Standard deviation of the position at vertices, mm, float64 (n,)."""
        return self.reader.scale.noise * np.sqrt(_sources(self.reader, surface, edges, blur) @ self.shares)


def positionNoise(reader: EdgeReader, surface: EdgeSurface, edges: MeasuredEdges, blur: EdgeBlur) -> PositionNoise:
    """What noise does in an image, from a sample of its finished edges."""
    finite = np.isfinite(edges.gain) & np.isfinite(edges.contrast) & (edges.contrast != 0)
    usable = np.flatnonzero((edges.quality == Quality.RELIABLE) & finite)
    chosen = np.sort(np.random.default_rng(2).permutation(usable)[:SAMPLE])
    if len(chosen) < 12:
        # Too few edges to say more than what white noise does, through the fit and one voxel on either side.
        return PositionNoise(reader, np.repeat([1.0, SQRT_TWO_PI**2 / 2], 3))
    from scipy.optimize import nnls

    surface, edges, blur = (partOf(values, chosen) for values in (surface, edges, blur))
    design, variance = _sources(reader, surface, edges, blur), positionVariance(reader, surface, edges)
    shares, _ = nnls(design / variance[:, None], np.ones(len(chosen)))
    # Least squares of the ratios leaves their mean below one.
    return PositionNoise(reader, shares * np.mean(variance / (design @ shares)))


def _sources(reader: EdgeReader, surface: EdgeSurface, edges: MeasuredEdges, blur: EdgeBlur) -> np.ndarray:
    """Variances by the fit and by the plateaus, each parted by the normal's direction in the grid, (n, 6)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = np.stack([edges.gain, blur.along / edges.contrast], axis=1).astype(np.float64) ** 2
    along = (surface.normals @ reader.sampler.axes) ** 2
    along /= np.maximum(along.sum(axis=1, keepdims=True), 1e-12)
    return (parts[:, :, None] * along[:, None]).reshape(len(parts), 6)


def positionVariance(reader: EdgeReader, surface: EdgeSurface, edges: MeasuredEdges) -> np.ndarray:
    """Variance of the position of some edges (n,) in mm2, for a noise of standard deviation 1.

    The correlation of two voxels falls as that of a Gaussian grain, r**(steps**2) along each axis of the grid.
    """
    weights, voxels = _positionWeights(reader, surface, edges)
    correlation = np.array(reader.scale.noiseCorrelation)
    decay = np.log(np.where(correlation < LEAST_CORRELATION, 1e-30, correlation))
    variance = np.empty(len(weights))
    for number, (weight, voxel) in enumerate(zip(weights, voxels, strict=True)):
        kept = weight != 0
        steps = voxel[kept, None] - voxel[None, kept]
        variance[number] = weight[kept] @ np.exp(steps**2 @ decay) @ weight[kept]
    return np.maximum(variance, 1e-30) / edges.contrast.astype(np.float64) ** 2


def _positionWeights(reader: EdgeReader, surface: EdgeSurface, edges: MeasuredEdges) -> tuple[np.ndarray, np.ndarray]:
    """What the voxels do to each position: movement in mm per unit of the contrast (n, m), and the voxels (n, m, 3)."""
    sampler, fitter = reader.sampler, reader.fitter
    points, normals = surface.points.astype(np.float64), surface.normals.astype(np.float64)
    position, count = edges.distance.astype(np.float64), len(edges.distance)
    weights, levels = fitter.weights(points, normals, surface.curvature, position, edges.width)
    middle = sampler.toIndices(points + position[:, None] * normals)
    allWeights = [weights.T]
    allVoxels = [(sampler.nearestVoxels(middle, fitter.offsets).T[:, None] + fitter.offsets).astype(np.float64)]
    # A value between the plateaus moves with both: with the inner one by as much as it lies above the outer one.
    shares = ((weights * levels).sum(axis=0), (weights * (1 - levels)).sum(axis=0))
    start, direction = sampler.toIndices(points), sampler.toIndex @ normals.T
    for side, room, share in ((-1, edges.wall, shares[0]), (1, edges.gap, shares[1])):
        mean = _plateauWeights(side * (reader.steps[:, None] - position), reader.scale.width, room)
        used = np.flatnonzero(mean.any(axis=1))
        places = (start[:, None] + reader.steps[used, None] * direction[:, None]).T
        corner = np.floor(places)
        part = (places - corner)[:, :, None]
        trilinear = np.where(CORNERS == 1, part, 1 - part).prod(axis=-1)
        allWeights.append(-(share[:, None, None] * mean[used].T[:, :, None] * trilinear).reshape(count, -1))
        allVoxels.append((corner[:, :, None] + CORNERS).reshape(count, -1, 3))
    return np.concatenate(allWeights, axis=1), np.concatenate(allVoxels, axis=1)


def _plateauWeights(distance: np.ndarray, width: float, room: np.ndarray) -> np.ndarray:
    """Weight of every sample of the profiles (samples, k) in the mean of a plateau.

    :param distance: (samples, k) mm from the edge into the plateau.
    """
    near = PLATEAU_START * width
    used = (distance >= near) & (distance <= np.minimum(near + PLATEAU_REACH, room / 2))
    alone = np.flatnonzero(~used.any(axis=0))
    used[np.abs(distance[:, alone] - np.minimum(near, room[alone] / 2)).argmin(axis=0), alone] = True
    return used / used.sum(axis=0)
