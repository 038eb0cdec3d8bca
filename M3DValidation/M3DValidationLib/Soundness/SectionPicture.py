"""A picture of a cut through a model at one place: material gray, its outline dark, a ring around the place."""

from __future__ import annotations

import numpy as np

from .PlacePicture import RIM, RING

_MATERIAL, _OUTLINE = (214, 205, 190), (60, 60, 60)


def sectionPicture(
    corners: np.ndarray, place: np.ndarray, up: np.ndarray, right: np.ndarray, radiusMm: float, *, pixels: int = 600
) -> np.ndarray:
    """The cut in the plane of two directions, with the place in the middle.

    :param corners: float64 (m, 3 corners, 3 axes), LPS mm; what lies within an odd number of surfaces is material.
    :param place: float64 (3,), LPS mm.
    :param up, right: float64 (3,), of length 1 and at right angles, LPS.
    :param radiusMm: half the width of what is shown.
    :return: uint8 (pixels, pixels, 3) sRGB.
    """
    from PIL import Image, ImageDraw

    scale, middle = pixels / (2 * radiusMm), (pixels - 1) / 2
    lines = _cut(corners - place, np.cross(right, up))
    x, y = middle + lines @ right * scale, middle - lines @ up * scale
    picture = np.full((pixels, pixels, 3), 255, dtype=np.uint8)
    for row in range(pixels):
        meets = (y[:, 0] <= row) != (y[:, 1] <= row)
        (x0, x1), (y0, y1) = x[meets].T, y[meets].T
        at = np.ceil(x0 + (row - y0) / (y1 - y0) * (x1 - x0))
        passed = np.bincount(np.clip(at, 0, pixels).astype(np.int64), minlength=pixels + 1)[:pixels]
        picture[row, np.cumsum(passed) % 2 == 1] = _MATERIAL
    canvas = Image.fromarray(picture)
    draw = ImageDraw.Draw(canvas)
    near = (np.minimum(x[:, 0], x[:, 1]) < pixels) & (np.maximum(x[:, 0], x[:, 1]) > 0)
    near &= (np.minimum(y[:, 0], y[:, 1]) < pixels) & (np.maximum(y[:, 0], y[:, 1]) > 0)
    for (x0, x1), (y0, y1) in zip(x[near], y[near], strict=True):
        draw.line((x0, y0, x1, y1), fill=_OUTLINE, width=1)
    radius = pixels / 8
    for grown, color, width in ((1.5, RIM, 6), (0, RING, 3)):
        reach = radius + grown
        draw.ellipse((middle - reach, middle - reach, middle + reach, middle + reach), outline=color, width=width)
    return np.asarray(canvas)


def _cut(corners: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Lines, float64 (n, 2 ends, 3), in which triangles meet the plane through the origin."""
    above = corners @ normal >= 0
    corners = corners[above.any(axis=1) & ~above.all(axis=1)]
    height = corners @ normal
    above = height >= 0
    # The corner that is alone on its side comes first; both edges at it meet the plane.
    alone = np.where(above.sum(axis=1) == 1, above.argmax(axis=1), (~above).argmax(axis=1))
    row = np.arange(len(corners))
    ends = []
    for step in (1, 2):
        other = (alone + step) % 3
        start, end = height[row, alone], height[row, other]
        share = (start / (start - end))[:, None]
        ends.append(corners[row, alone] + share * (corners[row, other] - corners[row, alone]))
    return np.stack(ends, axis=1)
