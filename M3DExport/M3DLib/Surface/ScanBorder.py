"""Surfaces that the border of the scan cuts off: the cut stays in its plane, and its rim goes along with the sides.

What only lies near the border goes where the image asks it to, as far as that plane.
"""

from __future__ import annotations

import numpy as np

from ..Image.ImageVolume import ImageVolume
from .Neighborhood import Neighborhood

# A vertex nearer to the border's plane than this, in voxels, or beyond it, is of a cut.
ON = 0.1
# The rounded rim of a cut: so many rings of triangles around it, within so many voxels of the plane.
RIM_RINGS, RIM_WIDTH = 2, 0.45
# Cosine of the angle to the border's normal above which a place is of the cut or of its rounded rim.
ACROSS = 0.3
# How many rings of a cut's triangles share the motion of its rim.
ROUNDS = 12


class ScanBorder:
    """The planes in which the scan ends, and the vertices of a surface that they cut off."""

    def __init__(self, points: np.ndarray, triangles: np.ndarray, image: ImageVolume, reach: float):
        """:param points: (n, 3) LPS mm, before any is moved. :param reach: no vertex goes farther from there, mm."""
        index = image.lpsToIndex(points)
        toIndex = np.linalg.inv(image.ijkToLps[:3, :3])
        # Of each plane: its outward normal, how far each vertex lies inside of it (mm), and which are of a cut.
        self.planes: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        for axis in range(3):
            length = float(np.linalg.norm(toIndex[axis]))
            inward = index[:, axis] + 0.5
            for side, inside in ((-1, inward), (1, image.dimensions[axis] - inward)):
                if float(inside.min()) < reach * length:
                    outward = side * toIndex[axis] / length
                    room = np.maximum(inside / length, 0).astype(np.float32)
                    self.planes.append((outward, room, _cut(inside, triangles)))

    def kept(self, displacement: np.ndarray, normals: np.ndarray, neighborhood: Neighborhood) -> np.ndarray:
        """Displacements (n, 3) that leave every cut in its plane and lead nowhere beyond the border.

        :param normals: (n, 3) unit, of the surface as it lies.
        """
        for outward, _, cut in self.planes:
            level = np.flatnonzero(cut)
            level = level[np.abs(normals[level] @ outward) > ACROSS]
            rows = neighborhood.meanAt(level) if len(level) else None
            for _ in range(ROUNDS if len(level) else 0):
                displacement[level] = rows @ displacement
        return self.inPlanes(displacement)

    def inPlanes(self, displacement: np.ndarray) -> np.ndarray:
        """Displacements (n, 3), changed in place, without what leads out of the plane of a cut or beyond the border."""
        for outward, room, cut in self.planes:
            out = displacement @ outward
            beyond = np.where(cut, out, np.maximum(out - room, 0))
            which = np.flatnonzero(beyond)
            displacement[which] -= beyond[which, None] * outward
        return displacement


def _cut(inside: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Vertices of cuts and of their rounded rims, bool (n,), by how far they lie inside of the plane, in voxels."""
    cut = inside < ON
    for _ in range(RIM_RINGS if cut.any() else 0):
        around = np.zeros(len(cut), dtype=bool)
        around[triangles[cut[triangles].any(axis=1)]] = True
        cut |= around & (inside < RIM_WIDTH)
    return cut
