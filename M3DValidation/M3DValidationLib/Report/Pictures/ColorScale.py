"""The one scale of colors for deviations: blue where the mesh is too large, orange where it is too small.

Blue and orange are told apart by people with any of the common color deficiencies, and get darker towards both ends, so
that the scale survives printing in gray. The middle is a gray that is not the white of paper. What could not be
measured is hatched as well as dark gray, so that nobody takes it for a value.
"""

from __future__ import annotations

import numpy as np

# Share of the range, and sRGB there; straight between them.
ANCHORS = np.array(
    [(-1.0, 8, 48, 107), (-0.5, 66, 146, 198), (0.0, 208, 206, 202), (0.5, 241, 163, 64), (1.0, 127, 59, 8)]
)
NOT_MEASURED, HATCH = (75, 75, 75), (150, 150, 150)
# Bands of the banded scale between its middle and either end; the tolerance is a border between two of them.
BANDS = 4


def deviationColors(
    distance: np.ndarray, reach: float, measured: np.ndarray | None = None, banded: bool = False
) -> np.ndarray:
    """Colors of signed distances.

    :param distance: (n,), mm; positive where the mesh is too small.
    :param reach: mm; from here on the color is that of the scale's end.
    :param measured: bool (n,), which distances count; all finite ones when None.
    :param banded: in steps instead of without.
    :return: uint8 (n, 3) sRGB.
    """
    distance = np.asarray(distance, dtype=np.float64)
    good = np.isfinite(distance) if measured is None else measured & np.isfinite(distance)
    place = np.clip(np.where(good, distance, 0) / reach, -1, 1)
    if banded:
        place = np.clip((np.floor(place * BANDS) + 0.5) / BANDS, 0.5 / BANDS - 1, 1 - 0.5 / BANDS)
    colors = np.stack([np.interp(place, ANCHORS[:, 0], ANCHORS[:, channel]) for channel in (1, 2, 3)], axis=1)
    colors[~good] = NOT_MEASURED
    return np.round(colors).astype(np.uint8)


def hatched(shape: tuple[int, int], period: int = 9, width: int = 3) -> np.ndarray:
    """Which pixels of a picture the lines of the hatching cover, bool (height, width)."""
    rows, columns = np.indices(shape)
    return (rows + columns) % period < width
