"""What a scan shows of two faces that meet in a ridge: the blurred wedge between them, sharp or with a little missing.

A Gaussian blur of a half-space is the normal distribution of its depth in standard deviations; that of two half-spaces
at once is the bivariate one, whose correlation is the cosine of the angle between the faces as the blur sees them. What
rounding takes off the ridge (or fills into a groove) is a small area of its cross-section; blurred, it is that area
times a Gaussian, whatever its shape, as long as it is small against the blur.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Correlations nearer to one are of faces that hardly turn.
CLOSEST = 0.9999
SQRT_TWO_PI = float(np.sqrt(2 * np.pi))


def bothBelow(h: np.ndarray, k: np.ndarray, correlation: np.ndarray) -> np.ndarray:
    """P(X < h, Y < k) of standard normal X and Y (Owen 1956, "Tables for computing bivariate normal probabilities")."""
    from scipy.special import ndtr, owens_t

    r = np.clip(correlation, -CLOSEST, CLOSEST)
    root = np.sqrt(1 - r**2)
    # Owen's function is not defined by its second argument where the first is 0; the next number beside it will do.
    h, k = (np.where(np.abs(value) < 1e-9, 1e-9, value) for value in (h, k))
    product = owens_t(h, (k / h - r) / root) + owens_t(k, (h / k - r) / root)
    return (ndtr(h) + ndtr(k)) / 2 - product - np.where(h * k < 0, 0.5, 0.0)


def slopes(h: np.ndarray, k: np.ndarray, correlation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The derivatives of :func:`bothBelow` by h and by k."""
    from scipy.special import ndtr

    r = np.clip(correlation, -CLOSEST, CLOSEST)
    root = np.sqrt(1 - r**2)
    return (
        np.exp(-(h**2) / 2) / SQRT_TWO_PI * ndtr((k - r * h) / root),
        np.exp(-(k**2) / 2) / SQRT_TWO_PI * ndtr((h - r * k) / root),
    )


@dataclass
class Fillet:
    """What an arc of radius 1 that touches both faces leaves missing of a sharp ridge, arrays of the angles' shape.

    :ivar area: of the cross-section. :ivar depth: of its centroid below the ridge.
    :ivar alongBisector: its variance in that direction. :ivar across: its variance in the other one.
    """

    area: np.ndarray
    depth: np.ndarray
    alongBisector: np.ndarray
    across: np.ndarray


def fillet(turn: np.ndarray) -> Fillet:
    """The fillet of faces whose normals differ by angles ``turn`` (radians), by exact integrals over its sectors."""
    nodes, weights = np.polynomial.legendre.leggauss(24)
    half = np.asarray(turn)[..., None] / 2
    # From the bisector to one end of the arc; the other half is its mirror image.
    angle, weight = half * (nodes + 1) / 2, half * weights
    far = 1 / np.cos(half - angle)
    area = (weight * (far**2 - 1) / 2).sum(axis=-1)
    middle = (weight * np.cos(angle) * (far**3 - 1) / 3).sum(axis=-1) / area
    along = (weight * np.cos(angle) ** 2 * (far**4 - 1) / 4).sum(axis=-1) / area
    across = (weight * np.sin(angle) ** 2 * (far**4 - 1) / 4).sum(axis=-1) / area
    return Fillet(area, 1 / np.cos(half[..., 0]) - middle, along - middle**2, across)
