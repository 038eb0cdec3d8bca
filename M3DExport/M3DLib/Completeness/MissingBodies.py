"""Material that the model does not have, and space that it fills although the scan shows no material there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..Segmentation.VoxelBodies import VoxelBodies
from .BlockImage import BlockImage, grown, shrunk

# With fewer blocks the middle of a body says nothing of its value.
FEWEST_BLOCKS = 8


@dataclass
class Body:
    """A connected piece.

    :ivar number: its label. :ivar volumeMm3: at the half height between its own value and that of its surroundings.
    :ivar center: of its volume, LPS mm. :ivar place: of it, the nearest to the center.
    :ivar sizeMm: extent along the patient's axes. :ivar value: typical value, image units.
    :ivar touchesModel: whether it borders on the model. :ivar atBorder: whether it reaches the border of the scan.
    """

    number: int
    volumeMm3: float
    center: np.ndarray
    place: np.ndarray
    sizeMm: np.ndarray
    value: float
    touchesModel: bool
    atBorder: bool


def pieces(core: np.ndarray, whole: np.ndarray, reach) -> tuple[np.ndarray, int]:
    """Label image of the pieces of ``whole`` that hold a part of ``core``, up to ``reach`` (blocks) around that."""
    if not core.any():
        return np.zeros(core.shape, dtype=np.int32), 0
    bodies = VoxelBodies.of(grown(core, reach) & whole, corners=True)
    # Others are crumbs beside a core, which do not hang together with it.
    held = bodies.touched(core)
    return bodies.spread(np.where(held, np.cumsum(held, dtype=np.int32), np.int32(0))), int(np.count_nonzero(held))


def describe(
    blocks: BlockImage, labels: np.ndarray, count: int, *, model: np.ndarray, material: np.ndarray, filled: bool = False
) -> list[Body]:
    """Volume and place of pieces, the largest first.

    :param model: blocks inside the model. :param material: blocks of material.
    :param filled: the pieces are parts of the model, and what counts is how far the blocks are without material.
    """
    from scipy import ndimage

    bodies = []
    for number, box in enumerate(ndimage.find_objects(labels, count), start=1):
        wide = tuple(
            slice(max(part.start - 3, 0), min(part.stop + 3, size))
            for part, size in zip(box, labels.shape, strict=True)
        )
        piece = labels[wide] == number
        place = _Place(blocks, number, piece, wide)
        if filled:
            bodies.append(place.body(piece & model[wide], np.float32(1), float(np.median(blocks.values[wide][piece]))))
        else:
            bodies.append(_missing(place, model[wide], material[wide]))
    return sorted(bodies, key=lambda body: -body.volumeMm3)


@dataclass
class _Place:
    """A piece (bool (k, j, i)) in a box of the blocks."""

    blocks: BlockImage
    number: int
    piece: np.ndarray
    box: tuple[slice, slice, slice]

    def body(self, counted: np.ndarray, share, value: float, touches: bool = True) -> Body:
        """The piece as a body.

        :param counted: blocks whose ``share`` (of one block) makes up its volume.
        """
        first = np.array([part.start for part in self.box[::-1]])
        weights = np.where(counted, share, 0).astype(np.float64)
        total = float(weights.sum())
        k, j, i = np.nonzero(weights if total > 0 else self.piece)
        index = np.stack([i, j, k], axis=1)
        center = np.average(index, axis=0, weights=weights[k, j, i] if total > 0 else None) + first
        k, j, i = np.nonzero(self.piece)
        index = np.stack([i, j, k], axis=1) + first
        last = np.array(self.blocks.values.shape[::-1]) - 1
        edges = np.abs(self.blocks.ijkToLps[:3, :3]).sum(axis=1)
        return Body(
            self.number,
            total * self.blocks.volumeMm3,
            self.blocks.toLps(center[None])[0],
            self.blocks.toLps(index[((index - center) ** 2).sum(axis=1).argmin()][None])[0],
            np.ptp(self.blocks.toLps(index), axis=0) + edges,
            value,
            touches,
            bool(((index == 0) | (index == last)).any()),
        )


def _missing(place: _Place, model: np.ndarray, material: np.ndarray) -> Body:
    """Material that the model lacks; a block that the edge crosses counts by how far it lies above the surroundings."""
    values, piece = place.blocks.values[place.box], place.piece
    around = grown(piece, (1, 1, 1))
    deep = piece & shrunk(material, (1, 1, 1))
    enough = np.count_nonzero(deep) >= FEWEST_BLOCKS
    value = float(np.median(values[deep])) if enough else float(np.percentile(values[piece], 90))
    beside = grown(piece, (3, 3, 3)) & ~around & ~material
    outside = float(np.median(values[beside])) if beside.any() else float(values.min())
    share = np.clip((values - outside) / max(value - outside, 1e-6), 0, 1)
    return place.body(around & ~model, share, value, bool((around & model).any()))
