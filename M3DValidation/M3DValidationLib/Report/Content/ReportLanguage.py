"""A report in another language: the texts of its view and of the layouts, translated where they are put together.

The JSON is English, and so is what the faces are laid out from; here both are said in the reader's language. Names of
patients, persons, segments and files, and what the headers of the scan say, stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from html import escape

from M3DLib.Language.Languages import ENGLISH
from M3DLib.Language.Translator import Translator

# What of a view is nobody's to read: content of files, identifiers, marks.
_NO_TEXTS = {"data", "settings", "id", "file", "key", "verdict", "requirement", "sortKey", "sha256", "kind", "about"}
_NO_TEXTS |= {"svg", "path", "icon", "verdictIcon", "scale"}
# Texts of templates: what stands between tags or gaps of HTML, and plain blocks, headings and labels of typst.
_IN_HTML = re.compile(r"(?<=[>}])([^<>{}]*[A-Za-z]{2}[^<>{}]*)(?=[<{])")
_IN_ATTRIBUTE = re.compile(r'(?<=aria-label=")([^"{}]+)(?=")|(?<=data-name=")([^"{}]+)(?=")')
_IN_TYPST = re.compile(
    r"(?<=\[)([A-Z][^\[\]#\\\n]*)(?=\])|(?<=== )([A-Z][^#<\n(\]]*)"
    r"|(?<=[\[ ])([A-Z][a-z ]+:)(?= #)",
    re.MULTILINE,
)


def translatorOf(report: Mapping, language: str) -> Translator:
    """The translator of a report, which leaves its names alone.

    :raises M3DError: Babel is not installed, which English does not need.
    """
    return Translator(language, names=namesIn(report))


def namesIn(report: Mapping) -> set[str]:
    """Texts of a report that somebody gave and nobody translates."""
    from .ReportText import date, personName

    case, made = report["case"], report.get("made") or {}
    found = [*case["patient"].values(), *case["study"].values(), made.get("person"), made.get("institution")]
    found += [personName(str(case["patient"]["name"]))]
    found += [finding.get("segment") for finding in report["findings"]]
    segments = (report.get("input") or {}).get("segments") or ()
    found += [segment.get("name") for segment in segments]
    found += [model.get("name") for model in report.get("models") or ()]
    found += [report.get("declaredPart"), (report.get("override") or {}).get("reason")]
    found += [entry.get("value") for entry in report.get("acquisition") or ()]
    for step in report.get("dataFlow") or ():
        found += [entry["name"] for entry in step["files"]] + list(step["software"])
        found += [value for value in step["parameters"].values() if isinstance(value, str)]
    dates = {case["patient"].get("birthDate"), case["study"].get("date")}
    return {str(name) for name in found if name} - {date(str(one)) for one in dates if one} - dates


def translatedView(view: Mapping, translator: Translator) -> dict:
    """A view with its texts in the language; drawings and content of files stay as they are."""
    return {key: value if key in _NO_TEXTS else _translated(value, translator) for key, value in view.items()}


def _translated(value, translator: Translator):
    # Only plain text: what is marked as markup or as a name is a class of its own.
    if type(value) is str:
        return translator.text(value)
    if isinstance(value, Mapping):
        return translatedView(value, translator)
    return [_translated(item, translator) for item in value] if isinstance(value, (list, tuple)) else value


def translatedTemplate(source: str, kind: str, translator: Translator) -> str:
    """The source of a layout with its own texts in the language.

    :param kind: "html" or "typst".
    """
    if translator.language == ENGLISH:
        return source
    for pattern in _patternsOf(kind):
        source = pattern.sub(lambda found: _word(found[0], translator), source)
    if kind == "typst":
        # "Page 1 of 9" is no sentence: the word in front, a stroke between.
        source = source.replace("role, date]", f"role, {translator.word('date')}]")
        source = source.replace(" Page #", f" {translator.word('Page')} #").replace(" of #counter", " / #counter")
    if kind == "html":
        return source.replace('<html lang="en">', f'<html lang="{translator.language}">')
    return source.replace('lang: "en"', f'lang: "{translator.language}"')


def textsOfTemplate(source: str, kind: str) -> Iterable[str]:
    """The messages in the source of a layout."""
    for pattern in _patternsOf(kind):
        for found in pattern.finditer(source):
            core = _parts(found[0])[1]
            if re.search("[A-Za-z]{2}", core) and '="' not in core:
                yield core


def _patternsOf(kind: str) -> tuple[re.Pattern, ...]:
    return (_IN_HTML, _IN_ATTRIBUTE) if kind == "html" else (_IN_TYPST,)


def _word(text: str, translator: Translator) -> str:
    before, core, after = _parts(text)
    return f"{before}{translator.word(core)}{after}"


def _parts(text: str) -> tuple[str, str, str]:
    """What stands before, the message, and what stands behind it."""
    found = re.fullmatch(r"([^A-Za-z0-9(]*)(.*?)((?::|\s|, )*)", text, re.DOTALL)
    return (found[1], found[2], found[3]) if found else ("", text, "")


def drawnIn(translator: Translator) -> Callable[[str], str]:
    """What says the texts and numbers of a drawing in the language, escaped for SVG."""
    return lambda text: escape(translator.text(text))
