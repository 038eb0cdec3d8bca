"""Scout views (localizers) that scanners put among the slices of a series."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..Dicom.ReadableValues import wholeNumber
from ..NumberText import plural
from .ImageVolume import SkippedFile
from .SliceHeader import SliceHeader
from .SliceStack import SliceStack, distanceTolerance

if TYPE_CHECKING:
    from .DicomSeries import DicomFile


def withoutScouts(files: Sequence[DicomFile]) -> tuple[list[DicomFile], list[SkippedFile], list[str]]:
    """Leave out the scout views of a series, and keep what is a slice although it is called one.

    A file that Image Type calls LOCALIZER is a scout where its size, its orientation or its place tells it from the
    other slices. One that lies in the stack like any other contradicts itself; it is kept, and said.

    :return: the slices, the scouts, and a sentence for slices that are called localizers.
    """
    named = [file for file in files if file.isLocalizer]
    others = [file for file in files if not file.isLocalizer]
    if not named or not others:
        return list(files), [], []
    stack = SliceStack.fromHeaders([SliceHeader(file.header, 0) for file in others])
    size = Counter(_size(file) for file in others).most_common(1)[0][0]
    kept = [file for file in named if _size(file) == size and _fits(file, stack)]
    scouts = [file for file in named if not any(file is one for one in kept)]
    reason = "localizer (scout view) within the series"
    remarks = []
    if kept:
        remarks.append(
            f"Called LOCALIZER by the Image Type, but lying in the stack as slices do: {plural(len(kept), 'image')}, "
            "taken for slices."
        )
    return (
        [file for file in files if not any(file is scout for scout in scouts)],
        [SkippedFile(file.path, reason) for file in scouts],
        remarks,
    )


def _fits(file: DicomFile, stack: SliceStack) -> bool:
    """Whether a file lies where the stack lacks a slice, or goes on."""
    one = SliceStack.fromHeaders([SliceHeader(file.header, 0)])
    if not np.isfinite(one.positions).all() or not np.isfinite(one.orientations).all():
        return False
    axes = stack.axes()
    own = one.axes()
    if np.abs(own - axes).max() > 1e-3:
        return False
    heights = np.sort((stack.positions @ axes[2])[np.isfinite(stack.positions).all(axis=1)])
    if len(heights) < 2:
        return False
    steps = np.diff(heights)
    apart = steps[steps > 1e-3]
    typical = float(np.median(apart)) if len(apart) else 0.0
    if typical <= 0:
        return False
    height = float(one.positions[0] @ axes[2])
    nearest = float(np.abs(heights - height).min())
    return abs(nearest - typical) <= distanceTolerance(typical)


def _size(file: DicomFile) -> tuple[int, int]:
    return wholeNumber(file.header, "Columns"), wholeNumber(file.header, "Rows")
