"""``--control-series``: another series of the same object, by which a refined surface is judged."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from M3DLib.Errors import M3DError

if TYPE_CHECKING:
    from M3DLib.Image.ImageVolume import ImageVolume


def readControl(named: str | None, folder: str, image: ImageVolume) -> ImageVolume | None:
    """The control series; None when none is named.

    :param named: a Series Instance UID or Series Number in the scan's folder, or a folder of its own.
    :param image: the scan itself.
    :raises M3DError: it is the scan itself, or not in the scan's frame of reference, or no regular grid.
    """
    from M3DLib.Image.ImageReader import readImage
    from M3DLib.Segmentation.SegmentFit import frameOfReferenceUid

    if named is None:
        return None
    control = readImage(named) if Path(named).exists() else readImage(folder, named)
    frame = frameOfReferenceUid(image)
    if not frame or frame != frameOfReferenceUid(control):
        raise M3DError(
            f"The control series '{named}' is not in the scan's frame of reference, so that its edges may lie "
            "elsewhere; give another reconstruction of the same examination, or leave --control-series out."
        )
    if str(control.headers[0].SeriesInstanceUID) == str(image.headers[0].SeriesInstanceUID):
        raise M3DError(
            f"The control series '{named}' is the scan itself, which says nothing new; give another series, or leave "
            "--control-series out."
        )
    control.requireRegular()
    return control
