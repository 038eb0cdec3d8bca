"""Every position in which two surfaces may lie together, from a search over all rigid motions down to a good fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ...Errors import noProgress
from ...TwoThreads import inTwoThreads
from .LargePlanes import LargePlane, largePlanes, onPlanes
from .PoseComparison import PoseFit, fitOf, isClearlyBetter, speaksFor
from .PoseRefinement import SearchedSurface, refinePose
from .PoseSearch import distinct, searchPoses
from .SurfaceSample import SurfaceSample

# Points of the samples at each resolution, and as many of them as are asked for their partners.
DENSE, LEAST_DENSE, MEDIUM = 60_000, 20_000, 6000
ASKED_MEDIUM, ASKED_DENSE, ASKED_FITS = 500, 1500, 4000
# Positions refined on the dense samples: so many, and all that are nearly as good as the best of them.
REFINED, MOST_REFINED, NEARLY = 6, 24, 0.97
# At first in so many steps with so many points of each; then those that lie where a better one lies are left, and those
# that are hopeless: this share of the surface lies nearer in the best one, and so many times as much as in them.
FIRST_STEPS, ASKED_FIRST, HOPELESS, HOPELESS_RATIO = 8, 600, 0.25, 4.0
# So few positions are compared at all points of the samples; this share of them tells then.
LOOKED_AT_CLOSELY, LEAST_CLOSELY = 8, 0.0015
# Lengths as shares of the smaller surface's size.
SEARCH_REACH, MEDIUM_LEAST, DENSE_REACH, CAP, SAME_MEDIUM, SAME = 0.06, 0.01, 0.02, 0.03, 0.02, 0.01
TEXT = "Comparing positions"


@dataclass
class SurfacePair:
    """Two sampled surfaces and what is needed to find one's points on the other; made once for all positions.

    :ivar aside: bool, which of the moving sample's points lie on planes too large to be of the fixed surface.
    :ivar planes: those planes, where the moving surface lay at first.
    :ivar grain: how far two triangulations of one surface may lie apart, mm: less is no difference between positions.
    """

    moving: SurfaceSample
    fixed: SurfaceSample
    aside: np.ndarray
    coarse: tuple[SearchedSurface, SearchedSurface]
    dense: tuple[SearchedSurface, SearchedSurface]
    size: float
    grain: float = 0.0
    planes: list[LargePlane] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        moving: SurfaceSample,
        fixed: SurfaceSample,
        known: SurfacePair | None = None,
        aside: np.ndarray | None = None,
    ) -> SurfacePair:
        """The pair of two dense samples.

        :param known: another pair with the same fixed surface, whose preparation is used again.
        :param aside: which of the moving sample's points are left out, bool (n,), where that is known: a mirror image
            is asked at the same points as what it is the image of.
        """
        planes: list[LargePlane] = []
        if aside is None:
            planes = largePlanes(moving, fixed)
            aside = onPlanes(planes, moving.points, moving.normals)
        left = _without(moving, aside)
        prepared = (
            (known.coarse[1], known.dense[1])
            if known is not None
            else (SearchedSurface(fixed.thinned(MEDIUM)), SearchedSurface(fixed, smoothed=True))
        )
        coarse = SearchedSurface(left.thinned(MEDIUM)), prepared[0]
        dense = SearchedSurface(left, smoothed=True), prepared[1]
        grain = 0.0 if known is None else known.grain
        return cls(moving, fixed, aside, coarse, dense, min(left.size, fixed.size), grain, planes)

    @property
    def left(self) -> SurfaceSample:
        """The moving sample without what was set aside."""
        return self.dense[0].sample


def _without(sample: SurfaceSample, aside: np.ndarray) -> SurfaceSample:
    if not aside.any():
        return sample
    kept = ~aside
    area = sample.areaMm2 * float(kept.mean())
    return SurfaceSample(sample.points[kept], sample.normals[kept], sample.border[kept], area)


def findPositions(
    pair: SurfacePair, tolerance: float, progress: Callable[[float, str], None] = noProgress
) -> tuple[PoseFit, list[PoseFit]] | None:
    """The position that explains most of both surfaces, and the others that explain as much; None if there is none.

    :param tolerance: surfaces this near lie together, mm.
    """
    poses, scores = searchPoses(pair.left, pair.fixed, lambda done, text: progress(0.6 * done, text))
    some = tuple(one.sample.some(ASKED_MEDIUM, 5) for one in pair.coarse)
    size = pair.size
    scores = np.empty(len(poses))

    def refine(number):
        pose, _ = refinePose(
            poses[number],
            pair.coarse,
            some,
            SEARCH_REACH * size,
            least=MEDIUM_LEAST * size,
            steps=8,
            settled=0.001 * size,
        )
        poses[number] = pose
        scores[number] = fitOf(pose, pair.coarse, some, MEDIUM_LEAST * size, 0.05 * size).shares()

    inTwoThreads(refine, range(len(poses)), lambda done: progress(0.6 + 0.2 * done, TEXT))
    chosen = distinct(poses, scores, pair.left.points, SAME_MEDIUM * size)
    good = [number for number in chosen if scores[number] >= NEARLY * scores[chosen[0]]]
    chosen = chosen[: max(REFINED, min(len(good), MOST_REFINED))]
    if not chosen:
        return None
    first = _fits(_firstFit, pair, poses[chosen], tolerance, lambda done: progress(0.8 + 0.1 * done, TEXT))
    left = [fit.pose for fit in contenders(first, pair)]
    last = _fits(refinedFit, pair, left, tolerance, lambda done: progress(0.9 + 0.1 * done, TEXT))
    return rank(last, pair, tolerance)


def _fits(refine: Callable, pair: SurfacePair, poses, tolerance: float, progress) -> list[PoseFit]:
    fits: list[PoseFit | None] = [None] * len(poses)

    def fit(which):
        fits[which] = refine(pair, poses[which], tolerance)

    inTwoThreads(fit, range(len(poses)), progress)
    return fits


def _firstFit(pair: SurfacePair, pose: np.ndarray, tolerance: float) -> PoseFit:
    """A pose a few steps nearer to its best fit on the dense samples, and how it fits."""
    return _fitOnDense(pair, pose, tolerance, ASKED_FIRST, FIRST_STEPS)


def contenders(fits: list[PoseFit], pair: SurfacePair) -> list[PoseFit]:
    """Those of the fits that may turn out the best, or as good as it: one for each place, none that is hopeless."""
    scores = np.array([fit.shares() for fit in fits])
    chosen = distinct(np.array([fit.pose for fit in fits]), scores, pair.left.points, SAME * pair.size)
    best = fits[chosen[0]]
    clear = clearDistance(best, pair)
    left = [best]
    for number in chosen[1:]:
        ahead, behind = speaksFor(best, fits[number], clear)
        if ahead - behind < HOPELESS or ahead < HOPELESS_RATIO * behind:
            left.append(fits[number])
    return left


def refinedFit(pair: SurfacePair, pose: np.ndarray, tolerance: float) -> PoseFit:
    """A pose brought to its best fit on the dense samples, and how it fits.

    :param pose: float64 (4, 4), from the moving to the fixed surface, LPS mm. :param tolerance: mm, for the shares.
    """
    return _fitOnDense(pair, pose, tolerance, ASKED_DENSE, 25)


def _fitOnDense(pair: SurfacePair, pose: np.ndarray, tolerance: float, count: int, steps: int) -> PoseFit:
    asked = tuple(one.sample.some(count, 6) for one in pair.dense)
    pose, _ = refinePose(pose, pair.dense, asked, DENSE_REACH * pair.size, least=0.02, steps=steps, settled=0.004)
    return fitAt(pair, pose, tolerance)


def fitAt(pair: SurfacePair, pose: np.ndarray, within: float) -> PoseFit:
    """How a pose (4, 4), LPS mm, fits as it is.

    :param within: distance up to which a point counts as fitting, mm.
    """
    asked = tuple(one.sample.some(ASKED_FITS, 7) for one in pair.dense)
    return fitOf(pose, pair.dense, asked, within, max(CAP * pair.size, 2 * within))


def rank(fits: list[PoseFit], pair: SurfacePair, tolerance: float) -> tuple[PoseFit, list[PoseFit]]:
    """The best, and those of the others that lie elsewhere and that it is not clearly better than."""
    scores = np.array([fit.shares() for fit in fits])
    chosen = distinct(np.array([fit.pose for fit in fits]), scores, pair.left.points, SAME * pair.size)
    best, others = _ahead([fits[number] for number in chosen], pair)
    if 0 < len(others) <= LOOKED_AT_CLOSELY:
        # A small mark on a part that is symmetric but for it: few points of many tell.
        every = tuple(one.sample for one in pair.dense)
        cap = max(CAP * pair.size, 2 * tolerance)
        asked = [best, *others]
        close = [fitOf(fit.pose, pair.dense, every, tolerance, cap) for fit in asked]
        first, left = _ahead(close, pair, LEAST_CLOSELY)
        # What comes later compares them as they were asked before.
        best = asked[_place(close, first)]
        others = [asked[_place(close, fit)] for fit in left]
    return best, others


def _place(fits: list[PoseFit], wanted: PoseFit) -> int:
    return next(number for number, fit in enumerate(fits) if fit is wanted)


def _ahead(fits: list[PoseFit], pair: SurfacePair, *least: float) -> tuple[PoseFit, list[PoseFit]]:
    best = fits[0]
    for fit in fits[1:]:
        if isClearlyBetter(fit, best, clearDistance(fit, pair), *least):
            best = fit
    clear = clearDistance(best, pair)
    return best, [fit for fit in fits if fit is not best and not isClearlyBetter(best, fit, clear, *least)]


def clearDistance(fit: PoseFit, pair: SurfacePair) -> float:
    """A difference between distances in two positions that neither their spread nor the triangles explain, mm."""
    return max(3 * fit.scale, 0.03, pair.grain)
