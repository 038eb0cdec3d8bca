"""The one scale of colors for deviations: blue where the mesh is too large, orange where it is too small.

Blue and orange are told apart by people with any of the common color deficiencies, and get darker towards both ends, so
that the scale survives printing in gray. What could not be measured is dark gray, which the scale does not hold.
"""

from __future__ import annotations

import numpy as np

# Share of the range, and sRGB there; straight between them.
ANCHORS = np.array(
    [(-1.0, 8, 48, 107), (-0.5, 66, 146, 198), (0.0, 242, 240, 235), (0.5, 241, 163, 64), (1.0, 127, 59, 8)]
)
NOT_MEASURED = (75, 75, 75)


def deviationColors(distance: np.ndarray, reach: float, measured: np.ndarray | None = None) -> np.ndarray:
    """Colors of signed distances.

    :param distance: (n,), mm; positive where the mesh is too small.
    :param reach: mm; from here on the color is that of the scale's end.
    :param measured: bool (n,), which distances count; all finite ones when None.
    :return: uint8 (n, 3) sRGB.
    """
    distance = np.asarray(distance, dtype=np.float64)
    good = np.isfinite(distance) if measured is None else measured & np.isfinite(distance)
    place = np.clip(np.where(good, distance, 0) / reach, -1, 1)
    colors = np.stack([np.interp(place, ANCHORS[:, 0], ANCHORS[:, channel]) for channel in (1, 2, 3)], axis=1)
    colors[~good] = NOT_MEASURED
    return np.round(colors).astype(np.uint8)


def cssGradient() -> str:
    """The scale as the color stops of a CSS gradient, from left (mesh too large) to right."""
    stops = (f"rgb({red:.0f} {green:.0f} {blue:.0f}) {50 + 50 * at:g}%" for at, red, green, blue in ANCHORS)
    return ", ".join(stops)
