"""Segments of a segmentation in memory (vtkSegmentation), and Slicer's coded terms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..Errors import M3DError
from .Segment import Segment, SegmentCoding, SegmentSource

if TYPE_CHECKING:
    import slicer
    from pydicom.sr.coding import Code

_BINARY_LABELMAP = "Binary labelmap"
_LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def segmentsOfSegmentation(segmentation: slicer.vtkSegmentation, source: SegmentSource) -> list[Segment]:
    """Segments of a vtkSegmentation (coordinates RAS mm, no parent transform) as plain values in LPS mm.

    :raises M3DError: a segment has no binary labelmap.
    """
    segments = []
    for position in range(segmentation.GetNumberOfSegments()):
        vtkSegment = segmentation.GetNthSegment(position)
        image = vtkSegment.GetRepresentation(_BINARY_LABELMAP)
        if image is None:
            raise M3DError(
                f"Segment '{vtkSegment.GetName()}' holds a surface but no binary labelmap; convert it in Slicer's "
                "Segmentations module (Representations, Binary labelmap, Create) and save again.",
            )
        array, ijkToLps = _arrayOfLabelmap(image, vtkSegment.GetLabelValue())
        color = tuple(float(value) for value in vtkSegment.GetColor())
        coding = codingOfTerminologyEntry(tagOf(vtkSegment, "TerminologyEntry"))
        segments.append(Segment(array, ijkToLps, vtkSegment.GetName(), color, coding, source))
    return segments


def _arrayOfLabelmap(image: slicer.vtkOrientedImageData, label: int) -> tuple[np.ndarray, np.ndarray]:
    import vtk
    from vtk.util.numpy_support import vtk_to_numpy

    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    ijkToRas = np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])
    iLow, iHigh, jLow, jHigh, kLow, kHigh = image.GetExtent()
    shape = (max(kHigh - kLow + 1, 0), max(jHigh - jLow + 1, 0), max(iHigh - iLow + 1, 0))
    scalars = image.GetPointData().GetScalars()
    if scalars is None or 0 in shape:
        array = np.zeros((1, 1, 1), dtype=np.uint8)
    else:
        array = (vtk_to_numpy(scalars).reshape(shape) == label).astype(np.uint8)
    # The image's matrix belongs to index 0, which a cropped extent need not start at.
    ijkToRas[:3, 3] += ijkToRas[:3, :3] @ [iLow, jLow, kLow]
    return array, _LPS_FROM_RAS @ ijkToRas


def tagOf(vtkSegment: slicer.vtkSegment, name: str) -> str:
    """What a tag of a segment says, "" without it."""
    import vtk

    value = vtk.mutable("")
    return str(value) if vtkSegment.GetTag(name, value) else ""


def codingOfTerminologyEntry(entry: str) -> SegmentCoding:
    """Coded terms of Slicer's serialized terminology entry.

    The entry is "context~category~type~type modifier~anatomic context~region~region modifier", each term
    "scheme^value^meaning"; empty terms and damaged entries give None.
    """
    parts = entry.split("~")
    if len(parts) != 7:
        return SegmentCoding()
    return SegmentCoding(*(_code(parts[index]) for index in (1, 2, 3, 5, 6)))


def _code(term: str) -> Code | None:
    from pydicom.sr.coding import Code

    fields = term.split("^")
    if len(fields) != 3 or not all(fields):
        return None
    scheme, value, meaning = fields
    return Code(value, scheme, meaning)
