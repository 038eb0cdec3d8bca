"""Finding the image's edge on lines through a surface: which edge, between which plateaus, how wide the walls are."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

SQRT_TWO_PI = float(np.sqrt(2 * np.pi))
# Plateaus are read from so many standard deviations of the blur away from the edge, over so many mm.
PLATEAU_START = 2.2
PLATEAU_REACH = 1.2
# A plateau's slope is seen over so many mm from the same place on, as far as it keeps to such a share of the contrast.
SLOPE_REACH, SLOPE_TOLERANCE = 1.8, 0.2
# What a plateau falls or rises to by so many standard deviations (and a bit) shows a second step within reach of the
# blur. By such a share of it the plateau was not reached: computed for second steps of half the contrast, 2.2 to 5
# standard deviations behind the first, 0.37 to 0.46 (0.3 for whole ones).
STEP_AT, STEP_AROUND, STEP_SHARE = 3.0, 0.4, 0.4
# A side of the opposite edge that is higher than this one's by so much of its height moves its own middle.
UNLIKE, MOST_UNLIKE = 0.6, 0.98
# So many standard deviations behind the opposite edge its other side is read.
BEHIND = 1.7
# Fewer samples, or over fewer mm, tell no slope.
FEWEST_SAMPLES, SHORTEST_SLOPE = 3, 0.7


@dataclass
class EdgeScale:
    """What is known of the edges of this image before each one is judged.

    :ivar polarity: 1 when the inside of the mesh is brighter than the outside, -1 when it is darker.
    :ivar noise: standard deviation of the voxels in even regions, image units.
    :ivar contrast: typical difference between inside and outside, image units.
    :ivar width: typical standard deviation of the edge's blur, mm.
    :ivar leastContrast: smaller steps are not taken for the surface's edge.
    :ivar noiseCorrelation: correlation of the noise of neighboring voxels along i, j, k.
    :ivar lowest, highest: values at which the image is cut off, infinite where it is not.
    """

    polarity: int
    noise: float
    contrast: float
    width: float
    leastContrast: float
    noiseCorrelation: tuple[float, float, float] = (0.0, 0.0, 0.0)
    lowest: float = -np.inf
    highest: float = np.inf

    def cutOff(self, edges: EdgeCandidates) -> np.ndarray:
        """Which edges have a plateau at a value at which the image is cut off, bool (n,).

        Where the plateau really lies nobody knows, nor so its middle: 3071 of a metal's 8000 HU put the edge 0.3 mm
        outside of where it is.
        """
        if np.isinf(self.lowest) and np.isinf(self.highest):
            return np.zeros(len(edges.position), dtype=bool)
        ends = np.stack([edges.inside, edges.outside]) * self.polarity
        # Beside a ridge a plateau is read a little too low.
        slack = np.maximum(self.noise, 0.1 * np.ptp(ends, axis=0))
        return (ends.max(axis=0) >= self.highest - slack) | (ends.min(axis=0) <= self.lowest + slack)

    @property
    def smoothsProfiles(self) -> bool:
        """Whether noise asks for averaging neighboring samples of a profile before edges are looked for."""
        return self.noise > 0.04 * self.contrast


@dataclass
class EdgeCandidates:
    """The edge nearest to each vertex, arrays (n,), distances in mm from the vertex along its outward normal.

    Values are in image units times the polarity, so that the inside is always the brighter side.

    :ivar position: where the profile crosses the middle of its plateaus; NaN where there is no edge.
    :ivar inside, outside: plateaus next to the edge.
    :ivar slope: fall of the profile at the crossing, image units per mm.
    :ivar wall: distance to the opposite edge inside; infinite when it is beyond the profile.
    :ivar gap: distance to the next edge outside; infinite when it is beyond the profile.
    :ivar drift: by how much the middle of the plateaus would be higher if they went on to the edge as they slope; a
        plateau too short to show a slope counts as level.
    """

    position: np.ndarray
    inside: np.ndarray
    outside: np.ndarray
    slope: np.ndarray
    wall: np.ndarray
    gap: np.ndarray
    drift: np.ndarray

    @property
    def width(self) -> np.ndarray:
        """Standard deviation of the blur that an edge of this contrast and slope has, mm."""
        return (self.inside - self.outside) / (SQRT_TWO_PI * np.maximum(self.slope, 1e-6))

    def clippedWidth(self, scale: EdgeScale) -> np.ndarray:
        """The width, as far as it can be that of an edge in this image, mm."""
        return np.clip(self.width, 0.5 * scale.width, 2 * scale.width)


def nearestEdges(profiles: np.ndarray, steps: np.ndarray, searchRange: float, scale: EdgeScale) -> EdgeCandidates:
    """The edge nearest to step 0 on each profile.

    From every place of a profile the plateaus are where its fall ends, inward and outward; an edge is where the profile
    passes the middle between them, with enough contrast. So neighboring structures, thin walls and metal each have
    plateaus of their own.

    :param profiles: (samples, n), brighter inside (already multiplied by the polarity).
    :param steps: (samples,) evenly spaced, mm, negative inside.
    :param searchRange: edges farther from the vertex are not looked at, mm.
    """
    step = float(steps[1] - steps[0])
    raw = profiles
    if scale.smoothsProfiles:
        profiles = profiles.copy()
        profiles[1:-1] = (raw[:-2] + 2 * raw[1:-1] + raw[2:]) / 4
    inner, outer = profiles.copy(), profiles.copy()
    falls = profiles[:-1] > profiles[1:] + np.float32(0.02 * scale.contrast)
    for j in range(len(falls)):
        np.copyto(inner[j + 1], inner[j], where=falls[j])
    for j in range(len(falls) - 1, -1, -1):
        np.copyto(outer[j], outer[j + 1], where=falls[j])
    position, chosen = _nearestCrossings(profiles, steps, (inner, outer), searchRange, scale.leastContrast)
    number = profiles.shape[1]
    here = chosen * number + np.arange(number)
    behind = here + number
    inside, outside = inner.reshape(-1).take(here), outer.reshape(-1).take(behind)
    slope = (profiles.reshape(-1).take(here) - profiles.reshape(-1).take(behind)) / step
    wall, gap = _wallAndGap(profiles, steps, position, (inside + outside) / 2, chosen)
    edges = EdgeCandidates(position, inside, outside, slope, wall, gap, np.zeros_like(inside))
    wall, gap = (_toItsOwnMiddle(profiles, steps, edges, outward, scale) for outward in (-1, 1))
    return _withAveragedPlateaus(raw, steps, replace(edges, wall=wall, gap=gap), scale)


def _nearestCrossings(profiles, steps, plateaus, searchRange, leastContrast) -> tuple[np.ndarray, np.ndarray]:
    """Where each profile crosses the middle of its plateaus nearest to step 0, NaN where nowhere, and after which
    sample.
    """
    step = float(steps[1] - steps[0])
    # Only between these samples a profile may pass the middle near enough.
    first, last = np.searchsorted(steps, (-searchRange - step, searchRange + step))
    near = slice(first, last)
    profiles, steps, inner, outer = profiles[near], steps[near], plateaus[0][near][:-1], plateaus[1][near][1:]
    middle = inner + outer
    middle /= 2
    found = profiles[:-1] >= middle
    found &= profiles[1:] < middle
    found &= inner - outer >= leastContrast
    place = np.flatnonzero(found)
    after, which = np.divmod(place, profiles.shape[1])
    lit, dark, level = (values.reshape(-1).take(place) for values in (profiles, profiles[1:], middle))
    crossing = steps.take(after) + step * (lit - level) / (lit - dark)
    away = np.abs(crossing).astype(np.float32)
    # The nearest one is written last; of two as near, the one farther inside.
    order = np.argsort(away, kind="stable")[::-1]
    order = order[away.take(order) < searchRange]
    position = np.full(profiles.shape[1], np.nan, dtype=np.float32)
    chosen = np.zeros(profiles.shape[1], dtype=np.intp)
    position[which.take(order)] = crossing.take(order)
    chosen[which.take(order)] = after.take(order) + first
    return position, chosen


def _wallAndGap(profiles, steps, position, middle, chosen) -> tuple[np.ndarray, np.ndarray]:
    """Distance from the edge to where the profile crosses the same level again, inward and outward."""
    # Small numbers in small types: these tables are as large as the profiles.
    small = np.uint8 if len(steps) < 255 else np.uint16
    order, column = np.arange(len(steps), dtype=small)[:, None], np.arange(profiles.shape[1])
    flat, number = profiles.reshape(-1), profiles.shape[1]
    at = chosen.astype(small)
    step = float(steps[1] - steps[0])
    bright = profiles >= middle
    # True less one has no bit set, False less one has all of them; choosing by conditions takes ten times as long.
    ahead = ((bright & (order > at)).astype(small) - small(1)) | order
    ahead = np.minimum(ahead.min(axis=0), small(len(steps))).astype(np.intp)
    bright |= order >= at
    back = (bright.astype(small) - small(1)) & (order + small(1))
    back = back.max(axis=0).astype(np.intp) - 1

    def crossing(dark, lit, known):
        dark, lit = np.clip(dark, 0, len(steps) - 1), np.clip(lit, 0, len(steps) - 1)
        low, high = flat.take(dark * number + column), flat.take(lit * number + column)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(known, steps[dark] + (lit - dark) * step * ((middle - low) / (high - low)), np.nan)

    wall = position - crossing(back, back + 1, back >= 0)
    gap = crossing(ahead - 1, ahead, ahead < len(steps)) - position
    return np.where(back >= 0, wall, np.inf), np.where(ahead < len(steps), gap, np.inf)


def _toItsOwnMiddle(
    profiles: np.ndarray, steps: np.ndarray, edges: EdgeCandidates, outward: int, scale: EdgeScale
) -> np.ndarray:
    """Distance (n,) to the middle of the opposite edge, inward (-1) or outward (1), which is nearer than where the
    profile passes the middle of this one when the opposite edge is the lower one, as between cortex and spongy bone.
    """
    from scipy.special import ndtri

    room, level = (edges.wall, edges.inside) if outward < 0 else (edges.gap, edges.outside)
    which = np.flatnonzero(np.isfinite(room))
    width = edges.clippedWidth(scale)[which]
    behind = edges.position[which] + outward * (room[which] + BEHIND * width)
    sample = np.rint((behind - steps[0]) / (steps[1] - steps[0])).astype(np.intp)
    far = profiles[np.clip(sample, 0, len(steps) - 1), which]
    half = (edges.inside[which] - edges.outside[which]) / 2
    share = half / np.maximum(np.abs(far - level[which]), 1e-6)
    lower = share > UNLIKE
    room = room.copy()
    nearer = room[which] - width * ndtri(np.clip(share, 0.5, MOST_UNLIKE))
    room[which[lower]] = np.maximum(nearer, 0)[lower]
    return room


def _withAveragedPlateaus(profiles, steps, edges: EdgeCandidates, scale: EdgeScale) -> EdgeCandidates:
    """The plateaus as the mean of the samples there that agree with them, and how they slope; thin ones keep their
    extreme.
    """
    contrast = edges.inside - edges.outside
    tolerance, wideTolerance = (3 * scale.noise + share * contrast for share in (0.06, SLOPE_TOLERANCE))
    width = edges.clippedWidth(scale)
    start = PLATEAU_START * width
    step, number = float(steps[1] - steps[0]), profiles.shape[1]
    # Only these samples, counted from the first one, may lie within the reach of a plateau.
    samples = np.arange(int(SLOPE_REACH / step) + 1)[:, None]
    order, ways = samples[:, 0].astype(np.float32), samples.astype(np.float32) * np.float32(step)
    position = edges.position.astype(np.float64)
    flat, column = profiles.reshape(-1), np.arange(number)

    def averaged(side, level, room):
        with np.errstate(invalid="ignore"):
            first = np.ceil((np.nan_to_num(position + side * start) - steps[0]) / step * side).astype(np.intp) * side
        nearest = (side * (steps[0] + first * step - position)).astype(np.float32)
        distance = nearest + ways
        # Samples lie farther away one by one: what bounds them is one distance, the end of the profile too.
        left = len(steps) - 1 - first if side > 0 else first
        farthest = np.minimum(room / 2, nearest + (left + 0.5) * step).astype(np.float32)
        values = flat.take((first * number + column) + side * number * samples, mode="clip")
        values -= level
        away = np.abs(values)
        use = distance <= np.minimum(farthest, start + np.float32(PLATEAU_REACH))
        use &= away <= tolerance
        mean = _meanOf(values, use)
        along = distance <= np.minimum(farthest, start + np.float32(SLOPE_REACH))
        along &= away <= wideTolerance
        # From the far end of the plateau on nothing counts.
        for row in range(1, len(along)):
            along[row] &= along[row - 1]
        slope = _slope(values, along, order, step)
        beyond = distance <= np.minimum(farthest, np.float32(STEP_AT + STEP_AROUND) * width)
        beyond &= distance >= np.float32(STEP_AT - STEP_AROUND) * width
        # Less the plateau, where the profile reaches so far.
        values -= mean.astype(np.float32)
        drift = -slope * (start + np.float32(PLATEAU_REACH / 2)) - np.float32(STEP_SHARE) * _meanOf(values, beyond)
        return (level + mean).astype(np.float32), drift

    inside, innerDrift = averaged(-1, edges.inside, edges.wall)
    outside, outerDrift = averaged(1, edges.outside, edges.gap)
    drift = ((innerDrift + outerDrift) / 2).astype(np.float32)
    return replace(edges, inside=inside, outside=outside, drift=drift)


def _counted(use: np.ndarray) -> np.ndarray:
    """How many of at most 255 samples are in use (bool (samples, n)), float64 (n,)."""
    return np.add.reduce(use.view(np.uint8), axis=0, dtype=np.uint8).astype(np.float64)


def _meanOf(values: np.ndarray, use: np.ndarray) -> np.ndarray:
    """Mean (n,) of the values (samples, n) in use, float64; 0 where there is none."""
    total = np.einsum("ij,ij->j", values, use.astype(np.float32))
    return total / np.maximum(_counted(use), 1)


def _slope(values: np.ndarray, use: np.ndarray, order: np.ndarray, step: float) -> np.ndarray:
    """Slope (n,) of the straight line through the first values (samples, n), which are in use; 0 of too few.

    :param order: (samples,) 0, 1, 2 and so on, float32. :param step: from one to the next, mm.
    """
    count = _counted(use)
    known = (count >= FEWEST_SAMPLES) & (count * step >= SHORTEST_SLOPE)
    used = values * use.astype(np.float32)
    together = np.einsum("i,ij->j", order, used) - (count - 1) / 2 * used.sum(axis=0)
    # Squares of so many whole numbers' distances from their mean, added up.
    spread = step / 12 * count * (count * count - 1)
    return np.divide(together, spread, out=np.zeros_like(together), where=known)
