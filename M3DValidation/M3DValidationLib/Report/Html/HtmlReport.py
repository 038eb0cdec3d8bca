"""The report as one HTML file that needs nothing else: no network, no other file."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path

from M3DLib.PageTemplates import pageTemplates

from ..Content.ReportLanguage import drawnIn, translatedTemplate, translatedView, translatorOf
from ..Content.ReportView import reportView
from ..FirstPage.FirstPageView import firstPage, hasColors
from ..FirstPage.Importance import byImportance
from ..Pictures.ColorScale import ANCHORS, BANDS, HATCH, NOT_MEASURED
from ..Pictures.HistogramDrawing import histogramSvg
from ..Pictures.ScaleDrawing import NARROW, WIDE, scaleSvg, scaleWords
from .DeviationWords import SIDES, spoken

# With the 3D views a page stays below this; from 15 MB on, mail servers refuse it.
MOST_BYTES = 14_000_000


def htmlReport(report: Mapping, attachments: Mapping[str, bytes] | None = None, language: str = "en") -> str:
    """A complete HTML document.

    :param report: content that follows ``Report.schema.json``.
    :param attachments: PNG and glTF files by the names that the report has for them; those that are missing are not
        shown.
    :param language: code of :data:`M3DLib.Language.Languages.LANGUAGES`.
    :raises M3DError: Jinja2 is not installed.
    """
    translator = translatorOf(report, language)
    templates = pageTemplates(
        Path(__file__).parent, "A report in HTML", lambda text: translatedTemplate(text, "html", translator)
    )
    from markupsafe import Markup

    files, say = attachments or {}, drawnIn(translator)
    view = reportView(report)
    view["first"] = firstPage(report)
    view["attention"].sort(key=byImportance)
    scale = view["first"]["scale"]
    view["scale"] = ""
    if scale:
        words, reach, tolerance = scaleWords(report), scale["reach"], scale["tolerance"]
        drawings = [scaleSvg(reach, tolerance, words, say, size=size) for size in (WIDE, NARROW)]
        view["scale"] = Markup("".join(drawings))
    for deviation in view["deviations"]:
        # Drawn from numbers alone, so nothing in it can be anybody's text.
        deviation["svg"] = Markup(histogramSvg(deviation["histogram"], deviation["tolerance"], say))
    for block in view["first"]["blocks"]:
        block["pictures"] = _withData(block["pictures"], files)
    view["first"]["colored"] = hasColors(view["first"]["blocks"])
    groups = [{**group, "pictures": _withData(group["pictures"], files)} for group in view["pictureGroups"]]
    groups = [group for group in groups if group["pictures"]]
    view["deviationGroups"] = [group for group in groups if group["about"] == "deviation"]
    view["askedGroups"] = [group for group in groups if group["about"] == "asked"]
    view["otherGroups"] = [group for group in groups if group["about"] not in ("deviation", "asked")]
    key = [picture for block in view["first"]["blocks"] for picture in block["pictures"]]
    shown = [*key, *(picture for group in groups for picture in group["pictures"])]
    words = scaleWords(report)
    models = [{**model, "spoken": spoken(model["placeTexts"], words, translator)} for model in view["models"]]
    view["sides"] = [{"key": side, "name": name} for side, name in SIDES.items()]
    view["models"] = _modelsWithData(models, files, sum(len(picture["data"]) for picture in shown))
    for part in ("Report.css", "TableSorting.js", "Navigation.js", "DeviationMesh.js", "DeviationView.js"):
        view[part.replace(".", "")] = Markup(Path(__file__).with_name(part).read_text(encoding="utf-8"))
    return templates.get_template("Report.html.j2").render(translatedView(view, translator))


def _withData(pictures: list[dict], files: Mapping[str, bytes]) -> list[dict]:
    return [
        {**picture, "data": f"data:image/png;base64,{base64.b64encode(files[picture['file']]).decode('ascii')}"}
        for picture in pictures
        if picture["file"] in files
    ]


def _modelsWithData(models: list[dict], files: Mapping[str, bytes], used: int) -> list[dict]:
    """The models with their content and settings; without content where the page would get too large."""
    found = []
    for number, model in enumerate(models, start=1):
        glb = files.get(model["file"])
        if glb is None:
            continue
        data = base64.b64encode(glb).decode("ascii")
        used += len(data)
        settings = {
            "rangeMm": model["rangeMm"],
            "places": model["places"],
            **model["spoken"],
            "bands": BANDS,
            "hatch": list(HATCH),
            "anchors": ANCHORS.tolist(),
            "notMeasured": list(NOT_MEASURED),
        }
        fits = used <= MOST_BYTES
        found.append(
            {**model, "id": f"model3d-{number}", "data": data if fits else "", "settings": json.dumps(settings)}
        )
    return found
