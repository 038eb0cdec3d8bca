"""Regions of the image that checks ask for: the anatomy, the body, and what lies outside the reconstructed field."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from M3DLib.Image.ImageVolume import ImageVolume

from ..Check import Case
from .ImageCheck import headersOf

# Between air (-1000 HU) and fat (-100 HU), nearer to air so that lung tissue at the skin does not matter.
BODY_HU = -400
# Everything that is neither air nor lung nor cortical bone.
SOFT_HU = (-300, 400)
# Nothing is less dense than air; noise and streaks go below it, but values below this were put there by software.
IMPOSSIBLE_HU = -1500
# Thin and thick are told apart on pixels of about this size.
_SHAPE_MM = 1.5


def segmentMask(case: Case) -> np.ndarray | None:
    """The segment on the image's grid, bool (k, j, i); None when there is no segment."""
    return case.measured("segmentMask", lambda: None if case.segment is None else _onGrid(case))


def _onGrid(case: Case) -> np.ndarray:
    segment, image = case.segment, case.image
    array = segment.array.view(bool) if segment.array.dtype == np.uint8 else segment.array.astype(bool)
    if array.shape == image.array.shape and np.allclose(segment.ijkToLps, image.ijkToLps, atol=1e-3):
        return array
    # Index (i, j, k) of the image to that of the segment, then turned around to (k, j, i) for the array.
    matrix = np.linalg.inv(segment.ijkToLps) @ image.ijkToLps
    turn = np.array([2, 1, 0])
    linear, offset = matrix[:3, :3][np.ix_(turn, turn)], matrix[:3, 3][turn]
    whole = np.rint(linear), np.rint(offset)
    if np.allclose(linear, whole[0], atol=1e-3) and np.allclose(offset, whole[1], atol=0.05):
        linear, offset = whole
        if np.array_equal(linear, np.eye(3)):
            return _shifted(array, -offset.astype(int), image.array.shape)
    from scipy.ndimage import affine_transform

    return affine_transform(
        array.view(np.uint8), linear, offset, output_shape=image.array.shape, order=0, mode="constant", cval=0
    ).view(bool)


def _shifted(array: np.ndarray, first: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """A mask on a larger or another part of its own grid, False beyond it; its first voxel comes to ``first``."""
    result = np.zeros(shape, dtype=bool)
    start = np.clip(first, 0, shape)
    end = np.clip(first + array.shape, start, shape)
    source = tuple(slice(a, b) for a, b in zip(start - first, end - first, strict=True))
    result[tuple(slice(a, b) for a, b in zip(start, end, strict=True))] = array[source]
    return result


def bodyMask(case: Case) -> np.ndarray:
    """Voxels of the patient, bool (k, j, i): denser than air for CT, brighter than Otsu's threshold otherwise.

    Made anew at each call: that is quickly done, and a mask of a large scan that is kept takes memory from all that
    follows.
    """
    image = case.image
    return image.array > case.measured("bodyValue", lambda: BODY_HU if looksLikeCt(image) else _otsu(image.array))


def thickAtSides(mask: np.ndarray, spacing: np.ndarray, thinMm: float) -> np.ndarray:
    """The mask without what is thin within its slices, in the slices that reach a side of the image; bool (k, j, i).

    A disc of diameter ``thinMm`` fits into all that stays (an opening): it does into limbs and trunk, and not into the
    shells and plates that carry the patient. Slices that reach no side are empty in the result.

    :param mask: bool (k, j, i).
    :param spacing: mm, (i, j, k).
    """
    from scipy.ndimage import distance_transform_edt

    factor = [max(1, int(_SHAPE_MM / length)) for length in spacing[:2]]
    step = spacing[1] * factor[1], spacing[0] * factor[0]
    # Some of it is taken to lie beyond the image, so that the end of what is cut there has no corners to be rounded.
    beyond = [int(thinMm / 4 / length) for length in step]
    inner = tuple(slice(wide + 1, -wide - 1) for wide in beyond)
    middle = tuple(slice(3 * wide + 4, -3 * wide - 4) for wide in beyond)
    thick = np.zeros(mask.shape, dtype=bool)
    sides = mask[:, [0, -1]].any(axis=(1, 2)) | mask[:, :, [0, -1]].any(axis=(1, 2))
    for k in np.flatnonzero(sides):
        plane = np.pad(mask[k, :: factor[1], :: factor[0]], [(wide, wide) for wide in beyond], mode="edge")
        plane = np.pad(plane, 1)
        core = distance_transform_edt(plane, sampling=step) > thinMm / 2
        # What lies in the middle of the slice is far from every side.
        if np.count_nonzero(core) > np.count_nonzero(core[middle]):
            grown = distance_transform_edt(~core, sampling=step)[inner] <= thinMm / 2 + max(step)
            rows, columns = mask.shape[1:]
            thick[k] = grown.repeat(factor[1], axis=0)[:rows].repeat(factor[0], axis=1)[:, :columns]
    thick &= mask
    return thick


def thickWithin(mask: np.ndarray, spacing: np.ndarray, thinMm: float) -> np.ndarray:
    """The mask without what is thin within its slices, whatever side it lies at; bool (k, j, i).

    As :func:`thickAtSides`, for what is cut by the round edge of the field: there the corners of what is cut are
    rounded too, which takes little off its area.
    """
    from scipy.ndimage import distance_transform_edt

    factor = [max(1, int(_SHAPE_MM / length)) for length in spacing[:2]]
    step = spacing[1] * factor[1], spacing[0] * factor[0]
    rows, columns = mask.shape[1:]
    thick = np.zeros(mask.shape, dtype=bool)
    for k in np.flatnonzero(mask.any(axis=(1, 2))):
        plane = np.pad(mask[k, :: factor[1], :: factor[0]], 1)
        core = distance_transform_edt(plane, sampling=step) > thinMm / 2
        if core.any():
            grown = distance_transform_edt(~core, sampling=step)[1:-1, 1:-1] <= thinMm / 2 + max(step)
            thick[k] = grown.repeat(factor[1], axis=0)[:rows].repeat(factor[0], axis=1)[:, :columns]
    thick &= mask
    return thick


def looksLikeCt(image: ImageVolume) -> bool:
    """Whether the values are Hounsfield units: as the files say, else by negative values as air has them."""
    if image.modality or image.valueUnit is not None:
        return image.isHounsfield
    return bool(image.array[:: max(1, len(image.array) // 32)].min() < -500)


def _otsu(array: np.ndarray) -> float:
    """The threshold that parts the values into the two classes of least variance (Otsu 1979)."""
    sample = array[:: max(1, len(array) // 64), ::2, ::2].ravel()
    if np.ptp(sample) == 0:
        # One value everywhere: nothing is brighter than it.
        return float(sample[0])
    counts, edges = np.histogram(sample.astype(np.float64), bins=256)
    centers = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    sums = np.cumsum(counts * centers)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return float(centers[np.nanargmax(between)])


@dataclass
class OutsideField:
    """Voxels of the array that were not reconstructed.

    :ivar mask: bool (k, j, i) or, where it is the same in all slices, (1, j, i); None when the whole array was.
    :ivar circleRadiusPixels: radius of the reconstruction circle about the middle of the slice, None if there is none.
    :ivar reason: how it was recognized, in words.
    """

    mask: np.ndarray | None
    circleRadiusPixels: float | None
    reason: str


def outsideField(case: Case) -> OutsideField:
    """What lies outside the reconstructed field: padding, impossible values, or a flat value outside a circle."""
    return case.measured("outsideField", lambda: _findOutside(case))


def _findOutside(case: Case) -> OutsideField:
    array = case.image.array
    lowest, highest = array.min(axis=0), array.max(axis=0)
    padding = _paddingRange(case)
    if padding is not None:
        mask = (array >= padding[0]) & (array <= padding[1])
        if mask.any():
            return OutsideField(mask, _circle(mask.all(axis=0)), "voxels hold the Pixel Padding Value (0028,0120)")
    if looksLikeCt(case.image) and lowest.min() < IMPOSSIBLE_HU:
        mask = array < IMPOSSIBLE_HU
        return OutsideField(
            mask, _circle(mask.all(axis=0)), f"voxels hold values below {IMPOSSIBLE_HU} HU, which air has not"
        )
    flat = (lowest == highest) & (lowest == lowest[0, 0]) & (len(array) > 1)
    radius = _circle(flat)
    if radius is not None and _isImageUpTo(radius, array, lowest == highest):
        return OutsideField(flat[np.newaxis], radius, f"all voxels outside a circle hold {int(lowest[0, 0])}")
    return OutsideField(None, None, "")


def _isImageUpTo(radius: float, array: np.ndarray, constant: np.ndarray) -> bool:
    """Whether noise fills the circle to its edge: a round body in air without noise ends at a circle too.

    :param constant: bool (j, i), whether all slices have the same value there.
    """
    j, i = np.indices(constant.shape)
    distance = np.hypot(j - (constant.shape[0] - 1) / 2, i - (constant.shape[1] - 1) / 2)
    edge = (distance < radius - 0.5) & (distance > radius - 2.5)
    return constant[distance < radius - 0.5].mean() < 0.05 and (array[:, edge] != array[0, 0, 0]).mean() > 0.5


def _paddingRange(case: Case) -> tuple[float, float] | None:
    """Rescaled values that Pixel Padding Value and its Range Limit name; None when there is no padding."""
    headers = headersOf(case)
    value = headers[0].number("PixelPaddingValue") if headers else None
    if value is None:
        return None
    limit = headers[0].number("PixelPaddingRangeLimit")
    bits = int(headers[0].get("BitsAllocated", 16))
    slope = headers[0].number("RescaleSlope") or 1.0
    intercept = headers[0].number("RescaleIntercept") or 0.0
    ends = []
    for number in (value, value if limit is None else limit):
        # Written without a sign in some files whose pixels have one.
        signed = number - 2**bits if headers[0].get("PixelRepresentation") and number >= 2 ** (bits - 1) else number
        ends.append(slope * signed + intercept)
    return min(ends), max(ends)


def _circle(outside: np.ndarray) -> float | None:
    """Radius in pixels of the circle about the slice's middle that ``outside`` (j, i) is the outside of, if it is."""
    rows, columns = outside.shape
    if not (outside[0, 0] and outside[0, -1] and outside[-1, 0] and outside[-1, -1]):
        return None
    j, i = np.ogrid[:rows, :columns]
    radius = np.hypot(j - (rows - 1) / 2, i - (columns - 1) / 2)
    nearest = float(radius[outside].min())
    ring = radius > nearest + 1.5
    if nearest < 0.25 * min(rows, columns) or not ring.any() or outside[ring].mean() < 0.98:
        return None
    return nearest
