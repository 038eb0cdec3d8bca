"""A picture of one place of a model: the surroundings, seen along a direction, with a ring around the place."""

from __future__ import annotations

import numpy as np

from M3DLib.Rendering import renderMesh
from M3DLib.TriangleMesh import TriangleMesh

# Orange and dark blue: told apart from bone and from each other by the color-blind too.
_RING, _RIM = (213, 94, 0), (0, 0, 60)


def renderPlace(
    mesh: TriangleMesh,
    place: np.ndarray,
    direction: np.ndarray,
    radiusMm: float = 15.0,
    size: tuple[int, int] = (600, 600),
) -> np.ndarray | None:
    """The surroundings of a place, with the place in the middle.

    :param place: float64 (3,), LPS mm.
    :param direction: float64 (3,), from the place towards the eye, LPS.
    :param radiusMm: half the width of what is shown.
    :return: uint8 (height, width, 3) sRGB; None when this machine cannot render or nothing is there.
    """
    place = np.asarray(place, dtype=np.float64)
    points = mesh.points.astype(np.float64) - place
    near = (np.abs(points) <= radiusMm).all(axis=1)
    triangles = mesh.triangles[near[mesh.triangles].any(axis=1)]
    if not len(triangles):
        return None
    points = np.clip(points, -radiusMm, radiusMm)
    # Two triangles without area at opposite corners of the box keep the place in the middle of the picture.
    corners = np.repeat([[-radiusMm] * 3, [radiusMm] * 3], 3, axis=0)
    frame = np.arange(6).reshape(2, 3) + len(points)
    part = TriangleMesh(np.concatenate([points, corners]), np.concatenate([triangles, frame]), color=mesh.color)
    direction = np.asarray(direction, dtype=np.float64)
    picture = renderMesh(part, size, viewDirection=tuple(direction / np.linalg.norm(direction)), smooth=False)
    if picture is None:
        return None
    height, width = picture.shape[:2]
    y, x = np.ogrid[:height, :width]
    distance = np.hypot(x - (width - 1) / 2, y - (height - 1) / 2)
    radius = min(height, width) / 12
    picture[np.abs(distance - radius) < 4] = _RIM
    picture[np.abs(distance - radius) < 2.5] = _RING
    return picture
