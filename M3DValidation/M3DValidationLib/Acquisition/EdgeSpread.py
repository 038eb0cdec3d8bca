"""How wide edges are along one axis of the image, measured at a surface, without interpolating the image.

Where the mask changes along an axis and the image's gradient points along that axis, the voxels on that line are an
edge response as they stand. Its 25 to 75 % distance, times the cosine of the gradient's slant, is the width; for a
Gaussian edge the full width at half maximum of the point spread is 1.746 times that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FWHM_PER_QUARTILE_DISTANCE = 2 * np.sqrt(2 * np.log(2)) / 1.348980
INTERPOLATION_FWHM2 = 8 * np.log(2) / 6
MOST_CANDIDATES = 20000
# Reach of a profile on each side, mm: two 5 mm slices. And at least that many voxels.
REACH_MM = 10.0
LEAST_REACH = 3
# Gradients within 18 degrees of the axis; the width is corrected for the slant, but a blur that is larger across the
# axis would still show in a more slanted edge.
LEAST_COSINE = 0.95
# An edge counts when its height is at least this share of the usual (90th percentile) height.
LEAST_HEIGHT_SHARE = 0.5
FEWEST_EDGES = 30
# Where a step between voxels is less than this share of the steepest, the edge is over.
LEAST_STEP = 0.15
# How far on each side the average profile is looked at for the contrast, mm.
CONTRAST_REACH_MM = 3.0


@dataclass
class EdgeSpread:
    """Edges along one axis.

    :ivar fwhm: median full width at half maximum of the point spread, mm.
    :ivar quartiles: of the same over the edges, mm.
    :ivar contrast: difference between the two sides, in the image's values; of the average of all profiles, so that
        noise does not add to it.
    :ivar overshoot: median dip below the outer level next to the edge, as a share of the height.
    :ivar count: number of edges.
    """

    fwhm: float
    quartiles: tuple[float, float]
    contrast: float
    overshoot: float
    count: int


def measureEdgeSpread(array: np.ndarray, ijkToLps: np.ndarray, mask: np.ndarray, axes: tuple[int, ...]):
    """Edge spread along grid axes (0: i, 1: j, 2: k), pooled; None when too few edges face along them.

    :param array: voxels (k, j, i).
    :param mask: bool (k, j, i), the brighter side of the surface.
    """
    parts = [_edgesAlong(array, ijkToLps, mask, axis) for axis in axes]
    widths, heights, overshoots = (np.concatenate([part[n] for part in parts]) for n in range(3))
    contrasts = [part[3] for part in parts if np.isfinite(part[3])]
    if len(heights) >= FEWEST_EDGES:
        high = heights >= LEAST_HEIGHT_SHARE * np.percentile(heights, 90)
        widths, heights, overshoots = widths[high], heights[high], overshoots[high]
    if len(heights) < FEWEST_EDGES:
        return None
    return EdgeSpread(
        float(np.median(widths)),
        tuple(float(value) for value in np.percentile(widths, (25, 75))),
        float(np.mean(contrasts)),
        float(np.median(overshoots)),
        len(widths),
    )


def _edgesAlong(array, ijkToLps, mask, axis):
    """(width in mm, height, overshoot) of every usable edge along an axis, and the contrast of the average profile."""
    arrayAxis = 2 - axis
    spacing = np.linalg.norm(ijkToLps[:3, :3], axis=0)
    first, inward = _candidates(mask, arrayAxis)
    if not len(first):
        return np.empty(0), np.empty(0), np.empty(0), np.nan
    reach = max(LEAST_REACH, int(np.ceil(REACH_MM / spacing[axis])))
    steps = np.arange(-reach + 1, reach + 1)
    # Profiles run from outside (low) to inside (high); beyond the image they are not a number.
    offsets = np.where(inward[:, None], steps, 1 - steps)
    index = [np.broadcast_to(first[:, n, None], offsets.shape).copy() for n in range(3)]
    index[arrayAxis] = index[arrayAxis] + offsets
    beyond = (index[arrayAxis] < 0) | (index[arrayAxis] >= array.shape[arrayAxis])
    index[arrayAxis] = np.clip(index[arrayAxis], 0, array.shape[arrayAxis] - 1)
    profiles = array[tuple(index)].astype(np.float64)
    profiles[beyond] = np.nan
    contrast = _meanContrast(profiles, reach, max(1, round(CONTRAST_REACH_MM / spacing[axis])))
    cosine = _slant(array, ijkToLps, first, axis)
    good = cosine >= LEAST_COSINE
    profiles, cosine = profiles[good], cosine[good]
    distance, height, overshoot = _quartileDistances(profiles, reach)
    usable = np.isfinite(distance)
    fwhm = FWHM_PER_QUARTILE_DISTANCE * distance[usable]
    # Linear interpolation between voxels widens the edge like a triangle of two voxels (variance 1/6 voxel squared).
    fwhm = np.sqrt(np.maximum(fwhm**2 - INTERPOLATION_FWHM2, 0))
    return fwhm * spacing[axis] * cosine[usable], height[usable], overshoot[usable], contrast


def _meanContrast(profiles: np.ndarray, reach: int, side: int) -> float:
    """Highest value inside minus lowest outside, near the edge, of the average profile."""
    count = np.isfinite(profiles).sum(axis=0)
    mean = np.nansum(profiles, axis=0) / np.maximum(count, 1)
    mean[count == 0] = np.nan
    side = min(side, reach)
    return float(np.nanmax(mean[reach : reach + side]) - np.nanmin(mean[reach - side : reach]))


def _candidates(mask: np.ndarray, arrayAxis: int) -> tuple[np.ndarray, np.ndarray]:
    """Voxels (n, 3) in the order k, j, i whose next one along the axis is on the other side; whether that is inside."""
    low = tuple(slice(None, -1) if a == arrayAxis else slice(None) for a in range(3))
    high = tuple(slice(1, None) if a == arrayAxis else slice(None) for a in range(3))
    flips = mask[low] != mask[high]
    flat = np.flatnonzero(flips)
    if len(flat) > MOST_CANDIDATES:
        flat = np.random.default_rng(0).choice(flat, MOST_CANDIDATES, replace=False)
        flat.sort()
    first = np.stack(np.unravel_index(flat, flips.shape), axis=1)
    return first, ~mask[tuple(first.T)]


def _slant(array: np.ndarray, ijkToLps: np.ndarray, first: np.ndarray, axis: int) -> np.ndarray:
    """Cosine between the image's gradient around the edge and the axis, (n,).

    The gradient is a least-squares plane through the voxels within about 1.2 mm, so that noise does not turn it.
    """
    spacing = np.linalg.norm(ijkToLps[:3, :3], axis=0)
    radius = np.clip(np.rint(1.2 / spacing), 1, 3).astype(int)[::-1]
    # Even along the profile's axis: the edge lies half a voxel after the first voxel.
    spans = [np.arange(-r, r + 1 + (a == 2 - axis)) for a, r in enumerate(radius)]
    gradient = np.zeros((3, len(first)))
    # Indices along each axis of the array, by the steps along it.
    places = [
        {step: np.clip(first[:, a] + step, 0, array.shape[a] - 1) for step in span.tolist()}
        for a, span in enumerate(spans)
    ]
    grids = np.stack(np.meshgrid(*spans, indexing="ij"), axis=-1).reshape(-1, 3)
    centered = grids - grids.mean(axis=0)
    norm = (centered**2).sum(axis=0)
    for (k, j, i), weight in zip(grids.tolist(), centered / norm, strict=True):
        values = array[places[0][k], places[1][j], places[2][i]].astype(np.float64)
        for part, share in zip(gradient, weight, strict=True):
            if share:
                np.add(part, values * share, out=part)
    physical = gradient[::-1].T @ np.linalg.inv(ijkToLps[:3, :3])
    length = np.linalg.norm(physical, axis=1)
    direction = ijkToLps[:3, axis] / spacing[axis]
    return np.abs(physical @ direction) / np.maximum(length, 1e-12)


def _quartileDistances(profiles: np.ndarray, reach: int):
    """25 to 75 % distance in voxels, height, and overshoot; NaN where a profile is no clean edge."""
    inner, _ = _plateau(profiles[:, reach:], profiles[:, reach - 1])
    outer, outerEnd = _plateau(-profiles[:, :reach][:, ::-1], -profiles[:, reach])
    outer = -outer
    height = inner - outer
    clean = height > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = (profiles - outer[:, None]) / height[:, None]
    low = _crossing(relative, 0.25, reach)
    high = _crossing(relative, 0.75, reach)
    distance = np.where(clean, high - low, np.nan)
    rows = np.arange(len(profiles))
    # What the outer level is beyond the dip that a sharp kernel leaves beside the edge.
    far = np.clip(reach - 1 - outerEnd - 3, 0, None)
    beyond = profiles[rows, far]
    overshoot = np.where(np.isfinite(beyond), (beyond - outer) / np.where(height > 0, height, np.nan), np.nan)
    distance[~(distance > 0)] = np.nan
    return distance, height, np.nan_to_num(overshoot)


def _plateau(run: np.ndarray, before: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The level that a profile, starting at the edge, rises to; and the index where it first reaches it.

    The rise ends where a step is less than LEAST_STEP of the steepest: there it is flat, or falls on the other side of
    a thin wall, and what comes after (the skin beyond the tissue that covers a bone) is another edge. The level is the
    median of up to three values from there on that agree within a sixth of the rise.

    :param run: (n, m), from the voxel next to the edge away from it.
    :param before: (n,), value on the other side of the edge.
    """
    steps = np.diff(np.column_stack([before, run]), axis=1)
    steepest = np.fmax.accumulate(np.where(np.isfinite(steps), steps, -np.inf), axis=1)
    flat = ~(steps >= LEAST_STEP * steepest)
    flat[:, 0] = False
    end = np.where(flat.any(axis=1), flat.argmax(axis=1), run.shape[1])
    rows = np.arange(len(run))
    reached = end - 1
    top = run[rows, reached]
    window = np.column_stack([run[rows, np.minimum(reached + n, run.shape[1] - 1)] for n in range(3)])
    window[:, 1:][np.abs(window[:, 1:] - top[:, None]) > np.abs(top - before)[:, None] / 6] = np.nan
    return _rowMedian(window), reached


def _rowMedian(values: np.ndarray) -> np.ndarray:
    """Median of each row over what is a number; NaN for rows without any. Quicker than nanmedian on short rows."""
    count = np.isfinite(values).sum(axis=1)
    ordered = np.sort(values, axis=1)
    rows = np.arange(len(values))
    low, high = np.maximum(count - 1, 0) // 2, count // 2
    middle = (ordered[rows, low] + ordered[rows, np.minimum(high, values.shape[1] - 1)]) / 2
    return np.where(count > 0, middle, np.nan)


def _crossing(relative: np.ndarray, level: float, reach: int) -> np.ndarray:
    """Position of the crossing of a level nearest to the edge, in voxels, by linear interpolation; NaN without one."""
    below, above = relative[:, :-1] < level, relative[:, 1:] >= level
    crossing = below & above
    distance = np.abs(np.arange(relative.shape[1] - 1) - (reach - 1))
    distance = np.where(crossing, distance, np.inf)
    at = distance.argmin(axis=1)
    rows = np.arange(len(relative))
    low, high = relative[rows, at], relative[rows, at + 1]
    with np.errstate(invalid="ignore", divide="ignore"):
        position = at + (level - low) / (high - low)
    return np.where(np.isfinite(distance.min(axis=1)), position, np.nan)
