"""``m3d export``: from a scan and a segmentation to Encapsulated STL objects in a DICOM file-set."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from M3DLib.NumberText import plural

from ..Options.CaseOptions import addCaseOptions
from ..Options.DescriptionOptions import addDescriptionOptions
from ..Options.FileOptions import addEncapsulateOption, addFileOptions, printRequestFrom, siblingEntries, withSiblings
from ..Options.InputOptions import (
    addImageOptions,
    addSegmentOptions,
    addSurfaceOptions,
    readScan,
    readSegmentsFrom,
    requireOneAnatomy,
    surfaceParametersFrom,
)
from ..Options.ModelRequest import ModelRequest, beside, modelEntry, modelLine, modelRequestFrom, tell
from ..Options.PacsOptions import addPacsOptions, send
from ..Options.RepairRequest import applyRepairs, repairOptions, repairRecords, repairText
from ..Options.SourceHeaders import readSourceHeaders
from ..Terminal import Terminal

if TYPE_CHECKING:
    from pydicom import Dataset

    from M3DLib.EncapsulatedStl.ModelExport import Model
    from M3DLib.Image.ImageVolume import ImageVolume
    from M3DLib.Mesh.SurfaceParameters import SurfaceParameters
    from M3DLib.PrintFiles.PrintFiles import PrintFiles
    from M3DLib.PrintFiles.PrintRequest import PrintRequest
    from M3DLib.Store.FileSetAdditions import StoredFiles
    from M3DValidationLib.Soundness.MeshRepair import Repair


def addParser(subparsers) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "export",
        help="write models of a scan as DICOM Encapsulated STL",
        description="Make surfaces of a scan's anatomy and write them as DICOM Encapsulated STL objects, in the scan's "
        "patient, study and frame of reference, into a DICOM file-set (a folder with a DICOMDIR).",
    )
    addImageOptions(parser)
    parser.add_argument(
        "--also-from",
        action="append",
        default=[],
        metavar="DIR|FILE",
        help="a further DICOM series that the segmentation was made from (fused images), named as a source too",
    )
    addSegmentOptions(parser)
    addSurfaceOptions(parser)
    group = parser.add_argument_group("repair", "only what is asked for is done, and recorded as model modification")
    group.add_argument(
        "--repair",
        type=repairOptions,
        metavar="KIND[,KIND...]",
        help="remove-useless, reorient, drop-specks=MM3, fill-holes=MM: as in m3d repair, after the surface is made",
    )
    addDescriptionOptions(parser)
    group = parser.add_argument_group("output")
    group.add_argument("--output", required=True, metavar="DIR", help="file-set to make or to add to")
    group.add_argument("--copy-source", action="store_true", help="put the images of the scan into the file-set too")
    group.add_argument("--json", action="store_true", help="print the result as one JSON object")
    addEncapsulateOption(group)
    addFileOptions(parser, stlToo=True)
    addPacsOptions(parser)
    addCaseOptions(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Run the command; returns its exit status."""
    requireOneAnatomy(arguments)
    surface, wanted = surfaceParametersFrom(arguments), printRequestFrom(arguments)
    request = modelRequestFrom(arguments, Path(arguments.output), terminal)
    image, models, repairs = _make(arguments, surface, request, terminal)
    objects = [model.dataset for model in models]
    siblings = withSiblings(objects, [model.mesh for model in models], arguments.encapsulate)[len(objects) :]
    with request.stopwatch.stage("storing"):
        files = _looseFiles(models, wanted, request)
        copies = image.files if arguments.copy_source else []
        stored = request.store.add([*objects, *siblings], copies, files.contents, terminal.progress)
        terminal.stays(request.store.root)
        sent = send(request.pacs, [*objects, *siblings], request.store.root, terminal)
    data = resultOf(image, models, stored, files)
    for entry, model, done in zip(data["models"], models, repairs, strict=True):
        entry["modified"] = {"YES": True, "NO": False}.get(str(model.dataset.get("ModelModification", "")))
        entry["repairs"] = repairRecords(done)
        entry["identical"] = [str(one.ReferencedSOPInstanceUID) for one in _identical(model)]
    for entry, more in zip(data["models"], siblingEntries(siblings, stored.instances), strict=bool(siblings)):
        entry.update(more)
    data["output"] = str(request.store.root)
    data["modelsBefore"] = request.modelsBefore
    data["groupUid"] = request.description.groupUid
    data["warnings"] = list(dict.fromkeys(warning for model in models for warning in model.warnings))
    if arguments.icon and not all("IconImageSequence" in one for one in objects):
        data["warnings"].append("This machine cannot render, so the objects have no picture.")
    tell(data, _text, sent, request.stopwatch, terminal)
    return 0


def _make(
    arguments: argparse.Namespace, surface: SurfaceParameters, request: ModelRequest, terminal: Terminal
) -> tuple[ImageVolume, list[Model], list[list[Repair]]]:
    """The scan, the models of its anatomy, and of each model what was repaired."""
    from M3DLib.EncapsulatedStl.EarlierModels import storedModels
    from M3DLib.EncapsulatedStl.Icon import renderIcons
    from M3DLib.EncapsulatedStl.ModelExport import Surroundings, makeModels, makeSurfaces
    from M3DLib.Mesh.Rendering import prepareRendering

    if arguments.icon:
        # A process of its own finds out whether there can be icons, while the scan is read.
        prepareRendering()
    stage = request.stopwatch.stage
    directory = request.store.directory()
    with stage("reading"):
        image = readScan(arguments, terminal)
        image.requireRegular()
        otherImages = readSourceHeaders(arguments.also_from, [])
    with stage("segmenting"):
        segments, leftOut = readSegmentsFrom(arguments, image, terminal.progress)
    with stage("surface"):
        meshes = makeSurfaces(image, segments, surface, terminal.progress)
    with stage("repairing"):
        meshes, repairs = applyRepairs(meshes, arguments.repair)
    with stage("object"):
        terminal.progress(1.0, "Describing the models")
        models = makeModels(
            image,
            segments,
            meshes,
            surface,
            request.description,
            around=Surroundings(
                directory.headers(), earlier=request.earlier, stored=storedModels(directory, request.store.root)
            ),
            icons=renderIcons(meshes) if arguments.icon else None,
            otherImages=otherImages,
            repairs=[repairText(done) for done in repairs],
            started=request.started,
        )
    if request.description.title:
        # The title is the model's name everywhere: in the object, of its file, in what is printed.
        for model in models:
            model.mesh.name = str(model.dataset.DocumentTitle)
    models[0].warnings += leftOut
    return image, models, repairs


def _identical(model: Model) -> list[Dataset]:
    """References of a model's object to those that hold the very same STL."""
    studies = model.dataset.get("IdenticalDocumentsSequence") or []
    return [
        one for study in studies for series in study.ReferencedSeriesSequence for one in series.ReferencedSOPSequence
    ]


def _looseFiles(models: list[Model], wanted: PrintRequest, request: ModelRequest) -> PrintFiles:
    """The model files that are to lie beside the objects, by names that no file there has."""
    from M3DLib.PrintFiles.PrintFiles import PrintFiles, printFiles, takenIn

    if not wanted:
        return PrintFiles()
    meshes, objects = [model.mesh for model in models], [model.dataset for model in models]
    return printFiles(meshes, objects, wanted, takenIn(request.store.root), title=request.description.title)


def resultOf(image: ImageVolume, models: list[Model], stored: StoredFiles, files: PrintFiles) -> dict:
    """What was exported, as the JSON result has it."""
    from M3DLib.Segmentation.SegmentFit import frameOfReferenceUid

    described = []
    for number, model in enumerate(models):
        entry = modelEntry(model.mesh, model.dataset, stored.instances[str(model.dataset.SOPInstanceUID)])
        entry.update(model.mesh.record)
        if files.contents:
            entry["files"] = [str(stored.extras[name]) for name in files.named[number]]
            for file in entry["files"]:
                if file.endswith(".stl"):
                    entry["stl"] = file
        described.append(entry)
    return {
        "models": described,
        "files": [str(stored.extras[name]) for name in files.contents],
        "filesPlace": files.facts.place,
        "toPatientLps": files.facts.toPatient,
        "source": {
            "seriesInstanceUid": str(image.headers[0].SeriesInstanceUID),
            "frameOfReferenceUid": frameOfReferenceUid(image),
            "slices": int(image.array.shape[0]),
            "skippedFiles": [{"file": skipped.file.name, "reason": skipped.reason} for skipped in image.skippedFiles],
        },
    }


def _text(data: dict) -> str:
    from M3DLib.Surface.SurfaceRecord import recordTexts

    lines = [f"Wrote {plural(len(data['models']), 'model')} to {data['output']} in {data['seconds']['total']:.1f} s."]
    for model in data["models"]:
        lines.append(modelLine(model))
        lines.append(f"    {model['file']}")
        lines += [f"    as {kind.upper()}: {model[kind]['file']}" for kind in ("obj", "mtl") if kind in model]
        lines += [f"    {text}" for text in recordTexts(model)]
        lines += [f"    the same document as instance {uid}" for uid in model.get("identical", [])]
        lines += [f"    {repair['description']}" for repair in model.get("repairs", [])]
    lines += [f"  {file}" for file in data.get("files", [])]
    lines += beside(data.get("modelsBefore", 0))
    if data.get("groupUid"):
        lines.append(f"  parts of the group {data['groupUid']}")
    skipped = data["source"]["skippedFiles"]
    if skipped:
        lines.append(f"  Skipped: {plural(len(skipped), 'file')} of the scan's folder:")
        lines += [f"    {entry['file']}: {entry['reason']}" for entry in skipped[:10]]
    return "\n".join(lines)
