"""Whether the image at the vertices beside a ridge is that of the faces that are to meet there."""

from __future__ import annotations

import numpy as np

from .BlurredWedge import bothBelow
from .RidgeFit import ImageOfRidges, mixed

# Vertices within so many standard deviations of the blur are asked together.
TOGETHER = 1.5
# Standard deviations beyond which a normal distribution is at its end.
END = 9.0


def misfit(
    image: ImageOfRidges, points: np.ndarray, height: np.ndarray, normals: np.ndarray, levels: np.ndarray
) -> np.ndarray:
    """By how much the image is more like the inside than up to three faces make it, as a share of the contrast, (m,).

    A ridge that is followed beyond its end, or past a notch, has its vertices deep within the faces, but at the half
    height of the image. Grooves are ridges of the outside: heights and levels are to be given as of that.

    :param points: (m, 3) mm. :param height: (m, 3) over each of the faces, mm, -infinite where there is none.
    :param normals: (m, 3, 3) of the faces.
    :param levels: (m, 2) value beyond the faces and what the inside has more, of the image times its polarity.
    """
    from scipy.spatial import cKDTree

    expected = _insideShare(image, height, normals)
    start = image.sampler.toIndices(points)
    values = image.polarity * image.sampler.profiles(start, np.zeros_like(start), np.zeros(1))[0].astype(np.float64)
    away = (values - levels[:, 0]) / levels[:, 1] - expected
    # Noise is less of what several places say together.
    pairs = cKDTree(points).query_pairs(TOGETHER * image.blur, output_type="ndarray")
    number, total = np.ones(len(points)), away.copy()
    for one, other in (pairs.T, pairs.T[::-1]):
        number += np.bincount(one, minlength=len(points))
        total += np.bincount(one, away[other], len(points))
    return total / number


def _insideShare(image: ImageOfRidges, height: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """What share of the blur around places lies below all their faces, (m,)."""
    from scipy.special import ndtr

    # Interpolating between voxels blurs a little more.
    steps = image.sampler.toLps
    covariance = image.covariance + steps @ steps.T / 6
    spread = np.sqrt(np.maximum(mixed(covariance, normals, normals), 1e-12))
    z = np.clip(-height / spread, -END, END)
    below = np.maximum(ndtr(z), 1e-12)
    share = below.prod(axis=1)
    # Of three faces what each two have in common, as if that did not depend on the third.
    for one, two in ((0, 1), (0, 2), (1, 2)):
        correlation = mixed(covariance, normals[:, one], normals[:, two]) / (spread[:, one] * spread[:, two])
        share *= bothBelow(z[:, one], z[:, two], correlation) / (below[:, one] * below[:, two])
    return np.clip(share, 0, 1)
