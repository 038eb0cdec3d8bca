"""Where the image's own edge lies beside a segment's boundary: the local 50 % level along profiles across it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.Segmentation.Segment import Segment

_STEPS_PER_VOXEL = 4
_REACH = 4
# No shorter than this to both sides: the scanner's blur does not shrink with the pixels.
_SHORTEST_MM = 3.0
# Standard deviation of the blur that the direction of a boundary is taken from, voxels.
_BLUR = 1.5
_POINTS_AT_ONCE = 500


@dataclass
class EdgeProfiles:
    """Edges found at boundary points of a segment.

    :ivar points: float64 (k, 3), points on the segment's boundary, LPS mm.
    :ivar edgeValue: float64 (k,), image value at each point.
    :ivar halfLevel: float64 (k,), mean of the values on both sides of the edge there.
    :ivar contrast: float64 (k,), value inside less value outside; negative for a dark segment.
    :ivar shift: float64 (k,), distance from the point to the place of the half level, mm; positive where the image's
        edge lies outside the segment. NaN where the profile does not cross it.
    :ivar reliable: bool (k,), enough contrast and a crossing.
    :ivar areaMm2: area of the boundary, by voxel faces.
    """

    points: np.ndarray
    edgeValue: np.ndarray
    halfLevel: np.ndarray
    contrast: np.ndarray
    shift: np.ndarray
    reliable: np.ndarray
    areaMm2: float


def edgeProfiles(image: ImageVolume, segment: Segment, count: int = 6000, seed: int = 0) -> EdgeProfiles:
    """Profiles through points spread over the boundary of a segment.

    The direction of each is the gradient of the segment blurred over two voxels, so that it crosses the boundary as it
    runs on the whole, not as the single voxel's face does. On both sides the value is taken where the profile first
    stops rising or falling, at most four voxels (or 3 mm) away.

    :raises M3DError: the image is not a regular grid.
    """
    from scipy import ndimage

    from .SegmentAnalysis import cropped

    image.requireRegular()
    inside, start = cropped(segment, margin=4)
    points, normals, area = _boundary(inside, start, segment, count, seed)
    # As long as four voxels are across the boundary: in thick slices an edge is blurred one way and sharp the other.
    crossing = np.linalg.norm(normals @ np.linalg.inv(image.ijkToLps[:3, :3]).T, axis=1)
    unit = np.maximum(1 / crossing, _SHORTEST_MM / _REACH)
    offsets = np.arange(-_REACH * _STEPS_PER_VOXEL, _REACH * _STEPS_PER_VOXEL + 1) / _STEPS_PER_VOXEL
    # Outside is where the offset is positive.
    places = points[:, None] + (normals * unit[:, None])[:, None] * offsets[None, :, None]
    index = image.lpsToIndex(places.reshape(-1, 3))
    values = ndimage.map_coordinates(
        image.array, index.T[::-1], order=1, mode="constant", cval=np.nan, output=np.float64
    ).reshape(len(points), -1)
    profiles = evaluateProfiles(points, values, offsets, area)
    profiles.shift *= unit
    return profiles


def _boundary(inside, start, segment, count, seed):
    """Points on faces between inside and outside, the outward direction there, and the area of all faces."""
    edges = segment.ijkToLps[:3, :3]
    found, area = [], 0.0
    for axis in range(3):
        one, other = np.moveaxis(inside, axis, 0)[:-1], np.moveaxis(inside, axis, 0)[1:]
        # As places in memory, of which few are looked at: all of them as indices would be larger than the image.
        faces = np.flatnonzero(one != other)
        column = 2 - axis
        size = float(np.linalg.norm(np.cross(edges[:, (column + 1) % 3], edges[:, (column + 2) % 3])))
        area += size * len(faces)
        found.append((faces, one.shape, size))
    generator = np.random.default_rng(seed)
    # Each direction gets its share of the points by area.
    places, gradients = [], []
    for axis, (faces, shape, size) in enumerate(found):
        number = min(len(faces), round(count * size * len(faces) / area))
        chosen = faces[generator.choice(len(faces), number, replace=False)]
        below = np.stack(np.unravel_index(chosen, shape), axis=1)
        below = np.insert(below[:, 1:], axis, below[:, 0], axis=1)
        gradients.append(_blurredGradient(inside, below, axis)[:, ::-1])
        places.append(below + 0.5 * (np.arange(3) == axis))
    index = np.concatenate(places)
    # A gradient transforms with the inverse transpose.
    normals = -np.concatenate(gradients) @ np.linalg.inv(edges)
    length = np.linalg.norm(normals, axis=1)
    good = length > 1e-6
    points = (index[good][:, ::-1] + start) @ edges.T + segment.ijkToLps[:3, 3]
    return points, normals[good] / length[good, None], area


def _blurredGradient(inside: np.ndarray, below: np.ndarray, axis: int) -> np.ndarray:
    """Differences along the three axes of the array, over one voxel, of the segment blurred by a Gaussian of 1.5 voxels
    (cut off at four of them) and read on straight lines between voxels; float64 (n, 3).

    Only around the points, for the blurred segment as a whole takes eight bytes for every voxel.

    :param inside: (k, j, i), empty beyond its borders.
    :param below: (n, 3) the voxels k, j, i from which the points lie half a voxel along ``axis``.
    """
    reach = int(4 * _BLUR + 0.5)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / _BLUR) ** 2)
    kernel = np.pad(kernel / kernel.sum(), (1, 2))
    # Of the voxels from -reach - 1 to reach + 2 beside the one below, in a blurred value there, and half and one ahead.
    before, here, ahead = (np.roll(kernel, shift) for shift in (-1, 0, 1))
    half = (here + ahead) / 2
    # Of a value at the point, and of the difference over a voxel: across the face, and along it.
    across, along = (half, ahead - here), (here, (ahead - before) / 2)
    weights = [np.array(across if each == axis else along, dtype=np.float32) for each in range(3)]
    offsets = np.arange(-reach - 1, reach + 3)
    size = np.array(inside.shape)
    result = np.empty((len(below), 3))
    for begin in range(0, len(below), _POINTS_AT_ONCE):
        part = below[begin : begin + _POINTS_AT_ONCE]
        index = [part[:, each, None] + offsets for each in range(3)]
        within = [(index[each] >= 0) & (index[each] < size[each]) for each in range(3)]
        k, j, i = (np.clip(index[each], 0, size[each] - 1) for each in range(3))
        around = inside[k[:, :, None, None], j[:, None, :, None], i[:, None, None, :]]
        around = around & within[0][:, :, None, None] & within[1][:, None, :, None] & within[2][:, None, None, :]
        around = around.astype(np.float32)
        for changed in range(3):
            rows = around @ weights[2][int(changed == 2)]
            result[begin : begin + len(part), changed] = (
                rows @ weights[1][int(changed == 1)] @ weights[0][int(changed == 0)]
            )
    return result


def evaluateProfiles(points, values, offsets, area) -> EdgeProfiles:
    """Half level and its place on each profile.

    :param points: float64 (k, 3), middles of the profiles, LPS mm.
    :param values: float64 (k, 2 r + 1), image values along them, from inside to outside.
    :param offsets: float64 (2 r + 1,), distance of each value from the middle, mm, evenly spaced.
    :param area: of the boundary the points are on, mm2; passed on.
    """
    middle = len(offsets) // 2
    at = values[:, middle]
    inner = values[:, middle::-1]
    outer = values[:, middle:]
    # One voxel to both sides decides for the whole segment: farther off a thin wall may have ended.
    aside = middle // 4
    step = np.nan_to_num(np.nanmedian(inner[:, aside] - outer[:, aside]))
    sign = 1.0 if step >= 0 else -1.0
    insideValue = sign * _firstExtreme(sign * inner)
    outsideValue = -sign * _firstExtreme(-sign * outer)
    contrast = insideValue - outsideValue
    half = (insideValue + outsideValue) / 2
    height = (values - half[:, None]) * np.sign(contrast)[:, None]
    crossing = (height[:, :-1] >= 0) & (height[:, 1:] < 0)
    share = np.divide(height[:, :-1], height[:, :-1] - height[:, 1:], out=np.zeros_like(height[:, 1:]), where=crossing)
    place = offsets[:-1] + share * (offsets[1] - offsets[0])
    distance = np.where(crossing, np.abs(place), np.inf)
    nearest = distance.argmin(axis=1)
    rows = np.arange(len(points))
    shift = np.where(np.isfinite(distance[rows, nearest]), place[rows, nearest], np.nan)
    known = np.isfinite(contrast)
    typical = np.median(contrast[known]) if known.any() else 0.0
    # Where the segment was cut with scissors, or ends at a neighbor, there is no edge to compare with.
    reliable = known & np.isfinite(shift) & (contrast * np.sign(typical) > 0.4 * abs(typical))
    # In mere noise every profile has its hill and its valley, but together they make no step.
    reliable &= abs(step) > 0.15 * abs(typical)
    return EdgeProfiles(points, at, half, contrast, shift, reliable, area)


def _firstExtreme(values: np.ndarray) -> np.ndarray:
    """Value at which each row, starting at its left, stops rising: its running maximum before it falls by more than a
    sixth of the row's range, which is more than noise does and less than a thin wall.
    """
    known = np.isfinite(values)
    highest = np.maximum.accumulate(np.where(known, values, -np.inf), axis=1)
    lowest = np.where(known, values, np.inf).min(axis=1)
    with np.errstate(invalid="ignore"):
        fallen = ~known | (highest - values > (highest[:, -1] - lowest)[:, None] / 6)
    stop = np.where(fallen.any(axis=1), fallen.argmax(axis=1), values.shape[1] - 1)
    result = highest[np.arange(len(values)), stop]
    return np.where(np.isfinite(result), result, np.nan)
