"""The report as one HTML file that needs nothing else: no network, no other file."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path

from M3DLib.Errors import M3DError

from .HistogramDrawing import histogramSvg
from .ReportView import reportView


def htmlReport(report: Mapping, pictures: Mapping[str, bytes] | None = None) -> str:
    """A complete HTML document.

    :param report: content that follows ``Report.schema.json``.
    :param pictures: PNG files by the names that the report has for them; those that are missing are not shown.
    :raises M3DError: Jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError as error:
        raise M3DError("A report in HTML needs Jinja2; install it with: pip install jinja2") from error
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    view = reportView(report)
    for deviation in view["deviations"]:
        # Drawn from numbers alone, so nothing in it can be anybody's text.
        deviation["svg"] = Markup(histogramSvg(deviation["histogram"], deviation["tolerance"]))
    shown = []
    for picture in view["pictures"]:
        png = (pictures or {}).get(picture["file"])
        if png is not None:
            data = base64.b64encode(png).decode("ascii")
            shown.append({**picture, "data": f"data:image/png;base64,{data}"})
    view["pictures"] = shown
    return environment.get_template("Report.html.j2").render(view)
