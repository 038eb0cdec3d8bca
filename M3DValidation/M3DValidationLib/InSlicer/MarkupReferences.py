"""Line markups as reference distances: what is known of them is kept in attributes of their nodes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from M3DLib.Errors import M3DError
from M3DLib.InSlicer.SlicerTransforms import transformToVolume

from ..Reference.ReferenceReader import ReferenceDistance

if TYPE_CHECKING:
    import slicer

NOMINAL = "M3DValidation.NominalMm"
TOLERANCE = "M3DValidation.ToleranceMm"
PRINTED = "M3DValidation.PrintedMm"


def referenceOfLine(
    lineNode: slicer.vtkMRMLMarkupsLineNode,
    volumeNode: slicer.vtkMRMLVolumeNode | None,
    correction: np.ndarray | None = None,
) -> ReferenceDistance:
    """A reference distance in the coordinates of the scan, LPS mm.

    :param correction: from the coordinates of the volume node to those of the scan (``SceneImage.correction``).
    :raises M3DError: the line has not two different ends, or what is kept with it is no number above 0.
    """
    name = lineNode.GetName()
    count = lineNode.GetNumberOfDefinedControlPoints()
    if count != 2:
        raise M3DError(f"Line '{name}' has {count} of its two ends; place both, or leave the line out.")
    ends = np.array([lineNode.GetNthControlPointPosition(number) for number in range(2)]) * (-1, -1, 1)
    for matrix in (transformToVolume(lineNode, volumeNode), correction):
        if matrix is not None:
            ends = ends @ matrix[:3, :3].T + matrix[:3, 3]
    if np.linalg.norm(ends[1] - ends[0]) < 1e-3:
        raise M3DError(f"Both ends of line '{name}' are at the same place; move one of them.")
    readings = (lineNode.GetAttribute(PRINTED) or "").replace("|", ";").split(";")
    return ReferenceDistance(
        name,
        ends[0],
        ends[1],
        _millimeters(lineNode.GetAttribute(NOMINAL), name, "nominal length"),
        _millimeters(lineNode.GetAttribute(TOLERANCE), name, "tolerance"),
        [_millimeters(text, name, "reading on the print") for text in readings if text.strip()],
    )


def keepWithLine(lineNode: slicer.vtkMRMLMarkupsLineNode, attribute: str, text: str) -> None:
    """Keep what a user has typed for a line; nothing where the text is empty.

    :param attribute: :data:`NOMINAL`, :data:`TOLERANCE` or :data:`PRINTED` (several readings separated by ";").
    :raises M3DError: the text holds something else than numbers above 0.
    """
    parts = text.replace("|", ";").split(";") if attribute == PRINTED else [text]
    for part in parts:
        _millimeters(part, lineNode.GetName(), "value")
    if text.strip():
        lineNode.SetAttribute(attribute, text.strip())
    else:
        lineNode.RemoveAttribute(attribute)


def _millimeters(text: str | None, name: str, what: str) -> float | None:
    text = (text or "").strip()
    if not text:
        return None
    try:
        # A decimal comma is what many keyboards have.
        value = float(text.replace(",", "."))
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise M3DError(f"The {what} of line '{name}' is '{text}'; it must be a number of millimeters above 0.")
    return value
