"""``m3d run``: validate a model made from a scan, and store it in DICOM when nothing fails."""

from __future__ import annotations

import argparse
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from M3DLib.Errors import M3DError
from M3DLib.NumberText import plural
from M3DValidationLib.Report.Content.ReportFormats import formatsOf
from M3DValidationLib.Report.ReportFiles import PDF_FILE, faces
from M3DValidationLib.Report.ReportFolder import replaceReport

from ..Options.DescriptionOptions import addDescriptionOptions
from ..Options.FileOptions import addEncapsulateOption, addFileOptions, printRequestFrom, withSiblings
from ..Options.InputOptions import requireOneAnatomy
from ..Options.ModelRequest import ModelRequest, modelRequestFrom
from ..Options.PacsOptions import send
from ..Options.ReportOptions import languageFrom
from ..ReportDicom import DICOM_FOLDER, requireOneRun
from ..Stopwatch import peakMemoryMb
from ..Terminal import Terminal
from ..ValidationText import describeFiles, describeResult
from .ValidateCommand import addValidationOptions, validate

if TYPE_CHECKING:
    from M3DLib.EncapsulatedStl.ModelExport import Model
    from M3DLib.PrintFiles.PrintFiles import PrintFiles
    from M3DLib.PrintFiles.PrintRequest import PrintRequest
    from M3DValidationLib.Report.Report import Report


def addParser(subparsers) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "run",
        help="validate a model of a scan, then store it in DICOM when nothing fails",
        description="Make a model of a scan's anatomy, check it as m3d validate does, and write it as DICOM "
        "Encapsulated STL into the file-set DIR/dicom when nothing fails. Exit status: that of m3d validate, also "
        "when the model is exported all the same.",
    )
    addValidationOptions(parser, meshToo=False)
    addDescriptionOptions(parser, institution=False)
    addFileOptions(parser)
    addEncapsulateOption(parser)
    parser.add_argument(
        "--export-anyway",
        metavar="REASON",
        help="export the model although something fails; the reason is recorded in the object and in the report",
    )
    parser.set_defaults(run=run, mesh=[], mesh_unit=None)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Run the command; returns its exit status."""
    from M3DLib.EncapsulatedStl.ValidationRecord import recordValidation
    from M3DValidationLib.Report.Content.ReportReferences import referToModels
    from M3DValidationLib.Report.Content.ReportResult import EXIT_FAILED
    from M3DValidationLib.Report.Dicom.ReportObjects import modelsAndReport

    requireOneAnatomy(arguments)
    reason = None if arguments.export_anyway is None else " ".join(arguments.export_anyway.split())
    if reason == "":
        raise M3DError("--export-anyway needs the reason why the model is exported although something fails.")
    output, wanted, language = Path(arguments.output), printRequestFrom(arguments), languageFrom(arguments)
    request = modelRequestFrom(arguments, output / DICOM_FOLDER, terminal)
    requireOneRun(output, [str(header.SOPInstanceUID) for header in request.earlier.headers])
    store, stopwatch = request.store, request.stopwatch
    report = validate(arguments, terminal, stopwatch)
    data, image, formats = report.data, report.cases[0].image, formatsOf(arguments.formats)
    if not image.headers:
        raise M3DError("The scan's file has no DICOM headers, so there is no patient and study to store the model in.")
    failed = data["exitStatus"] == EXIT_FAILED
    made = all(case.mesh is not None for case in report.cases)
    models = []
    if made and (not failed or reason is not None):
        with stopwatch.stage("object"):
            models = _models(report, arguments, request)
            if failed:
                data["override"] = {"reason": reason}
            profile = f"{data['profile']['name']} {data['profile']['version']}"
            for model in models:
                recordValidation(model.dataset, data["verdict"], profile, reason if failed else "")
            data["dataFlow"].insert(-1, _dicomStep(models, bool(arguments.pseudonym)))
    data["exported"] = [_uidOf(model, bool(arguments.pseudonym)) for model in models]
    objects = [model.dataset for model in models]
    referToModels(data, objects, [model.mesh.name for model in models])
    data["seconds"], data["peakMemoryMb"] = stopwatch.asDict(), peakMemoryMb()
    files = faces(data, report.attachments, formats, language)
    if "sr" in formats:
        neighbors = store.directory().headers()
        objects = modelsAndReport(data, image.headers, objects, neighbors, files.get(PDF_FILE))
    # Beside the models, whose objects refer to the report by now.
    siblings = withSiblings(objects[: len(models)], [model.mesh for model in models], arguments.encapsulate)
    objects += siblings[len(models) :]
    loose = _looseFiles(models, wanted, request, bool(arguments.pseudonym))
    if objects:
        stored = store.add(objects, extras=loose.contents, progress=terminal.progress)
        terminal.stays(output)
    replaceReport(output, files)
    terminal.stays(output)
    said = [describeResult(data), describeFiles(output, files), _said(len(models), made, failed, store.root)]
    if loose.contents:
        data["files"] = [str(stored.extras[name]) for name in loose.contents]
        data["filesPlace"], data["toPatientLps"] = loose.facts.place, loose.facts.toPatient
        said += [f"  {file}" for file in data["files"]]
    said.append(send(request.pacs, objects, store.root, terminal))
    terminal.result(data, "\n".join(filter(None, said)))
    return data["exitStatus"]


def _said(count: int, made: bool, failed: bool, root: Path) -> str:
    if count:
        return f"Wrote {plural(count, 'model')} to {root}{', although something fails' if failed else ''}."
    if not made:
        return "No model was exported: no surface could be made."
    return "No model was exported, because something fails; --export-anyway REASON exports it all the same."


def _models(report: Report, arguments: argparse.Namespace, request: ModelRequest) -> list[Model]:
    from M3DLib.EncapsulatedStl.EarlierModels import storedModels
    from M3DLib.EncapsulatedStl.Icon import renderIcons
    from M3DLib.EncapsulatedStl.ModelExport import Surroundings, makeModels

    directory = request.store.directory()
    cases = report.cases
    meshes = [case.mesh for case in cases]
    return makeModels(
        cases[0].image,
        [case.segment for case in cases],
        meshes,
        cases[0].surfaceParameters,
        request.description,
        around=Surroundings(
            directory.headers(), earlier=request.earlier, stored=storedModels(directory, request.store.root)
        ),
        icons=renderIcons(meshes) if arguments.icon else None,
        started=request.started,
    )


def _looseFiles(models: list[Model], wanted: PrintRequest, request: ModelRequest, isPseudonymized: bool) -> PrintFiles:
    """The model files that are to lie beside the objects; none when no model is exported."""
    from M3DLib.PrintFiles.PrintFiles import PrintFiles, printFiles, takenIn

    if not wanted or not models:
        return PrintFiles()
    return printFiles(
        [model.mesh for model in models],
        [model.dataset for model in models],
        wanted,
        takenIn(request.store.root),
        title=request.description.title,
        withUids=not isPseudonymized,
    )


def _uidOf(model: Model, isPseudonymized: bool) -> str:
    """What the report calls a model's object: a pseudonymized one leads to none."""
    from M3DValidationLib.Report.Content.Pseudonym import WITHHELD

    return WITHHELD if isPseudonymized else str(model.dataset.SOPInstanceUID)


def _dicomStep(models: list[Model], isPseudonymized: bool) -> dict:
    import hashlib

    from M3DLib.Software import softwareVersions

    return {
        "step": "dicom",
        "title": "DICOM Encapsulated STL",
        "software": softwareVersions(),
        "parameters": {f"instance {n}": _uidOf(model, isPseudonymized) for n, model in enumerate(models, start=1)},
        "time": datetime.now().astimezone().isoformat(timespec="seconds"),
        "files": [
            {
                "name": f"STL in instance {n}",
                "sha256": hashlib.sha256(model.dataset.EncapsulatedDocument).hexdigest(),
            }
            for n, model in enumerate(models, start=1)
        ],
    }
