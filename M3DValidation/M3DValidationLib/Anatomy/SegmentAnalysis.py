"""What can be said of a segment's voxels: islands, holes, bridges, overlap, place in the image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from M3DLib.Errors import M3DError
from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.Segmentation.Segment import Segment
from M3DLib.Segmentation.VoxelBodies import VoxelBodies

# Distance maps are made on at most so many voxels; larger segments are looked at in blocks.
_MOST_VOXELS = 16_000_000


@dataclass
class Piece:
    """A connected group of voxels: volume in mm3 and center of its voxels, LPS mm."""

    volumeMm3: float
    center: np.ndarray


@dataclass
class Bridge:
    """A thin connection: its cross section in mm2, the volumes on both sides in mm3, and its place, LPS mm."""

    areaMm2: float
    volumesMm3: tuple[float, float]
    center: np.ndarray


def cropped(segment: Segment, margin: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """The part of a segment that holds its voxels, with empty voxels around it.

    :return: bool (k, j, i), and the index (i, j, k) of its first voxel in the segment's grid (may be negative).
    :raises M3DError: an empty segment.
    """
    array = segment.array
    ranges = []
    for axis in range(3):
        used = np.flatnonzero(array.any(axis=tuple(other for other in range(3) if other != axis)))
        if not len(used):
            raise M3DError(f"Segment '{segment.name}' is empty.")
        ranges.append(slice(int(used[0]), int(used[-1]) + 1))
    inner = array[tuple(ranges)] != 0
    start = np.array([part.start for part in ranges[::-1]]) - margin
    return np.pad(inner, margin), start


def islandsAndHoles(segment: Segment) -> tuple[list[Piece], list[Piece]]:
    """Connected bodies of a segment (voxels joined through faces, edges or corners), largest first, and enclosed holes
    (empty voxels joined through faces that do not reach the outside), largest first.
    """
    inside, start = cropped(segment)
    pieces = _pieces(VoxelBodies.of(inside, corners=True), segment, start)
    empty = VoxelBodies.of(inside, empty=True)
    holes = _pieces(empty, segment, start, leaveOut=empty.at(0))
    return pieces, holes


def _pieces(bodies: VoxelBodies, segment: Segment, start: np.ndarray, leaveOut: int = 0) -> list[Piece]:
    sizes = bodies.sizes
    voxel = abs(float(np.linalg.det(segment.ijkToLps[:3, :3])))
    places = (bodies.centers[:, ::-1] + start) @ segment.ijkToLps[:3, :3].T + segment.ijkToLps[:3, 3]
    order = [number for number in np.argsort(-sizes, kind="stable") if number not in (0, leaveOut)]
    return [Piece(float(sizes[number] * voxel), places[number]) for number in order]


def bridges(segment: Segment, radiusMm: float, bodyMm3: float, areaMm2: float) -> tuple[list[Bridge], float]:
    """Places where two large parts of a body hang together by a thin connection only, as where a threshold leaks.

    What is farther than ``radiusMm`` from the outside falls apart at thin places. Every other voxel goes to the nearest
    part, and where two parts then meet in a small cross section there is a bridge. A long thin wall between them has a
    large one and is none.

    :param radiusMm: half of the thickness below which a connection is thin.
    :param bodyMm3: least volume of both parts.
    :param areaMm2: largest cross section of a bridge.
    :return: the bridges, thinnest first, and the edge of the blocks the segment was looked at in, as voxels per edge.
    """
    from scipy import ndimage

    inside, start = cropped(segment)
    step = max(1, int(np.ceil((inside.size / _MOST_VOXELS) ** (1 / 3))))
    if step > 1:
        inside = _blocks(inside, step)
    spacing = segment.spacing * step
    places = np.flatnonzero(inside)
    deep = np.zeros(inside.shape, dtype=bool)
    deep.reshape(-1)[places] = _depth(places, _nearestZero(inside, places, spacing), inside.shape, spacing) > radiusMm
    cores, count = ndimage.label(deep, structure=np.ones((3, 3, 3)))
    if count < 2:
        return [], float(step)
    parts = np.zeros_like(cores)
    parts.reshape(-1)[places] = cores.reshape(-1).take(_nearestZero(cores == 0, places, spacing))
    del deep, cores
    voxel = abs(float(np.linalg.det(segment.ijkToLps[:3, :3]))) * step**3
    volumes = np.bincount(parts.reshape(-1)) * voxel
    faces: dict[tuple[int, int], list] = {}
    edges = segment.ijkToLps[:3, :3] * step
    for axis in range(3):
        one = np.moveaxis(parts, axis, 0)[:-1]
        other = np.moveaxis(parts, axis, 0)[1:]
        meet = np.argwhere((one != other) & (one > 0) & (other > 0))
        area = float(np.linalg.norm(np.cross(edges[:, (2 - axis + 1) % 3], edges[:, (2 - axis + 2) % 3])))
        here, there = one[tuple(meet.T)], other[tuple(meet.T)]
        index = meet.astype(np.float64)
        index[:, 0] += 0.5
        index = np.insert(index[:, 1:], axis, index[:, 0], axis=1)[:, ::-1]
        for pair in {(min(a, b), max(a, b)) for a, b in zip(here.tolist(), there.tolist(), strict=True)}:
            of = (np.minimum(here, there) == pair[0]) & (np.maximum(here, there) == pair[1])
            faces.setdefault(pair, []).append((area * int(of.sum()), index[of]))
    found = []
    for (one, other), portions in faces.items():
        # Steps of the grid enlarge a slanted cross section by up to 1.5 on average.
        area = sum(portion[0] for portion in portions) / 1.5
        if area <= areaMm2 and min(volumes[one], volumes[other]) >= bodyMm3:
            index = np.concatenate([portion[1] for portion in portions]).mean(axis=0)
            place = (index * step + (step - 1) / 2 + start) @ segment.ijkToLps[:3, :3].T + segment.ijkToLps[:3, 3]
            found.append(Bridge(area, (float(volumes[one]), float(volumes[other])), place))
    return sorted(found, key=lambda bridge: bridge.areaMm2), float(step)


def _nearestZero(mask: np.ndarray, places: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """The nearest voxel that is not in a mask (k, j, i), for some voxels: places in memory, int64 (n,).

    :param spacing: along i, j, k, mm.
    """
    from scipy import ndimage

    nearest = ndimage.distance_transform_edt(mask, sampling=spacing[::-1], return_distances=False, return_indices=True)
    return np.ravel_multi_index([axis.reshape(-1).take(places) for axis in nearest], mask.shape)


def _depth(places: np.ndarray, outside: np.ndarray, shape: tuple, spacing: np.ndarray) -> np.ndarray:
    """Distance of voxels from others, both by their places in memory, float64 (n,), mm.

    What scipy computes for all voxels, with 40 bytes for each, for these alone.
    """
    pairs = zip(np.unravel_index(outside, shape), np.unravel_index(places, shape), spacing[::-1], strict=True)
    squares = [np.square((there - here) * step) for there, here, step in pairs]
    return np.sqrt(squares[0] + squares[1] + squares[2])


def _blocks(array: np.ndarray, step: int) -> np.ndarray:
    """Blocks of step^3 voxels, inside where at least half of them are."""
    padding = [(0, -size % step) for size in array.shape]
    array = np.pad(array, padding).view(np.uint8)
    # Counted voxel by voxel of a block, for all blocks at once: means along axes of two or three are far slower.
    number = np.zeros([size // step for size in array.shape], dtype=np.uint8 if step**3 < 256 else np.uint32)
    for k, j, i in np.ndindex(step, step, step):
        number += array[k::step, j::step, i::step]
    return number >= (step**3 + 1) // 2


def overlapMm3(segment: Segment, other: Segment) -> tuple[float, np.ndarray | None]:
    """Volume that belongs to both segments, and the center of it (LPS mm), None where there is none.

    Voxel centers of the first segment are looked up in the other one, so that the grids may differ.
    """
    toOther = np.linalg.inv(other.ijkToLps) @ segment.ijkToLps
    shape = np.array(other.array.shape[::-1])
    sameGrid = np.allclose(toOther, np.eye(4), atol=1e-6) and segment.array.shape == other.array.shape
    if sameGrid and not np.any((segment.array != 0) & (other.array != 0)):
        return 0.0, None
    count, total = 0, np.zeros(3)
    for part in _voxelIndices(segment):
        place = np.rint(part @ toOther[:3, :3].T + toOther[:3, 3]).astype(np.int64)
        within = ((place >= 0) & (place < shape)).all(axis=1)
        place, inside = place[within], part[within]
        both = inside[other.array[place[:, 2], place[:, 1], place[:, 0]] != 0]
        count += len(both)
        total += both.sum(axis=0)
    voxel = abs(float(np.linalg.det(segment.ijkToLps[:3, :3])))
    if not count:
        return 0.0, None
    return count * voxel, total / count @ segment.ijkToLps[:3, :3].T + segment.ijkToLps[:3, 3]


def _voxelIndices(segment: Segment) -> Iterator[np.ndarray]:
    """Indices (n, 3) in the order i, j, k of a segment's voxels, slab by slab: all at once could be gigabytes."""
    slices = max(1, 4_000_000 // max(1, int(np.prod(segment.array.shape[1:]))))
    for start in range(0, segment.array.shape[0], slices):
        index = np.argwhere(segment.array[start : start + slices])[:, ::-1]
        index[:, 2] += start
        if len(index):
            yield index


def outsideImageMm3(segment: Segment, image: ImageVolume) -> float:
    """Volume of the voxels whose centers lie outside the image's voxels, mm3."""
    inside, start = cropped(segment, margin=0)
    last = start + np.array(inside.shape[::-1]) - 1
    corners = np.array([[(start, last)[bit >> axis & 1][axis] for axis in range(3)] for bit in range(8)])
    place = image.lpsToIndex(corners @ segment.ijkToLps[:3, :3].T + segment.ijkToLps[:3, 3])
    if (place >= -0.5).all() and (place <= np.array(image.dimensions) - 0.5).all():
        # Both grids are affine, so that what lies between corners inside lies inside.
        return 0.0
    outside = 0
    for index in _voxelIndices(segment):
        points = index @ segment.ijkToLps[:3, :3].T + segment.ijkToLps[:3, 3]
        place = image.lpsToIndex(points)
        # Half a voxel beyond the outer centers is still image; a thousandth more is rounding.
        outside += int(np.sum((place < -0.501).any(axis=1) | (place > np.array(image.dimensions) - 0.499).any(axis=1)))
    return outside * abs(float(np.linalg.det(segment.ijkToLps[:3, :3])))
