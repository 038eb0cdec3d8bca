"""Whether the voxels of a volume node are those of the DICOM files that it names.

A copy of a volume keeps the names of the files (``CloneVolume`` copies them), and so does a volume that a filter or an
editor has written to. The headers of the files then say nothing about its voxels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ..Errors import M3DError, noProgress
from ..Image.PixelReader import readFrames
from ..Image.Rescale import rescaleOfSlice
from ..Image.VoxelValues import rescaled

if TYPE_CHECKING:
    from ..Image.ImageReader import ArrangedSeries

# Values in single precision, of a rescale that is no whole number: parts of the slope and of the largest value.
_SLOPE_SHARE, _VALUE_SHARE = 1e-4, 1e-6


class DerivedVolume(M3DError):
    """A volume that is no longer the image of its DICOM files: cropped, resampled, moved, filtered, edited."""


def differingSlices(
    array: np.ndarray,
    series: ArrangedSeries,
    progress: Callable[[float, str], None] = noProgress,
) -> list[int]:
    """Slices whose voxels are not those of their file. All are read: an edit may be in any of them.

    :param array: voxels (k, j, i), k along the sorted stack of the series.
    :return: numbers along k, from 0.
    :raises M3DError: pixels of a file cannot be read, so nothing is known.
    """
    differing = []
    for k, frame in _frames(series):
        progress(k / len(array), "Comparing the volume with its files")
        file = series.files[0 if series.multiFrame else k]
        slope, intercept = rescaleOfSlice(series.slices[series.order[k]], file.path)
        if not isSame(array[k], frame, slope, intercept):
            differing.append(k)
    return sorted(differing)


def _frames(series: ArrangedSeries):
    """The stored frames, each with the number of its slice along k."""
    if not series.multiFrame:
        for k, file in enumerate(series.files):
            yield k, next(iter(readFrames(file)))
        return
    placeOf = {int(frame): k for k, frame in enumerate(series.order)}
    for number, frame in enumerate(readFrames(series.files[0])):
        yield placeOf[number], frame


def isSame(values: np.ndarray, frame: np.ndarray, slope: float, intercept: float) -> bool:
    """Whether voxels are the stored values of a frame after their rescale, up to the precision of their type."""
    if values.shape != frame.shape:
        return False
    isWhole = slope.is_integer() and intercept.is_integer() and frame.dtype.kind in "iu"
    expected = rescaled(frame, slope, intercept, isWhole)
    isInteger = values.dtype.kind in "iu"
    if isWhole and isInteger:
        return bool(np.array_equal(values, expected))
    tolerance = (0.5 if isInteger else 0.0) + _SLOPE_SHARE * abs(slope) + _VALUE_SHARE * float(np.abs(expected).max())
    return bool(np.allclose(values, expected, rtol=0.0, atol=tolerance))


def requireOwnVoxels(
    array: np.ndarray, series: ArrangedSeries, name: str, progress: Callable[[float, str], None] = noProgress
) -> str:
    """Raise :class:`DerivedVolume` when a volume does not hold the voxels of its files.

    :param array: as for :func:`differingSlices`.
    :return: why that could not be found out, "" when it was.
    """
    try:
        differing = differingSlices(array, series, progress=progress)
    except M3DError as error:
        return f"Whether the voxels of '{name}' are those of its DICOM files is not known: {error}"
    if differing:
        raise DerivedVolume(derivedSentence(name, f"{len(differing)} of {len(array)} slices"))
    return ""


def derivedSentence(name: str, where: str) -> str:
    """That a volume is not the image of its files any more, and what to do."""
    return (
        f"The voxels of volume '{name}' are not those of the DICOM images that it names ({where}): it was filtered or "
        "edited, so their headers do not describe it. Choose the volume as it was loaded."
    )
