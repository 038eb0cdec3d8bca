"""How far the image's noise moves a measured edge: its covariance passed through the weights of the measurement itself.

A position depends on the voxels around it in two ways: on those of the fit, and on those from which the plateaus and
so the half height were read. Both are sums with known weights, so that the variance of the position follows from the
variance of the noise and the correlation of neighboring voxels, with nothing to be fitted. That is computed for a
sample of the vertices; the others follow from their own gain and blur, and from the direction of their normal in the
grid.
"""

from __future__ import annotations

import numpy as np

from ..Distance.DeviationMap import Quality
from .EdgeSearch import PLATEAU_REACH, PLATEAU_START, SQRT_TWO_PI

SAMPLE = 240
# Correlations below this are found in white noise too, where faint structure passes for noise.
LEAST_CORRELATION = 0.1
CORNERS = np.array([[i, j, k] for k in (0, 1) for j in (0, 1) for i in (0, 1)])


def noiseShares(measurement) -> np.ndarray:
    """By how much the sources of a position's variance count in this image, float64 (6,), for :func:`noiseDeviation`.

    :param measurement: of ``ImageDeviation``, finished, of all vertices.
    """
    m = measurement
    finite = np.isfinite(m.gain) & np.isfinite(m.contrast) & (m.contrast != 0)
    usable = np.flatnonzero((m.quality == Quality.RELIABLE) & finite)
    chosen = np.sort(np.random.default_rng(2).permutation(usable)[:SAMPLE])
    if len(chosen) < 12:
        # Too few edges to say more than what white noise does, through the fit and one voxel on either side.
        return np.repeat([1.0, SQRT_TWO_PI**2 / 2], 3)
    from scipy.optimize import nnls

    design = _sources(m, chosen)
    variance = positionVariance(m, chosen)
    shares, _ = nnls(design / variance[:, None], np.ones(len(chosen)))
    # Least squares of the ratios leaves their mean below one.
    return shares * np.mean(variance / (design @ shares))


def noiseDeviation(measurement) -> np.ndarray:
    """Standard deviation of every vertex's position by the noise of the image, mm, float64 (n,).

    :param measurement: of ``ImageDeviation``, finished, or a part of it; its ``noiseShares`` are those of the whole.
    """
    return measurement.scale.noise * np.sqrt(_sources(measurement, slice(None)) @ measurement.noiseShares)


def _sources(m, which) -> np.ndarray:
    """Variances by the fit and by the plateaus, each parted by the normal's direction in the grid, (k, 6)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = np.stack([m.gain[which], m.normalBlur[which] / m.contrast[which]], axis=1).astype(np.float64) ** 2
    along = (m.geometry.normals[which] @ (m.sampler.toLps / m.sampler.spacing)) ** 2
    along /= np.maximum(along.sum(axis=1, keepdims=True), 1e-12)
    return (parts[:, :, None] * along[:, None]).reshape(len(parts), 6)


def positionVariance(measurement, chosen: np.ndarray) -> np.ndarray:
    """Variance of the position of some vertices (k,) in mm2, for a noise of standard deviation 1.

    The correlation of two voxels falls as that of a Gaussian grain, r**(steps**2) along each axis of the grid.
    """
    m = measurement
    points = m.mesh.points[chosen].astype(np.float64)
    normals = m.geometry.normals[chosen].astype(np.float64)
    position = m.distance[chosen].astype(np.float64)
    middle = m.sampler.toIndices(points + position[:, None] * normals)
    curvature = m.curvature[chosen]
    weights, levels = m.fitter.weights(points, normals, curvature, position, m.width[chosen])
    voxels = m.sampler.nearestVoxels(middle, m.fitter.offsets).T[:, None] + m.fitter.offsets
    # A value between the plateaus moves with both: with the inner one by as much as it lies above the outer one.
    shares = ((weights * levels).sum(axis=0), (weights * (1 - levels)).sum(axis=0))
    allWeights, allVoxels = [weights.T], [voxels.astype(np.float64)]
    start, direction = m.sampler.toIndices(points), m.sampler.toIndex @ normals.T
    for side, room, share in ((-1, m.wall[chosen], shares[0]), (1, m.gap[chosen], shares[1])):
        mean = _plateauWeights(side * (m.steps[:, None] - position), m.scale.width, room)
        used = np.flatnonzero(mean.any(axis=1))
        places = (start[:, None] + m.steps[used, None] * direction[:, None]).T
        corner = np.floor(places)
        part = (places - corner)[:, :, None]
        trilinear = np.where(CORNERS == 1, part, 1 - part).prod(axis=-1)
        allWeights.append(-(share[:, None, None] * mean[used].T[:, :, None] * trilinear).reshape(len(chosen), -1))
        allVoxels.append((corner[:, :, None] + CORNERS).reshape(len(chosen), -1, 3))
    correlation = np.array(m.scale.noiseCorrelation)
    decay = np.log(np.where(correlation < LEAST_CORRELATION, 1e-30, correlation))
    variance = np.empty(len(chosen))
    for number, (weight, place) in enumerate(
        zip(np.concatenate(allWeights, axis=1), np.concatenate(allVoxels, axis=1), strict=True)
    ):
        kept = weight != 0
        steps = place[kept, None] - place[None, kept]
        variance[number] = weight[kept] @ np.exp(steps**2 @ decay) @ weight[kept]
    return np.maximum(variance, 1e-30) / m.contrast[chosen].astype(np.float64) ** 2


def _plateauWeights(distance: np.ndarray, width: float, room: np.ndarray) -> np.ndarray:
    """Weight of every sample of the profiles (samples, k) in the mean of a plateau.

    :param distance: (samples, k) mm from the edge into the plateau.
    """
    near = PLATEAU_START * width
    used = (distance >= near) & (distance <= np.minimum(near + PLATEAU_REACH, room / 2))
    alone = np.flatnonzero(~used.any(axis=0))
    used[np.abs(distance[:, alone] - np.minimum(near, room[alone] / 2)).argmin(axis=0), alone] = True
    return used / used.sum(axis=0)
