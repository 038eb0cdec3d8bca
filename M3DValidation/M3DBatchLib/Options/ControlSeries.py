"""``--control-series``: another series of the same object, by which a refined surface is judged."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from M3DLib.Image.ImageVolume import ImageVolume


def readControl(named: str | None, folder: str, image: ImageVolume) -> ImageVolume | None:
    """The control series; None when none is named.

    :param named: a Series Instance UID or Series Number in the scan's folder, or a folder of its own.
    :param image: the scan itself.
    :raises M3DError: it is the scan itself, or not in the scan's frame of reference, or no regular grid.
    """
    from M3DLib.Image.ImageReader import readImage
    from M3DValidationLib.ControlSeries import requireControl

    if named is None:
        return None
    control = readImage(named) if Path(named).exists() else readImage(folder, named)
    requireControl(control, image, named)
    return control
