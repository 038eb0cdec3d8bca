"""Several segments as one, for models that are printed in one piece."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..Errors import M3DError
from .Segment import Segment

# Share of a voxel by which two grids may differ and still have the same voxels.
_VOXEL_TOLERANCE = 0.01


def mergeSegments(segments: Sequence[Segment], name: str) -> Segment:
    """The union of segments, with the color and coding of the first; inner walls between them vanish.

    :param segments: on grids of the same spacing and axes whose voxels coincide (those of one segmentation do).
    :raises M3DError: no segment, or their voxels do not coincide.
    """
    if not segments:
        raise M3DError("There is no segment to merge.")
    first = segments[0]
    toIndex = np.linalg.inv(first.ijkToLps)
    offsets = []
    for segment in segments:
        relative = toIndex @ segment.ijkToLps
        offset = np.rint(relative[:3, 3])
        shape = np.array(segment.array.shape[::-1])
        # The last voxel shows a difference in spacing best.
        last = relative[:3, :3] @ (shape - 1) + relative[:3, 3] - (offset + shape - 1)
        if np.abs(relative[:3, 3] - offset).max() > _VOXEL_TOLERANCE or np.abs(last).max() > _VOXEL_TOLERANCE:
            raise M3DError(
                f"Segments '{first.name}' and '{segment.name}' have voxels that do not coincide, so they cannot be "
                "merged; give both the same geometry, or export them as two objects.",
            )
        offsets.append(offset.astype(int))
    low = np.min(offsets, axis=0)
    high = np.max(
        [offset + segment.array.shape[::-1] for offset, segment in zip(offsets, segments, strict=True)], axis=0
    )
    array = np.zeros((high - low)[::-1], dtype=np.uint8)
    for offset, segment in zip(offsets, segments, strict=True):
        i, j, k = offset - low
        depth, height, width = segment.array.shape
        array[k : k + depth, j : j + height, i : i + width] |= segment.array != 0
    ijkToLps = first.ijkToLps.copy()
    ijkToLps[:3, 3] = first.ijkToLps[:3, :3] @ low + first.ijkToLps[:3, 3]
    return replace(first, array=array, ijkToLps=ijkToLps, name=name)
