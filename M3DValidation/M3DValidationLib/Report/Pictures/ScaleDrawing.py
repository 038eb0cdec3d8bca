"""The scale of the maps as a drawing: colors, numbers and ticks at zero and at the tolerance, and what is not measured.

It is the same under all six views, the histogram, the sections and the 3D view of a report.
"""

from __future__ import annotations

import numpy as np

from .ColorScale import BANDS, HATCH, NOT_MEASURED, deviationColors

WIDTH, HEIGHT = 720, 62
_LEFT, _RIGHT, _TOP, _BAR = 16, 150, 4, 18
_STEPS = 120
# For the left end, the right end and what is not measured.
SCALE_WORDS = ("mesh too large", "mesh too small", "not measured")


def scaleSvg(reach: float, tolerance: float, words: tuple[str, str, str], banded: bool = False) -> str:
    """The drawing as SVG; holds nothing but numbers and the words.

    :param reach: mm, where the colors end. :param tolerance: mm.
    :param words: for the left end, the right end and what is not measured; escaped by whoever gives them.
    """
    bar = WIDTH - _LEFT - _RIGHT

    def xOf(value: float) -> float:
        return round(_LEFT + (value + reach) / (2 * reach) * bar, 2)

    steps = 2 * BANDS if banded else _STEPS
    middles = (np.arange(steps) + 0.5) / steps * 2 * reach - reach
    inside = []
    for number, color in enumerate(deviationColors(middles, reach, banded=banded)):
        x = round(_LEFT + number * bar / steps, 2)
        # A little wider than its step, so that no gap shows between two of them.
        inside.append(
            f'<rect x="{x}" y="{_TOP}" width="{round(bar / steps + 0.5, 2)}" height="{_BAR}" fill="{_hex(color)}"/>'
        )
    floor = _TOP + _BAR
    for value in (-reach, -tolerance, 0.0, tolerance, reach):
        x, long_ = xOf(value), 8 if abs(value) == tolerance or not value else 5
        inside.append(f'<line x1="{x}" x2="{x}" y1="{_TOP}" y2="{floor + long_}" stroke="currentColor"/>')
        inside.append(f'<text x="{x}" y="{floor + 20}" text-anchor="middle" font-size="13">{signed(value)}</text>')
    below = HEIGHT - 4
    inside.append(f'<text x="{_LEFT - 12}" y="{below}" font-size="13">{words[0]}</text>')
    inside.append(f'<text x="{_LEFT + bar + 12}" y="{below}" text-anchor="end" font-size="13">{words[1]}</text>')
    inside.append(f'<text x="{_LEFT + bar / 2}" y="{below}" text-anchor="middle" font-size="13">mm</text>')
    inside.append(_patch(WIDTH - _RIGHT + 24))
    inside.append(f'<text x="{WIDTH - _RIGHT + 24}" y="{floor + 20}" font-size="13">{words[2]}</text>')
    ends = f"{words[0]} to {words[1]}, {signed(-reach)} to {signed(reach)} mm"
    summary = f"Scale of the maps: {ends}, ticks at the tolerance"
    return (
        f'<svg class="mapScale" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{summary}" '
        f'xmlns="http://www.w3.org/2000/svg">{"".join(inside)}</svg>'
    )


def _patch(x: int, width: int = 34) -> str:
    """The hatching of what is not measured."""
    lines = "".join(
        f'<line x1="{x + start}" y1="{_TOP + _BAR}" x2="{x + start + 12}" y2="{_TOP}" stroke="{_hex(HATCH)}" '
        'stroke-width="2.5"/>'
        for start in range(1, width - 12, 7)
    )
    return f'<rect x="{x}" y="{_TOP}" width="{width}" height="{_BAR}" fill="{_hex(NOT_MEASURED)}"/>{lines}'


def signed(value: float) -> str:
    """A number with its sign and a minus of its own."""
    return f"{value:+.3g}".replace("-", "\u2212") if value else "0"


def _hex(color) -> str:
    return "#{:02x}{:02x}{:02x}".format(*(int(part) for part in color))
