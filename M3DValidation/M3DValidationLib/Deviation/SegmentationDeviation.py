"""What smoothing, decimation and conversion did to a segment: the mesh against the surface of its own voxels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from M3DLib.Errors import M3DError, noProgress
from M3DLib.Mesh.SegmentSurface import makeSurface
from M3DLib.Mesh.SurfaceParameters import SurfaceParameters
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.Segmentation.Segment import Segment

from .DeviationMap import DeviationMap
from .DeviationStatistics import deviationStatistics, summary
from .MeshVoxels import insideGrid
from .SurfaceDeviation import compareSurfaces

SIGN_MEANING = "Positive: the surface of the segment's voxels lies outside the mesh (the mesh is too small there)."
LEAST_VOLUME = 10.0


def segmentationDeviation(
    mesh: TriangleMesh,
    segment: Segment,
    tolerance: float,
    leastVolume: float = LEAST_VOLUME,
    progress: Callable[[float, str], None] = noProgress,
) -> tuple[DeviationMap, dict]:
    """Compare a mesh with the segment it was made from, in both directions.

    :param tolerance: mm, for the shares within, over and under.
    :param leastVolume: parts below this volume (mm3) do not count as parts.
    :return: the map at the mesh's vertices, and JSON values: the figures of :func:`deviationStatistics`, those of the
        other direction under ``reverse``, volumes, Dice coefficient on the segment's grid, parts and cavities lost and
        made, thin parts that vanished, the largest displacement.
    :raises M3DError: when the segment is empty or the mesh has no surface.
    """
    if not segment.array.any():
        raise M3DError(f"Segment '{segment.name}' has no voxels, so the mesh cannot be compared with it.")
    voxels = makeSurface(segment, SurfaceParameters(smoothing=0.0, decimation=0.0))
    comparison = compareSurfaces(mesh, voxels, progress=lambda done, text: progress(0.8 * done, text))
    forward, reverse = comparison.forward, comparison.reverse
    forward.kind = "segmentation"
    forward.reference = "surface of the segment's voxels, without smoothing"
    forward.signMeaning = SIGN_MEANING
    facts = deviationStatistics(forward, tolerance)
    good = reverse.reliable
    facts["reverse"] = summary(reverse.distance[good], reverse.areas[good], tolerance)
    facts["largestDisplacement"] = _largest(forward, reverse)
    facts["voxelSpacing"] = [float(value) for value in segment.spacing]
    facts["segmentVolumeMm3"] = segment.volumeMm3
    facts["meshVolumeMm3"] = facts["volumeChange"] = None
    if mesh.isClosed:
        facts["meshVolumeMm3"] = abs(mesh.volumeMm3)
        facts["volumeChange"] = abs(mesh.volumeMm3) / segment.volumeMm3 - 1
    progress(0.85, "Comparing voxels")
    facts.update(_voxelFacts(mesh, segment, leastVolume))
    progress(1.0, "Segment compared")
    return forward, facts


def _largest(forward: DeviationMap, reverse: DeviationMap) -> dict:
    """The largest displacement of either direction and where it is."""
    best = {"distance": 0.0, "pointLps": None, "on": None}
    for on, deviation in (("mesh", forward), ("segment", reverse)):
        size = np.where(deviation.reliable, np.abs(deviation.distance), 0)
        vertex = int(size.argmax())
        if size[vertex] > best["distance"]:
            point = [round(float(value), 3) for value in deviation.mesh.points[vertex]]
            best = {"distance": float(size[vertex]), "pointLps": point, "on": on}
    return best


def voxelized(mesh: TriangleMesh, segment: Segment) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mesh and segment on the segment's grid, widened to hold both.

    :return: bool arrays (k, j, i) of the voxels whose centers lie inside the mesh and of the segment, and the index
        (i, j, k) of their first voxel on the segment's grid.
    """
    inverse = np.linalg.inv(segment.ijkToLps)
    indices = mesh.points.astype(np.float64) @ inverse[:3, :3].T + inverse[:3, 3]
    kept = [np.flatnonzero(segment.array.any(axis=others)) for others in ((0, 1), (0, 2), (1, 2))]
    low = np.minimum(np.floor(indices.min(axis=0)), [axis.min() for axis in kept]).astype(int) - 1
    high = np.maximum(np.ceil(indices.max(axis=0)), [axis.max() for axis in kept]).astype(int) + 1
    size = high - low + 1
    if np.prod(size.astype(float)) > 2e9:
        raise M3DError("The mesh is far larger than the segment it is compared with; check that both are in LPS mm.")
    inside = insideGrid(indices - low, mesh.triangles, tuple(size.tolist()))
    own = np.zeros(tuple(size[::-1]), dtype=bool)
    # The part of the segment's grid that lies in the widened one, in the coordinates of each.
    first = np.maximum(low, 0)
    last = np.minimum(high + 1, segment.array.shape[::-1])
    source = tuple(slice(a, b) for a, b in zip(first[::-1], last[::-1], strict=True))
    target = tuple(slice(a, b) for a, b in zip((first - low)[::-1], (last - low)[::-1], strict=True))
    own[target] = segment.array[source] != 0
    return inside, own, low


def _voxelFacts(mesh, segment, leastVolume) -> dict:
    from scipy.ndimage import binary_dilation, label

    inside, own, low = voxelized(mesh, segment)
    voxel = abs(float(np.linalg.det(segment.ijkToLps[:3, :3])))
    touching = np.ones((3, 3, 3), dtype=bool)
    total = int(inside.sum()) + int(own.sum())
    facts = {"dice": 2 * int((inside & own).sum()) / total if total else None}
    counts, missing = {}, {}
    for name, mask, other in (("segment", own, inside), ("mesh", inside, own)):
        labels, number = label(mask, touching)
        volumes = np.bincount(labels.ravel(), minlength=number + 1)[1:] * voxel
        shared = np.bincount(labels[other], minlength=number + 1)[1:] > 0
        large = volumes >= leastVolume
        counts[name], missing[name] = int(large.sum()), int((large & ~shared).sum())
    facts["parts"] = {**counts, "lost": missing["segment"], "made": missing["mesh"], "leastVolumeMm3": leastVolume}
    facts["cavities"] = {
        name: _cavities(mask, leastVolume / voxel) for name, mask in (("segment", own), ("mesh", inside))
    }
    # What lies more than a voxel outside the other is more than a shifted surface: a thin part that vanished or grew.
    facts["thinPartsLost"] = _pieces(own & ~binary_dilation(inside, touching), low, segment, voxel)
    facts["thinPartsMade"] = _pieces(inside & ~binary_dilation(own, touching), low, segment, voxel)
    return facts


def _cavities(mask: np.ndarray, leastVoxels: float) -> int:
    """Number of hollows of at least some voxels that are not connected with the outside."""
    from scipy.ndimage import label

    labels, number = label(~mask)
    sizes = np.bincount(labels.ravel(), minlength=number + 1)
    sizes[[0, labels[0, 0, 0]]] = 0
    return int((sizes >= max(leastVoxels, 1)).sum())


def _pieces(mask: np.ndarray, low: np.ndarray, segment: Segment, voxel: float) -> dict:
    """Volume and number of connected pieces, and the middle of the largest, LPS mm."""
    from scipy.ndimage import center_of_mass, label

    labels, number = label(mask, np.ones((3, 3, 3), dtype=bool))
    if not number:
        return {"count": 0, "volumeMm3": 0.0, "largestMm3": 0.0, "largestLps": None}
    sizes = np.bincount(labels.ravel())[1:]
    largest = int(sizes.argmax())
    k, j, i = center_of_mass(mask, labels, largest + 1)
    point = segment.ijkToLps[:3, :3] @ (np.array([i, j, k]) + low) + segment.ijkToLps[:3, 3]
    return {
        "count": int(number),
        "volumeMm3": float(sizes.sum() * voxel),
        "largestMm3": float(sizes[largest] * voxel),
        "largestLps": [round(float(value), 3) for value in point],
    }
