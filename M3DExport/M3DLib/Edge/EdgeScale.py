"""What the edges of an image look like around a mesh: polarity, noise, contrast, blur, where values are cut off."""

from __future__ import annotations

import numpy as np

from ..Errors import M3DError
from .EdgeSearch import SQRT_TWO_PI, EdgeScale, nearestEdges
from .ImageNoise import evenNoise
from .ProfileSampling import VolumeSampler

SAMPLE = 6000
# Share of the values near a surface that are the same and the last of all, above which the image is cut off there.
PILED_UP = 5e-4
# Share of what is not at one end that is at the other, above which what lies there has no noise.
EVEN = 0.05
# Nothing above and nothing below is air, HU; what is below fills the place outside the reconstructed field.
AIR_HU, PADDING_HU = -900, -1100
# Largest values of unsigned bytes and of 12 to 16 bits, as they are and with the 1024 below zero that CT begins at.
CEILINGS = {255.0, *(float(2**bits - 1 - shift) for bits in range(12, 17) for shift in (0, 1024))}


def findScale(
    sampler: VolumeSampler,
    points: np.ndarray,
    normals: np.ndarray,
    searchRange: float,
    polarity: int | None,
    *,
    hounsfield: bool = False,
) -> EdgeScale:
    """Typical polarity, noise, contrast and blur, and the ends of the image's range, from a sample of the vertices.

    :param points: (n, 3) LPS mm. :param normals: (n, 3) unit.
    :param polarity: 1 or -1 to state it, None to take what most vertices show.
    :param hounsfield: whether the image's values are HU.
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
    noise = evenNoise(sampler, start)
    step = float(np.clip(sampler.spacing.min() / 2, 0.2, 0.5))
    count = int(np.ceil((searchRange + 2) / step))
    steps = np.arange(-count, count + 1) * step
    profiles = sampler.profiles(start, direction, steps)
    found = {
        sign: _trial(sign * profiles, steps, searchRange, noise.deviation)
        for sign in ((1, -1) if polarity is None else (polarity,))
    }
    sign = max(found, key=lambda key: found[key][0])
    _, contrast, width = found[sign]
    least = max(5 * noise.deviation, 0.2 * contrast)
    ends = _endsOfRange(profiles, noise.deviation, hounsfield)
    return EdgeScale(sign, noise.deviation, contrast, width, least, noise.correlation, *ends)


def _endsOfRange(profiles: np.ndarray, noise: float, hounsfield: bool) -> tuple[float, float]:
    """The values at which an image is cut off, by its values near the surface; infinite where it is not.

    In noise hardly two values between voxels are the same, unless all voxels around were cut off. Where what is not
    cut off at one end is the same at the other, as in a computed image without noise, an end that scanners have
    decides. Air is often cut off at its own value, by no more than its noise: that is no windowed scan.
    """
    low, high = float(profiles.min()), float(profiles.max())
    slack = 1e-5 * (high - low)
    atLow, atHigh = (int(np.count_nonzero(np.abs(profiles - end) <= slack)) for end in (low, high))
    evenLow, evenHigh = atLow > EVEN * (profiles.size - atHigh), atHigh > EVEN * (profiles.size - atLow)
    cutHigh = atHigh > PILED_UP * profiles.size and (not evenLow or high in CEILINGS)
    noisy = not evenHigh and noise > 2e-4 * (high - low)
    noAir = hounsfield and not PADDING_HU < low < AIR_HU
    cutLow = atLow > PILED_UP * profiles.size and noisy and noAir
    return low if cutLow else -np.inf, high if cutHigh else np.inf


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
