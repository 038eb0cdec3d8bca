"""What the edges of an image look like around a mesh on the whole: polarity, noise, contrast, blur."""

from __future__ import annotations

import numpy as np

from ..Errors import M3DError
from .EdgeSearch import SQRT_TWO_PI, EdgeScale, nearestEdges
from .ImageNoise import evenNoise
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
    return EdgeScale(sign, noise.deviation, contrast, width, least, noise.correlation)


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
