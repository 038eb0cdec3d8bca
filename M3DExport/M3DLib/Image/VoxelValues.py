"""Fills a volume with the rescaled values of its slices, in the smallest type that holds them exactly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..Dicom.ReadableValues import wholeNumber
from ..Errors import M3DError
from ..FileSize import requireRoom
from .PixelReader import checkPixelFormat, readFrames, storedType

if TYPE_CHECKING:
    from .DicomSeries import DicomFile

_INT32 = np.iinfo(np.int32)


def readVoxels(
    files: list[DicomFile],
    scales: Sequence[tuple[float, float]],
    rank: np.ndarray,
    progress: Callable[[float, str], None],
) -> np.ndarray:
    """Rescaled voxels (k, j, i): int16 or int32 when all values are whole numbers, else float32.

    :param files: files in the order in which their frames stand in ``scales``.
    :param scales: slope and intercept of every slice.
    :param rank: place along k of every slice in ``scales``.
    :raises M3DError: a file that is damaged or no gray-value image, slices without one common pixel size, or more
        voxels than there is memory for.
    """
    for file in files:
        checkPixelFormat(file)
    whole = all(slope.is_integer() and intercept.is_integer() for slope, intercept in scales) and all(
        storedType(file).kind in "iu" for file in files
    )
    shape = (len(scales), wholeNumber(files[0].header, "Rows"), wholeNumber(files[0].header, "Columns"))
    requireRoom(
        int(np.prod(shape, dtype=object)) * (2 if whole else 4),
        f"The scan ({shape[2]} x {shape[1]} x {shape[0]} voxels)",
    )
    array = np.empty(shape, np.int16 if whole else np.float32)
    index = 0
    for file in files:
        for frame in readFrames(file):
            if index % 8 == 0:
                progress(index / len(scales), "Reading pixels")
            slope, intercept = scales[index]
            values = rescaled(frame, slope, intercept, whole)
            if whole:
                array = _wideEnough(array, values, file)
            array[rank[index]] = values
            index += 1
    return array


def _wideEnough(array: np.ndarray, values: np.ndarray, file: DicomFile) -> np.ndarray:
    """The volume, widened to int32 when the values need it."""
    limits = np.iinfo(array.dtype)
    if np.can_cast(values.dtype, array.dtype) or (limits.min <= values.min() and values.max() <= limits.max):
        return array
    if array.dtype == np.int32 or values.min() < _INT32.min or values.max() > _INT32.max:
        raise M3DError(f"{file.path} holds values beyond 32 bits; it is no image this program can use.")
    return _widened(array)


def _widened(array: np.ndarray) -> np.ndarray:
    """The int16 volume as int32 in its own, grown memory, so that there are never two volumes."""
    shape, size = array.shape, array.size
    # Nobody else refers to the volume yet, so its memory may be moved.
    array.resize(2 * size, refcheck=False)
    wide = array.view(np.int32).reshape(shape)
    narrow = array[:size].reshape(shape)
    for k in range(shape[0] - 1, -1, -1):
        # From the end: where slice k lands, only slices lie that have been copied already (and k itself when it is 0).
        wide[k] = narrow[k].copy()
    return wide


def rescaled(frame: np.ndarray, slope: float, intercept: float, whole: bool) -> np.ndarray:
    """Rescaled values of a frame (rows, columns), in the type that holds them.

    :param whole: whether slope, intercept and the stored values are whole numbers; the result is, too, then.
    """
    if not whole:
        return frame * np.float64(slope) + intercept
    if slope == 1 and intercept == 0:
        return frame
    wide = frame.astype(np.int32 if frame.dtype.itemsize <= 2 and abs(slope) < 2**14 else np.int64)
    if slope != 1:
        wide *= int(slope)
    wide += int(intercept)
    return wide


def narrowest(array: np.ndarray, path: Path) -> np.ndarray:
    """Whole numbers as int16 where they fit, else as int32; others as float32.

    :raises M3DError: values that are no numbers, or beyond 32 bits; names the file.
    """
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise M3DError(f"{path} holds values that are not finite numbers.")
        return array.astype(np.float32, copy=False)
    if array.dtype.kind not in "iu":
        raise M3DError(f"{path} has voxels of type {array.dtype}; an image has numbers.")
    low, high = int(array.min()), int(array.max())
    for dtype in (np.int16, np.int32):
        if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max:
            return array.astype(dtype, copy=False)
    raise M3DError(f"{path} holds values from {low} to {high}, beyond 32 bits.")
