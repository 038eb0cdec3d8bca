"""What smoothing, decimation and conversion did to a segment: the mesh against the surface of its own voxels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from M3DLib.Distance.DeviationMap import DeviationMap
from M3DLib.Distance.MeshVoxels import insideGrid
from M3DLib.Distance.SurfaceDeviation import compareSurfaces
from M3DLib.Errors import M3DError, noProgress
from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.Mesh.SegmentSurface import unsmoothedSurface
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.Segmentation.Segment import Segment
from M3DLib.Segmentation.VoxelBodies import VoxelBodies

from .DeviationStatistics import deviationStatistics, summary

SIGN_MEANING = "Positive: the surface of the segment's voxels lies outside the mesh (the mesh is too small there)."
LEAST_VOLUME = 10.0
# Slices of a grid that are looked at together.
SLAB = 32


def segmentationDeviation(
    mesh: TriangleMesh,
    segment: Segment,
    tolerance: float,
    leastVolume: float = LEAST_VOLUME,
    progress: Callable[[float, str], None] = noProgress,
    *,
    image: ImageVolume | None = None,
    normals: np.ndarray | None = None,
) -> tuple[DeviationMap, dict]:
    """Compare a mesh with the segment it was made from, in both directions.

    :param tolerance: mm, for the shares within, over and under.
    :param leastVolume: parts and hollows below this volume (mm3) do not count.
    :param image: tells the slices of the places.
    :param normals: (n, 3), outward, of the mesh's vertices, where they are known already.
    :return: the map at the mesh's vertices, and JSON values: the figures of :func:`deviationStatistics`, those of the
        other direction under ``reverse``, volumes, Dice coefficient on the segment's grid, parts and cavities lost and
        made, number of holes through each, thin parts that vanished, the largest displacement.
    :raises M3DError: when the segment is empty or the mesh has no surface.
    """
    if not segment.array.any():
        raise M3DError(f"Segment '{segment.name}' has no voxels, so the mesh cannot be compared with it.")
    voxels = unsmoothedSurface(mesh, segment)
    if voxels.triangles is mesh.triangles:
        voxels.cached("closed", lambda: mesh.isClosed)
    comparison = compareSurfaces(mesh, voxels, progress=lambda done, text: progress(0.8 * done, text))
    forward, reverse = comparison.forward, comparison.reverse
    forward.kind = "segmentation"
    forward.reference = "surface of the segment's voxels, without smoothing"
    forward.signMeaning = SIGN_MEANING
    forward.normals = normals
    facts = deviationStatistics(forward, tolerance, image)
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
    # With all that was needed to search it.
    del voxels, comparison, reverse, good
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
    indices -= low
    inside = insideGrid(indices, mesh.triangles, tuple(size.tolist()))
    del indices
    own = np.zeros(tuple(size[::-1]), dtype=bool)
    # The part of the segment's grid that lies in the widened one, in the coordinates of each.
    first = np.maximum(low, 0)
    last = np.minimum(high + 1, segment.array.shape[::-1])
    source = tuple(slice(a, b) for a, b in zip(first[::-1], last[::-1], strict=True))
    target = tuple(slice(a, b) for a, b in zip((first - low)[::-1], (last - low)[::-1], strict=True))
    np.not_equal(segment.array[source], 0, out=own[target])
    return inside, own, low


def _voxelFacts(mesh, segment, leastVolume) -> dict:
    inside, own, low = voxelized(mesh, segment)
    voxel = abs(float(np.linalg.det(segment.ijkToLps[:3, :3])))
    masks = {"segment": own, "mesh": inside}
    total = int(np.count_nonzero(inside)) + int(np.count_nonzero(own))
    facts = {"dice": 2 * int(np.count_nonzero(inside & own)) / total if total else None}
    bodies = {name: VoxelBodies.of(mask, corners=True) for name, mask in masks.items()}
    parts = {name: _Pieces(found, np.arange(found.count + 1) > 0) for name, found in bodies.items()}
    facts["parts"] = {**_lostAndMade(parts, leastVolume / voxel), "leastVolumeMm3": leastVolume}
    hollows = {name: _hollows(mask) for name, mask in masks.items()}
    facts["cavities"] = _lostAndMade(hollows, leastVolume / voxel)
    facts["tunnels"] = {
        # Of the pieces of what is empty, one is the outside.
        name: bodies[name].count + hollows[name].bodies.count - 1 - eulerNumber(mask)
        for name, mask in masks.items()
    }
    del bodies, parts, hollows
    # What lies more than a voxel outside the other is more than a shifted surface: a thin part that vanished or grew.
    facts["thinPartsLost"] = _pieces(beyond(own, inside), own.shape, low=low, segment=segment, voxel=voxel)
    facts["thinPartsMade"] = _pieces(beyond(inside, own), own.shape, low=low, segment=segment, voxel=voxel)
    return facts


@dataclass
class _Pieces:
    """Connected pieces of segment or mesh.

    :ivar chosen: bool (bodies.count + 1,), which of the bodies are pieces.
    """

    bodies: VoxelBodies
    chosen: np.ndarray


def _lostAndMade(pieces: dict[str, _Pieces], leastVoxels: float) -> dict:
    """How many pieces segment and mesh have, and how many of each share no voxel with any of the other.

    :param pieces: of "segment" and "mesh". :param leastVoxels: smaller pieces do not count.
    """
    counts, alone = {}, {}
    for name, other in (("segment", "mesh"), ("mesh", "segment")):
        own = pieces[name]
        large = (own.bodies.sizes >= max(leastVoxels, 1)) & own.chosen
        counts[name] = int(np.count_nonzero(large))
        alone[name] = int(np.count_nonzero(large & ~own.bodies.touchedBy(pieces[other].bodies, pieces[other].chosen)))
    return {**counts, "lost": alone["segment"], "made": alone["mesh"]}


def _hollows(mask: np.ndarray) -> _Pieces:
    """The hollows that are not connected with the outside; the corner voxel is outside."""
    empty = VoxelBodies.of(mask, empty=True)
    within = np.ones(empty.count + 1, dtype=bool)
    within[[0, empty.at(0)]] = False
    return _Pieces(empty, within)


def beyond(mask: np.ndarray, other: np.ndarray) -> Iterator[np.ndarray]:
    """What of a mask (k, j, i) touches another one nowhere, not even at a corner: slice by slice, bool (j, i)."""
    for start in range(0, len(mask), SLAB):
        first, end = max(start - 1, 0), min(start + SLAB, len(mask))
        near = _dilated(other[first : end + 1])[start - first :][: end - start]
        yield from np.greater(mask[start:end], near)


def _dilated(mask: np.ndarray) -> np.ndarray:
    """A mask and all that touches it at a face, an edge or a corner; axis by axis, for a tenth of the work."""
    result = mask
    for axis in range(3):
        low, high = [slice(None)] * 3, [slice(None)] * 3
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        wider = result.copy()
        wider[tuple(high)] |= result[tuple(low)]
        wider[tuple(low)] |= result[tuple(high)]
        result = wider
    return result


def eulerNumber(mask: np.ndarray) -> int:
    """Corners less edges plus faces less voxels of the closed cubes of a bool array (k, j, i).

    Pieces plus hollows less this number are the holes that go through, pieces touching at a corner being one (the
    Euler-Poincare formula for three dimensions).
    """
    depth, height, width = mask.shape
    total = 0
    # One empty voxel all around, the slices some at a time: what is as large as the scan is not made for it.
    padded = np.zeros((SLAB + 1, height + 2, width + 2), dtype=bool)
    for start in range(0, depth + 1, SLAB):
        # The slices that begin here, and the one before.
        part = padded[: min(SLAB, depth + 1 - start) + 1]
        part[:] = False
        first, end = max(start - 1, 0), min(start - 1 + len(part), depth)
        part[first - (start - 1) : end - (start - 1), 1:-1, 1:-1] = mask[first:end]
        for combination in range(8):
            cells = part if combination & 1 else part[1:]
            for axis in range(3):
                if combination >> axis & 1:
                    ahead, behind = ([slice(None)] * 3 for _ in range(2))
                    ahead[axis], behind[axis] = slice(1, None), slice(None, -1)
                    cells = cells[tuple(ahead)] | cells[tuple(behind)]
            # A cell shared by voxels on both sides along every chosen axis has three dimensions less those axes.
            total += (-1) ** (3 - combination.bit_count()) * int(np.count_nonzero(cells))
    return total


def _pieces(slices: Iterator[np.ndarray], shape: tuple, *, low: np.ndarray, segment: Segment, voxel: float) -> dict:
    """Volume and number of connected pieces, and the middle of the largest, LPS mm."""
    bodies = VoxelBodies.ofSlices(slices, shape, corners=True)
    if not bodies.count:
        return {"count": 0, "volumeMm3": 0.0, "largestMm3": 0.0, "largestLps": None}
    sizes = bodies.sizes
    largest = int(sizes.argmax())
    point = segment.ijkToLps[:3, :3] @ (bodies.centers[largest, ::-1] + low) + segment.ijkToLps[:3, 3]
    return {
        "count": bodies.count,
        "volumeMm3": float(sizes.sum() * voxel),
        "largestMm3": float(sizes[largest] * voxel),
        "largestLps": [round(float(value), 3) for value in point],
    }
