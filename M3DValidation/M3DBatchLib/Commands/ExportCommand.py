"""``m3d export``: from a scan and a segmentation to Encapsulated STL objects in a DICOM file-set."""

from __future__ import annotations

import argparse
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ..Options.DescriptionOptions import addDescriptionOptions, descriptionFrom, earlierModelsFrom
from ..Options.InputOptions import (
    addImageOptions,
    addSegmentOptions,
    addSurfaceOptions,
    readSegmentsFrom,
    requireOneAnatomy,
    surfaceParametersFrom,
)
from ..Options.PacsOptions import addPacsOptions, pacsFrom, send
from ..Options.RepairRequest import applyRepairs, repairOptions, repairRecords, repairText
from ..Options.SourceHeaders import readSourceHeaders
from ..Stopwatch import Stopwatch, peakMemoryMb
from ..Terminal import Terminal

if TYPE_CHECKING:
    from M3DLib.EncapsulatedStl.ModelExport import Model
    from M3DLib.Image.ImageVolume import ImageVolume
    from M3DLib.Store.FileSetAdditions import StoredFiles


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
    group.add_argument("--stl", action="store_true", help="write each model as a loose STL file too")
    group.add_argument("--copy-source", action="store_true", help="put the images of the scan into the file-set too")
    group.add_argument("--json", action="store_true", help="print the result as one JSON object")
    addPacsOptions(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Run the command; returns its exit status."""
    from M3DLib.EncapsulatedStl.EarlierModels import storedModels
    from M3DLib.EncapsulatedStl.Icon import renderIcon
    from M3DLib.EncapsulatedStl.ModelExport import makeModels, makeSurfaces
    from M3DLib.Identifying import safeFileName
    from M3DLib.Image.ImageReader import readImage
    from M3DLib.Store.FileSetStore import FileSetStore

    started = datetime.now().astimezone()
    stopwatch = Stopwatch()
    requireOneAnatomy(arguments)
    surface = surfaceParametersFrom(arguments)
    description = descriptionFrom(arguments)
    earlier = earlierModelsFrom(arguments)
    store = FileSetStore(arguments.output)
    store.requireWritable()
    pacs = pacsFrom(arguments)
    directory = store.directory()
    neighbors = directory.headers()

    with stopwatch.stage("reading"):
        image = readImage(arguments.image, arguments.series, terminal.progress)
        image.requireRegular()
        otherImages = readSourceHeaders(arguments.also_from, [])
    with stopwatch.stage("segmenting"):
        segments = readSegmentsFrom(arguments, image, terminal.progress)
    with stopwatch.stage("surface"):
        meshes = makeSurfaces(image, segments, surface, terminal.progress)
    with stopwatch.stage("repairing"):
        meshes, repairs = applyRepairs(meshes, arguments.repair)
    with stopwatch.stage("object"):
        terminal.progress(1.0, "Describing the models")
        icons = [renderIcon(mesh) if arguments.icon else None for mesh in meshes]
        models = makeModels(
            image,
            segments,
            meshes,
            surface,
            description,
            neighbors=neighbors,
            earlier=earlier,
            icons=icons,
            otherImages=otherImages,
            stored=storedModels(directory, store.root),
            repairs=[repairText(done) for done in repairs],
            started=started,
        )
    with stopwatch.stage("storing"):
        extras = {}
        for number, model in enumerate(models if arguments.stl else [], start=1):
            name = safeFileName(model.mesh.name, image.headers, f"model-{number}")
            while f"{name}.stl" in extras:
                name = f"{name}-{number}"
            extras[f"{name}.stl"] = model.dataset.EncapsulatedDocument
        copies = image.files if arguments.copy_source else []
        stored = store.add([model.dataset for model in models], copies, extras, terminal.progress)
        sent = send(pacs, [model.dataset for model in models], store.root, terminal)

    data = resultOf(image, models, stored, list(stored.extras.values()))
    for entry, model, done in zip(data["models"], models, repairs, strict=True):
        entry["modified"] = {"YES": True, "NO": False}.get(str(model.dataset.get("ModelModification", "")))
        entry["repairs"] = repairRecords(done)
    data["output"] = str(store.root)
    data["groupUid"] = description.groupUid
    data["warnings"] = list(dict.fromkeys(warning for model in models for warning in model.warnings))
    if arguments.icon and any(icon is None for icon in icons):
        data["warnings"].append("This machine cannot render, so the objects have no picture.")
    for warning in data["warnings"]:
        terminal.note(warning)
    data["seconds"] = stopwatch.asDict()
    data["peakMemoryMb"] = peakMemoryMb()
    terminal.result(data, "\n".join(filter(None, [_text(data), sent])))
    return 0


def resultOf(image: ImageVolume, models: list[Model], stored: StoredFiles, stlFiles: list[Path]) -> dict:
    """What was exported, as the JSON result has it."""
    from M3DLib.Segmentation.SegmentFit import frameOfReferenceUid

    described = []
    for number, model in enumerate(models):
        uid = str(model.dataset.SOPInstanceUID)
        entry = {
            "file": str(stored.instances[uid]),
            "sopInstanceUid": uid,
            "seriesInstanceUid": str(model.dataset.SeriesInstanceUID),
            "name": model.mesh.name,
            "title": str(model.dataset.DocumentTitle),
            "triangles": len(model.mesh.triangles),
            "volumeMm3": model.mesh.volumeMm3,
            "areaMm2": model.mesh.areaMm2,
            "boundsLps": list(model.mesh.boundsLps),
            "closed": model.mesh.isClosed,
        }
        if stlFiles:
            entry["stl"] = str(stlFiles[number])
        described.append(entry)
    return {
        "models": described,
        "source": {
            "seriesInstanceUid": str(image.headers[0].SeriesInstanceUID),
            "frameOfReferenceUid": frameOfReferenceUid(image),
            "slices": int(image.array.shape[0]),
            "skippedFiles": [{"file": skipped.file.name, "reason": skipped.reason} for skipped in image.skippedFiles],
        },
    }


def _text(data: dict) -> str:
    lines = [f"Wrote {len(data['models'])} model(s) to {data['output']} in {data['seconds']['total']:.1f} s."]
    for model in data["models"]:
        low, high = model["boundsLps"][::2], model["boundsLps"][1::2]
        size = " x ".join(f"{b - a:.1f}" for a, b in zip(low, high, strict=True))
        closed = "closed" if model["closed"] else "NOT closed"
        lines.append(
            f"  {model['name']}: {size} mm, {model['triangles']} triangles, {model['volumeMm3']:.1f} mm3, {closed}"
        )
        lines.append(f"    {model['file']}")
        lines += [f"    {repair['description']}" for repair in model.get("repairs", [])]
        if "stl" in model:
            lines.append(f"    {model['stl']}")
    if data.get("groupUid"):
        lines.append(f"  parts of the group {data['groupUid']}")
    skipped = data["source"]["skippedFiles"]
    if skipped:
        lines.append(f"  {len(skipped)} file(s) of the scan's folder skipped:")
        lines += [f"    {entry['file']}: {entry['reason']}" for entry in skipped[:10]]
    return "\n".join(lines)
