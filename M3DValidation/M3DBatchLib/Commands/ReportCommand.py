"""``m3d report``: the other faces of a report, made again from its JSON and the files beside it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from M3DLib.Errors import M3DError
from M3DLib.WritablePlace import requireWritableFolder
from M3DValidationLib.Report.Content.ReportFormats import formatsOf, requireFormats
from M3DValidationLib.Report.Content.ReportReferences import referToModels, requireOnePatient
from M3DValidationLib.Report.ReportFiles import PDF_FILE, REPORT_FILE, faces, readReport, writeFiles
from M3DValidationLib.Report.ReportFolder import replaceReport, requireReportFolder

from ..Options.InputOptions import readScan
from ..Options.PacsOptions import addPacsOptions, pacsFrom, send
from ..Options.ReportOptions import addLanguageOption, addRevisionOptions, issue, languageFrom, requireRevision
from ..Options.SectionOptions import addSectionOption, sectionsFrom
from ..ReportDicom import DICOM_FOLDER, modelHeaders, requireNewReport, requireSource, storeReport
from ..Terminal import Terminal

if TYPE_CHECKING:
    from M3DLib.Image.ImageVolume import ImageVolume


def addParser(subparsers) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "report",
        help="make a report to read from the JSON of m3d validate",
        description="Make the faces of a report again from its JSON and the pictures and 3D models beside it.",
    )
    parser.add_argument(
        "report",
        type=Path,
        metavar="REPORT.json|DIR",
        help=f"as m3d validate wrote it; of a folder the {REPORT_FILE} in it",
    )
    parser.add_argument("--formats", default="html", metavar="LIST", help="as in m3d validate (default: %(default)s)")
    parser.add_argument("--output", type=Path, metavar="DIR", help="folder to write to (default: that of the report)")
    parser.add_argument(
        "--image", metavar="DIR", help="the scan the report is about, for --formats sr and --section-at"
    )
    parser.add_argument("--series", metavar="UID", help="series of the scan where the folder holds several")
    parser.add_argument("--mesh", metavar="FILE", help="a model in DICOM that the report is about too")
    addSectionOption(parser)
    addLanguageOption(parser)
    addRevisionOptions(parser)
    addPacsOptions(parser)
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Run the command; returns its exit status."""
    formats = formatsOf(arguments.formats)
    requireFormats(formats)
    language = languageFrom(arguments)
    requireRevision(arguments)
    requireSource(formats, arguments.image, "", arguments.pacs)
    places = sectionsFrom(arguments)
    if places and not arguments.image:
        raise M3DError("--section-at shows sections of the scan that the report is about; give it with --image.")
    pacs = pacsFrom(arguments)
    file = _reportFile(arguments.report)
    data, attachments = readReport(file)
    output = arguments.output or file.parent
    inPlace = output.exists() and output.resolve() == file.parent.resolve()
    (requireWritableFolder if inPlace else requireReportFolder)(output)
    image = readScan(arguments, terminal) if places or "sr" in formats else None
    headers = _headers(image, data) if "sr" in formats else []
    if headers:
        requireNewReport(output / DICOM_FOLDER, data, arguments.revision)
    models = modelHeaders(arguments.mesh)
    requireOnePatient(headers, models)
    referToModels(data, models)
    there = set(attachments)
    if places:
        from M3DValidationLib.Report.LaterSections import addSections

        for remark in addSections(data, attachments, image, places):
            terminal.warn(remark)
    issued = issue(data, arguments) or bool(places)
    files = faces(data, attachments, formats, language)
    if inPlace:
        # The report, its pictures and 3D models are what everything is made from; they stay as they are, but for the
        # revision and the sections that the report was given.
        kept = there if issued else {*there, REPORT_FILE}
        files = {name: content for name, content in files.items() if name not in kept}
        writeFiles(output, files)
    else:
        replaceReport(output, files)
    terminal.stays(output)
    written = [str(output / name) for name in files]
    sent = ""
    if headers:
        objects, stored = storeReport(data, headers, output / DICOM_FOLDER, files.get(PDF_FILE))
        written += [str(file) for file in stored]
        sent = send(pacs, objects, output / DICOM_FOLDER, terminal)
    said = ["Wrote", *(f"  {name}" for name in written), sent]
    terminal.result({"files": written}, "\n".join(filter(None, said)))
    return 0


def _reportFile(report: Path) -> Path:
    """The report that is named, itself or by its folder."""
    if not report.is_dir():
        return report
    file = report / REPORT_FILE
    if not file.exists():
        raise M3DError(f"The folder '{report}' holds no {REPORT_FILE}; name the report of m3d validate.")
    return file


def _headers(image: ImageVolume, data: dict) -> list:
    """Headers of the scan, which must be the one the report is about."""
    headers = image.headers
    wanted = data["case"]["study"]["studyInstanceUid"]
    found = str(headers[0].get("StudyInstanceUID", "")) if headers else ""
    if wanted and found != wanted:
        raise M3DError(f"The report is about a scan of study {wanted}, but --image is of study {found or 'unknown'}.")
    return headers
