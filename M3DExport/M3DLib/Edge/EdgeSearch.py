"""Finding the image's edge on lines through a surface: which edge, between which plateaus, how wide the walls are."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

SQRT_TWO_PI = float(np.sqrt(2 * np.pi))
# Plateaus are read from so many standard deviations of the blur away from the edge, over so many mm.
PLATEAU_START = 2.2
PLATEAU_REACH = 1.2


@dataclass
class EdgeScale:
    """What is known of the edges of this image before each one is judged.

    :ivar polarity: 1 when the inside of the mesh is brighter than the outside, -1 when it is darker.
    :ivar noise: standard deviation of the voxels in even regions, image units.
    :ivar contrast: typical difference between inside and outside, image units.
    :ivar width: typical standard deviation of the edge's blur, mm.
    :ivar leastContrast: smaller steps are not taken for the surface's edge.
    :ivar noiseCorrelation: correlation of the noise of neighboring voxels along i, j, k.
    """

    polarity: int
    noise: float
    contrast: float
    width: float
    leastContrast: float
    noiseCorrelation: tuple[float, float, float] = (0.0, 0.0, 0.0)

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
    """

    position: np.ndarray
    inside: np.ndarray
    outside: np.ndarray
    slope: np.ndarray
    wall: np.ndarray
    gap: np.ndarray

    @property
    def width(self) -> np.ndarray:
        """Standard deviation of the blur that an edge of this contrast and slope has, mm."""
        return (self.inside - self.outside) / (SQRT_TWO_PI * np.maximum(self.slope, 1e-6))


def nearestEdges(profiles: np.ndarray, steps: np.ndarray, searchRange: float, scale: EdgeScale) -> EdgeCandidates:
    """The edge nearest to step 0 on each profile.

    From every place of a profile the plateaus are where its fall ends, inward and outward; an edge is where the profile
    passes the middle between them, with enough contrast. So neighboring structures, thin walls and metal each have
    plateaus of their own.

    :param profiles: (samples, n), brighter inside (already multiplied by the polarity).
    :param steps: (samples,) evenly spaced, mm, negative inside.
    :param searchRange: edges farther from the vertex are not looked at, mm.
    """
    count, step = profiles.shape[1], float(steps[1] - steps[0])
    raw = profiles
    if scale.smoothsProfiles:
        profiles = profiles.copy()
        profiles[1:-1] = (raw[:-2] + 2 * raw[1:-1] + raw[2:]) / 4
    tolerance = 0.02 * scale.contrast
    inner, outer = profiles.copy(), profiles.copy()
    for j in range(1, len(steps)):
        np.copyto(inner[j], inner[j - 1], where=profiles[j - 1] > profiles[j] + tolerance)
    for j in range(len(steps) - 2, -1, -1):
        np.copyto(outer[j], outer[j + 1], where=profiles[j + 1] < profiles[j] - tolerance)
    best = np.full(count, np.inf, dtype=np.float32)
    chosen = np.zeros(count, dtype=np.intp)
    position = np.full(count, np.nan, dtype=np.float32)
    for j in range(len(steps) - 1):
        middle = (inner[j] + outer[j + 1]) / 2
        found = (profiles[j] >= middle) & (profiles[j + 1] < middle)
        found &= inner[j] - outer[j + 1] >= scale.leastContrast
        # At any one step few profiles have an edge.
        which = np.flatnonzero(found)
        if not len(which):
            continue
        before, after = profiles[j].take(which), profiles[j + 1].take(which)
        crossing = steps[j] + step * (before - middle.take(which)) / (before - after)
        nearer = np.flatnonzero(np.abs(crossing) < np.minimum(best.take(which), searchRange))
        which, crossing = which.take(nearer), crossing.take(nearer)
        best[which] = np.abs(crossing)
        position[which] = crossing
        chosen[which] = j
    column = np.arange(count)
    inside, outside = inner[chosen, column], outer[chosen + 1, column]
    slope = (profiles[chosen, column] - profiles[chosen + 1, column]) / step
    wall, gap = _wallAndGap(profiles, steps, position, (inside + outside) / 2, chosen)
    return _withAveragedPlateaus(raw, steps, EdgeCandidates(position, inside, outside, slope, wall, gap), scale)


def _wallAndGap(profiles, steps, position, middle, chosen) -> tuple[np.ndarray, np.ndarray]:
    """Distance from the edge to where the profile crosses the same level again, inward and outward."""
    bright = profiles >= middle
    # Small numbers in small types: these tables are as large as the profiles.
    order, column = np.arange(len(steps), dtype=np.int16)[:, None], np.arange(profiles.shape[1])
    at = chosen.astype(np.int16)
    step = float(steps[1] - steps[0])
    back = np.where(~bright & (order < at), order, np.int16(-1)).max(axis=0).astype(np.intp)
    ahead = np.where(bright & (order > at), order, np.int16(len(steps))).min(axis=0).astype(np.intp)

    def crossing(dark, lit, known):
        dark, lit = np.clip(dark, 0, len(steps) - 1), np.clip(lit, 0, len(steps) - 1)
        low, high = profiles[dark, column], profiles[lit, column]
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(known, steps[dark] + (lit - dark) * step * ((middle - low) / (high - low)), np.nan)

    wall = position - crossing(back, back + 1, back >= 0)
    gap = crossing(ahead - 1, ahead, ahead < len(steps)) - position
    return np.where(back >= 0, wall, np.inf), np.where(ahead < len(steps), gap, np.inf)


def _withAveragedPlateaus(profiles, steps, edges: EdgeCandidates, scale: EdgeScale) -> EdgeCandidates:
    """The plateaus as the mean of the samples there that agree with them; thin ones keep their extreme."""
    tolerance = 3 * scale.noise + 0.06 * (edges.inside - edges.outside)
    start = PLATEAU_START * np.clip(edges.width, 0.5 * scale.width, 2 * scale.width)
    offset = np.subtract.outer(steps, edges.position.astype(np.float64)).astype(np.float32)

    def averaged(distance, level, room):
        use = (distance >= start) & (distance <= np.minimum(start + PLATEAU_REACH, room / 2))
        use &= np.abs(profiles - level) <= tolerance
        number = use.sum(axis=0)
        mean = np.where(use, profiles, 0).sum(axis=0) / np.maximum(number, 1)
        return np.where(number > 0, mean, level).astype(np.float32)

    inside, outside = averaged(-offset, edges.inside, edges.wall), averaged(offset, edges.outside, edges.gap)
    return replace(edges, inside=inside, outside=outside)
