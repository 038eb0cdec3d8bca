"""Segments of a Slicer segmentation file (``.seg.nrrd``).

Slicer's own storage node ends the whole process on a file that was cut off (an exception that VTK's Python wrapping
does not catch), so the voxels are read by SimpleITK and the segments' fields here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..Errors import M3DError
from ..ImageFiles.ImageFile import readImageFile
from ..ImageFiles.NrrdHeader import headerLines
from .Segment import Segment, SegmentSource
from .SlicerSegmentationReader import codingOfTerminologyEntry

_FIELD = re.compile(r"Segment(\d+)_(\w+):=(.*)")


@dataclass
class _Fields:
    """What the header says of one segment; files before Slicer 4.11 have one layer for each and no label value."""

    name: str
    layer: int
    label: int
    color: tuple[float, float, float] | None
    terminology: str


def isSlicerSegmentation(file: Path) -> bool:
    """Whether a file is NRRD with the fields by which Slicer marks a segmentation."""
    with file.open("rb") as stream:
        if stream.read(4) != b"NRRD":
            return False
    return any(line.startswith(("Segment0_ID:=", "Segmentation_")) for line in headerLines(file))


def readSlicerSegmentation(file: Path) -> list[Segment]:
    """Segments of a ``.seg.nrrd`` file with names, colors and terminology; overlapping ones lie in several layers.

    :raises M3DError: the file is damaged or cut off, or holds no binary labelmap.
    """
    lines = headerLines(file)
    for line in lines:
        if line.startswith("Segmentation_") and "MasterRepresentation:=" in line.replace("Source", "Master"):
            representation = line.partition(":=")[2]
            if representation not in ("Binary labelmap", ""):
                raise M3DError(
                    f"'{file.name}' holds a '{representation}', not a binary labelmap; convert it in Slicer's "
                    "Segmentations module and save again.",
                )
    try:
        remarks: list[str] = []
        array, ijkToLps = readImageFile(file, layers=True, remarks=remarks)
    except M3DError as error:
        raise M3DError(f"'{file.name}' is damaged or cut off; save the segmentation again. ({error})") from error
    source = SegmentSource("segmentation", "Slicer segmentation", file)
    segments = []
    for fields in _segmentFields(lines):
        if fields.layer >= array.shape[3]:
            raise M3DError(f"'{file.name}' is damaged: segment '{fields.name}' has no layer of voxels.")
        voxels = (array[..., fields.layer] == fields.label).astype(np.uint8)
        coding = codingOfTerminologyEntry(fields.terminology)
        segments.append(Segment(voxels, ijkToLps, fields.name, fields.color, coding, source, warnings=list(remarks)))
    return segments


def _segmentFields(lines: list[str]) -> list[_Fields]:
    found: dict[int, dict[str, str]] = {}
    for line in lines:
        match = _FIELD.fullmatch(line)
        if match:
            found.setdefault(int(match[1]), {})[match[2]] = match[3]
    segments = []
    for number in sorted(found):
        fields = found[number]
        if "ID" not in fields:
            continue
        color = tuple(float(value) for value in fields.get("Color", "").split())
        terminology = re.search(r"(?:^|\|)TerminologyEntry:([^|]*)", fields.get("Tags", ""))
        segments.append(
            _Fields(
                fields.get("Name") or fields["ID"],
                int(fields.get("Layer", number)),
                int(fields.get("LabelValue", 1)),
                color if len(color) == 3 else None,
                terminology[1] if terminology else "",
            ),
        )
    return segments
