"""Which values of an image are the material of a model: read at the model's own edges, where the image shows them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..Distance.DeviationMap import DeviationMap, Quality
from ..Edge.EdgeReader import profileSteps
from ..Edge.EdgeSearch import EdgeScale, nearestEdges
from ..Edge.ProfileSampling import VolumeSampler
from ..Edge.VertexParts import sampleOf
from ..Errors import M3DError
from ..NumberText import fixed, shareInPercent
from ..WeightedPercentiles import weightedPercentiles
from .BlockImage import BlockImage

SAMPLE = 12_000
# Fewer edges, or edges on less of the model, do not say what it is made of.
FEWEST_EDGES = 100
LEAST_SHARE = 0.2
# Less than this, HU, is no bone.
CALCIFIED_HU = 200.0
# Enamel lies about twice as far above soft tissue as bone does, metal more than three times.
DENSER = 2.2
# Bones of one body differ in density; contrast agent and cartilage stay farther below bone than this share of the step.
LESS_DENSE = 0.25
# Levels at which hardly more edges fall on the wrong side than at the best one are as good as that.
AS_GOOD = 0.005
# Blocks whose neighbors differ by less than this share of the range between the levels are even; fewer even ones, in
# number or in blocks of the model, are no material.
EVEN = 0.12
FEWEST_THIRD, THIRD_SHARE = 20, 0.002
# More than this share of the edges on the wrong side of every level: the values do not tell material from surroundings.
MOST_MISPLACED = 0.15
LEAST_STEP_TO_NOISE = 6.0


@dataclass
class Material:
    """Values times the polarity, so that the model's material is always the brighter side.

    :ivar level: above it lies the material, below it what surrounds it anywhere at the model, and other materials where
        the image holds some whose values lie between.
    :ivar full, bare: above and below these a place is clearly within the material, clearly without.
    :ivar inside, outside: 1st, 50th and 99th percentile of the plateaus at the model's edges, by area.
    :ivar misplaced: share of the plateaus that lie on the wrong side of the level.
    :ivar calcified: whether it is bone, by its CT value.
    :ivar scale: noise, contrast and blur of the image's edges.
    """

    level: float
    full: float
    bare: float
    inside: tuple[float, float, float]
    outside: tuple[float, float, float]
    misplaced: float
    scale: EdgeScale
    calcified: bool = False

    @property
    def step(self) -> float:
        """Typical difference between material and surroundings."""
        return self.inside[1] - self.outside[1]

    def isAlike(self, value: float) -> bool:
        """Whether a value (times the polarity) may be the model's material.

        That is, of the values within its edges, give or take an eighth of a step; of bone also denser ones, as teeth
        have them, but not as metal has, and ones less dense by up to a quarter of the step, as the next bone has them.
        """
        least, densest = self.inside[0] - self.step / 8, self.inside[2] + self.step / 8
        if self.calcified:
            least = min(least, self.inside[1] - LESS_DENSE * self.step)
            densest = max(densest, self.outside[1] + DENSER * self.step)
        return least <= value <= densest


def scaleOf(deviation: DeviationMap) -> EdgeScale:
    """What a measurement against the image found of its edges."""
    settings = deviation.settings
    noise, contrast = settings["noise"], settings["contrast"]
    return EdgeScale(
        settings["polarity"],
        noise,
        contrast,
        settings["edgeWidthSd"],
        max(5 * noise, 0.2 * contrast),
        tuple(settings["noiseCorrelation"]),
    )


def materialOf(
    deviation: DeviationMap,
    sampler: VolumeSampler,
    blocks: BlockImage,
    model: np.ndarray,
    around: np.ndarray,
    *,
    inHounsfield: bool,
) -> Material:
    """The material of a model that was measured against its image.

    :param deviation: of :func:`~M3DLib.Edge.ImageDeviation.imageDeviation`.
    :param blocks: the image, times the polarity.
    :param model, around: blocks that hold some of the model, and those near it, bool (k, j, i).
    :param inHounsfield: whether the values are those of a CT.
    :raises M3DError: the image does not say what the model is made of, with the reason in one sentence.
    """
    scale = scaleOf(deviation)
    inside, outside, weights = _edgesOf(deviation, sampler, scale)
    percents = [1, 50, 99]
    within, beyond = (tuple(map(float, weightedPercentiles(side, weights, percents))) for side in (inside, outside))
    low, high, misplaced = separatingLevels(inside, outside, weights)
    level = (low + high) / 2
    step = within[1] - beyond[1]
    # A bone little less dense than the model's is no third material: to take it for one would leave a missing neighbor
    # unsaid. What lies farther below is, as plastic or soft tissue beside bone in air.
    limit = min(high, within[1] - LESS_DENSE * step)
    top = _thirdMaterial(blocks.values, around & ~model, low, limit, int(np.count_nonzero(model)))
    if top is not None:
        level = (top + high) / 2
    full = max(level + 0.05 * step, (level + within[0]) / 2)
    bare = min(level - 0.05 * step, level - 0.8 * (level - beyond[2]))
    material = Material(level, full, bare, within, beyond, misplaced, scale, inHounsfield and within[1] > CALCIFIED_HU)
    if misplaced > MOST_MISPLACED:
        raise M3DError(
            "The image's values do not tell the model's material from its surroundings: at "
            f"{shareInPercent(misplaced)} of the edges one of the two has values that elsewhere are the other's."
        )
    noise = scale.noise / np.sqrt(np.prod(blocks.factors) if max(scale.noiseCorrelation) < 0.3 else 1)
    if step < LEAST_STEP_TO_NOISE * noise:
        raise M3DError(
            f"The noise ({fixed(scale.noise, 0)}) is too large for the step of {fixed(step, 0)} between the model's "
            "material and "
            "its surroundings to find material elsewhere in the image."
        )
    return material


def _edgesOf(deviation, sampler, scale) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values inside and outside of some of the edges at the model's surface, and their areas.

    Reliable edges, where there are some; else any, as walls too thin for the blur to be measured have them.
    """
    seen = ~np.isin(deviation.quality, (Quality.OUTSIDE_IMAGE, Quality.NO_SURFACE))
    reliable = deviation.reliable & np.isfinite(deviation.distance)
    total = max(float(deviation.areas.sum()), 1e-30)
    enough = deviation.areas[reliable].sum() >= LEAST_SHARE * total and np.count_nonzero(reliable) >= FEWEST_EDGES
    usable = reliable if enough else seen
    chosen = sampleOf(usable, SAMPLE)
    inside, outside = _plateaus(deviation, chosen, sampler, scale)
    found = np.isfinite(inside)
    areas = deviation.areas[chosen]
    share = float(areas[found].sum() / max(areas.sum(), 1e-30)) * float(deviation.areas[usable].sum()) / total
    if np.count_nonzero(found) < FEWEST_EDGES or share < LEAST_SHARE:
        raise M3DError(
            f"The image shows a clear edge at {shareInPercent(share)} of the model's surface only, too little to "
            "know its "
            "material."
        )
    return inside[found], outside[found], areas[found]


def _plateaus(deviation, chosen, sampler, scale) -> tuple[np.ndarray, np.ndarray]:
    """Values on both sides of the edge nearest to each vertex, times the polarity; NaN where none is found."""
    points = deviation.mesh.points[chosen].astype(np.float64)
    searchRange = float(deviation.settings["searchRange"])
    steps = profileSteps(searchRange, scale.width)
    profiles = sampler.profiles(sampler.toIndices(points), sampler.toIndex @ deviation.normals[chosen].T, steps)
    profiles *= scale.polarity
    edges = nearestEdges(profiles, steps, searchRange, scale)
    missing = ~np.isfinite(edges.position)
    inside, outside = edges.inside.astype(np.float64), edges.outside.astype(np.float64)
    inside[missing] = outside[missing] = np.nan
    return inside, outside


def separatingLevels(inside: np.ndarray, outside: np.ndarray, weights: np.ndarray) -> tuple[float, float, float]:
    """Range of the levels with the least weight of inner values below and outer values above, and that share of all.

    :param inside, outside: values (n,) on the two sides of edges. :param weights: (n,) of the edges.
    """
    values = np.concatenate([inside, outside])
    order = np.argsort(values)
    # Passing an inner value with the level adds a wrong one, passing an outer value takes one away.
    change = np.concatenate([weights, -weights])[order]
    wrong = np.concatenate([[weights.sum()], weights.sum() + np.cumsum(change)])
    total = 2 * weights.sum()
    good = np.flatnonzero(wrong <= wrong.min() + AS_GOOD * total)
    # Level n lies between values n - 1 and n; of several separate ranges that are as good, the widest.
    ends = np.concatenate([[values[order[0]]], values[order], [values[order[-1]]]])
    runs = np.split(good, np.flatnonzero(np.diff(good) > 1) + 1)
    low, high = max(((ends[run[0]], ends[run[-1] + 1]) for run in runs), key=lambda pair: pair[1] - pair[0])
    return float(low), float(high), max(0.0, float(wrong.min() / total))


def _thirdMaterial(values, beside, low: float, high: float, modelBlocks: int) -> float | None:
    """The value up to which there is another material between the levels; None where there is none near the model.

    Edges pass through all values; another material has even regions of its own.

    :param values: of the blocks (k, j, i). :param beside: which of them lie near the model and not in it.
    """
    if not beside.any():
        return None  # the model is everywhere in the scan
    box = tuple(
        slice(max(int(part.min()) - 1, 0), int(part.max()) + 2)
        for part in (np.flatnonzero(beside.any(axis=other)) for other in ((1, 2), (0, 2), (0, 1)))
    )
    values, beside = values[box], beside[box]
    slope = EVEN * (high - low)
    margin = 0.1 * (high - low)
    even = beside & (values > low + margin) & (values < high - margin)
    for axis in range(3):
        steps = np.abs(np.diff(values, axis=axis)) < slope
        ends = [slice(None)] * 3
        ends[axis] = slice(1, -1)
        before, after = list(ends), list(ends)
        before[axis], after[axis] = slice(None, -1), slice(1, None)
        inner = steps[tuple(before)] & steps[tuple(after)]
        even[tuple(ends)] &= inner
        for end in (0, -1):
            ends[axis] = end
            even[tuple(ends)] = False
    found = np.sort(values[even])
    fewest = max(FEWEST_THIRD, int(THIRD_SHARE * modelBlocks))
    if len(found) < 2 * fewest:
        return None
    return float(found[-fewest])
