"""From thousands of poses to a few dozen: scored, moved nearer and scored again, all at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from ...Errors import noProgress
from ...TwoThreads import inTwoThreads
from .NearestGrid import NearestGrid
from .PoseVoting import voteForPoses
from .Rotations import motionDistance
from .SurfaceSample import SurfaceSample

# Points for the votes, for the scores, and to be found.
VOTING, SCORED, FOUND = 260, 220, 2500
# Distances that count, as shares of the smaller surface's size: at first, and when the poses have come nearer.
FAR, NEAR = 0.12, 0.035
FOLLOWED, STEPS = 420, 14
# Poses are the same where they bring the points this near to each other, as a share of the size.
SAME = 0.05
KEPT = 40
_CHUNK = 105


@dataclass
class Pair:
    """Two surfaces at the resolutions of the search; ``moving`` is to come onto ``fixed``."""

    moving: SurfaceSample
    fixed: SurfaceSample

    def __post_init__(self):
        self.grids = NearestGrid(self.fixed), NearestGrid(self.moving)
        self.size = min(self.moving.size, self.fixed.size)
        self.points = [sample.some(SCORED, seed=1) for sample in (self.moving, self.fixed)]
        self.shares = [
            sample.areaMm2 / len(some) for sample, some in zip((self.moving, self.fixed), self.points, strict=True)
        ]


def searchPoses(
    moving: SurfaceSample, fixed: SurfaceSample, progress: Callable[[float, str], None] = noProgress
) -> tuple[np.ndarray, np.ndarray]:
    """Poses float64 (k, 4, 4) that bring a good part of the two together, the best first, and their scores (k,).

    :param moving, fixed: some ten thousand points each. :return: the score is the area that lies together, of both
        surfaces, over that of the smaller one: 2 at most.
    """
    pair = Pair(moving.thinned(FOUND), fixed.thinned(FOUND))
    poses = voteForPoses(
        pair.moving.some(VOTING, 2), pair.fixed.some(VOTING, 2), progress=lambda done, text: progress(0.6 * done, text)
    )
    scores = _scores(pair, poses, FAR * pair.size)
    order = np.argsort(-scores, kind="stable")[:FOLLOWED]
    poses = poses[order].astype(np.float64)
    for step in range(STEPS):
        progress(0.65 + 0.3 * step / STEPS, "Comparing positions")
        reach = FAR * (NEAR / FAR) ** (step / (STEPS - 1)) * pair.size
        poses = _nearer(pair, poses, 1.5 * reach)
    scores = _scores(pair, poses.astype(np.float32), NEAR * pair.size)
    chosen = distinct(poses, scores, pair.moving.points, SAME * pair.size)[:KEPT]
    return poses[chosen], scores[chosen]


def distinct(poses: np.ndarray, scores: np.ndarray, points: np.ndarray, apart: float) -> list[int]:
    """Numbers of the poses that are none of a better one's neighbors, the best first.

    :param poses: float64 (p, 4, 4), LPS mm. :param scores: (p,), the higher the better.
    :param points: (n, 3), LPS mm, that tell how far two poses are apart. :param apart: mm, for no neighbors.
    """
    left = np.argsort(-scores, kind="stable")
    chosen = []
    while len(left):
        chosen.append(int(left[0]))
        left = left[motionDistance(poses[left], poses[left[0]], points) > apart]
    return chosen


def _offsets(pair: Pair, poses: np.ndarray) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """For both directions: moved points, offsets from them to their partners and normals, float32 (p, n, 3) each.

    The normals are zero where the two do not face alike.
    """
    turns, shifts = poses[:, :3, :3], poses[:, None, :3, 3]
    back = turns.transpose(0, 2, 1)
    found = []
    toFixed, toMoving = pair.grids
    a, b = pair.points
    moved = (a.points.astype(np.float32) @ back) + shifts
    number = toFixed.lookUp(moved)
    normals = toFixed.normals.take(number, axis=0)
    alike = np.einsum("pni,pni->pn", a.normals.astype(np.float32) @ back, normals) > 0.5
    found.append((moved, toFixed.points.take(number, axis=0) - moved, normals * alike[..., None]))
    places = b.points.astype(np.float32)
    number = toMoving.lookUp((places - shifts) @ turns)
    partner = toMoving.points.take(number, axis=0) @ back + shifts
    normals = toMoving.normals.take(number, axis=0) @ back
    alike = np.einsum("ni,pni->pn", b.normals.astype(np.float32), normals) > 0.5
    found.append((partner, places - partner, normals * alike[..., None]))
    return found


def _scores(pair: Pair, poses: np.ndarray, reach: float) -> np.ndarray:
    """Area of both surfaces that lies near the other and faces alike, over that of the smaller one, (p,)."""
    scores = np.zeros(len(poses))

    def score(start):
        part = slice(start, start + _CHUNK)
        for (_, offset, normals), share in zip(_offsets(pair, poses[part]), pair.shares, strict=True):
            near = np.maximum(0, 1 - np.einsum("pni,pni->pn", offset, offset) / np.float32(reach**2))
            scores[part] += share * (near * normals.any(axis=-1)).sum(axis=1)

    inTwoThreads(score, range(0, len(poses), _CHUNK))
    return scores / min(pair.moving.areaMm2, pair.fixed.areaMm2)


def _nearer(pair: Pair, poses: np.ndarray, reach: float) -> np.ndarray:
    """Every pose after one step to lessen the distances from the partners' planes."""
    result = np.empty_like(poses)

    def step(start):
        part = slice(start, start + _CHUNK)
        result[part] = _afterStep(pair, poses[part], reach)

    inTwoThreads(step, range(0, len(poses), _CHUNK))
    return result


def _afterStep(pair: Pair, poses: np.ndarray, reach: float) -> np.ndarray:
    moved, offset, normals = (
        np.concatenate(parts, axis=1) for parts in zip(*_offsets(pair, poses.astype(np.float32)), strict=True)
    )
    distance2 = np.einsum("pni,pni->pn", offset, offset)
    weight = np.maximum(0, 1 - distance2 / np.float32(reach**2)) ** 2
    center = moved.mean(axis=1, keepdims=True)
    arm = (moved - center) / np.float32(pair.size)
    design = np.concatenate([np.cross(arm, normals), normals], axis=-1)
    target = np.einsum("pni,pni->pn", offset, normals)
    weighted = design * weight[..., None]
    system = np.matmul(weighted.transpose(0, 2, 1), design).astype(np.float64)
    right = np.matmul(weighted.transpose(0, 2, 1), target[..., None]).astype(np.float64)
    # Held where nothing decides: surfaces that lie apart, balls that may turn.
    system += np.eye(6) * (0.02 * np.trace(system, axis1=1, axis2=2)[:, None, None] / 6 + 1e-6)
    solution = np.linalg.solve(system, right)[..., 0]
    turn = Rotation.from_rotvec(solution[:, :3] / pair.size).as_matrix()
    middle = center[:, 0].astype(np.float64)
    result = poses.copy()
    result[:, :3, :3] = turn @ poses[:, :3, :3]
    result[:, :3, 3] = np.einsum("pij,pj->pi", turn, poses[:, :3, 3] - middle) + middle + solution[:, 3:]
    return result
