"""What is written into pictures: scale bars, and letters that stay readable on any ground."""

from __future__ import annotations

import functools

import numpy as np

_STEPS = (0.5, 1, 2, 5, 10, 20, 50, 100, 200)
# A bar is no longer than this share of the width, and letters are so high, pixels.
_SHARE, _LETTERS = 0.22, 16
LIGHT, DARK = (255, 255, 255, 255), (20, 26, 32, 255)


def scaleBar(picture: np.ndarray, millimeters: float) -> np.ndarray:
    """The picture with a bar of a round length in its lower left corner.

    :param picture: uint8 (height, width, 3 or 4). :param millimeters: size of a pixel.
    """
    from PIL import Image, ImageDraw

    height, width = picture.shape[:2]
    fitting = [step for step in _STEPS if step / millimeters <= _SHARE * width]
    if not fitting:
        return picture
    length = fitting[-1] / millimeters
    shown = Image.fromarray(picture)
    draw = ImageDraw.Draw(shown)
    text, font = f"{fitting[-1]:g} mm", letters()
    # On a plate of its own: a picture lies on paper, on a dark page, on bone and on air.
    wide = max(length, draw.textlength(text, font=font))
    left, bottom = 14, height - 14
    plate = (left - 6, bottom - _LETTERS - 16, left + wide + 6, bottom + 6)
    channels = picture.shape[2]
    draw.rectangle(plate, fill=LIGHT[:channels])
    draw.rectangle((left, bottom - 5, left + length, bottom), fill=DARK[:channels])
    draw.text((left, bottom - 10), text, font=font, fill=DARK[:channels], anchor="ls")
    return np.asarray(shown)


def sideLetters(picture: np.ndarray, left: str, right: str, top: str, bottom: str) -> np.ndarray:
    """The picture with the letters of the patient's sides at the middle of its edges, light on a dark rim."""
    from PIL import Image, ImageDraw

    height, width = picture.shape[:2]
    shown = Image.fromarray(picture)
    draw = ImageDraw.Draw(shown)
    places = (
        (left, (5, height / 2), "lm"),
        (right, (width - 5, height / 2), "rm"),
        (top, (width / 2, 4), "ma"),
        (bottom, (width / 2, height - 5), "md"),
    )
    channels = picture.shape[2]
    for text, place, anchor in places:
        draw.text(
            place,
            text,
            font=letters(),
            fill=LIGHT[:channels],
            stroke_width=2,
            stroke_fill=DARK[:channels],
            anchor=anchor,
        )
    return np.asarray(shown)


@functools.cache
def letters(size: int = _LETTERS):
    """The font that Pillow brings along."""
    from PIL import ImageFont

    return ImageFont.load_default(size)
