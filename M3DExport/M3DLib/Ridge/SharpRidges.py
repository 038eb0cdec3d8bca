"""Ridges and corners of a refined surface, which blur rounds off in the image, put where their faces meet.

The half height of a blurred ridge lies below the ridge, so that no surface that follows the edge along its normals
keeps it; and triangles of the segment bridge it wherever their vertices lie. So each piece of a ridge is fitted to the
voxels as two faces with some of the edge between them missing (``Ridge.RidgeFit``). Where that says all that the
voxels show, and how much is missing is known well enough, the vertices go to the faces, and of every two neighbors on
different faces one goes to the line between them: sharp where the image is that of a sharp ridge, as much lower as it
shows something missing. Everywhere else the surface stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..Distance.DeviationMap import DeviationMap, Quality
from ..Edge.ProfileSampling import VolumeSampler
from ..Edge.VertexParts import partOf, sampleOf
from ..Image.ImageVolume import ImageVolume
from .BlurOfGrid import blurOfGrid
from .RidgeFit import ImageOfRidges, Ridges, fitRidges
from .RidgeLines import movedToRidges
from .RidgePooling import pooled
from .RidgeSeeds import ridgeSeeds
from .SharpPlaces import sharpPlaces

# Missing areas and their standard deviations, in squares of the blur's, above which a ridge is left as it is: an arc
# of two standard deviations of the blur on a right angle has 0.86 of them missing.
MOST_MISSING, MOST_UNSURE = 1.0, 0.33
# How much the blur's own uncertainty adds to that of a missing area, in squares of the blur: what a covariance between
# the directions of two faces that is wrong by so much would pass for.
BLUR_UNSURE = 0.08
# Edges that the blur is measured at.
SAMPLE = 40_000
# Slices so many times as thick as voxels are wide have a blur that is like no normal distribution.
THICK = 3.0
# Beyond so much noise another structure beside a ridge is not seen in what the model of it leaves unexplained.
LEAST_CONTRAST_TO_NOISE = 20.0


def atRidges(
    points: np.ndarray,
    deviation: DeviationMap,
    image: ImageVolume,
    *,
    near: np.ndarray,
    fixed: np.ndarray,
    meanAt: Callable,
    allowed: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """The vertices of a surface that was measured and moved, with its ridges, and how far each follows them, (n,).

    :param points: (n, 3) mm, where they are. :param deviation: the last measurement, of a surface near to that one.
    :param near: bool (n,), vertices within some rings of neighbors of sharp ones: faces are looked for there.
    :param fixed: bool (n,), vertices that stay.
    :param meanAt: gives the mean of the neighbors of some vertices (numbers) as a sparse matrix (m, n).
    :param allowed: tells of vertices (numbers) and places (k, 3) which of them may go there, bool (k,).
    """
    share = np.zeros(len(points))
    seen = _seen(deviation, image)
    if seen is None:
        return points, share
    quality = np.where(near, deviation.quality, np.uint8(Quality.NO_EDGE))
    ridges = fitRidges(seen, ridgeSeeds(points, deviation.normals, quality, seen.blur))
    ridges = partOf(ridges, np.flatnonzero(ridges.fine))
    followed = np.zeros(0, dtype=bool)
    if len(ridges.center):
        ridges = pooled(ridges, seen.blur)
        followed = knownRidges(ridges, seen.blur)
    if not followed.any():
        return points, share
    triangles = deviation.mesh.triangles
    spacing = _spacing(points, triangles, deviation.quality == Quality.SHARP)
    places = sharpPlaces(points, ridges, followed, seen, spacing)
    places.share[fixed[places.which]] = 0
    result, share[places.which] = movedToRidges(
        points, triangles, places, meanAt(places.which), spacing=spacing, allowed=allowed
    )
    return result, share


def knownRidges(ridges: Ridges, blur: float) -> np.ndarray:
    """Which ridges are known well enough to be followed, bool (w,).

    :param blur: standard deviation, mm.
    """
    deviation = np.hypot(ridges.missingDeviation, BLUR_UNSURE * blur**2)
    return (ridges.missing + deviation < MOST_MISSING * blur**2) & (deviation < MOST_UNSURE * blur**2)


def _seen(deviation: DeviationMap, image: ImageVolume) -> ImageOfRidges | None:
    """The image as ridges are fitted to it; None where nothing is sharp, noise is too strong, slices are too thick,
    or its blur is not known along all axes.
    """
    names = ("polarity", "noise", "contrast", "noiseCorrelation")
    polarity, noise, contrast, grain = (deviation.settings[name] for name in names)
    if not (deviation.quality == Quality.SHARP).any() or contrast < LEAST_CONTRAST_TO_NOISE * noise:
        return None
    if image.spacing.max() >= THICK * image.spacing.min():
        return None
    usable = deviation.reliable & np.isfinite(deviation.edgeWidth)
    which = sampleOf(usable, SAMPLE)
    sampler = VolumeSampler(image)
    covariance = blurOfGrid(deviation.normals[which], deviation.edgeWidth[which], sampler.axes)
    if covariance is None:
        return None
    return ImageOfRidges(sampler, covariance, polarity, noise, contrast, tuple(grain))


def _spacing(points: np.ndarray, triangles: np.ndarray, which: np.ndarray) -> float:
    """Usual length of the edges of triangles at some vertices, mm."""
    corners = points[triangles[which[triangles].any(axis=1)]]
    return float(np.median(np.linalg.norm(corners - corners[:, [1, 2, 0]], axis=2)))
