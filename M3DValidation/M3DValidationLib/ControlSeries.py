"""Another series of the same object, by which a surface that was moved to the scan's edge is judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from M3DLib.Errors import M3DError

if TYPE_CHECKING:
    from M3DLib.Image.ImageVolume import ImageVolume


def requireControl(control: ImageVolume, image: ImageVolume, name: str) -> None:
    """Refuse what says nothing of where the scan's edges lie.

    :param control: the other series. :param image: the scan.
    :param name: of the other series, as the user knows it.
    :raises M3DError: it is the scan itself, or not in the scan's frame of reference, or no regular grid.
    """
    from M3DLib.Segmentation.SegmentFit import frameOfReferenceUid

    frame = frameOfReferenceUid(image)
    if not frame or frame != frameOfReferenceUid(control):
        raise M3DError(
            f"The control series '{name}' is not in the scan's frame of reference, so that its edges may lie "
            "elsewhere; give another reconstruction of the same examination, or do without a control series."
        )
    if str(control.headers[0].SeriesInstanceUID) == str(image.headers[0].SeriesInstanceUID):
        raise M3DError(
            f"The control series '{name}' is the scan itself, which says nothing new; give another series, or do "
            "without a control series."
        )
    control.requireRegular()
