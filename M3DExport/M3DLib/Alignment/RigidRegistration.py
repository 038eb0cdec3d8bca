"""Rigid alignment of one mesh to another: pairs of points, then iterative closest points with trimming."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from ..Distance.ClosestSurface import ClosestSurface
from ..Distance.SurfaceDeviation import commonOrigin
from ..Errors import M3DError, noProgress
from ..Mesh.TriangleMesh import TriangleMesh
from ..NumberText import inDegrees, millimeters, shareInPercent
from .RigidMotion import RigidMotion

SAMPLE = 5000


@dataclass
class RigidRegistration(RigidMotion):
    """A rigid motion and how well it fits; the fit is not the comparison.

    :ivar residual: root mean square distance of the points used, mm, after the motion.
    :ivar usedShare: share of the sampled points that were used (the rest was trimmed as not belonging together).
    :ivar iterations: number of steps.
    :ivar converged: whether the last step changed the residual by less than a thousandth.
    """

    residual: float
    usedShare: float
    iterations: int
    converged: bool

    @property
    def translation(self) -> np.ndarray:
        """Shift of the origin, mm (3,)."""
        return self.matrix[:3, 3]

    def text(self) -> str:
        """What was done, in words."""
        state = "" if self.converged else ", not converged"
        return (
            f"rigid, iterative closest points: rotated by {inDegrees(self.angleDegrees)}, "
            f"residual {millimeters(self.residual)} over {shareInPercent(self.usedShare)} of the points "
            f"after {self.iterations} steps{state}"
        )

    def asDict(self) -> dict:
        """Plain JSON values."""
        return {
            "matrix": self.matrix.tolist(),
            "angleDegrees": self.angleDegrees,
            "residual": self.residual,
            "usedShare": self.usedShare,
            "iterations": self.iterations,
            "converged": self.converged,
        }


def fitPoints(moving: np.ndarray, fixed: np.ndarray) -> np.ndarray:
    """Rigid motion (4, 4) that brings points (n, 3) nearest to their partners (n, 3) (Kabsch's least squares).

    :raises M3DError: for fewer than three pairs or points on one line.
    """
    moving, fixed = np.asarray(moving, dtype=np.float64), np.asarray(fixed, dtype=np.float64)
    if moving.shape != fixed.shape or len(moving) < 3:
        raise M3DError("Aligning by points needs at least three pairs of points.")
    centerMoving, centerFixed = moving.mean(axis=0), fixed.mean(axis=0)
    u, scale, vt = np.linalg.svd((moving - centerMoving).T @ (fixed - centerFixed))
    if scale[1] <= 1e-9 * max(scale[0], 1e-12):
        raise M3DError("Aligning by points needs points that do not lie on one line.")
    turn = np.diag([1.0, 1.0, np.sign(np.linalg.det(vt.T @ u.T))])
    matrix = np.eye(4)
    matrix[:3, :3] = vt.T @ turn @ u.T
    matrix[:3, 3] = centerFixed - matrix[:3, :3] @ centerMoving
    return matrix


def registerRigid(
    mesh: TriangleMesh,
    reference: TriangleMesh,
    *,
    trim: float = 0.1,
    start: np.ndarray | None = None,
    iterations: int = 200,
    progress: Callable[[float, str], None] = noProgress,
) -> RigidRegistration:
    """Motion that brings a mesh onto a reference.

    Each step pairs a sample of the mesh's points with their closest points on the reference, leaves out the farthest
    share, and minimizes the distances along the surface normals (point to plane), which converges in few steps.

    :param trim: share of the farthest pairs left out of each step, 0 to less than 1: parts that one of the two lacks.
    :param start: motion (4, 4) to begin with, from :func:`fitPoints`; the meshes' present places when None.
    :raises M3DError: when a mesh has no surface, or the two do not determine a motion.
    """
    if not 0 <= trim < 1:
        raise M3DError(f"The trimmed share must be at least 0 and less than 1, not {trim}.")
    origin = commonOrigin(mesh, reference)
    if origin is not None:
        there, back = np.eye(4), np.eye(4)
        there[:3, 3], back[:3, 3] = origin, -origin
        begin = None if start is None else back @ start @ there
        near = registerRigid(
            mesh.about(origin),
            reference.about(origin),
            trim=trim,
            start=begin,
            iterations=iterations,
            progress=progress,
        )
        return replace(near, matrix=there @ near.matrix @ back)
    surface = ClosestSurface(reference, keepTiles=True)
    used = np.zeros(len(mesh.points), dtype=bool)
    used[mesh.triangles.ravel()] = True
    chosen = np.random.default_rng(0).permutation(np.flatnonzero(used))[:SAMPLE]
    points = mesh.points[chosen].astype(np.float64)
    matrix = np.eye(4) if start is None else np.asarray(start, dtype=np.float64).copy()
    kept, converged, step, steady, previous = np.arange(0), False, 0, 0, np.inf
    for step in range(1, iterations + 1):
        progress(step / iterations, "Aligning the meshes")
        moved = points @ matrix[:3, :3].T + matrix[:3, 3]
        found = surface.query(moved)
        kept = np.argsort(found.distance, kind="stable")[: max(6, int(np.ceil((1 - trim) * len(moved))))]
        motion = _stepToPlanes(moved[kept], found.offset[kept], surface, found.triangle[kept])
        matrix = motion @ matrix
        residual = float(np.sqrt(np.mean(found.distance[kept] ** 2)))
        # Trimming changes which points count from step to step, so the motion itself never comes to rest entirely.
        steady = steady + 1 if abs(previous - residual) <= 1e-3 * residual + 1e-6 else 0
        if steady == 3:
            converged = True
            break
        previous = residual
    moved = points @ matrix[:3, :3].T + matrix[:3, 3]
    distance = np.sort(surface.query(moved).distance)[: len(kept)]
    return RigidRegistration(matrix, float(np.sqrt(np.mean(distance**2))), len(kept) / len(points), step, converged)


def _stepToPlanes(moved, offset, surface, triangles) -> np.ndarray:
    """Motion (4, 4) that lessens the distances of points from the planes of their closest triangles, linearized."""
    normals = surface.normals(triangles).T
    length = np.linalg.norm(normals, axis=1)
    away = np.linalg.norm(offset, axis=1)
    # The direction to the closest point stands for the normal where the triangle has none.
    normals = np.where(
        (length > 0)[:, None], normals / np.maximum(length, 1e-300)[:, None], offset / np.maximum(away, 1e-300)[:, None]
    )
    center = moved.mean(axis=0)
    design = np.concatenate([np.cross(moved - center, normals), normals], axis=1)
    target = -np.einsum("ij,ij->i", offset, normals)
    scale = np.array([1 / max(float(np.abs(moved - center).max()), 1e-6)] * 3 + [1.0] * 3)
    scaled = design * scale
    # A weak pull to no motion holds what the surface leaves open: a ball may turn, a cylinder may slide.
    system = scaled.T @ scaled + 1e-6 * len(moved) * np.eye(6)
    solution = np.linalg.solve(system, scaled.T @ target) * scale
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec(solution[:3]).as_matrix()
    matrix[:3, 3] = center + solution[3:] - matrix[:3, :3] @ center
    return matrix
