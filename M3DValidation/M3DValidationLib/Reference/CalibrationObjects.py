"""Finding a body of known shape around a point of the image: the points of its surface, as seen from within.

Calibration bodies are convex, so each ray from a point inside meets the surface once, at its first edge. Where another
body is joined on, the rays run on into it; their points lie on no face of the shape and are left out by the fit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from M3DLib.Errors import M3DError
from M3DLib.Image.ImageVolume import ImageVolume

from ..Anatomy.EdgeProfiles import evaluateProfiles

_RAYS = 12_000
_MARGIN_MM = 10.0


@dataclass
class ObjectSurface:
    """Surface points of a body.

    :ivar points: float64 (k, 3), where the image crosses the local 50 % level, LPS mm.
    :ivar normals: float64 (k, 3), outward: against the image's gradient (along it for a dark body).
    :ivar weights: float64 (k,), surface area each point stands for, mm2.
    """

    points: np.ndarray
    normals: np.ndarray
    weights: np.ndarray


def objectSurface(image: ImageVolume, near: np.ndarray, largestMm: float) -> ObjectSurface:
    """Surface of the body around a point.

    :param near: float64 (3,), inside the body, LPS mm.
    :param largestMm: largest known size of the body; rays run 1.2 times as far, and 10 mm at least.
    :raises M3DError: the image is no regular grid, the point is outside the image, or nothing stands out there.
    """
    image.requireRegular()
    near = np.asarray(near, dtype=np.float64)
    center = image.lpsToIndex(near[None])[0]
    if (center < 0).any() or (center > np.array(image.dimensions) - 1).any():
        raise M3DError("The point given for the calibration object lies outside the image.")
    length = max(1.2 * largestMm, _MARGIN_MM)
    reach = (length + _MARGIN_MM) / image.spacing
    low = np.maximum(np.floor(center - reach), 0).astype(int)
    high = np.minimum(np.ceil(center + reach) + 1, image.dimensions).astype(int)
    window = image.array[low[2] : high[2], low[1] : high[1], low[0] : high[0]].astype(np.float32)
    value, surround = _levels(window, tuple(np.rint(center - low).astype(int)[::-1]), image.spacing)

    step = float(image.spacing.min()) / 2
    distance = np.arange(0, length, step)
    directions = _evenDirections(_RAYS)
    toIndex = np.linalg.inv(image.ijkToLps[:3, :3]).T
    firstPoints, firstLengths, firstDirections = [], [], []
    for start in range(0, _RAYS, 4000):
        part = directions[start : start + 4000]
        index = (center - low) + (part[:, None] * distance[None, :, None]) @ toIndex
        values = _sample(window, index)
        height = (values - (value + surround) / 2) * np.sign(value - surround)
        outside = height < 0
        first = outside.argmax(axis=1)
        ray = np.flatnonzero((first > 0) & ~np.isnan(values[:, 0]))
        at = first[ray]
        # The edge lies between the last sample inside and the first one outside; a ray that leaves the image has none.
        good = np.isfinite(height[ray, at]) & np.isfinite(height[ray, at - 1])
        ray, at = ray[good], at[good]
        share = height[ray, at - 1] / (height[ray, at - 1] - height[ray, at])
        lengths = (at - 1 + share) * step
        firstPoints.append(near + part[ray] * lengths[:, None])
        firstLengths.append(lengths)
        firstDirections.append(part[ray])
    points, lengths, rays = (np.concatenate(parts) for parts in (firstPoints, firstLengths, firstDirections))
    if len(points) < _RAYS / 20:
        raise M3DError("The point given for the calibration object does not lie inside anything that stands out.")
    normals = _outward(window, (points - image.indexToLps(low[None])[0]) @ toIndex, image, value > surround)
    refined, keep = _refined(window, points, normals, image, low)
    # A ray's share of the sphere, spread over the surface where it meets it.
    slant = np.maximum(np.abs(np.einsum("ij,ij->i", rays, normals)), 0.1)
    weights = 4 * np.pi / _RAYS * lengths**2 / slant
    return ObjectSurface(refined[keep], normals[keep], weights[keep])


def _refined(window, points, normals, image, low) -> tuple[np.ndarray, np.ndarray]:
    """Points moved along the normals to the local 50 % level, and which of them found one."""
    step = float(image.spacing.min()) / 4
    half = int(np.ceil(3 * float(image.spacing.max()) / step))
    offsets = np.arange(-half, half + 1) * step
    places = points[:, None] + normals[:, None] * offsets[None, :, None]
    index = image.lpsToIndex(places.reshape(-1, 3)).reshape(places.shape) - low
    profiles = evaluateProfiles(points, _sample(window, index), offsets, 0.0)
    keep = profiles.reliable & (np.abs(profiles.shift) < 1.5 * float(image.spacing.max()))
    return points + np.nan_to_num(profiles.shift)[:, None] * normals, keep


def _sample(window: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Values at fractional indices (..., 3) in the order i, j, k; NaN outside."""
    from scipy import ndimage

    flat = ndimage.map_coordinates(
        window, index.reshape(-1, 3).T[::-1], order=1, mode="constant", cval=np.nan, output=np.float64
    )
    return flat.reshape(index.shape[:-1])


def _outward(window, index, image, bright: bool) -> np.ndarray:
    """Unit vectors out of the body at fractional indices (n, 3), LPS: along the gradient of the image blurred by about
    one of its largest voxel edges.
    """
    from scipy import ndimage

    sigma = 0.8 * float(image.spacing.max()) / image.spacing[::-1]
    gradient = np.empty((len(index), 3))
    for axis in range(3):
        order = [0, 0, 0]
        order[axis] = 1
        slope = ndimage.gaussian_filter(window, sigma, order=order)
        gradient[:, 2 - axis] = ndimage.map_coordinates(slope, index.T[::-1], order=1, mode="nearest")
    # A gradient transforms with the inverse transpose.
    normals = (-1 if bright else 1) * gradient @ np.linalg.inv(image.ijkToLps[:3, :3])
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return normals / np.where(length > 0, length, 1)


def _evenDirections(count: int) -> np.ndarray:
    """Directions spread evenly over the sphere (Fibonacci lattice), float64 (count, 3)."""
    number = np.arange(count) + 0.5
    z = 1 - 2 * number / count
    angle = np.pi * (1 + 5**0.5) * number
    radius = np.sqrt(1 - z * z)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), z], axis=1)


def _levels(window: np.ndarray, seed: tuple, spacing: np.ndarray) -> tuple[float, float]:
    """Value of the body (median about the point) and of its surroundings (the commonest other value)."""
    radius = np.maximum(np.rint(1.5 / spacing).astype(int), 1)[::-1]
    ball = window[tuple(slice(max(0, s - r), s + r + 1) for s, r in zip(seed, radius, strict=True))]
    value = float(np.median(ball))
    noise = 1.4826 * float(np.median(np.abs(ball - value)))
    # A tenth of the window's range is the least step that could be the body's edge.
    other = window[np.abs(window - value) > max(8 * noise, 0.1 * float(np.ptp(window)))]
    if other.size < 1000:
        raise M3DError("Nothing stands out at the point given for the calibration object.")
    counts, edges = np.histogram(other, bins=200)
    fullest = int(counts.argmax())
    return value, float((edges[fullest] + edges[fullest + 1]) / 2)
