"""How sure a measured edge position is: a model of the errors, fitted on phantoms whose surface is known.

The coefficients are the result of ``Testing/Benchmarks/fit_edge_uncertainty.py``, which renders phantoms (balls, rings,
bars, gyroids, walls) with voxels of 0.3 to 1.5 mm, a point spread of 0.6 to 2 mm and noise that is white or grainy,
measures meshes that lie on their surfaces, and fits the spread of the errors. Run it again after any change to the
method.
"""

from __future__ import annotations

import numpy as np

TERMS = ("noise", "plateau", "ridge", "wall", "sampling", "misfit")
# Share of each squared term (mm2) in the squared half width of the 95 % interval.
COEFFICIENTS = (3.83, 3.78, 41.5, 6.1, 0.317, 12.4)
# Rounding of stored values and the arithmetic itself, mm.
FLOOR = 0.002


def uncertaintyTerms(measurement) -> np.ndarray:
    """The possible sources of error at every vertex, mm, float64 (n, 6), in the order of ``TERMS``.

    :param measurement: of ``ImageDeviation``, finished.
    """
    m = measurement
    noise = m.scale.noise * noiseInflation(m.scale, m.sampler.spacing)
    with np.errstate(divide="ignore", invalid="ignore"):
        plateau = m.normalBlur * noise / m.contrast
        misfit = np.sqrt(np.maximum(m.residual**2 - m.scale.noise**2, 0)) / m.contrast * m.normalBlur
    ridge = m.ridge**2 * m.turningBlur**3
    return np.stack([m.gain * noise, plateau, ridge, m.thinness, samplingError(m), misfit], axis=1).astype(np.float64)


def noiseInflation(scale, spacing: np.ndarray) -> float:
    """How much more grainy noise moves a fitted edge than white noise of the same standard deviation would.

    The fit averages voxels with weights that are about Gaussian, of standard deviation s along each axis. A field of
    Gaussian correlation exp(-h**2 / (4 t**2)) leaves 1 / sqrt(1 + s**2 / t**2) of its variance in such a mean, white
    noise on voxels d apart leaves d / (2 sqrt(pi) s).
    """
    size = float(np.prod(spacing) ** (1 / 3))
    inflation = 1.0
    for distance, correlation in zip(spacing, scale.noiseCorrelation, strict=True):
        if correlation <= 0.05:
            continue
        weight2 = (0.35 * max(distance, size)) ** 2 + scale.width**2 / 8
        grain2 = distance**2 / (4 * np.log(1 / correlation))
        white = min(1.0, distance / (2 * np.sqrt(np.pi * weight2)))
        inflation *= max(1.0, 1 / np.sqrt(1 + weight2 / grain2) / white)
    return float(np.sqrt(inflation))


def samplingError(measurement) -> np.ndarray:
    """What voxels that are coarse against the blur leave open along each normal, mm, float64 (n,).

    A Gaussian blur of standard deviation s passes the share exp(-2 (pi s f)**2) of a pattern of f periods per mm; what
    passes at one period per voxel is mistaken for a shift of the edge. Squared, since the fit takes up half of it.
    """
    m = measurement
    distance = (np.abs(m.geometry.normals @ (m.sampler.toLps / m.sampler.spacing)) * m.sampler.spacing).max(axis=1)
    return distance * np.exp(-4 * (np.pi * m.normalBlur / np.maximum(distance, 1e-9)) ** 2)


def interval95(measurement) -> np.ndarray:
    """Half width of the interval that holds the true distance with 95 % probability, mm, float32 (n,)."""
    terms = np.nan_to_num(uncertaintyTerms(measurement))
    return np.sqrt(terms**2 @ np.array(COEFFICIENTS) + FLOOR**2).astype(np.float32)
