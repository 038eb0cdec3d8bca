"""How much of a surface lies at edges of an image, and where it would have to be shifted for more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from M3DLib.Errors import M3DError

if TYPE_CHECKING:
    from M3DLib.Image.ImageVolume import ImageVolume
    from M3DLib.Mesh.TriangleMesh import TriangleMesh

# Places of the surface that are looked at; the share of edges is then known to about a percent.
_PLACES = 4000
# An edge counts when it lies this near to the surface, and its two sides are told apart beyond.
_NEAR_MM = 1.0
_SIDES_MM = (1.25, 2.25)
# An edge must stand out of the image's noise by this many standard deviations.
_NOISES = 5.0
_OF_RANGE = 0.02
# Grid on which a shift is looked for, and how far edges are followed afterwards.
_COARSE_MM = 3.0
_FOLLOWED_MM = (8.0, 4.0, 2.0)
_SHIFTS_TRIED = 4


@dataclass(frozen=True)
class SurfaceSample:
    """Places of a surface, spread evenly over its area.

    :ivar points: float64 (n, 3), LPS mm.
    :ivar normals: float64 (n, 3), unit length.
    :ivar middle: float64 (3,), middle of the mesh's bounds.
    :ivar size: largest extent of the mesh, mm.
    """

    points: np.ndarray
    normals: np.ndarray
    middle: np.ndarray
    size: float

    def moved(self, matrix: np.ndarray) -> SurfaceSample:
        """The same places after an affine motion (4, 4)."""
        normals = self.normals @ np.linalg.inv(matrix[:3, :3])
        normals /= np.linalg.norm(normals, axis=1)[:, None]
        place = self.points @ matrix[:3, :3].T + matrix[:3, 3]
        middle = matrix[:3, :3] @ self.middle + matrix[:3, 3]
        return SurfaceSample(place, normals, middle, self.size * np.cbrt(abs(np.linalg.det(matrix[:3, :3]))))


def sampleSurface(mesh: TriangleMesh) -> SurfaceSample:
    """Places of a mesh's surface, the same at every call.

    :raises M3DError: the mesh has no surface.
    """
    corners = mesh.corners().astype(np.float64)
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas = np.linalg.norm(cross, axis=1)
    if not areas.sum() > 0 or not np.isfinite(areas.sum()):
        raise M3DError("The mesh has no surface that could lie anywhere in the scan.")
    generator = np.random.default_rng(0)
    # One place for each equal part of the area: spread more evenly than by chance alone.
    wanted = (np.arange(_PLACES) + generator.random(_PLACES)) / _PLACES
    chosen = np.searchsorted(np.cumsum(areas) / areas.sum(), wanted).clip(max=len(areas) - 1)
    first, second = np.sort(generator.random((2, _PLACES)), axis=0)
    weights = np.stack([first, second - first, 1 - second], axis=1)
    points = (weights[..., None] * corners[chosen]).sum(axis=1)
    bounds = np.array(mesh.boundsLps).reshape(3, 2)
    return SurfaceSample(
        points, cross[chosen] / areas[chosen, None], bounds.mean(axis=1), float(np.ptp(bounds, axis=1).max())
    )


def edgeShare(sample: SurfaceSample, image: ImageVolume) -> float:
    """Share of a surface, 0 to 1, that has an edge of the image within a millimeter, all rising to the same side.

    Places outside the image count as places without an edge.
    """
    contrast, place = _edges(sample, image, np.linspace(-_SIDES_MM[1], _SIDES_MM[1], 19))
    found = (np.abs(contrast) > _leastContrast(image)) & (np.abs(place) <= _NEAR_MM)
    return float(max((found & (contrast > 0)).sum(), (found & (contrast < 0)).sum()) / len(contrast))


def shifted(sample: SurfaceSample, image: ImageVolume) -> np.ndarray | None:
    """The shift (3,), mm, that brings a surface best to edges of the image; None where there is none to be found.

    On a coarse grid the directions of the surface are correlated with the directions in which the image rises, for all
    shifts at once; the best of them are followed to the edges.
    """
    starts = _coarseShifts(sample, image)
    best, share = None, -1.0
    for start in starts:
        shift = start
        for reach in _FOLLOWED_MM:
            moved = SurfaceSample(sample.points + shift, sample.normals, sample.middle, sample.size)
            contrast, place = _edges(moved, image, np.linspace(-reach, reach, 33))
            sign = np.sign(np.nansum(contrast))
            good = np.isfinite(place) & (contrast * sign > _leastContrast(image))
            if good.sum() < 50:
                break
            shift = shift + np.linalg.lstsq(sample.normals[good], place[good], rcond=None)[0]
        found = edgeShare(SurfaceSample(sample.points + shift, sample.normals, sample.middle, sample.size), image)
        if found > share:
            best, share = shift, found
    return best


def _edges(sample: SurfaceSample, image: ImageVolume, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each place the value inside less that outside, and where between them half of it is passed, mm outward.

    :param steps: places along the normal, mm, rising.
    :return: float64 (n,), 0 and (n,), NaN where no half is passed or the image ends.
    """
    from scipy.ndimage import map_coordinates

    points = sample.points[:, None] + steps[:, None] * sample.normals[:, None]
    ijk = image.lpsToIndex(points.reshape(-1, 3))
    values = map_coordinates(image.array, ijk.T[::-1], np.float64, order=1, mode="constant", cval=np.nan)
    values = values.reshape(len(points), len(steps))
    side = max(2, len(steps) // 5)
    inside, outside = values[:, :side].mean(axis=1), values[:, -side:].mean(axis=1)
    contrast = np.nan_to_num(inside - outside)
    above = (values - ((inside + outside) / 2)[:, None]) * np.sign(contrast)[:, None]
    passing = (above[:, :-1] > 0) & (above[:, 1:] <= 0)
    # Of several passings the one nearest to the surface.
    middle = (steps[:-1] + steps[1:]) / 2
    cost = np.where(passing, np.abs(middle), np.inf)
    nearest = cost.argmin(axis=1)
    rows = np.arange(len(points))
    before, after = above[rows, nearest], above[rows, nearest + 1]
    with np.errstate(invalid="ignore", divide="ignore"):
        part = before / (before - after)
    place = steps[nearest] + part * (steps[1] - steps[0])
    return contrast, np.where(np.isfinite(cost[rows, nearest]), place, np.nan)


def _leastContrast(image: ImageVolume) -> float:
    """What an edge must at least be, in values of the image: well above its noise, and no mere trace of its range."""
    flat = image.array.reshape(-1)
    start = np.arange(0, flat.size - 1, max(1, flat.size // 200_000))
    values = flat[start].astype(np.float64)
    # Most neighbors along i hold no edge, and the few pairs across the end of a row do not move a median.
    noise = np.median(np.abs(flat[start + 1] - values)) / (0.6745 * np.sqrt(2))
    low, high = np.percentile(values, (0.5, 99.5))
    return float(max(_NOISES * noise, _OF_RANGE * (high - low), 1e-9))


def _coarseShifts(sample: SurfaceSample, image: ImageVolume) -> list[np.ndarray]:
    """The shifts, mm, at which the surface's directions agree best with the image's, on a coarse grid."""
    from scipy.ndimage import affine_transform, gaussian_filter, maximum_filter

    matrix = image.ijkToLps[:3, :3]
    box = image.indexToLps(np.array(np.meshgrid(*[(0, n - 1) for n in image.dimensions])).reshape(3, -1).T)
    low, high = box.min(axis=0), box.max(axis=0)
    shape = np.ceil((high - low) / _COARSE_MM).astype(int) + 1
    smooth = gaussian_filter(image.array.astype(np.float32), (0.4 * _COARSE_MM / image.spacing)[::-1])
    inverse = np.linalg.inv(matrix)
    # From (x, y, z) of the grid to (k, j, i) of the image.
    toIndex = (inverse * _COARSE_MM)[::-1]
    grid = affine_transform(
        smooth, toIndex, (inverse @ (low - image.ijkToLps[:3, 3]))[::-1], shape, order=1, mode="nearest"
    )
    slopes = np.stack(np.gradient(grid))
    steepness = np.linalg.norm(slopes, axis=0)
    slopes /= np.maximum(steepness, np.percentile(steepness, 95) + 1e-6)
    cells = np.floor((sample.points - sample.points.min(axis=0)) / _COARSE_MM).astype(int)
    extent = cells.max(axis=0) + 1
    whole = shape + extent
    score = np.zeros(whole)

    def transform(values: np.ndarray) -> np.ndarray:
        return np.fft.rfftn(values, whole, (0, 1, 2))

    for axis in range(3):
        surface = np.zeros(extent)
        np.add.at(surface, tuple(cells.T), sample.normals[:, axis])
        agreement = transform(slopes[axis]) * np.conj(transform(surface))
        score += np.fft.irfftn(agreement, whole, (0, 1, 2))
    strength = np.abs(score)
    peaks = np.argwhere((strength == maximum_filter(strength, 5)) & (strength > 0.3 * strength.max()))
    order = np.argsort(-strength[tuple(peaks.T)])[:_SHIFTS_TRIED]
    # Beyond the grid's end a shift is a negative one.
    chosen = peaks[order]
    chosen = np.where(chosen >= shape, chosen - whole, chosen)
    return [low + _COARSE_MM * peak - sample.points.min(axis=0) for peak in chosen]
