"""The scale of the maps as a drawing: colors, numbers and ticks at zero and at the tolerance, and what is not measured.

It is the same under all six views, the histogram, the sections and the 3D view of a report.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ..Content.ComparisonView import isComparison, isVersions
from .ColorScale import BANDS, HATCH, NOT_MEASURED, deviationColors

# Wide, and for a phone, where what is not measured stands below: width, height, right margin of the bar.
WIDE, NARROW = (720, 62, 150), (340, 92, 16)
_LEFT, _TOP, _BAR = 16, 4, 18
_STEPS = 120
# For the left end, the right end and what is not measured.
SCALE_WORDS = ("mesh too large", "mesh too small", "not measured")
PART_WORDS = ("part too large", "part too small", "not measured")
VERSION_WORDS = ("added", "removed", "not measured")


def scaleWords(report: Mapping) -> tuple[str, str, str]:
    """The words of the scale of a report."""
    if isVersions(report):
        return VERSION_WORDS
    return PART_WORDS if isComparison(report) else SCALE_WORDS


def scaleSvg(
    reach: float, tolerance: float, words: tuple[str, ...], say: Callable[[str], str] = str, *, size=WIDE, banded=False
) -> str:
    """The drawing as SVG; holds nothing but numbers and the words.

    :param reach: mm, where the colors end. :param tolerance: mm.
    :param words: for the left end, the right end and what is not measured.
    :param say: says words and numbers in the language of the report, escaped for SVG.
    :param size: WIDE or NARROW.
    """
    width, height, right = size
    bar = width - _LEFT - right

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
        inside.append(f'<text x="{x}" y="{floor + 20}" text-anchor="middle" font-size="13">{say(signed(value))}</text>')
    below = floor + 36
    inside.append(f'<text x="{_LEFT - 12}" y="{below}" font-size="13">{say(words[0])}</text>')
    inside.append(f'<text x="{_LEFT + bar + 12}" y="{below}" text-anchor="end" font-size="13">{say(words[1])}</text>')
    inside.append(f'<text x="{_LEFT + bar / 2}" y="{below}" text-anchor="middle" font-size="13">mm</text>')
    if size == NARROW:
        inside.append(_patch(_LEFT, below + 8))
        inside.append(f'<text x="{_LEFT + 42}" y="{below + 22}" font-size="13">{say(words[2])}</text>')
    else:
        inside.append(_patch(width - right + 24, _TOP))
        inside.append(f'<text x="{width - right + 24}" y="{floor + 20}" font-size="13">{say(words[2])}</text>')
    low, high = signed(-reach), signed(reach)
    summary = say(f"Scale of the maps: {words[0]} to {words[1]}, {low} to {high} mm, ticks at the tolerance")
    kind = 'class="mapScale narrow"' if size == NARROW else 'class="mapScale"'
    return (
        f'<svg {kind} viewBox="0 0 {width} {height}" role="img" aria-label="{summary}" '
        f'xmlns="http://www.w3.org/2000/svg">{"".join(inside)}</svg>'
    )


def _patch(x: int, top: int, width: int = 34) -> str:
    """The hatching of what is not measured."""
    lines = "".join(
        f'<line x1="{x + start}" y1="{top + _BAR}" x2="{x + start + 12}" y2="{top}" stroke="{_hex(HATCH)}" '
        'stroke-width="2.5"/>'
        for start in range(1, width - 12, 7)
    )
    return f'<rect x="{x}" y="{top}" width="{width}" height="{_BAR}" fill="{_hex(NOT_MEASURED)}"/>{lines}'


def signed(value: float) -> str:
    """A number with its sign and a minus of its own."""
    return f"{value:+.3g}".replace("-", "\u2212") if value else "0"


def _hex(color) -> str:
    return "#{:02x}{:02x}{:02x}".format(*(int(part) for part in color))
