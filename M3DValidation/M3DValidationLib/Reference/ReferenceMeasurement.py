"""The same distance measured in the image and on the mesh: both ends moved along the line to the surface there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.Mesh.TriangleMesh import TriangleMesh

from ..Anatomy.EdgeProfiles import evaluateProfiles
from .ReferenceReader import ReferenceDistance

# How far an end may be set beside the surface it means, mm.
REACH_MM = 4.0


@dataclass
class MeasuredDistance:
    """A distance found between two surfaces.

    :ivar lengthMm: None where an end has no surface within reach.
    :ivar uncertaintyMm: standard uncertainty from the spread of neighboring lines (image only), else 0.
    :ivar movedMm: how far each end was moved outward along the line, NaN where no surface was found.
    """

    lengthMm: float | None
    uncertaintyMm: float
    movedMm: tuple[float, float]


def measureInImage(image: ImageVolume, reference: ReferenceDistance) -> MeasuredDistance:
    """Distance between the local 50 % levels at both ends.

    A bundle of parallel lines within one voxel of the marked one is measured and the median taken, so that the noise of
    single voxels averages out.

    :raises M3DError: the image is no regular grid.
    """
    from scipy import ndimage

    image.requireRegular()
    direction = _direction(reference)
    step = float(image.spacing.min()) / 4
    half = int(np.ceil(REACH_MM / step))
    # Half the distance at most, so that a profile never reaches the other end.
    half = max(4, min(half, int(np.linalg.norm(reference.end - reference.start) / 2 / step)))
    offsets = np.arange(-half, half + 1) * step
    bundle = _bundle(direction, float(image.spacing.max()))
    moved, spread = [], 0.0
    for end, outward in ((reference.start, -direction), (reference.end, direction)):
        starts = end + bundle
        places = starts[:, None] + outward * offsets[None, :, None]
        index = image.lpsToIndex(places.reshape(-1, 3))
        values = ndimage.map_coordinates(
            image.array, index.T[::-1], order=1, mode="constant", cval=np.nan, output=np.float64
        ).reshape(len(starts), -1)
        profiles = evaluateProfiles(starts, values, offsets, 0.0)
        found = profiles.shift[profiles.reliable]
        if len(found) < len(bundle) / 2:
            moved.append(float("nan"))
            continue
        moved.append(float(np.median(found)))
        # Scaled median deviation; neighboring lines share voxels, so the bundle counts as four lines.
        spread += (1.4826 * np.median(np.abs(found - np.median(found)))) ** 2 / 4
    return _measured(reference, moved, float(np.sqrt(spread)))


def measureOnMesh(mesh: TriangleMesh, reference: ReferenceDistance) -> MeasuredDistance:
    """Distance between the mesh's surfaces nearest to both ends along the line."""
    direction = _direction(reference)
    moved = []
    for end, outward in ((reference.start, -direction), (reference.end, direction)):
        hits = _lineHits(mesh, end, outward)
        moved.append(float(hits[np.abs(hits).argmin()]) if len(hits) else float("nan"))
    return _measured(reference, moved, 0.0)


def _direction(reference: ReferenceDistance) -> np.ndarray:
    return (reference.end - reference.start) / np.linalg.norm(reference.end - reference.start)


def _measured(reference: ReferenceDistance, moved: list[float], uncertainty: float) -> MeasuredDistance:
    length = float(np.linalg.norm(reference.end - reference.start)) + sum(moved)
    return MeasuredDistance(None if np.isnan(length) else length, uncertainty, (moved[0], moved[1]))


def _bundle(direction: np.ndarray, radius: float) -> np.ndarray:
    """Offsets of parallel lines: the middle and two rings, float64 (13, 3)."""
    across = np.cross(direction, np.eye(3)[np.abs(direction).argmin()])
    across /= np.linalg.norm(across)
    other = np.cross(direction, across)
    angle = np.arange(6) * np.pi / 3
    ring = np.cos(angle)[:, None] * across + np.sin(angle)[:, None] * other
    return np.concatenate([np.zeros((1, 3)), ring * radius / 2, ring * radius])


def _lineHits(mesh: TriangleMesh, origin: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Where a line passes through triangles, as distances from the origin along it, within reach; float64 (k,)."""
    ends = np.stack([origin - direction * REACH_MM, origin + direction * REACH_MM])
    low, high = ends.min(axis=0), ends.max(axis=0)
    points = mesh.points.astype(np.float64)
    beside = [(points < low).T, (points > high).T]
    out = np.zeros(len(mesh.triangles), dtype=bool)
    for side in beside:
        for axis in side:
            out |= axis[mesh.triangles].all(axis=1)
    a, b, c = (points[mesh.triangles[~out, corner]] for corner in range(3))
    normal = np.cross(b - a, c - a)
    slope = normal @ direction
    steep = np.abs(slope) > 1e-12 * np.linalg.norm(normal, axis=1)
    a, b, c, normal, slope = a[steep], b[steep], c[steep], normal[steep], slope[steep]
    distance = np.einsum("ij,ij->i", a - origin, normal) / slope
    hit = origin + distance[:, None] * direction
    inside = np.abs(distance) <= REACH_MM
    for start, end in ((a, b), (b, c), (c, a)):
        side = np.einsum("ij,ij->i", np.cross(end - start, hit - start), normal)
        inside &= side >= -1e-9 * np.einsum("ij,ij->i", normal, normal)
    return distance[inside]
