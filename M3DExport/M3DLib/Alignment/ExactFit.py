"""The last steps of an alignment, on the triangles themselves, and how sure the result is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..Distance.ClosestSurface import ClosestSurface
from .Search.PoseRefinement import ALIKE, TUKEY, SearchedSurface, planeStep
from .Search.Rotations import angleDegrees
from .Search.SurfaceSample import SurfaceSample
from .TrianglesAround import TrianglesAround

# Closest triangles are looked for anew so often, and so many steps made with those found.
SEARCHES, STEPS = 8, 4
# A step that moves no point farther than this is the last, mm.
SETTLED = 0.0005
# Below this no distance is told from another, mm: what rounding and the steps leave.
FINEST = 0.005
# Surface is divided into about so many patches whose mean distances count as independent of each other.
PATCHES = 120
# The probability of what the noise leaves open.
SURE = 0.99
# Directions in which a spread is looked at.
DIRECTIONS = 2000
# A fit ends this much farther from the truth, at most, than from the fit the other way, as measured on shapes cut into
# triangles of one to five times the others' size.
APART = 1.5


@dataclass
class ExactFit:
    """A settled pose.

    :ivar residual: root mean square distance of the points used, mm.
    :ivar residualStretched: the same after the best stretch and shear, which shrinkage and warp are to first order.
    :ivar noise: standard deviation of the distances from those of their neighbors: what no position can take away, mm.
    :ivar used: bool (n,) of the points looked at, which count.
    :ivar away: float64 (n,), distance of the closest point of the other surface, however it faces, mm.
    :ivar near: bool (n,), which have any surface near that faces alike.
    :ivar uncertainty: half width of the 95 % interval of the place of the least sure point, mm; from the distances of
        whole patches, so that what neighbors have in common counts once.
    :ivar noiseUncertainty: the same from the noise alone, mm.
    :ivar noiseCenter, noiseDegrees: what the noise leaves open of the middle of the surface, mm, and of the rotation,
        degrees, with 99 % probability.
    :ivar apartCenter, apartDegrees: what the triangles' sizes leave open of the same, found by the fit the other way.
    :ivar left: how much farther the steps would probably still have gone, mm.
    """

    pose: np.ndarray
    points: np.ndarray
    distance: np.ndarray
    away: np.ndarray
    used: np.ndarray
    near: np.ndarray
    residual: float
    residualStretched: float
    noise: float
    uncertainty: float
    noiseUncertainty: float
    noiseCenter: float
    noiseDegrees: float
    steps: int
    left: float
    apartCenter: float = 0.0
    apartDegrees: float = 0.0

    def disagree(self, pose: np.ndarray, other: np.ndarray, extent: np.ndarray) -> None:
        """Take into the uncertainty how far the fit in the other direction ends from this one.

        :param pose, other: (4, 4), both from the moving to the fixed surface. :param extent: (k, 3), where it lies.
        """
        apart = other @ np.linalg.inv(pose)
        moved = extent @ apart[:3, :3].T + apart[:3, 3] - extent
        self.apartCenter = APART * float(np.linalg.norm(moved.mean(axis=0)))
        self.apartDegrees = APART * angleDegrees(apart)
        self.uncertainty = float(np.hypot(self.uncertainty, np.linalg.norm(moved, axis=1).max()))


def fitExactly(
    pose: np.ndarray,
    points: SurfaceSample,
    surface: ClosestSurface,
    searched: SearchedSurface,
    reach: float,
    *,
    extent: np.ndarray,
    independent: int,
    counts: np.ndarray | None = None,
) -> ExactFit:
    """Settle a pose that brings points onto a surface.

    :param surface, searched: the triangles and a sample of the same surface.
    :param reach: points farther away than this have nothing to do with it, mm.
    :param extent: points (k, 3) whose place is to be known, after the motion.
    :param independent: number of places whose noise is independent: the measured mesh's vertices, of which points that
        lie in the same triangle share theirs.
    :param counts: bool (m,) of the sample ``searched``: the surfaces to be fitted; all when None.
    """
    moves, steps, limit = [], 0, reach
    around = TrianglesAround(surface)
    for _ in range(SEARCHES):
        triangle = around.search(points.points @ pose[:3, :3].T + pose[:3, 3])
        before = pose
        for _ in range(STEPS):
            place, distance, normal, near, away = _distances(
                pose, points, surface, searched, reach=reach, counts=counts, triangle=triangle
            )
            limit = _limit(distance[near], reach)
            if near.sum() < 12:
                break
            motion, moved = planeStep(place[near], distance[near], normal[near], limit)
            pose, steps = motion @ pose, steps + 1
            if moved < SETTLED:
                break
        moves.append(float(np.linalg.norm((pose - before)[:3] @ np.r_[extent.T, [np.ones(len(extent))]], axis=0).max()))
        if near.sum() < 12 or moves[-1] < 2 * SETTLED:
            break
    used = near & (np.abs(distance) < limit)
    fit = ExactFit(pose, place, distance, away, used, near, *[np.inf] * 7, steps, _stillToGo(moves))
    if used.sum() >= 60:
        _judge(fit, normal, limit, extent, independent)
    return fit


def _distances(pose, points, surface, searched, *, reach, counts, triangle):
    place = points.points @ pose[:3, :3].T + pose[:3, 3]
    found = surface.closest(place, triangle)
    # Normals of single triangles are noisy; those of the sample are averaged.
    number = searched.nearest(place - found.offset, np.inf)[1]
    normal = searched.sample.normals[number]
    alike = np.einsum("ij,ij->i", points.normals @ pose[:3, :3].T, normal) > ALIKE
    near = (found.distance < reach) & alike & ~searched.sample.border[number]
    if counts is not None:
        near &= counts[number]
    return place, -np.einsum("ij,ij->i", found.offset, normal), normal, near, found.distance


def _limit(distance: np.ndarray, reach: float) -> float:
    scale = 1.4826 * float(np.median(np.abs(distance))) if len(distance) else reach
    return float(np.clip(TUKEY * scale, FINEST, reach))


def _stillToGo(moves: list[float]) -> float:
    """What is left of moves that shrink by a steady factor, mm."""
    if moves[-1] < 2 * SETTLED or len(moves) < 3:
        return moves[-1]
    factor = min(max(moves[-1] / max(moves[-2], 1e-12), moves[-2] / max(moves[-3], 1e-12)), 0.99)
    return moves[-1] * factor / (1 - factor)


def _judge(fit: ExactFit, normal: np.ndarray, limit: float, extent: np.ndarray, independent: int) -> None:
    place, distance, normal = fit.points[fit.used], fit.distance[fit.used], normal[fit.used]
    fit.residual = float(np.sqrt(np.mean(distance**2)))
    independent = max(60, min(len(place), int(independent * fit.used.mean())))
    fit.noise = max(_noise(place, distance, independent // 3), FINEST / 5)
    center = extent.mean(axis=0)
    size = float(np.sqrt(((extent - center) ** 2).sum(axis=1).mean()))
    arm = (place - center) / size
    # Stretch and shear move the surface by a linear function of place; along the normal, nine numbers and a shift.
    linear = (normal[:, :, None] * arm[:, None, :]).reshape(-1, 9)
    linear = np.concatenate([linear, normal], axis=1)
    coefficients = np.linalg.lstsq(linear, distance, rcond=1e-9)[0]
    fit.residualStretched = float(np.sqrt(np.mean((distance - linear @ coefficients) ** 2)))
    weight = np.maximum(0, 1 - (distance / limit) ** 2) ** 2
    design = np.concatenate([np.cross(arm, normal), normal], axis=1)
    weighted = design * weight[:, None]
    system = weighted.T @ design
    inverse = np.linalg.pinv(system + 1e-9 * np.trace(system) * np.eye(6), hermitian=True)
    # A point within a triangle has the mean of three corners' noise: on average half the variance of one corner's.
    shared = 2.0 if independent < len(place) else 1.0
    noisy = shared * fit.noise**2 * len(place) / independent * inverse @ (weighted.T @ weighted) @ inverse
    patch = _patches(place, size)
    pulls = np.stack([np.bincount(patch, weighted[:, k] * distance) for k in range(6)], axis=1)
    robust = inverse @ (pulls.T @ pulls) @ inverse * len(pulls) / max(len(pulls) - 6, 1)
    fit.noiseUncertainty = 2 * _farthest(noisy, (extent - center) / size)
    fit.noiseCenter = lengthWithin(noisy[3:, 3:])
    fit.noiseDegrees = float(np.degrees(lengthWithin(noisy[:3, :3]) / size))
    fit.uncertainty = max(2 * _farthest(robust, (extent - center) / size), fit.noiseUncertainty) + fit.left


def _noise(place: np.ndarray, distance: np.ndarray, count: int) -> float:
    """Spread of distances about those of their neighbors, among so many of the points that few share a triangle, mm."""
    from scipy.spatial import cKDTree

    chosen = np.random.default_rng(1).permutation(len(place))[: max(count, 20)]
    place, distance = place[chosen], distance[chosen]
    neighbors = cKDTree(place).query(place, 7, workers=2)[1][:, 1:]
    difference = distance - np.median(distance[neighbors], axis=1)
    # The median of six has a variance of about a fifth of one value's.
    return 1.4826 * float(np.median(np.abs(difference))) / np.sqrt(1.21)


def _patches(place: np.ndarray, size: float) -> np.ndarray:
    """Number of the patch of each point: cells of a grid, about ``PATCHES`` of them with surface in them."""
    edge = size * np.sqrt(12 / PATCHES)
    cells = np.floor((place - place.min(axis=0)) / edge).astype(np.int64)
    return np.unique(cells, axis=0, return_inverse=True)[1].ravel()


def lengthWithin(covariance: np.ndarray) -> float:
    """The length that a normally distributed vector of three numbers stays within with the probability ``SURE``.

    Between 2.58 standard deviations, where the vector is unsure along one axis only, and 3.37, where it is along all
    three alike.

    :param covariance: (3, 3), of a vector that is 0 on average.
    """
    from scipy.special import gammainc

    values = np.maximum(np.linalg.eigvalsh(covariance), 0)
    if not values[-1] > 0:
        return 0.0
    # Directions spread evenly (a spiral of Fibonacci), one octant standing for all.
    place = (np.arange(DIRECTIONS) + 0.5) / DIRECTIONS
    around = np.pi * (3 - np.sqrt(5)) * np.arange(DIRECTIONS)
    across = np.sqrt(1 - place**2)
    directions = np.stack([across * np.cos(around), across * np.sin(around), place], axis=1)
    # Along each, the squared length is that of a chi-square variable of three degrees of freedom.
    stretch = directions**2 @ values
    low, high = 0.0, 6.0 * float(np.sqrt(values[-1]))
    for _ in range(40):
        middle = (low + high) / 2
        within = float(np.mean(gammainc(1.5, middle**2 / (2 * np.maximum(stretch, 1e-300)))))
        low, high = (low, middle) if within >= SURE else (middle, high)
    return high


def _farthest(covariance: np.ndarray, arm: np.ndarray) -> float:
    """Largest standard deviation, in any direction, of the place of points with arms (k, 3) in sizes, mm."""
    some = arm[:: max(1, len(arm) // 500)]
    cross = np.zeros((len(some), 3, 6))
    x, y, z = some.T
    cross[:, 0, 1], cross[:, 0, 2] = z, -y
    cross[:, 1, 0], cross[:, 1, 2] = -z, x
    cross[:, 2, 0], cross[:, 2, 1] = y, -x
    cross[:, :, 3:] = np.eye(3)
    spread = cross @ covariance @ cross.transpose(0, 2, 1)
    return float(np.sqrt(max(np.linalg.eigvalsh(spread)[:, -1].max(), 0)))
