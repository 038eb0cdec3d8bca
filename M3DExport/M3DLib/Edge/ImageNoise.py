"""The noise of an image: how strong it is and how wide its grain, and more noise of the same kind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .ProfileSampling import VolumeSampler

# Voxels on either side of a place that are looked at, at most, and no farther away than this, mm.
MOST_STEPS, FARTHEST = 4, 3.1
# Share of places in pure noise that are to pass for even: with more, faint slopes do too and widen the grain; with
# fewer, the noise itself is cut (found on phantoms with grains of 0 to 2 voxels: 0.9 is within 5 % for the noise).
KEPT = 0.9
ROUNDS = 8
# Correlations of neighboring voxels that are told apart. A grain wider than the last one allows is a slope of the
# image for all that can be seen of it.
LADDER = np.linspace(0, 0.97, 98)
TILE = 64


@dataclass
class ImageNoise:
    """Normal noise with a Gaussian grain: voxels so many steps apart correlate as r**(steps**2) along each axis.

    :ivar deviation: standard deviation, in the image's units.
    :ivar correlation: r, of neighboring voxels along i, j, k.
    """

    deviation: float
    correlation: tuple[float, float, float]

    def tile(self, seed: int) -> np.ndarray:
        """Noise of that kind, float32 (k, j, i) of ``TILE`` voxels along each axis, which fits to itself all around."""
        from scipy.fft import irfftn, rfftn

        field = np.random.default_rng(seed).standard_normal((TILE, TILE, TILE), dtype=np.float32)
        steps = np.minimum(np.arange(TILE), TILE - np.arange(TILE))
        spectrum = rfftn(field)
        for axis, correlation in enumerate(self.correlation[::-1]):
            # Of the periodic correlation; roots, since the spectrum is that of the noise and not of its square.
            strength = np.sqrt(np.maximum(np.fft.fft(max(correlation, 1e-12) ** (steps**2.0)).real, 0))
            shape = [1, 1, 1]
            shape[axis] = -1
            spectrum *= strength[: spectrum.shape[axis]].astype(np.float32).reshape(shape)
        field = irfftn(spectrum, s=field.shape)
        return (field * np.float32(self.deviation / max(float(field.std()), 1e-12))).astype(np.float32)


class NoisierSampler(VolumeSampler):
    """Reads an image with more noise added to its voxels than they have."""

    def __init__(self, sampler: VolumeSampler, tile: np.ndarray, start: np.ndarray):
        """:param tile: of :meth:`ImageNoise.tile`. :param start: (3,) voxel of the tile added to the image's first."""
        vars(self).update(vars(sampler))
        self.tile, self.start = tile.reshape(-1), start

    def read(self, index: np.ndarray, offset: int = 0) -> np.ndarray:
        """Values of the voxels so many behind given ones, by their place in memory, float32."""
        index = index + offset
        i, rest = index % self.dimensions[0], index // self.dimensions[0]
        j, k = rest % self.dimensions[1], rest // self.dimensions[1]
        i, j, k = ((place + first) % TILE for place, first in zip((i, j, k), self.start, strict=True))
        return super().read(index) + self.tile.take((k * TILE + j) * TILE + i)


def evenNoise(sampler: VolumeSampler, indices: np.ndarray, reach: float = 8.0) -> ImageNoise:
    """Noise of the voxels in the even regions near positions (3, n) in voxel indices.

    From places scattered around the positions, by the differences of voxels on the three grid lines through each. Only
    the quiet places, which no edge crosses, count, and regions without any noise at all (clipped air, padding) are left
    out where others have some. How much the variances of places differ in mere noise depends on its grain: grainy
    noise has many that look quiet and are not, so that grain and threshold are found in turns.
    """
    lines = _gridLines(sampler)
    offsets = np.unique(np.concatenate(lines), axis=0)
    generator = np.random.default_rng(1)
    scatter = generator.uniform(-reach, reach, (3, indices.shape[1])) / sampler.spacing[:, None]
    values = sampler.neighborhoods(sampler.nearestVoxels(indices + scatter, offsets), offsets)
    variance = values.var(axis=0)
    noisy = variance > 0
    if noisy.mean() < 0.1:
        return ImageNoise(0.0, (0.0, 0.0, 0.0))
    values, variance = values[:, noisy], variance[noisy]
    numbers = {tuple(offset): number for number, offset in enumerate(offsets.tolist())}
    differences = [_differences(values[[numbers[tuple(offset)] for offset in line.tolist()]]) for line in lines]
    low, quiet = np.percentile(variance, 10), None
    noise = ImageNoise(0.0, (0.0, 0.0, 0.0))
    for _ in range(ROUNDS):
        before, quiet = quiet, variance <= low * _spread(offsets, noise.correlation)
        if before is not None and np.array_equal(before, quiet):
            break
        noise = _grainOf([squares[:, quiet].mean(axis=1, dtype=np.float64) for squares in differences])
    return noise


def _gridLines(sampler: VolumeSampler) -> list[np.ndarray]:
    """Voxel steps (m, 3) along each of the grid's axes, empty along those whose neighbors are too far away."""
    near = sampler.spacing <= 1.5 * sampler.spacing.min()
    half = np.clip(FARTHEST // sampler.spacing, near, MOST_STEPS).astype(int)
    half = np.minimum(half, (sampler.dimensions - 1) // 2)
    return [
        np.arange(-count, count + 1)[:, None] * axis for count, axis in zip(half, np.eye(3, dtype=int), strict=True)
    ]


def _differences(line: np.ndarray) -> np.ndarray:
    """Half the mean squared difference of voxels 1, 2, ... steps apart on lines (m, n) of them, (m - 1, n)."""
    means = [np.square(line[step:] - line[:-step]).mean(axis=0) / 2 for step in range(1, len(line))]
    return np.array(means).reshape(-1, line.shape[1])


def _spread(offsets: np.ndarray, correlation) -> float:
    """Above how many times its tenth percentile the variance within a place lies in no more than a few of them.

    The variance of correlated values is spread about as that of fewer independent ones (Satterthwaite 1946, "An
    approximate distribution of estimates of variance components").
    """
    from scipy.special import gammaincinv

    covariance = np.exp((offsets[:, None] - offsets[None]) ** 2 @ np.log(np.maximum(correlation, 1e-12)))
    covariance -= covariance.mean(axis=0)
    covariance -= covariance.mean(axis=1, keepdims=True)
    freedom = np.trace(covariance) ** 2 / np.square(covariance).sum()
    return float(gammaincinv(freedom / 2, KEPT) / gammaincinv(freedom / 2, 0.1))


def _grainOf(differences: list[np.ndarray]) -> ImageNoise:
    """Noise whose differences come nearest to those found 1, 2, ... steps apart along each axis.

    Half the mean squared difference of voxels that many steps apart is variance * (1 - r**(steps**2)). Relative misfits
    count, by the number of pairs and more for near ones; for a variance, each axis has its own best correlation.
    """
    largest = max(float(values.max()) for values in differences if len(values))
    variances = largest * np.geomspace(0.5, 2.5, 120)
    total, best = np.zeros(len(variances)), []
    for values in differences:
        steps = np.arange(1, len(values) + 1)
        worth = steps[::-1] / (steps * np.maximum(values, 1e-12) ** 2)
        shape = 1 - LADDER[:, None] ** (steps**2)
        # The squared misfit of every variance with every correlation, multiplied out.
        misfit = (shape**2 @ worth) * variances[:, None] ** 2 - 2 * (shape @ (worth * values)) * variances[:, None]
        best.append(LADDER[misfit.argmin(axis=1)] if len(values) else np.zeros(len(variances)))
        total += misfit.min(axis=1)
    chosen = int(total.argmin())
    return ImageNoise(float(np.sqrt(variances[chosen])), tuple(float(correlation[chosen]) for correlation in best))
