"""Where a surface lies between thick slices at places that have no edge of their own that could be trusted.

A surface made of thick slices is a poor guide to the image's edges: it has ridges where only slices end, and along its
normals a slanted wall is so drawn out that one of its sides spoils the other's plateau. But what is inside and what
outside is known from the reliable edges around, so the surface is where the image passes the middle between them. The
slices are joined by cubic curves (Keys 1981) for that, which follow a slanted surface better than straight lines do.

It counts only where the edges around agree, where no other wall of the surface lies on the way, and where the image
goes well above the middle within and well below it outside, by the contrast of the edges around. A wall too thin for
the blur does not, nor one of less dense material; those stay what they are without this.
"""

from __future__ import annotations

import numpy as np

from ..Distance.DeviationMap import DeviationMap, Quality
from ..Edge.EdgeSearch import SQRT_TWO_PI
from ..Edge.MeasuredEdges import EarlierEdges
from ..Edge.ProfileSampling import VolumeSampler
from .EdgeTargets import EdgeTargets, Motion, blurAlongNormals
from .ThresholdSlots import facedWithin, grayAt

# Reliable edges that tell the middle of a place, and the share of their contrast within which they agree (SD).
EDGES_AROUND, AGREEING = 30, 0.15
# They lie no farther away than so many slices.
SLICES_AROUND = 4
# Opposite edges are farther away from those than so many standard deviations of the blur.
ALONE = 4.0
# Plateaus of the edges around, in percent of them: walls too thin for the blur lower the one within, gaps raise the
# one outside, so that those of most contrast tell.
PLATEAU = 90
# Contrast of the edges around, at least, as a share of the full one: the percentile of all edges that stand alone. What
# has less is of another material or thinner than the blur, though it passes for an edge that stands alone.
LEAST_CONTRAST, FULL = 0.75, 75
# What the image goes above the middle within and below it outside, at least, as a share of half the contrast.
ROOM = 0.4
# How sure such a place is without noise, as a standard deviation, mm.
SPREAD = 0.07
# Ways up to here (mm) lead to no other wall; longer ones are looked at in so many places, the last beyond their end.
SHORT, LOOKS, BEYOND = 0.3, 3, 1.05
# Vertices whose profiles are read at a time.
BLOCK = 20_000
# Qualities at which the image cannot be asked at all.
UNASKED = (Quality.OUTSIDE_IMAGE, Quality.CUT_OFF, Quality.NO_SURFACE)


def towardMiddle(
    deviation: DeviationMap, found: EarlierEdges, targets: EdgeTargets, gone: np.ndarray, reach: float
) -> np.ndarray:
    """Have vertices without a reliable edge go to the middle of those around them, in place; which do, bool (n,).

    :param deviation: from the image of ``found``, the same edges before they were corrected.
    :param gone: how far each vertex has come along its normal already, mm, (n,).
    :param reach: places farther from where the vertex was at first are not looked for, mm.
    """
    result = np.zeros(len(gone), dtype=bool)
    reliable = _alone(deviation, found)
    which = np.flatnonzero(~targets.sure & ~np.isin(deviation.quality, UNASKED))
    if len(reliable) < EDGES_AROUND or not len(which):
        return result
    points, normals = deviation.mesh.points.astype(np.float64), deviation.normals.astype(np.float64)
    which, middle, contrast = _knownMiddles(deviation, found, reliable, which)
    distance = np.full(len(which), np.nan)
    for first in range(0, len(which), BLOCK):
        part = slice(first, first + BLOCK)
        lines = points[which[part]], normals[which[part]]
        distance[part] = middleAlong(found.reader.sampler, *lines, middle[part], contrast[part], reach=reach)
    with np.errstate(invalid="ignore"):
        near = np.abs(distance + gone[which]) <= reach
    which, distance = which[near], distance[near]
    far = np.flatnonzero(np.abs(distance) > SHORT)
    barred = np.zeros(len(which), dtype=bool)
    barred[far] = facedWithin(points, normals, which[far], BEYOND * distance[far], LOOKS)
    which, distance, contrast = which[~barred], distance[~barred], np.abs(contrast[near][~barred])
    scale = found.reader.scale
    noise = SQRT_TWO_PI * scale.width * scale.noise / contrast
    targets.distance[which], targets.weight[which] = distance, 1 / (SPREAD**2 + noise**2)
    targets.motion[which], targets.unclear[which] = Motion.MOVED, False
    result[which] = True
    return result


def _alone(deviation: DeviationMap, found: EarlierEdges) -> np.ndarray:
    """Numbers of the vertices with a reliable edge whose contrast no opposite one is near enough to lower."""
    blur = blurAlongNormals(deviation)
    with np.errstate(invalid="ignore"):
        alone = np.fmin(found.edges.wall, found.edges.gap) > ALONE * blur
    return np.flatnonzero((deviation.quality == Quality.RELIABLE) & alone)


def _knownMiddles(deviation: DeviationMap, found: EarlierEdges, reliable: np.ndarray, which: np.ndarray):
    """Those of some vertices around which edges agree, with their middle and contrast (negative: dark inside)."""
    from scipy.spatial import cKDTree

    points, normals = deviation.mesh.points.astype(np.float64), deviation.normals.astype(np.float64)
    # Where the image passes the middle, curved surface or not: before the correction for its curvature.
    edges = points[reliable] + found.edges.distance[reliable, None] * normals[reliable]
    middles = grayAt(found.reader.sampler, edges) * deviation.settings["polarity"]
    contrasts = found.edges.contrast[reliable]
    away, around = cKDTree(edges).query(points[which], k=EDGES_AROUND, workers=2)
    near = away[:, -1] <= SLICES_AROUND * found.reader.sampler.spacing.max()
    which, around = which[near], around[near]
    inside, outside = (middles + side * contrasts / 2 for side in (1, -1))
    bright = np.percentile(inside[around], PLATEAU, axis=1)
    dark = np.percentile(outside[around], 100 - PLATEAU, axis=1)
    spread = np.maximum(middles[around].std(axis=1), contrasts[around].std(axis=1))
    agree = (spread < AGREEING * (bright - dark)) & (bright - dark > LEAST_CONTRAST * np.percentile(contrasts, FULL))
    polarity = deviation.settings["polarity"]
    return which[agree], polarity * (bright + dark)[agree] / 2, polarity * (bright - dark)[agree]


def middleAlong(
    sampler: VolumeSampler,
    points: np.ndarray,
    normals: np.ndarray,
    middle: np.ndarray,
    contrast: np.ndarray,
    *,
    reach: float,
) -> np.ndarray:
    """How far along its normal each line passes the middle first, outward from inside and inward from outside, mm.

    :param points: (m, 3) LPS mm. :param normals: (m, 3) unit, outward. :param middle: (m,) values of the image.
    :param contrast: (m,) inside less outside. :param reach: it is looked for so far, mm.
    :return: (m,), NaN where the middle is not passed, or not with room enough on both sides.
    """
    step = float(np.clip(sampler.spacing.min(), 0.2, 0.8))
    here = int(np.ceil(reach / step)) + 2
    steps = np.arange(-here, here + 1) * step
    values = (cubicProfiles(sampler, points, normals, steps) - middle) / (contrast / 2)
    order, column, last = np.arange(len(steps))[:, None], np.arange(len(points)), len(steps) - 1
    within = values >= 0
    darkAhead = np.where(~within & (order > here), order, last + 1).min(axis=0)
    litBehind = np.where(within & (order < here), order, -1).max(axis=0)
    at = np.where(within[here], darkAhead - 1, litBehind)
    passed = (at >= 0) & (at < last)
    at = np.clip(at, 0, last - 1)
    # Up to where it is passed again.
    begin = np.where(~within & (order <= at), order, -1).max(axis=0)
    end = np.where(within & (order > at), order, last + 1).min(axis=0)
    peak = np.where((order > begin) & (order <= at), values, -np.inf).max(axis=0)
    trough = np.where((order > at) & (order < end), values, np.inf).min(axis=0)
    passed &= (peak >= ROOM) & (trough <= -ROOM)
    high, low = values[at, column], values[at + 1, column]
    return np.where(passed, steps[at] + step * high / np.where(passed, high - low, 1), np.nan)


def cubicProfiles(sampler: VolumeSampler, points: np.ndarray, normals: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Values, float32 (samples, m), at points + step * normal: cubic from slice to slice, linear within them.

    The slices are those along the longest voxel edge. :param points: (m, 3) LPS mm. :param steps: (samples,) mm.
    """
    axis = int(np.argmax(sampler.spacing))
    start, direction = sampler.toIndices(points), sampler.toIndex @ normals.T
    places = (start[:, None, :] + direction[:, None, :] * steps[:, None]).reshape(3, -1)
    below = np.floor(places[axis])
    t = (places[axis] - below).astype(np.float32)
    weights = (
        t * (t * (1 - t / 2) - 0.5),
        1 + t * t * (1.5 * t - 2.5),
        t * (t * (2 - 1.5 * t) + 0.5),
        t * t * (t - 1) / 2,
    )
    result, still = np.zeros(places.shape[1], dtype=np.float32), np.zeros_like(places)
    for number, weight in enumerate(weights, start=-1):
        places[axis] = np.clip(below + number, 0, sampler.dimensions[axis] - 1)
        result += weight * sampler.profiles(places, still, np.zeros(1))[0]
    return result.reshape(len(steps), -1)
