"""Where in the image a model lies, and the material around it, in blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..Distance.ClosestSurface import ClosestSurface
from ..Mesh.TriangleMesh import TriangleMesh
from ..Segmentation.Segment import Segment
from ..Segmentation.VoxelBodies import VoxelBodies
from .BlockImage import BlockImage, grown
from .Material import Material
from .Surroundings import outsideOf

# Up to this distance from the model's surface every point of the scan's edge is measured.
BESIDE_MM = 5.0
# Neighbors overlap by little; a segment that shares more of its voxels with the model is none.
MOST_SHARED = 0.1
# So many blocks of a body tell whether it lies near the model.
FEW_BLOCKS = 2000


class ModelSpace:
    """Masks (k, j, i) of the blocks of an image that a model takes.

    :ivar inside: those whose middle lies inside a closed mesh. :ivar model: those, and all at its surface.
    :ivar around: those up to the stated distance, in a box. :ivar beside: those beside the surface, but not at it.
    """

    def __init__(self, mesh: TriangleMesh, blocks: BlockImage, nearMm: float):
        self.inside = blocks.inside(mesh) if mesh.isClosed else np.zeros(blocks.values.shape, dtype=bool)
        index = np.rint(blocks.toIndex(mesh.points)).astype(np.intp)
        index = index[((index >= 0) & (index < self.inside.shape[::-1])).all(axis=1)]
        surface = np.zeros_like(self.inside)
        surface[index[:, 2], index[:, 1], index[:, 0]] = True
        # Walls thinner than a block have no block's middle in them.
        self.model = self.inside | surface
        self.around = grown(self.model, blocks.cells(nearMm))
        surface = grown(surface, (1, 1, 1))
        self.beside = grown(surface, blocks.cells(BESIDE_MM)) & ~surface


@dataclass
class Neighborhood:
    """The material of an image and what of it concerns a model; masks and labels (k, j, i) of blocks.

    :ivar material: blocks above the material's level. :ivar labels: the connected body of each, 0 for none.
    :ivar near: bool (bodies,), which bodies touch the model or lie near it. :ivar touching: which touch it.
    :ivar outside: blocks without material that the outside reaches.
    :ivar others: blocks of segments that have models of their own; None without any.
    """

    blocks: BlockImage
    space: ModelSpace
    found: Material
    nearMm: float
    material: np.ndarray
    labels: np.ndarray
    near: np.ndarray
    touching: np.ndarray
    outside: np.ndarray
    others: np.ndarray | None

    @classmethod
    def of(
        cls,
        space: ModelSpace,
        closest: ClosestSurface,
        blocks: BlockImage,
        found: Material,
        *,
        others: Sequence[Segment],
        nearMm: float,
    ) -> Neighborhood:
        """Find the bodies of the material near a model."""
        material = blocks.values > found.level
        bodies = VoxelBodies.of(material, corners=True)
        near, touching, labels = bodies.touched(space.around), bodies.touched(space.model), bodies.image
        outside = outsideOf(material, blocks.spacing)
        masks = neighborsOf(others, blocks, space.inside)
        result = cls(blocks, space, found, nearMm, material, labels, near, touching, outside, masks)
        result._dropFar(closest)
        return result

    def _dropFar(self, closest: ClosestSurface) -> None:
        """Leave out bodies that are near by the box around the model only; roughly, the rest is found out later."""
        candidates = self.near & ~self.touching
        if not candidates.any():
            return
        k, j, i = np.nonzero(self.space.around & candidates[self.labels])
        label = self.labels[k, j, i]
        for number in np.flatnonzero(candidates):
            own = np.flatnonzero(label == number)
            own = own[:: len(own) // FEW_BLOCKS + 1]
            points = self.blocks.toLps(np.stack([i[own], j[own], k[own]], axis=1))
            distance = float(closest.query(points).distance.min())
            self.near[number] = distance <= self.nearMm + 2 * self.blocks.spacing.max()

    @property
    def nearMaterial(self) -> np.ndarray:
        """Blocks of the bodies that touch the model or lie near it, bool (k, j, i)."""
        return self.near[self.labels]


def neighborsOf(segments: Sequence[Segment], blocks: BlockImage, inside: np.ndarray) -> np.ndarray | None:
    """Blocks whose middle belongs to a segment that is a neighbor of the model, bool (k, j, i); None without any.

    A segment that shares a good part of its voxels with the model is another version of it, and none.

    :param inside: blocks inside the model.
    """
    if not segments:
        return None
    from scipy.ndimage import affine_transform

    result = None
    turn = np.array([2, 1, 0])
    for segment in segments:
        matrix = np.linalg.inv(segment.ijkToLps) @ blocks.ijkToLps
        linear, offset = matrix[:3, :3][np.ix_(turn, turn)], matrix[:3, 3][turn]
        array = segment.array.astype(np.uint8, copy=False)
        own = affine_transform(array, linear, offset, inside.shape, order=0, mode="constant") != 0
        if np.count_nonzero(own & inside) <= MOST_SHARED * np.count_nonzero(own):
            result = own if result is None else result | own
    return result
