"""Where a camera looks from, so that a mesh fills the picture: parallel projection, head up."""

from __future__ import annotations

import numpy as np


def frameOf(points: np.ndarray, viewDirection, aspect: float) -> float:
    """Height of what a picture shows that points (n, 3) just fit into, in their unit.

    :param aspect: width of the picture by its height.
    """
    _direction, right, trueUp = axesOf(viewDirection)
    width, height = np.ptp(points @ right), np.ptp(points @ trueUp)
    return float(max(height, width / aspect, 1e-6) * 1.05)


def axesOf(viewDirection) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit vectors towards the camera, to the right and up, float64 (3,) each.

    :param viewDirection: from what is shown towards the camera, of any length, LPS; up is the patient's head, or his
        front where he is looked at from above or below.
    """
    direction = np.asarray(viewDirection, dtype=np.float64)
    direction = direction / np.linalg.norm(direction)
    up = np.array([0.0, 0.0, 1.0]) if abs(direction[2]) < 0.99 else np.array([0.0, -1.0, 0.0])
    right = np.cross(up, direction)
    right /= np.linalg.norm(right)
    return direction, right, np.cross(direction, right)


def aim(camera, points: np.ndarray, viewDirection, aspect: float) -> None:
    """Point the camera at the middle of the points (n, 3), LPS mm, so that they just fit.

    :param camera: vtkCamera. :param viewDirection: as of :func:`axesOf`.
    :param aspect: width of the picture by its height.
    """
    direction, right, trueUp = axesOf(viewDirection)
    across, along, depth = (points @ axis for axis in (right, trueUp, direction))
    middle = sum(
        axis * (values.min() + values.max()) / 2
        for axis, values in ((right, across), (trueUp, along), (direction, depth))
    )
    width, height, deep = np.ptp(across), np.ptp(along), np.ptp(depth)
    distance = max(width, height, deep, 1e-6) * 3
    camera.ParallelProjectionOn()
    camera.SetFocalPoint(*middle)
    camera.SetPosition(*(middle + direction * distance))
    camera.SetViewUp(*trueUp)
    camera.SetParallelScale(max(height, width / aspect, 1e-6) / 2 * 1.05)
