"""Collect the messages of reports for the translators, and bring the catalogs up to date with them.

    python Utilities/ExtractMessages.py [--check]

Babel does the collecting and the merging; what it is told here is where this project has its messages: the sentences of
the checks are f-strings (each value becomes a numbered gap: "{0} of the surface lies within {1}."), requirements and
profiles are JSON, the layouts are templates. With --check nothing is written; the exit status says whether the catalogs
are up to date. What a catalog lacks is listed either way.
"""

import ast
import io
import json
import re
import sys
from pathlib import Path

from MessageWords import JOINED, NO_MESSAGES

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "M3DExport"), str(ROOT / "M3DValidation")]
VALIDATION, LIBRARY = ROOT / "M3DValidation" / "M3DValidationLib", ROOT / "M3DExport" / "M3DLib"
MESSAGES = LIBRARY / "Language" / "Messages"
# Where the sentences of findings are written, and where the texts of the report are.
_CHECKS = ("Acquisition", "Anatomy", "Completeness", "Deviation", "PrintedPart", "Reference", "Soundness")
_REPORT = ("Report/Content", "Report/FirstPage", "Report/Html", "Report/Pdf", "Report/Pictures")
_SINGLE = ("CheckSupport.py", "CaseBuilding.py", "RefiningAdvice.py", "Report/Report.py")
_LIBRARY = (
    "NumberText.py",
    "Edge/EdgeCalibration.py",
    "Edge/ImageDeviation.py",
    "Alignment",
    "Surface/SurfaceRecord.py",
    "Completeness",
    "Distance",
    "MeshFiles",
    "Image/StackProblems.py",
    "Image/Rescale.py",
    "Image/Contradictions.py",
    "Image/MixedSlices.py",
    "Image/ValueDoubts.py",
    "EncapsulatedStl/StatedUnit.py",
    "EncapsulatedStl/EncapsulatedStlReader.py",
    "Segmentation/SegmentOrigin.py",
    "InSlicer/VoxelOrigin.py",
)
# Files whose errors become reasons of findings; errors of others end the run, and there is no report.
_REASONS = (
    LIBRARY / "Edge",
    LIBRARY / "Distance",
    LIBRARY / "Completeness",
    LIBRARY / "Image" / "StackProblems.py",
    LIBRARY / "Image" / "ImageVolume.py",
    LIBRARY / "Segmentation" / "SegmentFit.py",
    VALIDATION / "Reference",
    VALIDATION / "Deviation",
)
# How far a catalog can be trusted, in its head and in Docs/Translations.md; who reviews one says so here by language.
REVIEW = "Translated by machine, not reviewed by a native speaker."
# What joins a part of a sentence to what stands before it.
_BETWEEN = " ;,"
_NOT_REPORTED = ("progress", "M3DError", "scaled")
_NOT_SHOWN = (
    "DeviationCsv.py",
    "FileKinds.py",
    "GlbFile.py",
    "HtmlReport.py",
    "PdfReport.py",
    "PrintProject.py",
    "Pseudonym.py",
    "ReferenceReader.py",
    "StlHash.py",
)


def messages():
    """Every message with the places it stands at, by message, sorted.

    :return: ``{message: [(file relative to the repository, line)]}``.
    """
    from babel.messages.extract import extract

    found = {}
    for file, method in _sources():
        with file.open("rb") as stream:
            place = file.relative_to(ROOT).as_posix()
            for line, message, _comments, _context in extract(method, io.BytesIO(stream.read()), keywords={"_": None}):
                if message not in NO_MESSAGES:
                    found.setdefault(message, []).append((place, line))
    return dict(sorted(found.items()))


def _sources():
    folders = [VALIDATION / name for name in (*_CHECKS, *_REPORT)] + [LIBRARY / name for name in _LIBRARY]
    python = [file for folder in folders for file in ([folder] if folder.suffix else sorted(folder.glob("*.py")))]
    python += [VALIDATION / name for name in _SINGLE]
    for file in python:
        if file.is_file() and file.name not in _NOT_SHOWN:
            yield file, _methodOf(file)
    for place in _REASONS:
        for file in [place] if place.suffix else sorted(place.glob("*.py")):
            if file not in python and file.name not in _NOT_SHOWN:
                yield file, _inErrors
    for folder in ("Requirements", "Profiles"):
        for file in sorted((VALIDATION / folder).glob("*.json")):
            yield file, _inJson
    yield LIBRARY / "NumberText.py", _inUnits
    for folder in ("Html", "Pdf"):
        for file in sorted((VALIDATION / "Report" / folder).iterdir()):
            if file.suffix in (".j2", ".typ"):
                yield file, _inHtml if file.suffix == ".j2" else _inTypst


def _methodOf(file):
    if "Report" in file.relative_to(ROOT).parts:
        return _inReport
    return _inReasons if file in _REASONS or file.parent in _REASONS else _inSentences


def _inSentences(stream, _keywords, _comments, options):
    return _inPython(stream, isReport=False)


def _inReport(stream, _keywords, _comments, options):
    return _inPython(stream, isReport=True)


def _inReasons(stream, _keywords, _comments, options):
    return _inPython(stream, isReport=False, withErrors=True)


def _inErrors(stream, _keywords, _comments, options):
    """The errors of a file, and nothing else of it."""
    for node in ast.walk(ast.parse(stream.read())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "M3DError":
            for text in map(_messageOf, node.args):
                if _isPhrase(text):
                    yield node.lineno, "_", text, []


def _inPython(stream, isReport, withErrors=False):
    """Messages of a Python file: phrases, and the words that are put into them."""
    tree = ast.parse(stream.read())
    inside = _partsOfOthers(tree, withErrors)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "plural":
            yield from _plurals(node)
        if id(node) in inside:
            continue
        text = _messageOf(node)
        if _isPhrase(text) or (isReport and re.fullmatch("[A-Z][a-z]+", text)):
            yield node.lineno, "_", text, []
        if isinstance(node, ast.IfExp):
            for choice in (node.body, node.orelse):
                text = _messageOf(choice)
                if re.fullmatch("[A-Za-z]*[a-z]{2,}", text):
                    yield choice.lineno, "_", text, []


def _partsOfOthers(tree, withErrors):
    """Ids of nodes that are no text of their own: docstrings, parts of f-strings, keys, names of concepts."""
    inside = set()
    notReported = [name for name in _NOT_REPORTED if not (withErrors and name == "M3DError")]
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            inside.add(id(node.value))
        elif isinstance(node, ast.JoinedStr):
            inside.update(id(part) for part in node.values if isinstance(part, ast.Constant))
            inside.update(
                id(part)
                for gap in node.values
                if isinstance(gap, ast.FormattedValue) and gap.format_spec
                for part in ast.walk(gap.format_spec)
            )
        elif isinstance(node, ast.Dict):
            inside.update(id(key) for key in node.keys if key is not None)
        elif isinstance(node, ast.Subscript):
            inside.add(id(node.slice))
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "plural":
            # The nouns are no messages alone; see _plurals.
            inside.update(id(part) for part in node.args[1:])
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in notReported:
            # What is being done now, and input that was refused: neither is in a report.
            inside.update(id(part) for part in ast.walk(node) if part is not node)
    return inside


def _plurals(node):
    words = [argument.value for argument in node.args[1:] if isinstance(argument, ast.Constant)]
    if len(words) == 1:
        words.append(words[0] + "s")
    for word in words:
        yield node.lineno, "_", f"{{0}} {word}", []


def _messageOf(node):
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value.strip(_BETWEEN)
    if not isinstance(node, ast.JoinedStr):
        return ""
    parts, gaps = [], 0
    for part in node.values:
        if isinstance(part, ast.Constant):
            parts.append(part.value)
        else:
            parts.append(f"{{{gaps}}}")
            gaps += 1
    return "".join(parts).strip(_BETWEEN)


def _isPhrase(text):
    """Whether a text is for people: several words, and no markup, code or pattern."""
    plain = re.sub(r"\{\w*\}", "", text)
    if "\n" in text or len(re.findall("[a-z]", plain)) < 4 or re.search(r"[<>\\_=#|]|:\w|rgb\(|\(\?|//", plain):
        return False
    return " " in text.strip() and re.search("[a-z]{2}", plain) is not None


def _inUnits(stream, _keywords, _comments, options):
    """Counts and shares with their units, as ``NumberText.withUnit`` writes them."""
    from M3DLib.NumberText import ONE_OF_MANY

    for unit in (*ONE_OF_MANY, *ONE_OF_MANY.values(), "% of the anatomy"):
        yield 1, "_", f"{{0}} {unit}", []
    for direction in ("left", "right", "anterior", "posterior", "superior", "inferior", "around"):
        yield 1, "_", direction, []
        yield 1, "_", f"{{0}} {direction}", []
    for message in JOINED:
        yield 1, "_", message, []


def _inJson(stream, _keywords, _comments, options):
    """Titles, clauses, quantities and sources of requirements; titles, descriptions and sources of profiles."""
    data = json.loads(stream.read())
    entries = data if isinstance(data, list) else [data, *data.get("requirements", {}).values()]
    for entry in entries:
        for key in ("title", "quantity", "clause", "description", "source", "toleranceSource"):
            if entry.get(key):
                yield 1, "_", entry[key], []


def _inHtml(stream, _keywords, _comments, options):
    return _inTemplate(stream, "html")


def _inTypst(stream, _keywords, _comments, options):
    return _inTemplate(stream, "typst")


def _inTemplate(stream, kind):
    """The layouts' own texts."""
    from M3DValidationLib.Report.Content.ReportLanguage import textsOfTemplate

    for text in textsOfTemplate(stream.read().decode("utf-8"), kind):
        yield 1, "_", text, []


def updated(language, found):
    """A catalog with exactly the messages that there are, as the text of its file."""
    from babel.messages.catalog import Catalog
    from babel.messages.pofile import read_po, write_po

    file = MESSAGES / f"{language}.po"
    old = {}
    if file.is_file():
        with file.open("rb") as stream:
            old = {message.id: message for message in read_po(stream) if message.id}
    catalog = Catalog(project="SlicerM3D", header_comment=f"# Messages of reports: {language}.", charset="utf-8")
    for message, places in found.items():
        known = old.get(message)
        files = sorted({(place, None) for place, _line in places})
        catalog.add(message, known.string if known else "", locations=files, flags=known.flags if known else ())
    stream = io.BytesIO()
    write_po(stream, catalog, omit_header=True, width=120, include_lineno=False)
    head = f'# Messages of reports: {language}.\n# {REVIEW}\nmsgid ""\nmsgstr ""\n'
    head += f'"Content-Type: text/plain; charset=utf-8\\n"\n"Language: {language}\\n"\n"X-Review: {REVIEW}\\n"\n\n'
    return (head + stream.getvalue().decode("utf-8").strip() + "\n").encode("utf-8")


def missing(language, found):
    """Messages that a catalog has no translation of."""
    from M3DLib.Language.Catalog import catalogOf

    known = catalogOf(language)
    return [message for message in found if message not in known]


def main():
    """Bring the catalogs up to date, or say that they are not."""
    from M3DLib.Language.Languages import ENGLISH, LANGUAGES

    found, stale = messages(), []
    MESSAGES.mkdir(exist_ok=True)
    for language in LANGUAGES:
        if language == ENGLISH:
            continue
        text, file = updated(language, found), MESSAGES / f"{language}.po"
        if not file.is_file() or file.read_bytes() != text:
            stale.append(file.name)
            if "--check" not in sys.argv:
                file.write_bytes(text)
        lacking = missing(language, found)
        print(f"{language}: {len(found) - len(lacking)} of {len(found)} messages translated")
    if stale and "--check" in sys.argv:
        sys.exit(f"Not up to date: {', '.join(stale)}; run python Utilities/ExtractMessages.py")


if __name__ == "__main__":
    main()
