"""Whether a 3D view's camera looks at something already, so that it needs not be turned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import slicer

# Of the height of the view: what is smaller is a speck.
_LEAST_SHARE = 0.1


def isInSight(camera: slicer.vtkMRMLCameraNode | None, bounds: tuple[float, ...]) -> bool:
    """Whether the middle of a box is in the picture of a camera, and the box is no speck there.

    :param bounds: xMin, xMax, yMin, yMax, zMin, zMax, RAS mm. :param camera: None is no camera, which shows nothing.
    """
    if camera is None:
        return False
    low, high = np.array(bounds, dtype=np.float64).reshape(3, 2).T
    middle, size = (low + high) / 2, float(np.linalg.norm(high - low))
    position, focus = (np.array(getter(), dtype=np.float64) for getter in (camera.GetPosition, camera.GetFocalPoint))
    view = focus - position
    length = float(np.linalg.norm(view))
    if length == 0:
        return False
    ahead = float((middle - position) @ view) / length
    aside = float(np.linalg.norm(middle - position - ahead * view / length))
    if ahead <= 0:
        return False
    if camera.GetParallelProjection():
        half = float(camera.GetParallelScale())
    else:
        half = ahead * float(np.tan(np.radians(camera.GetViewAngle()) / 2))
    return aside <= half and size >= _LEAST_SHARE * 2 * half
