"""What the edges of an image look like around a mesh on the whole: polarity, noise, contrast, blur."""

from __future__ import annotations

import numpy as np

from ..Errors import M3DError
from .EdgeSearch import SQRT_TWO_PI, EdgeScale, nearestEdges
from .ProfileSampling import VolumeSampler

SAMPLE = 6000


def findScale(
    sampler: VolumeSampler, points: np.ndarray, normals: np.ndarray, searchRange: float, polarity: int | None
) -> EdgeScale:
    """Typical polarity, noise, contrast and blur from a sample of the vertices.

    :param points: (n, 3) LPS mm. :param normals: (n, 3) unit.
    :param polarity: 1 or -1 to state it, None to take what most vertices show.
    :raises M3DError: when the mesh lies outside the image.
    """
    chosen = np.random.default_rng(0).permutation(len(points))[:SAMPLE]
    chosen = np.sort(chosen[(normals[chosen] != 0).any(axis=1)])
    start = sampler.toIndices(points[chosen])
    direction = sampler.toIndex @ normals[chosen].T
    low, high = sampler.rangeInside(start, direction)
    within = (low < 0) & (high > 0)
    if not within.any():
        raise M3DError(
            "The mesh lies entirely outside the image; check that both are in the same coordinate system (LPS, mm)."
        )
    start, direction = start[:, within], direction[:, within]
    noise, correlation = evenNoise(sampler, start)
    step = float(np.clip(sampler.spacing.min() / 2, 0.2, 0.5))
    count = int(np.ceil((searchRange + 2) / step))
    steps = np.arange(-count, count + 1) * step
    profiles = sampler.profiles(start, direction, steps)
    found = {
        sign: _trial(sign * profiles, steps, searchRange, noise)
        for sign in ((1, -1) if polarity is None else (polarity,))
    }
    sign = max(found, key=lambda key: found[key][0])
    _, contrast, width = found[sign]
    least = max(5 * noise, 0.2 * contrast)
    return EdgeScale(sign, noise, contrast, width, least, correlation)


def _trial(profiles, steps, searchRange, noise) -> tuple[float, float, float]:
    """Sum of the contrasts found with one polarity, and the typical contrast and blur of the edges."""
    spread = np.percentile(np.ptp(profiles, axis=0), 75)
    trial = EdgeScale(1, noise, spread, 0.5, max(5 * noise, 0.15 * spread))
    edges = nearestEdges(profiles, steps, searchRange, trial)
    found = np.isfinite(edges.position)
    if not found.any():
        return 0.0, float(spread), 0.5
    contrast = (edges.inside - edges.outside)[found]
    # An edge at the mesh counts more than one far away, which may belong to the neighboring structure.
    worth = (contrast / (0.5 + np.abs(edges.position[found]))).sum()
    width = contrast / (SQRT_TWO_PI * edges.slope[found])
    return float(worth), float(np.median(contrast)), float(np.clip(np.median(width), 0.2, 4.0))


def evenNoise(
    sampler: VolumeSampler, indices: np.ndarray, reach: float = 8.0
) -> tuple[float, tuple[float, float, float]]:
    """Noise of the voxels in the even regions near positions (3, n) in voxel indices.

    From 3 x 3 x 3 neighborhoods scattered around the positions; only the quiet ones, which no edge crosses, count, and
    regions without any noise at all (clipped air, padding) are left out where others have some. Differences of voxels
    one and two apart tell how far the noise is correlated: with a Gaussian correlation r at one voxel they are as 1 - r
    to 1 - r**4.

    :return: standard deviation in image units, and the correlation of neighboring voxels along i, j, k.
    """
    if sampler.dimensions.min() < 3:
        return 0.0, (0.0, 0.0, 0.0)
    generator = np.random.default_rng(1)
    scatter = generator.uniform(-reach, reach, (3, indices.shape[1])) / sampler.spacing[:, None]
    offsets = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    values = sampler.neighborhoods(sampler.nearestVoxels(indices + scatter, offsets), offsets)
    deviation = values.std(axis=0)
    noisy = deviation > 0
    if noisy.mean() < 0.1:
        return 0.0, (0.0, 0.0, 0.0)
    values, deviation = values[:, noisy], deviation[noisy]
    # Deviations of one kind of noise spread by much less than this factor; what an edge crosses lies far above.
    quiet = deviation <= 1.9 * np.percentile(deviation, 10)
    cubes = values[:, quiet].reshape(3, 3, 3, -1)
    ladder = np.linspace(0, 0.95, 96)
    variances, correlations = [], []
    for axis in range(3):
        first, second, third = np.moveaxis(cubes, axis, 0)
        near = (((second - first) ** 2).mean() + ((third - second) ** 2).mean()) / 4
        far = ((third - first) ** 2).mean() / 2
        correlation = float(np.interp(far / max(near, 1e-12), (1 - ladder**4) / (1 - ladder), ladder))
        correlations.append(correlation)
        variances.append(near / (1 - correlation))
    return float(np.sqrt(np.mean(variances))), tuple(correlations)
