"""``m3d validate``: is the scan good enough, and does the model show what the scan shows?"""

from __future__ import annotations

import argparse
import math
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from M3DLib.Errors import M3DError
from M3DLib.WritablePlace import requireWritableFile
from M3DValidationLib.Report.Content.ReportFormats import SHOWING_PICTURES, formatsOf, requireFormats
from M3DValidationLib.Report.Content.ReportReferences import referToModels, requireOnePatient
from M3DValidationLib.Report.ReportFiles import PDF_FILE, REPORT_FILE, faces
from M3DValidationLib.Report.ReportFolder import replaceReport, requireReportFolder

from ..Options.CaseOptions import addCaseOptions
from ..Options.InputOptions import addImageOptions, addRefinementOptions, addSegmentOptions, requireOneAnatomy
from ..Options.PacsOptions import addPacsOptions, pacsFrom, send
from ..Options.ReportOptions import addReportOptions, issue, languageFrom, requireRevision
from ..Options.SectionOptions import addSectionOption, sectionsFrom
from ..ReportDicom import DICOM_FOLDER, modelHeaders, requireOneRun, requireSource, storeReport
from ..Stopwatch import Stopwatch, Timings, peakMemoryMb
from ..Terminal import Terminal
from ..ValidationText import describeFiles, describeResult

if TYPE_CHECKING:
    from M3DValidationLib.Check import Case
    from M3DValidationLib.Report.Report import Report

_SURFACE_METHODS = ("flying-edges", "surface-nets")
_DEVIATION_METHODS = ("half-height", "gradient")


def addParser(subparsers) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "validate",
        help="check a scan, a segmentation and a model against a profile",
        description="Check everything that is given: the scan alone, with a segmentation or a threshold, with a model "
        "made from it or brought along, or a model alone. Exit status: 0 nothing fails, 1 something fails, 2 wrong "
        "input, 3 nothing fails but a check that the profile requires could not be made.",
    )
    addValidationOptions(parser)
    parser.add_argument(
        "--timings", action="store_true", help="say what each stage and each check took: seconds and peak of the memory"
    )
    parser.set_defaults(run=run)


def addValidationOptions(parser: argparse.ArgumentParser, meshToo: bool = True) -> None:
    """Everything that says what is validated, by what, and what is written.

    :param meshToo: whether a model from a file may be given instead of a scan's anatomy.
    """
    addImageOptions(parser, required=not meshToo)
    addSegmentOptions(parser)
    group = parser.add_argument_group("surface")
    if meshToo:
        group.add_argument(
            "--mesh",
            action="append",
            default=[],
            metavar="FILE",
            help="model to check (STL, DICOM, OBJ, PLY, 3MF, AMF) instead of one made here; given several times, each "
            "is judged",
        )
        group.add_argument(
            "--title",
            default="",
            metavar="TEXT",
            help="name of the model in the report (default: its segment's or file's)",
        )
        group.add_argument(
            "--unit",
            dest="mesh_unit",
            metavar="UNIT",
            help="unit of the model's file where it states none (default: mm)",
        )
    addSurfaceMaking(group)
    addRefinementOptions(group)
    group = parser.add_argument_group("deviation")
    _addEdgeMethod(group)
    group.add_argument(
        "--control-series",
        metavar="UID|NUMBER|DIR",
        help="another series of the same frame of reference (another kernel): how far the model is from its edge is "
        "measured too, and judges a refined surface",
    )
    parser.acceptOldName(
        "--method", lambda value: "--edge-method" if value in _DEVIATION_METHODS else "--surface-method"
    )
    addRequirementOptions(parser)
    _addReferences(parser)
    group = parser.add_argument_group("output")
    group.add_argument("--output", required=True, metavar="DIR", help=f"folder for {REPORT_FILE}; made if needed")
    group.add_argument("--points-csv", metavar="FILE", help="write the deviation of every point of the mesh")
    group.add_argument("--json", action="store_true", help="print the report as one JSON object")
    addReportOptions(parser)
    addSectionOption(group)
    addPacsOptions(parser)
    addCaseOptions(parser, person=False)


def addSurfaceMaking(group) -> None:
    """How a surface is made here, to the options about it."""
    group.add_argument(
        "--surface-method", choices=_SURFACE_METHODS, help="how a surface is made of the segment, as in m3d export"
    )
    group.add_argument("--smoothing", type=float, metavar="F", help="of a surface made here, as in m3d export")
    group.add_argument("--decimation", type=float, metavar="F", help="of a surface made here, as in m3d export")


def _addEdgeMethod(group) -> None:
    group.add_argument(
        "--edge-method",
        choices=_DEVIATION_METHODS,
        help="how the image's edge is found (default: half-height, the local level of 50 %%; gradient, the steepest "
        "fall, is for comparison)",
    )


def addRequirementOptions(parser: argparse.ArgumentParser) -> None:
    """What is asked of scan and model."""
    group = parser.add_argument_group("requirements")
    group.add_argument(
        "--profile",
        default="anatomical-model",
        metavar="NAME|FILE",
        help="intended use, see m3d profiles (default: %(default)s)",
    )
    group.add_argument("--tolerance", type=float, metavar="MM", help="instead of the profile's")
    group.add_argument("--min-wall", type=float, metavar="MM", help="thinnest wall the printer makes")
    group.add_argument("--min-gap", type=float, metavar="MM", help="narrowest gap that stays open in print")
    group.add_argument(
        "--build-volume", type=float, nargs=3, metavar="MM", help="width, depth and height of the printer's room"
    )


def _addReferences(parser: argparse.ArgumentParser) -> None:
    parser.add_argument_group("known sizes").add_argument(
        "--references",
        action="append",
        default=[],
        metavar="FILE",
        help="known distances and calibration objects (.csv, .json, Slicer's .mrk.json); may be given several times",
    )


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Run the command; returns its exit status."""
    timings = Timings() if arguments.timings else None
    stopwatch = Stopwatch(terminal.step) if timings is None else Stopwatch(terminal.step, timings.stages)
    formats, output, language = formatsOf(arguments.formats), Path(arguments.output), languageFrom(arguments)
    requireSource(formats, arguments.image, arguments.pseudonym, arguments.pacs)
    requireOneRun(output)
    pacs = pacsFrom(arguments)
    report = validate(arguments, terminal, stopwatch, timings)
    data = report.data
    if timings is not None:
        data["timings"] = timings.asDict()
    data["seconds"], data["peakMemoryMb"] = stopwatch.asDict(), peakMemoryMb()
    with nullcontext() if timings is None else timings.stages("faces"):
        files = faces(data, report.attachments, formats, language)
        replaceReport(output, files)
        terminal.stays(output)
    said = [describeResult(data)]
    if "sr" not in formats:
        said.append(describeFiles(output, files))
    else:
        headers, folder = report.cases[0].image.headers, output / DICOM_FOLDER
        objects, stored = storeReport(data, headers, folder, files.get(PDF_FILE))
        said.append(describeFiles(output, files, stored))
        said.append(send(pacs, objects, folder, terminal))
    if timings is not None:
        said.append(timings.text())
    terminal.result(data, "\n".join(filter(None, said)))
    return data["exitStatus"]


def validate(
    arguments: argparse.Namespace, terminal: Terminal, stopwatch: Stopwatch, timings: Timings | None = None
) -> Report:
    """Read and check everything that the options name.

    :param timings: measures every check, as ``stopwatch`` does the stages; None for none.
    :raises M3DError: wrong options or input.
    """
    from M3DValidationLib.Profile import loadProfile
    from M3DValidationLib.Report.Pictures.AskedSections import requireInside
    from M3DValidationLib.Report.Report import validateCases

    from ..Options.ValidationInput import readCases

    _requireSense(arguments)
    requireRevision(arguments)
    sections = sectionsFrom(arguments)
    formats = formatsOf(arguments.formats)
    requireFormats(formats)
    requireSource(formats, arguments.image, arguments.pseudonym)
    profile = loadProfile(arguments.profile)
    output = Path(arguments.output)
    requireReportFolder(output)
    if arguments.points_csv:
        requireWritableFile(arguments.points_csv)
    # Where each check is measured, one runs after the other.
    cases = readCases(arguments, profile, terminal, stopwatch, early=timings is None)
    if sections:
        requireInside(cases[0].image, sections)
    placements = _placements(cases, terminal) if arguments.mesh else []
    models = [header for mesh in arguments.mesh for header in modelHeaders(mesh)]
    if "sr" in formats:
        if not cases[0].image.headers:
            raise M3DError("--formats sr needs the patient and study of the scan, but its file has no DICOM headers.")
        requireOnePatient(cases[0].image.headers, models)
    report = validateCases(
        cases,
        showing=bool(set(formats) & SHOWING_PICTURES),
        person=arguments.person,
        pseudonym=arguments.pseudonym,
        files=[Path(file) for file in (arguments.segmentation, *arguments.mesh) if file],
        sections=sections,
        progress=terminal.progress,
        stage=stopwatch.stage,
        timed=nullcontext if timings is None else timings.checks,
    )
    if arguments.institution.strip() and not arguments.pseudonym:
        report.data["made"]["institution"] = arguments.institution.strip()
    if placements:
        report.data["placement"] = placements
    issue(report.data, arguments)
    referToModels(report.data, models)
    report.data["report"] = str(output / REPORT_FILE)
    if arguments.points_csv:
        report.data["pointsCsv"] = _writePoints(Path(arguments.points_csv), cases)
        terminal.stays(arguments.points_csv)
    if arguments.pseudonym:
        # The folders of a path have names that somebody gave them.
        named = {key: Path(report.data[key]).name for key in ("report", "pointsCsv") if report.data.get(key)}
        report.data.update(named)
    return report


def _placements(cases: list[Case], terminal: Terminal) -> list[dict]:
    """Whether each model that was brought along lies where the scan shows it, and what explains it when not."""
    from M3DValidationLib.Deviation.PlacementDiagnosis import placementOf

    found = []
    for case in cases:
        if case.image is None or case.image.geometryProblems or not case.mesh.areaMm2 > 0:
            continue
        placement = placementOf(case.mesh, case.image, terminal.progress)
        if placement.sentence:
            terminal.warn(f"{case.name}: {placement.sentence}" if len(cases) > 1 else placement.sentence)
        found.append({"model": case.name, **placement.asDict()})
    return found


def _requireSense(arguments: argparse.Namespace) -> None:
    """Refuse contradicting options before any file is read."""
    problems = []
    if not arguments.image and not arguments.mesh:
        problems.append("Say what to validate: --image DIR|FILE, --mesh FILE, or both.")
    for option in ("segmentation", "threshold", "series", "control_series"):
        if getattr(arguments, option) and not arguments.image:
            problems.append(f"--{option.replace('_', '-')} needs the scan it belongs to; give --image too.")
    if arguments.section_at and not arguments.image:
        problems.append("--section-at shows sections of the scan; give --image too.")
    if arguments.part and not arguments.image:
        problems.append("--part says that the model is a part of what the scan shows; give --image too.")
    if arguments.mesh:
        names = ("surface_method", "smoothing", "decimation", "refine", "refine_range", "max_error")
        noted = getattr(arguments, "optionsGiven", {})
        # A flag is not noted as given; it is True then.
        given = [name for name in names if name in noted or getattr(arguments, name) is True]
        if given:
            problems.append(f"--{given[0].replace('_', '-')} is about a surface made here, but --mesh brings one.")
    elif arguments.mesh_unit:
        problems.append("--unit is the unit of the model's file; give --mesh FILE too.")
    if arguments.points_csv:
        if not arguments.image or not (arguments.mesh or arguments.segmentation or arguments.threshold):
            problems.append("--points-csv lists deviations of a model from the scan; both must be given.")
    for option in ("tolerance", "min_wall", "min_gap"):
        value = getattr(arguments, option)
        if value is not None and not (math.isfinite(value) and value > 0):
            problems.append(f"--{option.replace('_', '-')} must be a positive number of millimeters, not {value:g}.")
    if arguments.build_volume and not all(math.isfinite(side) and side > 0 for side in arguments.build_volume):
        problems.append("--build-volume needs three positive numbers of millimeters.")
    try:
        requireOneAnatomy(arguments, required=False)
    except M3DError as error:
        problems += error.problems
    if problems:
        raise M3DError(problems)


def _writePoints(file: Path, cases: list[Case]) -> str | None:
    """Write the deviation of every point from the scan; None when nothing was measured."""
    from M3DValidationLib.Deviation.DeviationCsv import writePointsCsv

    maps = {}
    for number, case in enumerate(cases, start=1):
        report = case.measurements.get("deviation")
        if report is not None and "image" in report.maps:
            name = case.name or f"mesh {number}"
            maps[name if name not in maps else f"{name} {number}"] = report.maps["image"]
    if not maps:
        return None
    writePointsCsv(file, maps)
    return str(file)
