"""A segment: which voxels belong to one structure, on a grid of its own; how it is read is in ``SegmentReader``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..Errors import M3DError

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.sr.coding import Code


@dataclass
class SegmentCoding:
    """What a segment is in coded terms, as Slicer's terminology and DICOM SEG have it; None where not said."""

    category: Code | None = None
    type: Code | None = None
    typeModifier: Code | None = None
    region: Code | None = None
    regionModifier: Code | None = None


@dataclass
class SegmentSource:
    """Where a segment came from.

    :ivar kind: "threshold", "segmentation" (Slicer), "labelmap" (image file), "seg" (DICOM Segmentation), "node".
    :ivar description: how it was made, in words and numbers, without anything identifying.
    :ivar sopClassUid, sopInstanceUid, seriesInstanceUid, studyInstanceUid: of a DICOM Segmentation, else "".
    :ivar segmentNumber: of the segment in the DICOM Segmentation, from 1; 0 where that is not known.
    :ivar imageSeriesUid: series of the images that a DICOM Segmentation says it was drawn on, else "".
    :ivar header: what a DICOM Segmentation says of its patient, else None.
    """

    kind: str
    description: str = ""
    file: Path | None = None
    sopClassUid: str = ""
    sopInstanceUid: str = ""
    seriesInstanceUid: str = ""
    studyInstanceUid: str = ""
    segmentNumber: int = 0
    imageSeriesUid: str = ""
    header: Dataset | None = field(default=None, repr=False, compare=False)


@dataclass
class Segment:
    """Voxels of one structure.

    :ivar array: uint8 (k, j, i), 1 inside and 0 outside; may cover only a part of the image's grid.
    :ivar ijkToLps: float64 (4, 4), voxel index (i, j, k, 1) to the voxel's center in LPS mm.
    :ivar color: sRGB, each 0 to 1, or None when unknown.
    :ivar warnings: what the file does not say of the voxels' place, or says twice, one sentence each.
    """

    array: np.ndarray
    ijkToLps: np.ndarray
    name: str
    color: tuple[float, float, float] | None = None
    coding: SegmentCoding = field(default_factory=SegmentCoding)
    source: SegmentSource = field(default_factory=lambda: SegmentSource("node"))
    frameOfReferenceUid: str = ""
    warnings: list[str] = field(default_factory=list)

    def __post_init__(self):
        self.ijkToLps = np.asarray(self.ijkToLps, dtype=np.float64)
        if self.array.ndim != 3:
            raise M3DError(f"Segment '{self.name}' needs three dimensions (k, j, i), not {self.array.ndim}.")

    @property
    def spacing(self) -> np.ndarray:
        """Distance between neighboring voxel centers along i, j and k, float64 (3,), mm."""
        return np.linalg.norm(self.ijkToLps[:3, :3], axis=0)

    @property
    def volumeMm3(self) -> float:
        """Number of voxels times the volume of one, mm3."""
        return float(np.count_nonzero(self.array) * abs(np.linalg.det(self.ijkToLps[:3, :3])))

    def occupiedBox(self) -> tuple[slice, slice, slice] | None:
        """The smallest box of voxels that holds the segment, as slices along k, j and i; None when it is empty."""
        box = []
        for axis in range(3):
            others = tuple(other for other in range(3) if other != axis)
            indices = np.flatnonzero(self.array.any(axis=others))
            if not len(indices):
                return None
            box.append(slice(int(indices[0]), int(indices[-1]) + 1))
        return tuple(box)
