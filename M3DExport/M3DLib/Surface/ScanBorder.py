"""Surfaces that the border of the scan cuts off: the cut stays in its plane, and its rim goes along with the sides."""

from __future__ import annotations

import numpy as np

from ..Image.ImageVolume import ImageVolume
from .Neighborhood import Neighborhood

# Within so many voxels of the border's plane a vertex belongs to the cut or its rim.
NEAR = 1.0
# Cosine of the angle to the border's normal above which a place is of the cut or of its rounded rim.
ACROSS = 0.3
# How many rings of a cut's triangles share the motion of its rim.
ROUNDS = 12


class ScanBorder:
    """The vertices of a surface that lie on the planes in which the scan ends."""

    def __init__(self, points: np.ndarray, image: ImageVolume):
        index = image.lpsToIndex(points)
        toIndex = np.linalg.inv(image.ijkToLps[:3, :3])
        self.planes = []
        for axis in range(3):
            last = image.dimensions[axis] - 0.5
            near = (index[:, axis] < -0.5 + NEAR) | (index[:, axis] > last - NEAR)
            if near.any():
                self.planes.append((near, toIndex[axis] / np.linalg.norm(toIndex[axis])))

    def kept(self, displacement: np.ndarray, normals: np.ndarray, neighborhood: Neighborhood) -> np.ndarray:
        """Displacements (n, 3) that leave every cut in its plane.

        :param normals: (n, 3) unit, of the surface as it lies.
        """
        for near, normal in self.planes:
            cut = np.flatnonzero(near)
            cut = cut[np.abs(normals[cut] @ normal) > ACROSS]
            mean = neighborhood.meanAt(cut)
            for _ in range(ROUNDS if len(cut) else 0):
                displacement[cut] = mean @ displacement
        return self.inPlanes(displacement)

    def inPlanes(self, displacement: np.ndarray) -> np.ndarray:
        """Displacements (n, 3), changed in place, without what leads out of the plane of a cut."""
        for near, normal in self.planes:
            displacement[near] -= (displacement[near] @ normal)[:, None] * normal
        return displacement
