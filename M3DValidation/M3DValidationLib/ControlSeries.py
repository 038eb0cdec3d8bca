"""Another series of the same object, by which a surface that was moved to the scan's edge is judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from M3DLib.Errors import M3DError

if TYPE_CHECKING:
    from M3DLib.Image.ImageVolume import ImageVolume

# Points along each axis of a series at which is looked whether it shows any of the scan.
_LATTICE = 9


def requireControl(control: ImageVolume, image: ImageVolume, name: str) -> None:
    """Refuse what says nothing of where the scan's edges lie.

    :param control: the other series. :param image: the scan.
    :param name: of the other series, as the user knows it.
    :raises M3DError: it is the scan itself or a copy of it, or of another patient or modality, or not in the scan's
        frame of reference, or shows another part of the patient, or is no regular grid.
    """
    from M3DLib.Dicom.OnePatient import differingAttributes
    from M3DLib.Segmentation.SegmentFit import frameOfReferenceUid

    frame = frameOfReferenceUid(image)
    if not frame or frame != frameOfReferenceUid(control):
        raise M3DError(
            f"The control series '{name}' is not in the scan's frame of reference, so that its edges may lie "
            "elsewhere; give another reconstruction of the same examination, or do without a control series."
        )
    for keyword, (ofScan, ofControl) in differingAttributes([image.headers[0], control.headers[0]]).items():
        raise M3DError(
            f"The control series '{name}' is of another patient ({keyword} is '{ofControl}') than the scan "
            f"('{ofScan}'); give another reconstruction of the same examination, or do without a control series."
        )
    if control.modality != image.modality:
        raise M3DError(
            f"The control series '{name}' is {control.modality or 'of no known modality'}, the scan "
            f"{image.modality or 'of no known modality'}: the two show different borders of the same body; give "
            "another reconstruction of the same examination, or do without a control series."
        )
    if str(control.headers[0].SeriesInstanceUID) == str(image.headers[0].SeriesInstanceUID):
        raise M3DError(
            f"The control series '{name}' is the scan itself, which says nothing new; give another series, or do "
            "without a control series."
        )
    if control.geometryProblems:
        raise M3DError(
            [f"The control series '{name}' is no regular grid: {problem}" for problem in control.geometryProblems]
        )
    if _isCopy(control, image):
        raise M3DError(
            f"The control series '{name}' holds the scan's own values under another name, which says nothing new; "
            "give another reconstruction of the same examination, or do without a control series."
        )
    if not (_meets(control, image) or _meets(image, control)):
        raise M3DError(
            f"The control series '{name}' shows nothing of what the scan shows: the two have no place in common; "
            "give another reconstruction of the same examination, or do without a control series."
        )


def _isCopy(control: ImageVolume, image: ImageVolume) -> bool:
    """Whether one series holds slices of the other, value for value."""
    fewer, more = sorted((control, image), key=lambda one: one.array.shape[0])
    if fewer.array.shape[1:] != more.array.shape[1:]:
        return False
    # Of slices that were left out, copied or turned around, any of the others may be the same.
    some = np.linspace(0, fewer.array.shape[0] - 1, num=min(3, fewer.array.shape[0])).astype(int)
    return all(any(np.array_equal(fewer.array[k], one) for one in more.array) for k in some)


def _meets(one: ImageVolume, other: ImageVolume) -> bool:
    """Whether any of evenly spread places of one series lies within the other."""
    along = [np.linspace(0, count - 1, _LATTICE) for count in one.dimensions]
    places = np.stack(np.meshgrid(*along), axis=-1).reshape(-1, 3)
    index = other.lpsToIndex(one.indexToLps(places))
    return bool(((index >= -0.5) & (index <= np.array(other.dimensions) - 0.5)).all(axis=1).any())
