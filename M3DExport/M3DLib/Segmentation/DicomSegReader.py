"""Segments of a DICOM Segmentation object, through highdicom."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..Errors import M3DError
from .Segment import Segment, SegmentCoding, SegmentSource

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.sr.coding import Code


# Label Map Segmentation Storage (Supplement 243), which pydicom 3.0 has no name for yet.
_LABEL_MAP_SEGMENTATION_STORAGE = "1.2.840.10008.5.1.4.1.1.66.7"


def readDicomSeg(file: Path) -> list[Segment]:
    """Segments of a DICOM SEG (binary, fractional at half its maximum, labelmap) with label, color and coded type.

    :raises M3DError: not a DICOM Segmentation, no regular three-dimensional grid, damaged.
    """
    import highdicom
    import pydicom
    from pydicom.errors import InvalidDicomError
    from pydicom.uid import SegmentationStorage

    try:
        dataset = pydicom.dcmread(file)
    except (InvalidDicomError, EOFError, OSError) as error:
        raise M3DError(f"'{file.name}' cannot be read as DICOM: {error}") from error
    if dataset.get("SOPClassUID") not in (SegmentationStorage, _LABEL_MAP_SEGMENTATION_STORAGE):
        kind = getattr(dataset.get("SOPClassUID"), "name", "unknown")
        raise M3DError(f"'{file.name}' is not a DICOM Segmentation but of the class '{kind}'.")
    try:
        segmentation = highdicom.seg.Segmentation.from_dataset(dataset, copy=False)
        return [_segment(segmentation, number, file) for number in segmentation.segment_numbers]
    except (ValueError, RuntimeError, AttributeError, KeyError, IndexError) as error:
        raise M3DError(f"'{file.name}' cannot be read as a segmentation on a regular grid: {error}") from error


def imageSeriesOf(header: Dataset) -> str:
    """Series of the images that a DICOM Segmentation was drawn on; "" where it names none, or several."""
    series = {str(item.get("SeriesInstanceUID") or "") for item in header.get("ReferencedSeriesSequence") or []}
    return series.pop() if len(series) == 1 else ""


def segmentNumber(header: Dataset, name: str) -> int:
    """Number of the only segment with this label in a DICOM Segmentation; 0 when there is none, or several."""
    labels = [
        (int(item.SegmentNumber), str(item.get("SegmentLabel") or "").strip())
        for item in header.get("SegmentSequence") or []
        if item.get("SegmentNumber") is not None
    ]
    numbers = [number for number, label in labels if label == name.strip()]
    return numbers[0] if len(numbers) == 1 else 0


def readSegHeader(file: Path | str) -> Dataset:
    """What a DICOM Segmentation says of its segments and images, without its pixels.

    :raises M3DError: it cannot be read.
    """
    import pydicom
    from pydicom.errors import InvalidDicomError

    try:
        return pydicom.dcmread(file, specific_tags=["SegmentSequence", "ReferencedSeriesSequence"])
    except (InvalidDicomError, EOFError, OSError) as error:
        raise M3DError(f"The DICOM Segmentation '{Path(file).name}' cannot be read: {error}") from error


def _segment(segmentation, number: int, file: Path) -> Segment:
    volume = segmentation.get_volume(segment_numbers=[number], combine_segments=False, rescale_fractional=True)
    description = segmentation.get_segment_description(number)
    # highdicom's array is indexed (slice, row, column) and its affine maps in that order; ours is array (k, j, i) with
    # the affine's columns in the order i, j, k.
    ijkToLps = volume.affine[:, [2, 1, 0, 3]]
    source = SegmentSource(
        "seg",
        f"DICOM Segmentation, segment {number}",
        file,
        str(segmentation.SOPClassUID),
        str(segmentation.SOPInstanceUID),
        str(segmentation.SeriesInstanceUID),
        str(segmentation.StudyInstanceUID),
        number,
        imageSeriesOf(segmentation),
    )
    return Segment(
        (np.asarray(volume.array)[..., 0] >= 0.5).astype(np.uint8),
        ijkToLps,
        str(description.SegmentLabel),
        _color(description),
        _coding(description),
        source,
        str(segmentation.get("FrameOfReferenceUID", "")),
    )


def _color(description: Dataset) -> tuple[float, float, float] | None:
    from ..Dicom.CieLab import decodeLab, rgbFromLab

    value = description.get("RecommendedDisplayCIELabValue")
    return rgbFromLab(decodeLab(value)) if value is not None and len(value) == 3 else None


def _coding(description: Dataset) -> SegmentCoding:
    propertyType = _item(description, "SegmentedPropertyTypeCodeSequence")
    region = _item(description, "AnatomicRegionSequence")
    return SegmentCoding(
        category=_code(_item(description, "SegmentedPropertyCategoryCodeSequence")),
        type=_code(propertyType),
        typeModifier=_code(_item(propertyType, "SegmentedPropertyTypeModifierCodeSequence")),
        region=_code(region),
        regionModifier=_code(_item(region, "AnatomicRegionModifierSequence")),
    )


def _item(dataset: Dataset | None, keyword: str) -> Dataset | None:
    """First item of a sequence, None when there is none."""
    items = dataset.get(keyword) if dataset is not None else None
    return items[0] if items else None


def _code(item: Dataset | None) -> Code | None:
    from pydicom.sr.coding import Code

    value = item.get("CodeValue") or item.get("LongCodeValue") if item is not None else None
    if not value:
        return None
    return Code(str(value), str(item.get("CodingSchemeDesignator", "")), str(item.get("CodeMeaning", "")))
