"""The report as PDF/A-2b, made by typst from the templates in this folder.

All texts go to the template as one JSON value and are shown as text: nothing of them is ever part of the template.
"""

from __future__ import annotations

import json
import re
import struct
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from M3DLib.Errors import M3DError
from M3DLib.Language.Translator import Verbatim

from ..Content.ReportFormats import requireFormats
from ..Content.ReportLanguage import drawnIn, translatedTemplate, translatedView, translatorOf
from ..Content.ReportText import date
from ..Content.ReportView import reportView
from ..FirstPage.FirstPageView import firstPage, hasColors
from ..FirstPage.Importance import byImportance
from ..Pictures.HistogramDrawing import histogramSvg
from ..Pictures.ScaleDrawing import scaleSvg, scaleWords

STANDARD = "a-2b"

_REPLACEMENT = "\ufffd"
_NOT_SHOWN = re.compile('the text `"(.+?)"` could not be displayed', re.DOTALL)
_ESCAPED = re.compile(r"\\u\{([0-9a-f]+)\}")
_MOST_MISSING = 100


def pdfReport(report: Mapping, attachments: Mapping[str, bytes] | None = None, language: str = "en") -> bytes:
    """A PDF/A-2b document.

    :param report: content that follows ``Report.schema.json``.
    :param attachments: PNG files by the names that the report has for them; those that are missing are not shown, and
        other files are not asked for.
    :param language: code of :data:`M3DLib.Language.Languages.LANGUAGES`.
    :raises M3DError: typst is not installed, or cannot set the report (with its own words).
    """
    requireFormats(("pdf",))
    translator = translatorOf(report, language)
    view, say = reportView(report), drawnIn(translator)
    view["first"] = firstPage(report)
    view["attention"].sort(key=byImportance)
    scale = view["first"]["scale"]
    view["scale"] = _inked(scaleSvg(scale["reach"], scale["tolerance"], scaleWords(report), say)) if scale else ""
    studyDate = translator.text(date(report["case"]["study"]["date"]))
    view["study"] = Verbatim(", ".join(filter(None, (report["case"]["patient"]["id"], studyDate))))
    view["date"] = _dateOf(report["made"]["time"])
    for deviation in view["deviations"]:
        deviation["svg"] = _inked(histogramSvg(deviation["histogram"], deviation["tolerance"], say))
    with tempfile.TemporaryDirectory(prefix="m3d-report-") as folder:
        root = Path(folder)
        names = {}
        for number, picture in enumerate(report["pictures"]):
            png = (attachments or {}).get(picture["file"])
            if png is not None:
                # Names from the report never become paths. Width and height are in the first chunk (PNG, 11.2.1).
                width, height = struct.unpack(">II", png[16:24])
                names[picture["file"]] = {"path": f"{number}.png", "aspect": height / max(width, 1)}
                (root / f"{number}.png").write_bytes(png)
        for block in view["first"]["blocks"]:
            block["pictures"] = _shown(block["pictures"], names)
        view["first"]["colored"] = hasColors(view["first"]["blocks"])
        groups = [{**group, "pictures": _shown(group["pictures"], names)} for group in view["pictureGroups"]]
        view["pictureGroups"] = [group for group in groups if group["pictures"]]
        for template in sorted(Path(__file__).parent.glob("*.typ")):
            layout = translatedTemplate(template.read_text(encoding="utf-8"), "typst", translator)
            (root / template.name).write_text(layout, encoding="utf-8")
        return _compiled(root / "Report.typ", translatedView(view, translator))


def _inked(svg: str) -> str:
    """A drawing in the color of the text: outside a page there is none to inherit."""
    return svg.replace("currentColor", "#16202a")


def _compiled(template: Path, view: dict) -> bytes:
    """The document; characters that no font of this machine has are replaced, which it then says."""
    import typst

    view["withoutFont"] = False
    missing: set[str] = set()
    while True:
        try:
            content = typst.compile(
                str(template),
                root=str(template.parent),
                format="pdf",
                sys_inputs={"view": json.dumps(view, ensure_ascii=False)},
                pdf_standards=[STANDARD],
            )
            return _withoutSuspects(content)
        except (RuntimeError, typst.TypstError) as error:
            # PDF/A refuses characters that cannot be shown, one at a time.
            texts = "".join(_NOT_SHOWN.findall(str(error)))
            unescaped = _ESCAPED.sub(lambda code: chr(int(code[1], 16)), texts)
            found = {letter for letter in unescaped if not letter.isascii()} - missing - {_REPLACEMENT}
            if not found or len(missing) > _MOST_MISSING:
                raise M3DError(f"The report cannot be set as PDF: {error}") from error
            missing |= found
            view = _replaced(view, str.maketrans(dict.fromkeys(found, _REPLACEMENT)))
            view["withoutFont"] = True


def _withoutSuspects(content: bytes) -> bytes:
    """The document without "Suspects false", which is the default (ISO 32000-1, table 321).

    Poppler takes the word false there for a mistake and says so of every page that it shows. Blanks of the same length
    stand in, so that all offsets stay what they are.
    """
    suspects = b"/MarkInfo<</Marked true/Suspects false>>"
    if content.count(suspects) != 1:
        return content
    return content.replace(suspects, b"/MarkInfo<</Marked true>>".ljust(len(suspects)))


def _replaced(value, table: dict):
    """The view with characters of its texts replaced."""
    if isinstance(value, dict):
        return {key: _replaced(item, table) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, table) for item in value]
    return value.translate(table) if isinstance(value, str) else value


def _dateOf(time: str) -> dict[str, int]:
    """Year to second of the report's time, for the document's own date, which PDF/A needs; now where unreadable."""
    try:
        moment = datetime.fromisoformat(time)
    except ValueError:
        moment = datetime.now()
    return {part: getattr(moment, part) for part in ("year", "month", "day", "hour", "minute", "second")}


def _shown(pictures: list[dict], names: Mapping[str, dict]) -> list[dict]:
    return [{**picture, **names[picture["file"]]} for picture in pictures if picture["file"] in names]
