"""Writes the faces of a report into a folder: each to a temporary name first, all renamed when all are written."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Mapping
from pathlib import Path

from M3DLib.Errors import M3DError
from M3DLib.Language.Languages import ENGLISH

REPORT_FILE = "report.json"
HTML_FILE = "report.html"
PDF_FILE = "report.pdf"


def faces(
    data: dict, attachments: Mapping[str, bytes], formats: tuple[str, ...], language: str = ENGLISH
) -> dict[str, bytes]:
    """Content of every file of the report by its name, the JSON last.

    :param language: of HTML and PDF; the JSON is English, so that it reads the same everywhere.
    :param attachments: pictures and 3D models by the names that the report has for them.
    """
    files = dict(attachments)
    if "html" in formats:
        from .Html.HtmlReport import htmlReport

        files[HTML_FILE] = htmlReport(data, attachments, language).encode("utf-8")
    if "pdf" in formats:
        from .Pdf.PdfReport import pdfReport

        files[PDF_FILE] = pdfReport(data, attachments, language)
    files[REPORT_FILE] = json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False).encode("utf-8")
    return files


def writeFiles(output: Path, files: Mapping[str, bytes]) -> None:
    """Write files into a folder, which is made if needed; the last one is renamed last.

    :raises M3DError: the folder cannot be written; nothing half-written stays behind.
    """
    staged: list[tuple[Path, Path]] = []
    try:
        output.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            temporary = output / f".{uuid.uuid4().hex}.part"
            staged.append((temporary, output / name))
            temporary.write_bytes(content)
        for temporary, place in staged:
            os.replace(temporary, place)
    except OSError as error:
        raise M3DError(f"The report cannot be written to {output}: {error.strerror}.") from error
    finally:
        for temporary, _place in staged:
            temporary.unlink(missing_ok=True)


def readReport(file: Path) -> tuple[dict, dict[str, bytes]]:
    """A report with its pictures and 3D models, as ``m3d validate`` wrote them.

    :raises M3DError: no such file, not a report of this version, or a file beside it that is not the report's any more.
    """
    from ..SchemaValidation import schemaProblems
    from .Content.ReportContent import readSchema

    try:
        data = json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise M3DError(f"{file} cannot be read: {error.strerror}.") from error
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise M3DError(f"{file} is not a report: it is not JSON.") from error
    problems = schemaProblems(data, readSchema())
    if problems:
        raise M3DError([f"{file} is no report of this version: {problem}" for problem in problems[:10]])
    attachments = {}
    for entry in data["pictures"]:
        attachments[entry["file"]] = _readAttachment(file, entry, "picture", "PNG", ".png")
    for entry in data.get("models3d", ()):
        attachments[entry["file"]] = _readAttachment(file, entry, "3D model", "glTF", ".glb")
    return data, attachments


def _readAttachment(report: Path, entry: Mapping, what: str, kind: str, ending: str) -> bytes:
    """A file beside the report, which must be the one the report was made with."""
    name = entry["file"]
    if Path(name).name != name or "\\" in name or not name.endswith(ending):
        raise M3DError(f"{report} names a {what} '{name}', which is no name of a {kind} file beside it.")
    try:
        content = (report.parent / name).read_bytes()
    except OSError as error:
        raise M3DError(f"The report's {what} {name} cannot be read: {error.strerror}.") from error
    if hashlib.sha256(content).hexdigest() != entry["sha256"]:
        raise M3DError(f"The {what} {name} is not the one the report was made with (its SHA-256 differs).")
    return content
