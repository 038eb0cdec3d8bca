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

from ..Distance.DeviationMap import Quality
from ..Errors import M3DError, noProgress
from ..Image.ImageVolume import ImageVolume
from ..Mesh.MeshGeometry import vertexAreas
from ..Mesh.TriangleMesh import TriangleMesh
from ..Ridge.SharpRidges import atRidges
from .EdgeTargets import Motion
from .JointRefinement import JointRefinement
from .MovingSheet import MovingSheet
from .SharedBorders import SharedBorders
from .SoundMoves import withoutNewIntersections
from .SurfaceRecord import ROUNDS, refinementRecord, unmoved, whyNotMoved

# Rings of neighbors around places that are sharp in which the faces beside them are looked for.
FACE_RINGS = 12
TEXT = "Moving the surface to the image's edge"


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
    limit = _limitOf(image, refineRange)
    fixed = np.zeros(len(mesh.points), dtype=bool) if fixed is None else fixed
    sheet = MovingSheet(mesh, image, limit, fixed)
    for number in range(ROUNDS):
        sheet.move(
            lambda done, text, number=number: progress(0.8 * (number + done) / ROUNDS, TEXT), last=number == ROUNDS - 1
        )
    result = TriangleMesh(mesh.points, mesh.triangles, mesh.name, mesh.color, mesh.opacity, record=dict(mesh.record))
    # The last measurement decides: the first one sees the steps of the voxels as well. Where no edge was measured
    # reliably, what is left is smoothing, with a few ridges of which nobody knows how sure they are.
    reason = whyNotMoved(sheet.motion, sheet.deviation, vertexAreas(mesh))
    reason = reason if sheet.known else sheet.deviation.calibration["statement"]
    if reason:
        result.record["refinement"] = unmoved(reason, sheet.motion, vertexAreas(mesh), limit)
        return result
    ridges, followed = _withRidges(sheet)
    points, heldBack = withoutNewIntersections(
        sheet.start,
        ridges,
        mesh.triangles,
        neighborhood=sheet.neighborhood,
        limit=limit,
        fixed=fixed,
        border=sheet.border,
        progress=lambda done, text: progress(0.8 + 0.2 * done, TEXT),
    )
    result.points = points.astype(np.float32)
    # What follows a ridge was moved there, wherever its own edge is.
    motion = np.where(heldBack, Motion.HELD, np.where(followed > 0.5, Motion.MOVED, sheet.motion))
    # Sideways on their faces vertices still are at the edge.
    beyond = np.abs(np.einsum("ni,ni->n", points - sheet.points, sheet.deviation.normals.astype(np.float64)))
    result.record["refinement"] = refinementRecord(
        np.linalg.norm(points - sheet.start, axis=1),
        motion,
        vertexAreas(result),
        sheet.deviation,
        limit=limit,
        heldBack=int(heldBack.sum()),
        atRidges=np.where(followed > 0, beyond, 0.0),
        byMiddle=sheet.byMiddle,
    )
    progress(1.0, TEXT)
    return result


def _withRidges(sheet: MovingSheet) -> tuple[np.ndarray, np.ndarray]:
    """A moved sheet's vertices (n, 3) with its ridges, within its limits, and how far each follows them (n,)."""
    sharp = sheet.deviation.quality == Quality.SHARP

    def allowed(which: np.ndarray, there: np.ndarray) -> np.ndarray:
        return np.linalg.norm(there - sheet.start[which], axis=1) <= sheet.limit

    points, followed = atRidges(
        sheet.points,
        sheet.deviation,
        sheet.image,
        near=sheet.neighborhood.grown(sharp, FACE_RINGS),
        fixed=sheet.fixed,
        meanAt=sheet.neighborhood.meanAt,
        allowed=allowed,
    )
    return sheet.start + sheet.border.inPlanes(points - sheet.start), followed


def refineSurfaces(
    meshes: Sequence[TriangleMesh],
    image: ImageVolume,
    refineRange: float | None = None,
    progress: Callable[[float, str], None] = noProgress,
    *,
    unsmoothed: Sequence[TriangleMesh] | None = None,
) -> list[TriangleMesh]:
    """Several surfaces of one image; those that touch are moved together, so that they neither part nor overlap.

    Where two of them lie against each other without the same triangles (decimated ones), both stay as they are.
    The parameters are those of :func:`refineSurface`.

    :param unsmoothed: the same surfaces, vertex by vertex, as the voxels of the segments give them, where that is
        known: tells surely which vertices two surfaces have in common.
    """
    limit = _limitOf(image, refineRange)
    image.requireRegular()
    if len(meshes) == 1:
        return [refineSurface(meshes[0], image, refineRange, progress)]
    borders = SharedBorders.of(meshes, image, unsmoothed)
    results: dict[int, TriangleMesh] = {}
    sizes = [len(mesh.points) for mesh in meshes]
    for group in borders.groups:
        first, share = (
            sum(sizes[number] for number in results) / sum(sizes),
            sum(sizes[number] for number in group) / sum(sizes),
        )

        def part(done: float, text: str = TEXT, first: float = first, share: float = share) -> None:
            progress(first + share * done, TEXT)

        if len(group) == 1:
            number = group[0]
            results[number] = refineSurface(meshes[number], image, refineRange, part, fixed=borders.held[number])
            continue
        some = [meshes[number] for number in group]
        net = SharedBorders.of(some, image, unsmoothed and [unsmoothed[number] for number in group])
        net.held = [borders.held[number] for number in group]
        joint = JointRefinement(some, net, image, limit)
        results.update(zip(group, joint.run(ROUNDS, part), strict=True))
    return [results[number] for number in range(len(meshes))]


def _limitOf(image: ImageVolume, refineRange: float | None) -> float:
    limit = float(max(image.spacing)) if refineRange is None else float(refineRange)
    if not limit > 0:
        raise M3DError(f"The range of refining must be above 0 mm, not {refineRange}.")
    return limit
