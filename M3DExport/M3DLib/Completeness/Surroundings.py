"""What of the space around material is outside, and what is enclosed: marrow, cells of bone, cavities.

A segmentation may fill such spaces or leave them open; both are done on purpose, and neither makes the model's outer
shape wrong. So they are told apart from the outside: a space is enclosed where a cube of about three millimeters cannot
come to from the border of the scan without touching material, and that lies deeper than a few millimeters behind such
a narrow entrance.
"""

from __future__ import annotations

import numpy as np

from ..Segmentation.VoxelBodies import VoxelBodies
from .BlockImage import grown, shrunk

# Half the width of an entrance through which the outside comes in, beyond the middle block; how deep beyond it.
HALF_ENTRANCE_MM = 1.0
DEPTH_MM = 3.0


def outsideOf(material: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Blocks without material that the outside reaches, bool (k, j, i).

    :param material: bool (k, j, i). :param spacing: of the blocks along i, j, k, mm.
    """
    empty = ~material
    cells = np.maximum(np.rint(HALF_ENTRANCE_MM / spacing), 1).astype(int)
    wide = shrunk(empty, cells)
    spaces = VoxelBodies.of(wide)
    border = np.ones_like(wide)
    border[1:-1, 1:-1, 1:-1] = False
    outside = spaces.spread(spaces.touched(border))
    # Back to the walls that the cube keeps away from, and into what is narrower; through faces, so that no thin wall is
    # passed at a corner.
    for step in range(int(np.ceil((HALF_ENTRANCE_MM + DEPTH_MM) / spacing.min()))):
        reach = [int((step + 1) * spacing.min() // size) > int(step * spacing.min() // size) for size in spacing]
        more = outside.copy()
        for axis, moves in enumerate(reach):
            if moves:
                more |= grown(outside, [int(axis == other) for other in range(3)])
        outside = more & empty
    return outside
