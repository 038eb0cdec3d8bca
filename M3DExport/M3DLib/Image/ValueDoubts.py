"""What the values of a CT show of faults that its headers do not tell: no Hounsfield units, odd slices, copies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..NumberText import plural
from .StackProblems import sliceNumbers

if TYPE_CHECKING:
    from .SliceHeader import SliceHeader

# About so many voxels tell what a whole scan holds.
_SAMPLE = 500_000
# The extended scale of CT ends at 30710 HU; what lies above on so large a share of the voxels is no metal.
_HIGHEST_HU, _HIGHEST_SHARE = 31_000, 0.001
# Air is -1000 HU; what lies so far below on so large a share, in so many values, is neither noise nor padding.
_LOWEST_HU, _LOWEST_SHARE, _MANY = -1500, 0.1, 20
# Soft tissue and what a lost offset makes of air lie from 0 to here; so large a share of a scan is not bone or metal.
_SOFT_HU, _SOFT_SHARE = 300, 0.2
# A value that so large a share of the voxels has is padding or an empty phantom.
_PADDING_SHARE, _EMPTY_SHARE = 0.01, 0.9
# Of a value that the header calls padding so many voxels are more than a few clipped ones in metal.
_DECLARED_SHARE = 0.002
# Between neighboring slices values change where anatomy begins or ends, not by so much on all but the padding.
_JUMP_HU = 100.0
# Correlation of neighboring slices: noise alone has none, and structures go on from slice to slice.
_SAME_STRUCTURE = 0.5
# Soft tissue, which may fill the field to its corners, has less.
_BONE_HU = 200
# Noise makes nearly all neighbors differ; in the pictures of a noiseless phantom they do at edges only.
_NOISY_SHARE = 0.5
_STEP = 8


def hounsfieldDoubts(array: np.ndarray) -> list[str]:
    """Why values that are said to be Hounsfield units are none, one sentence each.

    :param array: rescaled values (k, j, i).
    """
    values = _sample(array)
    high = np.count_nonzero(values > _HIGHEST_HU) / values.size
    if high > _HIGHEST_SHARE:
        text = (
            f"{100 * high:.3g} % of the voxels have values above {_HIGHEST_HU}, which no CT number has: the values are "
            "no Hounsfield units. Negative values may have been stored without their sign (Pixel Representation)."
        )
        return [text]
    doubts = []
    low = values[values < _LOWEST_HU]
    if len(low) > _LOWEST_SHARE * values.size and len(np.unique(low)) >= _MANY:
        doubts.append(
            f"{100 * len(low) / values.size:.3g} % of the voxels have values below {_LOWEST_HU}, though air has -1000 "
            "HU: the values are no Hounsfield units. The offset (Rescale Intercept) may have been subtracted twice."
        )
    if _hasNoAir(values):
        doubts.append(
            "No voxel has a value below 0, though fat has -100 HU and air -1000: the values are no Hounsfield units. "
            "The offset (Rescale Intercept) may be missing."
        )
    return doubts


def _hasNoAir(values: np.ndarray) -> bool:
    lowest = values.min()
    atLowest = np.count_nonzero(values == lowest) / values.size
    if lowest < 0 and atLowest > _PADDING_SHARE:
        values = values[values > lowest]
        lowest = values.min() if len(values) else lowest
        atLowest = np.count_nonzero(values == lowest) / max(1, values.size)
    soft = values[(values > lowest) & (values <= _SOFT_HU)]
    noisy = len(soft) > _SOFT_SHARE * values.size and len(np.unique(soft)) >= _MANY
    return bool(lowest >= 0 and atLowest < _EMPTY_SHARE and noisy)


def jumpDoubts(array: np.ndarray) -> list[str]:
    """A sentence when the values of slices (k, j, i) are off from their neighbors' by what no anatomy makes."""
    sample = array[:, ::_STEP, ::_STEP].reshape(len(array), -1).astype(np.float64)
    if len(sample) < 3:
        return []
    steps = np.diff(sample, axis=0)
    parts = np.percentile(steps, (35, 65), axis=1)
    sizes = np.where(parts[0] > _JUMP_HU, parts[0], np.where(parts[1] < -_JUMP_HU, parts[1], 0.0))
    jumps = np.array([k for k in np.flatnonzero(sizes) if _isOffset(sample[k], steps[k], np.sign(sizes[k]))], dtype=int)
    if not len(jumps):
        return []
    largest = jumps[np.abs(sizes[jumps]).argmax()]
    text = (
        f"On nearly the whole slice, values change by {abs(sizes[largest]):.0f} or more from slice {largest + 1} to "
        f"slice {largest + 2} ({plural(len(jumps), 'such place')}): slices were rescaled by different offsets."
    )
    return [text]


def _isOffset(before: np.ndarray, step: np.ndarray, sign: float) -> bool:
    """Whether a slice is the one before it, higher or lower: all of it but the padding, with the same structures.

    Where a body begins, air beside it stays as it is, and the body's structures were not there before.
    """
    moved = sign * step > _JUMP_HU
    if step[~moved].any() or before[moved].std() == 0:
        return False
    return float(np.corrcoef(before[moved], (before + step)[moved])[0, 1]) > _SAME_STRUCTURE


def paddingDoubts(array: np.ndarray) -> list[str]:
    """A sentence when what lies outside the reconstructed field has a value that a threshold takes for bone.

    :param array: (k, j, i), HU.
    """
    corners = array[:, :: max(1, array.shape[1] - 1), :: max(1, array.shape[2] - 1)]
    value = float(corners.flat[0])
    if value < _BONE_HU or (corners != value).any():
        return []
    text = (
        f"The corners of all slices hold {value:g}, as padding outside the reconstructed field does: a threshold up to "
        "there takes them for anatomy."
    )
    return [text]


def declaredPaddingDoubts(array: np.ndarray, header: SliceHeader, scale: tuple[float, float]) -> list[str]:
    """A sentence when voxels hold what the header calls padding, and a threshold takes that for bone (C.7.5.1.1.2).

    :param header: of one slice; padding is the same in all. :param scale: its slope and intercept.
    """
    ends = [_stored(header, keyword) for keyword in ("PixelPaddingValue", "PixelPaddingRangeLimit")]
    if ends[0] is None:
        return []
    low, high = sorted(scale[0] * end + scale[1] for end in (ends[0], ends[0] if ends[1] is None else ends[1]))
    if high < _BONE_HU:
        return []
    values = _sample(array)
    share = np.count_nonzero((values >= max(low, _BONE_HU)) & (values <= high)) / values.size
    if share < _DECLARED_SHARE:
        return []
    text = (
        f"Pixel Padding Value (0028,0120) stands for {high:g} here, and {100 * share:.2g} % of the voxels hold it: "
        "they show nothing of the patient, and a threshold up to there takes them for anatomy."
    )
    return [text]


def _stored(header: SliceHeader, keyword: str) -> int | None:
    """A stored value that the header names, with the sign that the pixels have, whatever kind it was written in."""
    number = header.number(keyword)
    if number is None:
        return None
    bits, signed = (int(header.number(name) or 0) for name in ("BitsAllocated", "PixelRepresentation"))
    if not 8 <= bits <= 32:
        return None
    value = int(number) & ((1 << bits) - 1)
    return value - (1 << bits) if signed and value >> (bits - 1) else value


def _sample(array: np.ndarray) -> np.ndarray:
    """Values of evenly chosen voxels (n,)."""
    step = max(1, round((array.size / _SAMPLE) ** (1 / 3)))
    return array[::step, ::step, ::step].ravel()


def copyRemarks(array: np.ndarray, apart: np.ndarray) -> list[str]:
    """A sentence when neighboring slices hold the same noise, value by value: one of them is a copy.

    :param apart: whether slice k + 1 lies elsewhere than slice k, bool (k - 1,); copies at one place are told by that.
    """
    same = [k for k in np.flatnonzero(apart) if _isCopy(array[k], array[k + 1])]
    if not same:
        return []
    second = np.array(same) + 1
    text = (
        f"The same in every pixel as the slice before, noise included: {sliceNumbers(second)}. They are copies under "
        "another position, and what the scan shows there is not the patient."
    )
    return [text]


def _isCopy(one: np.ndarray, other: np.ndarray) -> bool:
    if not np.array_equal(one[::_STEP, ::_STEP], other[::_STEP, ::_STEP]) or not np.array_equal(one, other):
        return False
    # Clipped air and padding are the same everywhere.
    held = one > one.min()
    pairs = held[:, 1:] & held[:, :-1]
    count = np.count_nonzero(pairs)
    return count > 0 and np.count_nonzero((one[:, 1:] != one[:, :-1]) & pairs) > _NOISY_SHARE * count
