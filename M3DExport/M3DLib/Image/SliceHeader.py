"""The header of one slice, the same to read whether the slice is a file of its own or a frame of a multi-frame file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydicom import Dataset

    from .ImageVolume import ImageVolume


class SliceHeader:
    """Attributes of one slice by keyword.

    In an enhanced multi-frame object (DICOM PS3.3 C.7.6.16) an attribute is looked up in the frame's own functional
    groups first, then in the shared ones, then at the top level.
    """

    def __init__(self, dataset: Dataset, frame: int | None = None):
        """
        :param dataset: header of the file.
        :param frame: index of the frame, from 0; None for a classic file.
        """
        self.dataset = dataset
        self.frame = frame
        self._groups: list[Dataset] | None = None

    def _functionalGroups(self) -> list[Dataset]:
        if self._groups is None:
            self._groups = []
            perFrame = self.dataset.get("PerFrameFunctionalGroupsSequence") or []
            index = 0 if self.frame is None else self.frame
            frameItems = [perFrame[index]] if index < len(perFrame) else []
            for item in frameItems + list(self.dataset.get("SharedFunctionalGroupsSequence") or []):
                self._groups.extend(
                    element.value[0] for element in item if element.VR == "SQ" and element.value and len(element.value)
                )
        return self._groups

    def get(self, keyword: str, default: Any = None) -> Any:
        """The attribute's value, ``default`` where it is absent or empty."""
        for group in [*self._functionalGroups(), self.dataset]:
            value = group.get(keyword)
            if value is not None and value != "":
                return value
        return default

    def numbers(self, keyword: str, count: int = 1) -> list[float] | None:
        """The attribute as exactly ``count`` finite numbers, None when it is absent or anything else."""
        import math

        try:
            value = self.get(keyword)
            values = [float(value)] if count == 1 else [float(part) for part in value]
        except (TypeError, ValueError):
            return None
        return values if len(values) == count and all(map(math.isfinite, values)) else None

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
