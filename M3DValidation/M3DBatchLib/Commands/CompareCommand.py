"""``m3d compare``: how far one mesh lies from another; is the printed part what was designed?"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from M3DLib.Errors import M3DError
from M3DLib.WritablePlace import requireWritableFile
from M3DValidationLib.Report.Content.ReportFormats import SHOWING_PICTURES, formatsOf, requireFormats

from ..ComparisonText import describeChanges, describeComparison, describeDoubts
from ..Options.AlignmentOptions import addAlignmentOptions, align, requireAlignmentSense
from ..Options.CaseOptions import addCaseOptions
from ..Options.ComparisonInput import addComparedOptions, readCompared
from ..Options.ReportOptions import addReportOptions, issue, languageFrom, requireRevision
from ..Options.SectionOptions import addSectionOption, sectionsFrom
from ..Terminal import Terminal

if TYPE_CHECKING:
    from ..Options.ComparisonInput import ComparedMesh

EXIT_NOT_ASSESSABLE = 3
DEFAULT_TOLERANCE = 0.5
_BUDGET = {"segmentation_report": "SegE", "editing_report": "DEE", "total_report": "Total"}


def addParser(subparsers) -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "compare",
        help="measure how far a mesh or a printed part lies from another mesh",
        description="Measures the exact distance from every point of mesh A to the surface of B and back. B is the "
        "reference: a positive deviation means that B lies outside A (A is too small there). Nothing is aligned unless "
        "--register, --register-near or --register-points is given; the alignment and its residual are then reported "
        "apart from the comparison. Without --profile, --output or --references, or with --versions, A is taken for "
        "another version of B: what was added and removed, where and how much, is listed; else A is judged as a "
        "printed part. "
        "Exit status: 0 done (nothing fails), 1 something fails, 2 wrong input (meshes that lie apart, too), 3 the "
        "alignment is doubtful, so nothing is said of deviations, or a check that the profile requires could not be "
        "made.",
    )
    addComparedOptions(parser)
    addAlignmentOptions(parser)
    group = parser.add_argument_group("requirements")
    group.add_argument(
        "--profile", metavar="NAME|FILE", help="judge A by an intended use (default with --output: anatomical-model)"
    )
    group.add_argument(
        "--tolerance",
        type=float,
        metavar="MM",
        help=f"deviations up to this count as within (default: the profile's, else {DEFAULT_TOLERANCE:g})",
    )
    group.add_argument(
        "--versions",
        action="store_true",
        help="A is another version of B also where --output is given: the report says what changed and judges nothing",
    )
    group.add_argument(
        "--references",
        action="append",
        default=[],
        metavar="FILE",
        help="known distances in B's coordinates with caliper readings of the part (.csv, .json, .mrk.json)",
    )
    group = parser.add_argument_group("error budget", "reports (JSON) that measure the other errors")
    group.add_argument("--segmentation-report", type=Path, metavar="FILE", help="of m3d validate: B against the scan")
    group.add_argument("--editing-report", type=Path, metavar="FILE", help="of m3d compare: B against its predecessor")
    group.add_argument("--total-report", type=Path, metavar="FILE", help="of the part against the patient's scan")
    group = parser.add_argument_group("output")
    group.add_argument("--output", type=Path, metavar="DIR", help="folder for the report; made if needed")
    group.add_argument("--points-csv", type=Path, metavar="FILE", help="write the deviation of every point of A and B")
    group.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    addReportOptions(parser)
    addSectionOption(group, "both surfaces", ", in B's coordinates")
    addCaseOptions(parser, person=False)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Compare, judge if asked, print and write; returns the exit status."""
    from M3DValidationLib.Deviation.DeviationReport import KINDS
    from M3DValidationLib.PrintedPart.AskedSections import requireNear

    formats = _requireSense(arguments)
    profile = _profile(arguments)
    arguments.tolerance = arguments.tolerance or (profile.toleranceMm if profile else DEFAULT_TOLERANCE)
    first, second = readCompared(arguments, terminal)
    header = _modelHeader(arguments, formats)
    byPoints, last = align(arguments, first.mesh, second.mesh, terminal)
    comparison, part = _measured(arguments, first, second, (byPoints, last), terminal)
    if comparison.surfaces is not None:
        requireNear(part, second.mesh, sectionsFrom(arguments))
    data = _facts(first, second, byPoints, comparison)
    data["errorBudget"] = _budget(arguments, comparison, data)
    surfaces = comparison.surfaces
    if arguments.points_csv and surfaces is not None:
        from M3DValidationLib.Deviation.DeviationCsv import writePointsCsv

        writePointsCsv(arguments.points_csv, {"A": surfaces.forward, "B": surfaces.reverse})
        terminal.stays(arguments.points_csv)
        data["pointsCsv"] = str(arguments.points_csv)
    if profile is not None:
        return _judge(arguments, (comparison, part, profile), data, header=header, terminal=terminal)
    surface = comparison.facts or None
    data["deviation"] = {**dict.fromkeys(KINDS), "surface": surface}
    text = describeComparison(data) if surface else describeDoubts(data, last)
    data["changes"] = None
    if surface and not first.scan:
        from M3DValidationLib.PrintedPart.VersionChanges import versionChanges

        terminal.progress(0.95, "Finding what changed")
        data["changes"] = versionChanges(comparison.surfaces)
        text += "\n" + describeChanges(data["changes"], surface)
    if surface and arguments.output is not None:
        data = _reportChanges(arguments, (comparison, part), data, header=header, terminal=terminal)
        text += f"\nReport: {data['report']}"
    terminal.result(data, text)
    return 0 if surface else EXIT_NOT_ASSESSABLE


def _reportChanges(arguments: argparse.Namespace, compared: tuple, data: dict, *, header, terminal: Terminal) -> dict:
    """Write the report on two versions; returns its content."""
    from M3DValidationLib.PrintedPart.PartReport import versionReport
    from M3DValidationLib.Report.ReportFiles import faces
    from M3DValidationLib.Report.ReportFolder import replaceReport

    comparison, part = compared
    formats = formatsOf(arguments.formats)
    report = versionReport(
        comparison,
        part,
        arguments.tolerance,
        data,
        showing=bool(set(formats) & SHOWING_PICTURES),
        **_madeOf(arguments),
        header=header,
        progress=terminal.progress,
    )
    content = _issued(report.data, arguments, header)
    replaceReport(arguments.output, faces(content, report.attachments, formats, languageFrom(arguments)))
    terminal.stays(arguments.output)
    return content


def _madeOf(arguments: argparse.Namespace) -> dict:
    """By whom, of whom and of which files a report is, and what else it is to show."""
    files = [file for file in (arguments.mesh, arguments.reference) if file.is_file()]
    made = {"person": arguments.person, "pseudonym": arguments.pseudonym, "files": files}
    return {**made, "sections": sectionsFrom(arguments)}


def _issued(content: dict, arguments: argparse.Namespace, header) -> dict:
    """The content with revision, place and references, and without names of files where there is a pseudonym."""
    from M3DValidationLib.Report.Content.ReportReferences import referToModels
    from M3DValidationLib.Report.ReportFiles import REPORT_FILE

    issue(content, arguments)
    if arguments.pseudonym:
        for name in "AB":
            content[name]["file"] = content[name]["name"]
    content["report"] = "" if arguments.output is None else str(arguments.output / REPORT_FILE)
    if header is not None:
        referToModels(content, [header])
    return content


def _requireSense(arguments: argparse.Namespace) -> tuple[str, ...]:
    """Refuse contradicting options before any file is read; returns the formats."""
    from M3DValidationLib.Report.ReportFolder import requireReportFolder

    from ..ReportDicom import requireOneRun

    tolerance = arguments.tolerance
    if tolerance is not None and not (math.isfinite(tolerance) and tolerance > 0):
        raise M3DError(f"--tolerance must be above 0 mm, not {tolerance}.")
    requireAlignmentSense(arguments)
    requireRevision(arguments)
    if arguments.versions and (arguments.profile or arguments.references):
        raise M3DError("--versions judges nothing; leave out --profile and --references.")
    if arguments.versions and arguments.mesh.is_dir():
        raise M3DError("--versions compares two models; a CT series of a printed part is judged by a --profile.")
    formats = formatsOf(arguments.formats)
    if "sr" in formats and arguments.versions:
        raise M3DError("--formats sr is for what was judged; with --versions choose json, html and pdf.")
    if sectionsFrom(arguments) and arguments.output is None:
        raise M3DError("--section-at shows sections in the report; give --output DIR too.")
    if arguments.output is None and formats != ("json",):
        raise M3DError("--formats says which faces the report gets; give --output DIR for them too.")
    requireFormats(formats)
    languageFrom(arguments)
    if "sr" in formats and arguments.pseudonym:
        raise M3DError("--formats sr puts the report into the patient's study; leave --pseudonym out.")
    if arguments.output is not None:
        requireReportFolder(arguments.output)
        requireOneRun(arguments.output)
    if arguments.points_csv:
        requireWritableFile(arguments.points_csv)
    return formats


def _profile(arguments: argparse.Namespace):
    """The profile to judge by; None when A is only measured."""
    from M3DValidationLib.Profile import DEFAULT_PROFILE, loadProfile

    if arguments.versions or not (arguments.profile or arguments.output or arguments.references):
        return None
    return loadProfile(arguments.profile or DEFAULT_PROFILE)


def _modelHeader(arguments: argparse.Namespace, formats: tuple[str, ...]):
    """Header of the Encapsulated STL object among the two, B before A; None when neither is one.

    :raises M3DError: a report in DICOM is wanted, and there is no object in whose study it could lie.
    """
    from ..ReportDicom import modelHeaders

    headers = [*modelHeaders(arguments.reference), *(modelHeaders(arguments.mesh) if arguments.mesh.is_file() else [])]
    if "sr" in formats and not headers:
        raise M3DError("--formats sr puts the report beside the model, so B must be a DICOM Encapsulated STL object.")
    return headers[0] if headers else None


def _measured(arguments, first: ComparedMesh, second: ComparedMesh, steps: tuple, terminal: Terminal):
    """The comparison, and the part where it was brought to."""
    from M3DValidationLib.PrintedPart.PartComparison import PartComparison, compareParts

    byPoints, last = steps
    comparison = PartComparison(first.mesh, second.mesh, last)
    texts = {id(step): step.text() for step in (byPoints, last) if step is not None}
    comparison.done = "; then ".join(texts.values()) or comparison.done
    part = compareParts(comparison, arguments.tolerance, terminal.progress, beforeToo=arguments.output is not None)
    first.describe(part)
    for note in comparison.notes:
        terminal.warn(f"{first.file.name}: {note}")
        first.facts["warnings"].append(note)
    first.facts["leftOutShare"] = comparison.leftOutShare
    return comparison, part


def _facts(first: ComparedMesh, second: ComparedMesh, byPoints, comparison) -> dict:
    last = comparison.alignment
    return {
        "A": first.facts,
        "B": second.facts,
        "partScan": first.scan or None,
        "registration": None if last is None else last.asDict(),
        "registrationByPoints": None if byPoints is None else byPoints.asDict(),
        "before": comparison.before,
        "shape": None if comparison.shape is None else comparison.shape.asDict(),
    }


def _budget(arguments: argparse.Namespace, comparison, data: dict) -> dict | None:
    """The error budget, when a report for it was given."""
    from M3DValidationLib.PrintedPart.ErrorBudget import budgetEntry, budgetFrom, errorBudget

    given = {term: getattr(arguments, name) for name, term in _BUDGET.items() if getattr(arguments, name)}
    measured = {term: budgetFrom(file, term) for term, file in given.items()}
    if not given:
        return None
    if comparison.facts:
        sure = [(data["registration"] or {}).get("uncertaintyMm"), (data["partScan"] or {}).get("uncertainty95")]
        known = [value for value in sure if value is not None]
        entry = budgetEntry(comparison.facts, "this comparison", max(known) if known else None)
        measured["PrE"] = entry
    return errorBudget(measured)


def _judge(arguments: argparse.Namespace, judged: tuple, data: dict, *, header, terminal: Terminal) -> int:
    """Judge the part, write the report, print it; returns the exit status."""
    from M3DValidationLib.PrintedPart.PartComparison import partCase
    from M3DValidationLib.PrintedPart.PartReport import addReferences, partReport
    from M3DValidationLib.Reference.ReferenceReader import readReferences
    from M3DValidationLib.Report.ReportFiles import PDF_FILE, faces
    from M3DValidationLib.Report.ReportFolder import replaceReport

    from ..ReportDicom import DICOM_FOLDER, storeReport
    from ..ValidationText import describeResult

    comparison, part, profile = judged
    formats, output = formatsOf(arguments.formats), arguments.output
    case = partCase(comparison, part, profile, arguments.tolerance)
    addReferences(case, [one for file in arguments.references for one in readReferences(file)[0]])
    report = partReport(
        case,
        data,
        showing=output is not None and bool(set(formats) & SHOWING_PICTURES),
        **_madeOf(arguments),
        header=header,
        progress=terminal.progress,
    )
    content = _issued(report.data, arguments, header)
    if output is not None:
        files = faces(content, report.attachments, formats, languageFrom(arguments))
        replaceReport(output, files)
        terminal.stays(output)
        if "sr" in formats:
            storeReport(content, [header], output / DICOM_FOLDER, files.get(PDF_FILE))
    text = describeComparison(content) if comparison.facts else describeDoubts(content, comparison.alignment)
    terminal.result(content, text + "\n\n" + describeResult(content))
    return content["exitStatus"]
