"""Is one pose better than another, or are they as good as each other? Asked of the surfaces point by point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .PoseRefinement import SearchedSurface, partners
from .SurfaceSample import SurfaceSample

# A pose counts as better only where it explains this share more of the surfaces than the other does.
LEAST_SHARE = 0.004
# ... and where for each point that speaks for the other there are at least so many that speak for it.
LEAST_RATIO = 2.0


@dataclass
class PoseFit:
    """How a pose fits.

    :ivar distances: float64 (n,), of points of both surfaces from the other, mm; ``cap`` where there is nothing near.
    :ivar shareA, shareB: of the points of each that lie within ``within`` of the other.
    :ivar scale: robust standard deviation of the distances of those that have a partner, mm.
    """

    pose: np.ndarray
    distances: np.ndarray
    shareA: float
    shareB: float
    scale: float

    def shares(self) -> float:
        """Both shares together, 2 at most."""
        return self.shareA + self.shareB


def fitOf(
    pose: np.ndarray,
    searched: tuple[SearchedSurface, SearchedSurface],
    some: tuple[SurfaceSample, SurfaceSample],
    within: float,
    cap: float,
) -> PoseFit:
    """Distances of points of both surfaces from the other in a pose.

    :param within: distances up to this count as lying together, mm. :param cap: the largest distance told apart, mm.
    """
    distances, shares, near = [], [], []
    for one, target in zip(partners(pose, searched, some, cap), (searched[1], searched[0]), strict=True):
        spacing = np.sqrt(target.sample.areaMm2 / len(target.sample))
        away = np.linalg.norm(one.offset, axis=1)
        # Near a point of the sample its plane is the surface; beside the sample's edge the distance to it counts.
        along = np.sqrt(np.maximum(away**2 - one.distance**2, 0))
        size = np.hypot(one.distance, np.maximum(along - 2 * spacing, 0))
        size = np.where(one.valid, np.minimum(size, cap), cap)
        distances.append(size)
        shares.append(float((size <= within).mean()))
        near.append(size[size < cap])
    near = np.concatenate(near)
    scale = 1.4826 * float(np.median(near)) if len(near) else cap
    return PoseFit(pose, np.concatenate(distances), *shares, scale)


def speaksFor(better: PoseFit, other: PoseFit, clear: float) -> tuple[float, float]:
    """Share of the points that lie clearly nearer in the first pose than in the second, and the other way round.

    :param clear: a difference in distance that noise does not explain, mm.
    """
    difference = other.distances - better.distances
    return float((difference > clear).mean()), float((difference < -clear).mean())


def isClearlyBetter(better: PoseFit, other: PoseFit, clear: float, least: float = LEAST_SHARE) -> bool:
    """Whether enough of the surface lies nearer in the first pose, and little of it in the second.

    What fits in neither (a scan table, supports, what is missing) has no say.

    :param clear: a difference in distance that noise does not explain, mm. :param least: share that is enough.
    """
    ahead, behind = speaksFor(better, other, clear)
    return ahead - behind >= least and ahead >= LEAST_RATIO * behind
