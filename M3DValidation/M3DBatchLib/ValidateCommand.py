"""``m3d validate``: is the scan good enough, and does the model show what the scan shows?"""

from __future__ import annotations

import argparse
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from M3DLib.Errors import M3DError

from .InputOptions import addImageOptions, addSegmentOptions, requireOneAnatomy
from .ReportDicom import DICOM_FOLDER, modelHeaders, requireSource, storeReport
from .ReportFiles import PDF_FILE, REPORT_FILE, SHOWING_PICTURES, faces, formatsOf, requireFormats, writeFiles
from .ReportOptions import addReportOptions, completeReport
from .Stopwatch import Stopwatch, peakMemoryMb
from .Terminal import Terminal
from .ValidationText import describeResult

if TYPE_CHECKING:
    from M3DValidationLib.Check import Case
    from M3DValidationLib.Report.Pictures import Picture
    from M3DValidationLib.Requirement import Finding, Verdict

EXIT_PASSED = 0
EXIT_FAILED = 1
EXIT_INCOMPLETE = 3
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
            "--mesh", metavar="FILE", help="model to check (STL, DICOM, OBJ, PLY, 3MF, AMF) instead of one made here"
        )
        group.add_argument("--unit", metavar="UNIT", help="unit of the model's file where it states none (default: mm)")
    group.add_argument(
        "--method",
        action="append",
        default=[],
        choices=(*_DEVIATION_METHODS, *_SURFACE_METHODS),
        help="how the image's edge is found (half-height, gradient) or how a surface is made from the segment "
        "(flying-edges, surface-nets); may be given once for each",
    )
    group.add_argument("--smoothing", type=float, metavar="F", help="of a surface made here, as in m3d export")
    group.add_argument("--decimation", type=float, metavar="F", help="of a surface made here, as in m3d export")
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
    group.add_argument(
        "--references",
        action="append",
        default=[],
        metavar="FILE",
        help="known distances and calibration objects (.csv, .json, Slicer's .mrk.json); may be given several times",
    )
    group = parser.add_argument_group("output")
    group.add_argument("--output", required=True, metavar="DIR", help=f"folder for {REPORT_FILE}; made if needed")
    group.add_argument("--points-csv", metavar="FILE", help="write the deviation of every point of the mesh")
    group.add_argument("--json", action="store_true", help="print the report as one JSON object")
    addReportOptions(parser)


@dataclass
class Validation:
    """What was found, not written yet.

    :ivar data: the whole content of the report.
    :ivar pngs: the report's pictures by file name.
    """

    cases: list[Case]
    data: dict
    pngs: dict[str, bytes]
    formats: tuple[str, ...]


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Run the command; returns its exit status."""
    stopwatch = Stopwatch()
    validation = validate(arguments, terminal, stopwatch)
    data, output = validation.data, Path(arguments.output)
    data["seconds"], data["peakMemoryMb"] = stopwatch.asDict(), peakMemoryMb()
    files = faces(data, validation.pngs, validation.formats)
    writeFiles(output, files)
    if "sr" in validation.formats:
        headers, models = validation.cases[0].image.headers, modelHeaders(arguments.mesh)
        storeReport(data, headers, models, output / DICOM_FOLDER, files.get(PDF_FILE))
    terminal.result(data, describeResult(data))
    return data["exitStatus"]


def validate(arguments: argparse.Namespace, terminal: Terminal, stopwatch: Stopwatch) -> Validation:
    """Read and check everything that the options name.

    :raises M3DError: wrong options or input.
    """
    from M3DValidationLib.Profile import loadProfile

    from .ValidationInput import readCases

    _requireSense(arguments)
    formats = formatsOf(arguments.formats)
    requireFormats(formats)
    requireSource(formats, arguments.image, arguments.pseudonym)
    profile = loadProfile(arguments.profile)
    output = Path(arguments.output)
    _requireFolder(output)
    cases = readCases(arguments, profile, terminal, stopwatch)
    if "sr" in formats and not cases[0].image.headers:
        raise M3DError("--formats sr needs the patient and study of the scan, but its file has no DICOM headers.")
    with stopwatch.stage("checking"):
        results = _runAll(cases, terminal)
    with stopwatch.stage("pictures"):
        pictures = _pictures(cases, results, formats, terminal)
    with stopwatch.stage("report"):
        data = completeReport(resultOf(cases, results), cases, arguments, pictures)
    data["report"] = str(output / REPORT_FILE)
    if arguments.points_csv:
        data["pointsCsv"] = _writePoints(Path(arguments.points_csv), cases)
    return Validation(cases, data, {picture.file: picture.png for picture in pictures}, formats)


def _requireSense(arguments: argparse.Namespace) -> None:
    """Refuse contradicting options before any file is read."""
    problems = []
    if not arguments.image and not arguments.mesh:
        problems.append("Say what to validate: --image DIR|FILE, --mesh FILE, or both.")
    for option in ("segmentation", "threshold", "series"):
        if getattr(arguments, option) and not arguments.image:
            problems.append(f"--{option} needs the scan it belongs to; give --image too.")
    for kind in (_SURFACE_METHODS, _DEVIATION_METHODS):
        if len(set(arguments.method) & set(kind)) > 1:
            problems.append(f"--method: choose one of {' and '.join(kind)}.")
    if arguments.mesh:
        given = [name for name in ("smoothing", "decimation") if getattr(arguments, name) is not None]
        given += [name for name in arguments.method if name in _SURFACE_METHODS]
        if given:
            problems.append(f"'{given[0]}' is about a surface made here, but --mesh brings one.")
    elif arguments.unit:
        problems.append("--unit is the unit of the model's file; give --mesh FILE too.")
    if arguments.points_csv:
        if not arguments.image or not (arguments.mesh or arguments.segmentation or arguments.threshold):
            problems.append("--points-csv lists deviations of a model from the scan; both must be given.")
        elif not Path(arguments.points_csv).absolute().parent.is_dir():
            problems.append(f"The folder of --points-csv {arguments.points_csv} does not exist.")
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


def _requireFolder(output: Path) -> None:
    """Refuse an output folder that cannot be written before the work begins; makes nothing."""
    if output.exists() and not output.is_dir():
        raise M3DError(f"{output} is a file; --output names a folder.")
    nearest = next(folder for folder in (output, *output.absolute().parents) if folder.exists())
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise M3DError(f"{output} cannot be written; choose another folder with --output.")


def _runAll(cases: list[Case], terminal: Terminal) -> list[list[Finding]]:
    """Findings on each case; what concerns the scan alone is asked once."""
    from M3DValidationLib.Validation import runChecks

    results = []
    for index, case in enumerate(cases):

        def part(fraction: float, text: str, start=index) -> None:
            terminal.progress((start + fraction) / len(cases), text)

        results.append(runChecks(case, part, imageToo=index == 0))
    return results


def _pictures(cases: list[Case], results: list[list[Finding]], formats: tuple[str, ...], terminal) -> list[Picture]:
    """What findings rest on always (field of view, thinnest places); the rest for the formats that show pictures."""
    from M3DValidationLib.Acquisition.FieldOfViewPicture import describePicture, fieldOfViewPicture
    from M3DValidationLib.Report.Pictures import Picture, makePictures, pngBytes
    from M3DValidationLib.Report.ThinPlacePictures import thinPlacePictures

    pictures = []
    for number, (case, findings) in enumerate(zip(cases, results, strict=True), start=1):
        ending = "" if len(cases) == 1 else f"-{number}"
        array = fieldOfViewPicture(case)
        if array is not None:
            file = f"field-of-view{ending}.png"
            png, words = pngBytes(array), describePicture(case)
            requirement = "anatomy-inside-field-of-view"
            pictures.append(Picture(file, "fieldOfView", "Anatomy in the field of view", words, png, requirement))
        pictures += thinPlacePictures(case, findings, ending)
    if set(formats) & SHOWING_PICTURES:
        pictures += makePictures(cases, terminal.progress)
    return pictures


def exitStatusOf(verdict: Verdict) -> int:
    """0 pass or warning, 1 fail, 3 not assessable."""
    from M3DValidationLib.Requirement import Verdict

    return {Verdict.FAIL: EXIT_FAILED, Verdict.NOT_ASSESSABLE: EXIT_INCOMPLETE}.get(verdict, EXIT_PASSED)


def resultOf(cases: list[Case], results: list[list[Finding]]) -> dict:
    """The report's content as plain JSON values."""
    from M3DValidationLib.Requirement import Verdict
    from M3DValidationLib.Validation import aboutImageAlone, overallVerdict

    findings = [finding for found in results for finding in found]
    verdict = overallVerdict(findings)
    case = cases[0]
    alike = aboutImageAlone()
    described = []
    for one, found in zip(cases, results, strict=True):
        for finding in found:
            entry = finding.asDict()
            if len(cases) > 1 and one.segment is not None and finding.requirement.id not in alike:
                entry["segment"] = one.segment.name
            described.append(entry)
    data = {
        "verdict": verdict.value,
        "exitStatus": exitStatusOf(verdict),
        "counts": {v.value: sum(finding.verdict is v for finding in findings) for v in Verdict},
        "profile": {
            "name": case.profile.name,
            "title": case.profile.title,
            "version": case.profile.version,
            "sha256": case.profile.sha256,
        },
        "toleranceMm": case.options.get("tolerance") or case.profile.toleranceMm,
        "findings": described,
        "deviation": _deviationOf(cases),
        "input": _inputOf(cases),
    }
    return _plain(data)


def _deviationOf(cases: list[Case]) -> dict | None:
    """How far the model lies from scan and segment; of several, that of the first, and under ``segments`` of each."""
    reports = [case.measurements.get("deviation") for case in cases]
    blocks = [None if report is None else {**report.data, "problems": report.problems} for report in reports]
    measured = [block for block in blocks if block is not None]
    if not measured:
        return None
    if len(cases) == 1:
        return measured[0]
    named = zip(cases, blocks, strict=True)
    return {**measured[0], "segments": {case.segment.name: block for case, block in named if block is not None}}


def _writePoints(file: Path, cases: list[Case]) -> str | None:
    """Write the deviation of every point from the scan; None when nothing was measured."""
    from M3DValidationLib.Deviation.DeviationCsv import writePointsCsv

    maps = {}
    for number, case in enumerate(cases, start=1):
        report = case.measurements.get("deviation")
        if report is not None and "image" in report.maps:
            name = case.segment.name if case.segment is not None else f"mesh {number}"
            maps[name if name not in maps else f"{name} {number}"] = report.maps["image"]
    if not maps:
        return None
    writePointsCsv(file, maps)
    return str(file)


def _inputOf(cases: list[Case]) -> dict:
    """What was looked at."""
    image, first = cases[0].image, cases[0]
    data: dict = {}
    if image is not None:
        data["image"] = {
            "modality": image.modality,
            "dimensions": list(image.dimensions),
            "spacingMm": [round(float(step), 5) for step in image.spacing],
            "seriesInstanceUid": str(image.headers[0].get("SeriesInstanceUID", "")) if image.headers else "",
            "geometryProblems": image.geometryProblems,
            "skippedFiles": [{"file": item.file.name, "reason": item.reason} for item in image.skippedFiles],
        }
    segments = [case.segment for case in cases if case.segment is not None]
    if segments:
        data["segments"] = [{"name": s.name, "volumeMm3": s.volumeMm3, "from": s.source.kind} for s in segments]
    if first.mesh is not None and first.meshNotes is not None:
        data["mesh"] = {"format": first.meshNotes.format, "triangles": len(first.mesh.triangles)}
    if first.surfaceParameters is not None:
        data["surface"] = first.surfaceParameters.asDict()
    return data


def _plain(value):
    """Plain JSON values: numpy numbers as numbers, what is not finite as null."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
