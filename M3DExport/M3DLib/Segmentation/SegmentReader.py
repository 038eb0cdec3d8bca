"""Segments from files: Slicer segmentations, labelmap images and DICOM SEG objects."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..Errors import M3DError
from ..NumberText import plural
from .Segment import Segment, SegmentSource
from .SlicerSegmentationFile import isSlicerSegmentation, readSlicerSegmentation


def readSegments(file: str | Path) -> list[Segment]:
    """All segments of a file, in the file's order.

    :param file: Slicer segmentation (``.seg.nrrd``, ``.nrrd`` with segment fields), labelmap image (NRRD, NIfTI,
        MetaImage; every value other than 0 is a segment named "label N"), or DICOM Segmentation.
    :raises M3DError: the file cannot be read, or holds no segment.
    """
    file = Path(file)
    if not file.exists():
        raise M3DError(f"There is no segmentation file '{file}'.")
    if file.is_dir():
        raise M3DError(f"'{file}' is a folder; name the segmentation file itself.")
    try:
        with file.open("rb") as stream:
            start = stream.read(132)
    except OSError as error:
        raise M3DError(f"'{file}' cannot be read: {error.strerror or error}.") from error
    if not start:
        raise M3DError(f"'{file.name}' is empty.")
    if start[128:132] == b"DICM":
        from .DicomSegReader import readDicomSeg

        segments = readDicomSeg(file)
    elif isSlicerSegmentation(file):
        segments = readSlicerSegmentation(file)
    else:
        segments = _readLabelmap(file)
    if not segments:
        raise M3DError(f"'{file.name}' holds no segment: every voxel is background.")
    return segments


def selectSegments(segments: list[Segment], names: list[str]) -> list[Segment]:
    """The segments with the given names, in the order of the names; all of them when no name is given.

    :raises M3DError: a name is unknown (the message lists those that exist) or belongs to several segments.
    """
    if not names:
        return segments
    selected, problems = [], []
    for name in names:
        matches = [segment for segment in segments if segment.name == name]
        if len(matches) == 1:
            if not any(matches[0] is one for one in selected):
                selected.append(matches[0])
        elif matches:
            problems.append(
                f"{len(matches)} segments are named '{name}'; rename them in Slicer so that one can be chosen."
            )
        else:
            known = ", ".join(f"'{segment.name}'" for segment in segments)
            problems.append(f"There is no segment named '{name}'; the segmentation holds {known}.")
    if problems:
        raise M3DError(problems)
    return selected


def withoutEmpty(segments: list[Segment]) -> tuple[list[Segment], list[str]]:
    """The segments that have a voxel, and a sentence for each that has none.

    :raises M3DError: none has one.
    """
    kept = [segment for segment in segments if segment.array.any()]
    if not kept:
        names = ", ".join(f"'{segment.name}'" for segment in segments)
        reasons = list(dict.fromkeys(text for segment in segments for text in segment.warnings))
        raise M3DError([f"No voxel belongs to any segment ({names}); nothing can be made of them.", *reasons])
    empty = [segment for segment in segments if not any(segment is one for one in kept)]
    return kept, [f"Segment '{segment.name}' is empty: no voxel belongs to it. It was left out." for segment in empty]


def _readLabelmap(file: Path) -> list[Segment]:
    from ..ImageFiles.ImageFile import readImageFile

    remarks: list[str] = []
    array, ijkToLps = readImageFile(file, remarks=remarks)
    if not np.issubdtype(array.dtype, np.integer):
        rounded = np.rint(array)
        if not np.array_equal(rounded, array):
            raise M3DError(f"'{file.name}' is not a labelmap: it holds values that are not whole numbers.")
        array = rounded.astype(np.int32)
    values = np.unique(array)
    if len(values) and values[0] < 0:
        raise M3DError(
            f"'{file.name}' is not a labelmap: it holds values below 0 (down to {values[0]}), which no label has. It "
            "may be a scan or a map of distances."
        )
    values = values[values != 0]
    # A scan given in place of a labelmap would otherwise make thousands of segments.
    if len(values) > 1000:
        raise M3DError(f"'{file.name}' is not a labelmap: it holds {len(values)} different values.")
    source = SegmentSource("labelmap", f"labelmap image with {plural(len(values), 'label')}", file)
    return [
        Segment(
            (array == value).astype(np.uint8),
            ijkToLps,
            f"label {value}" if len(values) > 1 else "segment",
            source=source,
            warnings=list(remarks),
        )
        for value in values
    ]
