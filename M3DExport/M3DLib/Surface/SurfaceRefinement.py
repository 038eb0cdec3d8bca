"""The surface of a segment moved to where the image shows its edge, below the size of a voxel.

What the threshold, the steps of the voxels and the smoothing made of an edge is taken back: every vertex is asked where
along its normal the image's edge lies (:func:`~..Edge.ImageDeviation.imageDeviation`) and how sure that is, and the
surface goes there as a whole, smoothly (``SmoothMotion``), twice or more. Where the image does not tell, it stays.
This is the local surface determination of dimensional computed tomography (VDI/VDE 2630), with the noise of a
medical scan.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..Distance.DeviationMap import DeviationMap
from ..Edge.ImageDeviation import imageDeviation
from ..Errors import M3DError, noProgress
from ..Image.ImageVolume import ImageVolume
from ..Mesh.MeshGeometry import vertexAreas, vertexGeometry
from ..Mesh.TriangleMesh import TriangleMesh
from .EdgeTargets import SUREST, Motion, edgeTargets
from .Neighborhood import Neighborhood
from .ScanBorder import ScanBorder
from .SmoothMotion import smoothMotion
from .SoundMoves import withoutNewIntersections
from .SurfaceRecord import NO_EDGE, refinementRecord, unmoved

TEXT = "Moving the surface to the image's edge"
ROUNDS = 3
# Cosine above which two surfaces that lie together face the same way and are two outlines of one thing.
ALIKE = 0.9


def refineSurface(
    mesh: TriangleMesh,
    image: ImageVolume,
    refineRange: float | None = None,
    progress: Callable[[float, str], None] = noProgress,
    *,
    fixed: np.ndarray | None = None,
) -> TriangleMesh:
    """A copy of a surface at the edge that the image shows; the same triangles, other positions.

    :param mesh: LPS mm, triangles facing outward. :param image: the scan it was made of.
    :param refineRange: no vertex goes farther, mm; the largest voxel edge when None.
    :param fixed: bool (n,), vertices that stay where they are; none when None.
    :return: with what was done in ``record["refinement"]`` (:func:`~.SurfaceRecord.refinementRecord`). Where the
        image is such that nobody knows how sure a measured edge is, or shows no edge of this surface anywhere, the
        surface is the same, and the record says why.
    :raises M3DError: when the image is no regular grid, the mesh has no surface, or the two do not meet.
    """
    limit = float(max(image.spacing)) if refineRange is None else float(refineRange)
    if not limit > 0:
        raise M3DError(f"The range of refining must be above 0 mm, not {refineRange}.")
    return _Refinement(mesh, image, limit, fixed).run(progress)


class _Refinement:
    """A surface on its way: where it was, where it is, what became of each vertex."""

    def __init__(self, mesh: TriangleMesh, image: ImageVolume, limit: float, fixed: np.ndarray | None):
        self.mesh, self.image, self.limit = mesh, image, limit
        self.start = mesh.points.astype(np.float64)
        self.points = self.start.copy()
        self.fixed = np.zeros(len(self.start), dtype=bool) if fixed is None else fixed
        self.neighborhood = Neighborhood(mesh)
        self.border = ScanBorder(self.start, image)
        self.motion = np.full(len(self.start), Motion.LEFT, dtype=np.uint8)

    def run(self, progress: Callable[[float, str], None]) -> TriangleMesh:
        for number in range(ROUNDS):
            shares = (0.8 * number / ROUNDS, 0.8 / ROUNDS)
            deviation = imageDeviation(
                self._current(),
                self.image,
                progress=lambda done, text, shares=shares: progress(shares[0] + shares[1] * done, TEXT),
            )
            self._move(deviation, first=number == 0)
        if deviation.uncertainty is None and deviation.calibration["estimate95"] is None:
            # The last measurement decides: the first one sees the steps of the voxels as well.
            return self._leftWhole(deviation.calibration["statement"])
        if not (self.motion == Motion.MOVED).any():
            # What would be left is smoothing, which nothing in the image asks for.
            return self._leftWhole(NO_EDGE)
        points, heldBack = withoutNewIntersections(
            self.start,
            self.points,
            self.mesh.triangles,
            neighborhood=self.neighborhood,
            limit=self.limit,
            fixed=self.fixed,
            border=self.border,
            progress=lambda done, text: progress(0.8 + 0.2 * done, TEXT),
        )
        result = self._withPoints(points)
        self.motion[heldBack] = Motion.HELD
        result.record["refinement"] = refinementRecord(
            np.linalg.norm(points - self.start, axis=1),
            self.motion,
            vertexAreas(result),
            deviation,
            limit=self.limit,
            heldBack=int(heldBack.sum()),
            rounds=ROUNDS,
        )
        progress(1.0, TEXT)
        return result

    def _current(self) -> TriangleMesh:
        return TriangleMesh(self.points, self.mesh.triangles, self.mesh.name)

    def _withPoints(self, points: np.ndarray) -> TriangleMesh:
        mesh = self.mesh
        return TriangleMesh(points, mesh.triangles, mesh.name, mesh.color, mesh.opacity, record=dict(mesh.record))

    def _leftWhole(self, reason: str) -> TriangleMesh:
        result = self._withPoints(self.mesh.points)
        result.record["refinement"] = unmoved(reason, self.motion, vertexAreas(result), self.limit)
        return result

    def _move(self, deviation: DeviationMap, first: bool) -> None:
        normals = deviation.normals.astype(np.float64)
        gone = np.einsum("ni,ni->n", self.points - self.start, normals)
        targets = edgeTargets(deviation, self.image, gone, self.neighborhood)
        targets.distance[self.fixed], targets.weight[self.fixed] = -gone[self.fixed], SUREST**-2
        targets.motion[self.fixed] = Motion.HELD
        motion = smoothMotion(self.points, self.start, normals, targets, self.neighborhood, first=first)
        step = np.clip(motion.displacement, -self.limit, self.limit)
        away = self.border.kept(self.points + step[:, None] * normals - self.start, normals, self.neighborhood)
        away[self.fixed] = 0
        length = np.linalg.norm(away, axis=1)
        far = length > self.limit
        away[far] *= (self.limit / length[far])[:, None]
        self.points = self.start + away
        self.motion = np.where(far & (targets.motion == Motion.MOVED), Motion.HELD, targets.motion).astype(np.uint8)


def refineSurfaces(
    meshes: Sequence[TriangleMesh],
    image: ImageVolume,
    refineRange: float | None = None,
    progress: Callable[[float, str], None] = noProgress,
) -> list[TriangleMesh]:
    """Several surfaces of one image, each as :func:`refineSurface` moves it.

    Where two of them touch, both stay as they are: moved on their own they would overlap or part.
    """
    share = 1 / max(len(meshes), 1)
    fixed = _touching(meshes, 0.5 * float(min(image.spacing)))
    return [
        refineSurface(
            mesh,
            image,
            refineRange,
            lambda done, text, number=number: progress((number + done) * share, text),
            fixed=fixed[number],
        )
        for number, mesh in enumerate(meshes)
    ]


def _touching(meshes: Sequence[TriangleMesh], reach: float) -> list[np.ndarray]:
    """For each mesh the vertices at which another one lies against it, bool (n,)."""
    from scipy.spatial import cKDTree

    touching = [np.zeros(len(mesh.points), dtype=bool) for mesh in meshes]
    if len(meshes) < 2:
        return touching
    normals = [vertexGeometry(mesh).normals for mesh in meshes]
    trees = [cKDTree(mesh.points) for mesh in meshes]
    for number, mesh in enumerate(meshes):
        for other in range(len(meshes)):
            if other == number:
                continue
            distance, nearest = trees[other].query(mesh.points, distance_upper_bound=reach)
            near = np.flatnonzero(np.isfinite(distance))
            facing = np.einsum("ni,ni->n", normals[number][near], normals[other][nearest[near]])
            touching[number][near[facing < ALIKE]] = True
    return touching
