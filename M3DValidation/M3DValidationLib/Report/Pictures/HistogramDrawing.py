"""The histogram of deviations as a drawing: bars, axis and tolerance as numbers and SVG."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping

import numpy as np

from M3DLib.NumberText import number, shareInPercent

from .ColorScale import deviationColors
from .ScaleDrawing import signed

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 720, 250, 64, 44, 12
_SHARE_STEPS, _MOST_SHARES = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 25, 50), 5


def histogramBars(histogram: Mapping) -> list[dict]:
    """One bar per bin and one at each end for what lies beyond: ``x``, ``width``, ``height``, ``color``, ``text``."""
    edges = histogram["edges"]
    shares = [histogram["below"], *histogram["shares"], histogram["above"]]
    step = (WIDTH - LEFT) / len(shares)
    highest = max(*shares, 1e-9)
    middles = [edges[0], *[(a + b) / 2 for a, b in itertools.pairwise(edges)], edges[-1]]
    colors = deviationColors(np.array(middles), max(abs(edges[0]), abs(edges[-1])))
    bars = []
    for index, share in enumerate(shares):
        if index == 0:
            where = f"below {_shown(edges[0])} mm"
        elif index == len(shares) - 1:
            where = f"above {_shown(edges[-1])} mm"
        else:
            where = f"{_shown(edges[index - 1])} to {_shown(edges[index])} mm"
        bars.append(
            {
                "x": round(LEFT + index * step, 2),
                "width": round(step - 1, 2),
                "height": round((HEIGHT - BOTTOM - TOP) * share / highest, 2),
                "color": "#{:02x}{:02x}{:02x}".format(*colors[index]),
                "text": f"{where}: {shareInPercent(share)} of the area",
            }
        )
    return bars


def _shown(edge: float) -> str:
    return number(round(edge, 6) + 0.0)


def histogramSvg(histogram: Mapping, tolerance: float, say: Callable[[str], str] = str) -> str:
    """The drawing as SVG; holds nothing but numbers and the words written here.

    :param tolerance: mm. :param say: says words and numbers in the language of the report, escaped for SVG.
    """
    edges = histogram["edges"]
    bars = histogramBars(histogram)
    step = (WIDTH - LEFT) / len(bars)
    floor = HEIGHT - BOTTOM

    def xOf(value: float) -> float:
        share = (value - edges[0]) / (edges[-1] - edges[0])
        return round(LEFT + step + share * (WIDTH - LEFT - 2 * step), 2)

    inside = [
        f'<rect x="{bar["x"]}" y="{round(floor - bar["height"], 2)}" width="{bar["width"]}" height="{bar["height"]}" '
        f'fill="{bar["color"]}" stroke="currentColor" stroke-width="0.4"><title>{say(bar["text"])}</title></rect>'
        for bar in bars
    ]
    # As many numbers on the axis of shares as are read at a glance, on round steps.
    highest = 100 * max(histogram["below"], *histogram["shares"], histogram["above"], 1e-9)
    most = next((step for step in _SHARE_STEPS if highest / step <= _MOST_SHARES), _SHARE_STEPS[-1])
    for share in np.arange(0, highest + 1e-9, most):
        y = round(floor - (HEIGHT - BOTTOM - TOP) * share / highest, 2)
        inside.append(f'<line x1="{LEFT}" x2="{WIDTH}" y1="{y}" y2="{y}" stroke="currentColor" stroke-opacity="0.25"/>')
        inside.append(f'<text x="{LEFT - 4}" y="{y + 5}" text-anchor="end">{say(f"{share:g} %")}</text>')
    for value in (-tolerance, tolerance):
        x = xOf(value)
        inside.append(f'<line x1="{x}" x2="{x}" y1="{TOP}" y2="{floor}" stroke="currentColor" stroke-dasharray="5 4"/>')
    inside.append(f'<line x1="{LEFT}" x2="{WIDTH}" y1="{floor}" y2="{floor}" stroke="currentColor"/>')
    for value in (edges[0], -tolerance, 0.0, tolerance, edges[-1]):
        label = say(signed(value))
        inside.append(f'<text x="{xOf(value)}" y="{floor + 18}" text-anchor="middle">{label}</text>')
    middle = (LEFT + WIDTH) / 2
    inside.append(f'<text x="{middle}" y="{HEIGHT - 4}" text-anchor="middle">{say("signed deviation, mm")}</text>')
    summary = say(
        f"Histogram of the signed deviations; dashed: the tolerance of {tolerance:g} mm. "
        f"{100 * histogram['below']:.1f} % lie below and {100 * histogram['above']:.1f} % above what is drawn."
    )
    return (
        f'<svg class="histogram" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{summary}" '
        f'xmlns="http://www.w3.org/2000/svg">{"".join(inside)}</svg>'
    )
