"""Segments of a DICOM Segmentation object, through highdicom."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..Dicom.DicomFile import inspectStart
from ..Dicom.OnePatient import patientOf
from ..Dicom.ReadableValues import unknownKinds
from ..Errors import M3DError
from .DicomSegRules import requireClass, requirePixels, requirePlace, wholeLabels
from .Segment import Segment, SegmentCoding, SegmentSource

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.sr.coding import Code


# Label Map Segmentation Storage (Supplement 243), which pydicom 3.0 has no name for yet.
_LABEL_MAP_SEGMENTATION_STORAGE = "1.2.840.10008.5.1.4.1.1.66.7"


# Share of Maximum Fractional Value from which a voxel belongs to a segment.
_HALF = 0.5


def readDicomSeg(file: Path) -> list[Segment]:
    """Segments of a DICOM SEG (binary, fractional at half its maximum, labelmap) with label, color and coded type.

    :raises M3DError: not a DICOM Segmentation, no regular three-dimensional grid, damaged.
    """
    import highdicom
    from pydicom.uid import SegmentationStorage

    dataset = _readWhole(file)
    requireClass(dataset, file, (SegmentationStorage, _LABEL_MAP_SEGMENTATION_STORAGE))
    wholeLabels(dataset)
    requirePlace(dataset, file)
    requirePixels(dataset, file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            segmentation = highdicom.seg.Segmentation.from_dataset(dataset, copy=False)
            return [_segment(segmentation, number, file) for number in segmentation.segment_numbers]
    except MemoryError as error:
        raise M3DError(f"'{file.name}' needs more memory than there is.") from error
    except M3DError:
        raise
    except Exception as error:
        # highdicom raises whatever its checks and its database of frames raise: sqlite3 errors, KeyError, TypeError ...
        raise M3DError(
            f"'{file.name}' cannot be read as a segmentation on a regular grid ({_inWords(error)}). Export it again "
            "from the program it comes from, or save it there as .seg.nrrd or NIfTI."
        ) from error


def _readWhole(file: Path) -> Dataset:
    import pydicom

    try:
        with file.open("rb") as stream:
            inspectStart(stream)
        with warnings.catch_warnings():
            # pydicom's remarks on odd values are for programmers; what matters is asked for below.
            warnings.simplefilter("ignore")
            dataset = pydicom.dcmread(file)
        if unknownKinds(dataset):
            raise M3DError("It is damaged: its header has values of a kind that DICOM does not know. Copy it again.")
        return dataset
    except M3DError as error:
        raise M3DError([f"'{file.name}': {problem}" for problem in error.problems]) from error
    except Exception as error:
        # A damaged file makes pydicom raise nearly anything.
        raise M3DError(f"'{file.name}' cannot be read as DICOM ({_inWords(error)}). Copy it again.") from error


def _inWords(error: Exception) -> str:
    """The first line of what a library says, short."""
    text = " ".join(str(error).split())[:200].rstrip(".")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


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

    try:
        with open(file, "rb") as stream:
            inspectStart(stream)
        return pydicom.dcmread(file, specific_tags=["SegmentSequence", "ReferencedSeriesSequence"])
    except Exception as error:
        raise M3DError(f"The DICOM Segmentation '{Path(file).name}' cannot be read ({_inWords(error)}).") from error


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
        patientOf(segmentation),
    )
    values = np.asarray(volume.array)[..., 0]
    # A label is required and may be empty all the same.
    name = str(description.get("SegmentLabel") or "").strip() or f"segment {number}"
    return Segment(
        (values >= _HALF).astype(np.uint8),
        ijkToLps,
        name,
        _color(description),
        _coding(description),
        source,
        str(segmentation.get("FrameOfReferenceUID", "")),
        warnings=_weakness(name, float(values.max(initial=0))),
    )


def _weakness(name: str, largest: float) -> list[str]:
    """A sentence when a fractional segment has voxels and none of them counts."""
    if not 0 < largest < _HALF:
        return []
    text = (
        f"Segment '{name}' is fractional and reaches {100 * largest:.3g} % of its maximum at most; a voxel belongs to "
        "it from 50 % on. Save it as a binary segmentation at the level that is meant."
    )
    return [text]


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
