"""A pose brought to its best fit: points of each surface onto the planes of the other; far ones do not count."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from .SurfaceSample import SurfaceSample

# Surfaces face alike up to this cosine; less of a turn than from one side of a thin wall to the other.
ALIKE = 0.4
# Where the nearest point faces elsewhere, so many are looked at.
AROUND = 12
# Tukey's biweight keeps 95 % of the efficiency of least squares with this many standard deviations.
TUKEY = 4.685
# To look up fewer points than this, starting threads takes longer than they save.
WORTH_THREADS = 8000


@dataclass
class Partners:
    """What the points of one surface have on the other.

    :ivar place: float64 (n, 3), the point, moved onto the fixed surface's side.
    :ivar offset: float64 (n, 3), from the moving surface's point of the two to the fixed one's.
    :ivar normal: float64 (n, 3), of the partner.
    :ivar valid: bool (n,): near enough, facing alike, not at the border of an open surface.
    """

    place: np.ndarray
    offset: np.ndarray
    normal: np.ndarray
    valid: np.ndarray

    @property
    def distance(self) -> np.ndarray:
        """Signed distances from the partners' planes, mm (n,)."""
        return np.einsum("ij,ij->i", self.offset, self.normal)


class SearchedSurface:
    """A sample that others are to find their nearest points on."""

    def __init__(self, sample: SurfaceSample, smoothed: bool = False):
        """:param smoothed: with the normals of its points averaged over their neighbors."""
        from scipy.spatial import cKDTree

        self.tree = cKDTree(sample.points)
        self.sample = sample.smoothed(self.tree) if smoothed else sample

    def nearest(self, points: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray]:
        """Distance, infinite beyond the reach, and number of the nearest point for points (n, 3)."""
        distance, number = self.tree.query(points, distance_upper_bound=reach, workers=_threads(points))
        return distance, np.minimum(number, len(self.sample) - 1)

    def nearestAlike(
        self, points: np.ndarray, normals: np.ndarray, reach: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The same for points with normals (n, 3), and which of them have a partner that faces alike, bool (n,).

        Beside a sharp edge, and on a thin wall, the nearest point of all may belong to another face.
        """
        distance, number = self.nearest(points, reach)
        alike = np.einsum("ij,ij->i", normals, self.sample.normals[number]) > ALIKE
        asked = np.flatnonzero(~alike & np.isfinite(distance))
        if len(asked) and len(self.sample) > AROUND:
            far, around = self.tree.query(points[asked], AROUND, distance_upper_bound=reach, workers=_threads(asked))
            around = np.minimum(around, len(self.sample) - 1)
            facing = np.einsum("nkj,nj->nk", self.sample.normals[around], normals[asked]) > ALIKE
            facing &= np.isfinite(far)
            which = facing.argmax(axis=1)
            found = np.flatnonzero(facing.any(axis=1))
            distance[asked[found]] = far[found, which[found]]
            number[asked[found]] = around[found, which[found]]
            alike[asked[found]] = True
        return distance, number, alike


def _threads(asked: np.ndarray) -> int:
    return 2 if len(asked) > WORTH_THREADS else 1


def partners(
    pose: np.ndarray, searched: tuple[SearchedSurface, SearchedSurface], some: tuple, reach: float
) -> tuple[Partners, Partners]:
    """Partners of points of the moving surface on the fixed one, and the other way round.

    :param pose: float64 (4, 4), from the moving to the fixed surface, LPS mm. :param reach: mm, no partner is farther.
    :param searched: the moving and the fixed surface. :param some: points of each, :class:`SurfaceSample`.
    """
    moving, fixed = searched
    turn, shift = pose[:3, :3], pose[:3, 3]
    places = some[0].points @ turn.T + shift
    distance, number, alike = fixed.nearestAlike(places, some[0].normals @ turn.T, reach)
    valid = np.isfinite(distance) & alike & ~fixed.sample.border[number]
    forward = Partners(places, fixed.sample.points[number] - places, fixed.sample.normals[number], valid)
    distance, number, alike = moving.nearestAlike((some[1].points - shift) @ turn, some[1].normals @ turn, reach)
    place = moving.sample.points[number] @ turn.T + shift
    valid = np.isfinite(distance) & alike & ~moving.sample.border[number]
    return forward, Partners(place, some[1].points - place, moving.sample.normals[number] @ turn.T, valid)


def refinePose(
    pose: np.ndarray,
    searched: tuple[SearchedSurface, SearchedSurface],
    some: tuple[SurfaceSample, SurfaceSample],
    reach: float,
    *,
    least: float,
    steps: int,
    settled: float,
) -> tuple[np.ndarray, float]:
    """The pose after up to ``steps`` steps, and how far the last one still moved the points, mm.

    :param reach: distance up to which partners are looked for at first, mm. It shrinks with the spread of what is
        found, to ``least``. :param settled: a step below this is the last.
    """
    moved = np.inf
    for _ in range(steps):
        found = partners(pose, searched, some, reach)
        valid = np.concatenate([one.valid for one in found])
        if valid.sum() < 12:
            return pose, np.inf
        place, offset, normal = (
            np.concatenate([getattr(one, name) for one in found])[valid] for name in ("place", "offset", "normal")
        )
        distance = np.einsum("ij,ij->i", offset, normal)
        scale = 1.4826 * float(np.median(np.abs(distance)))
        limit = float(np.clip(TUKEY * scale, least, reach))
        motion, moved = planeStep(place, distance, normal, limit)
        pose = motion @ pose
        reach = max(0.75 * reach, min(reach, max(2 * limit, 2 * least)))
        if moved < settled:
            break
    return pose, moved


def planeStep(place: np.ndarray, distance: np.ndarray, normal: np.ndarray, limit: float) -> tuple[np.ndarray, float]:
    """Motion (4, 4) that lessens distances from planes, by one step of least squares with Tukey's weights.

    :param place: (n, 3) points. :param distance: (n,) from them to the planes along the normals (n, 3).
    :param limit: distances beyond count for nothing. :return: motion, and the farthest it moves a point, mm.
    """
    weight = np.maximum(0, 1 - (distance / limit) ** 2) ** 2
    center = place.mean(axis=0)
    arm = place - center
    size = max(float(np.sqrt((arm**2).sum(axis=1).mean())), 1e-9)
    design = np.concatenate([np.cross(arm / size, normal), normal], axis=1)
    weighted = design * weight[:, None]
    system = weighted.T @ design
    # So weak that it matters only where the surface leaves a motion entirely open: a ball may turn.
    system += np.eye(6) * (1e-7 * np.trace(system) + 1e-12)
    solution = np.linalg.solve(system, weighted.T @ distance)
    motion = np.eye(4)
    motion[:3, :3] = Rotation.from_rotvec(solution[:3] / size).as_matrix()
    motion[:3, 3] = center + solution[3:] - motion[:3, :3] @ center
    farthest = float(np.linalg.norm(solution[3:]) + np.linalg.norm(solution[:3]) * np.abs(arm).max() / size)
    return motion, farthest
