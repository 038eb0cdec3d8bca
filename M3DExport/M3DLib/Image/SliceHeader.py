"""The header of one slice, the same to read whether the slice is a file of its own or a frame of a multi-frame file."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..Dicom.ReadableValues import asWritten, readable

if TYPE_CHECKING:
    from pydicom import Dataset

    from .ImageVolume import ImageVolume

# Where the attributes that place and scale a frame may stand (PS3.3 C.7.6.16.2); elsewhere they mean another image.
_HOME = {
    "PixelSpacing": "PixelMeasuresSequence",
    "SliceThickness": "PixelMeasuresSequence",
    "SpacingBetweenSlices": "PixelMeasuresSequence",
    "ImagePositionPatient": "PlanePositionSequence",
    "ImageOrientationPatient": "PlaneOrientationSequence",
    "RescaleSlope": "PixelValueTransformationSequence",
    "RescaleIntercept": "PixelValueTransformationSequence",
    "RescaleType": "PixelValueTransformationSequence",
}
PLACING = tuple(_HOME)


class SliceHeader:
    """Attributes of one slice by keyword.

    In an enhanced multi-frame object (DICOM PS3.3 C.7.6.16) an attribute is looked up in the frame's own functional
    groups first, then in the shared ones, then at the top level. Private groups, which hold copies of attributes that
    may be of another image, are not looked into.

    :ivar withComma: keywords of numbers that were written with a decimal comma and read with a point.
    """

    def __init__(self, dataset: Dataset, frame: int | None = None):
        """
        :param dataset: header of the file.
        :param frame: index of the frame, from 0; None for a classic file.
        """
        self.dataset = dataset
        self.frame = frame
        self.withComma: set[str] = set()
        self._groups: list[tuple[str, Dataset]] | None = None

    def functionalGroups(self, shared: bool) -> list[tuple[str, Dataset]]:
        """Keyword and first item of every functional group of the frame, or of all frames."""
        if shared:
            items = list(self.dataset.get("SharedFunctionalGroupsSequence") or [])
        else:
            perFrame = self.dataset.get("PerFrameFunctionalGroupsSequence") or []
            index = 0 if self.frame is None else self.frame
            items = [perFrame[index]] if index < len(perFrame) else []
        return [
            (element.keyword, element.value[0])
            for item in items
            for element in item
            if element.VR == "SQ" and not element.tag.is_private and element.value and len(element.value)
        ]

    def _places(self, keyword: str) -> list[Dataset]:
        """Where the attribute may stand, the first counts."""
        if self._groups is None:
            self._groups = self.functionalGroups(shared=False) + self.functionalGroups(shared=True)
        home = _HOME.get(keyword)
        return [group for name, group in self._groups if home is None or name == home] + [self.dataset]

    def get(self, keyword: str, default: Any = None) -> Any:
        """The attribute's value, ``default`` where it is absent, empty, or cannot be read as what it should be."""
        for group in self._places(keyword):
            value = readable(group, keyword)
            if value is not None and value != "":
                return value
        return default

    def holds(self, keyword: str) -> bool:
        """Whether the attribute is there with a value, readable or not."""
        return bool(self.text(keyword))

    def text(self, keyword: str) -> str:
        """The attribute as it stands, "" where it is absent or empty."""
        for group in self._places(keyword):
            text = asWritten(group, keyword)
            if text:
                return text
        return ""

    def numbers(self, keyword: str, count: int = 1) -> list[float] | None:
        """The attribute as exactly ``count`` finite numbers, None when it is absent or anything else."""
        value = self.get(keyword)
        try:
            values = [float(value)] if count == 1 else [float(part) for part in value]
        except (TypeError, ValueError):
            values = self._withPoints(keyword)
        return values if len(values) == count and all(map(math.isfinite, values)) else None

    def _withPoints(self, keyword: str) -> list[float]:
        """Numbers that were written with a decimal comma; none where that is not what is wrong."""
        text = self.text(keyword)
        if "," not in text:
            return []
        try:
            values = [float(part.replace(",", ".")) for part in text.split("\\")]
        except ValueError:
            return []
        self.withComma.add(keyword)
        return values

    def number(self, keyword: str) -> float | None:
        """The attribute as one finite number, None when it is absent or anything else."""
        values = self.numbers(keyword)
        return values[0] if values else None


def sliceHeaders(image: ImageVolume) -> list[SliceHeader]:
    """One header per slice along k; empty for images without headers."""
    if image.frameIndices is not None:
        return [SliceHeader(image.headers[0], int(frame)) for frame in image.frameIndices]
    return [SliceHeader(header) for header in image.headers]


def sourceInstances(image: ImageVolume) -> list[tuple[str, str]]:
    """(SOP Class UID, SOP Instance UID) of every DICOM instance the image was read from, along k, each once."""
    pairs = ((str(header.get("SOPClassUID", "")), str(header.get("SOPInstanceUID", ""))) for header in image.headers)
    return list(dict.fromkeys(pairs))
