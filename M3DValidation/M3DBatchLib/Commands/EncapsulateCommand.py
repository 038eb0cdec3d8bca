"""``m3d encapsulate``: an STL made elsewhere becomes an Encapsulated STL object, byte for byte."""

from __future__ import annotations

import argparse
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from M3DLib.WritablePlace import requireWritableFile

from ..Options.DescriptionOptions import addDescriptionOptions, descriptionFrom, earlierModelsFrom
from ..Options.PacsOptions import addPacsOptions, pacsFrom, send
from ..Options.SourceHeaders import readSourceHeaders
from ..Stopwatch import Stopwatch, peakMemoryMb
from ..Terminal import Terminal

if TYPE_CHECKING:
    from pydicom import Dataset

    from M3DLib.EncapsulatedStl.ForeignStl import ForeignStl


def addParser(subparsers) -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "encapsulate",
        help="wrap an STL made elsewhere as DICOM Encapsulated STL, byte for byte",
        description="Wraps a binary STL made elsewhere (an implant, for example) as a DICOM Encapsulated STL object of "
        "the patient and study of a DICOM series. Its coordinates must be those of the series: LPS.",
    )
    parser.add_argument("file", metavar="FILE.stl", type=Path)
    group = parser.add_argument_group("what it belongs to")
    group.add_argument(
        "--source",
        action="append",
        required=True,
        metavar="DIR|FILE",
        help="DICOM series that the model was made from or for; may be given several times",
    )
    group.add_argument(
        "--series",
        action="append",
        default=[],
        metavar="UID|NUMBER",
        help="which series of the sources, where a folder holds several; may be given several times",
    )
    group.add_argument("--study", default="", metavar="UID", help="the model's study, when the sources are of several")
    group.add_argument(
        "--frame-of-reference",
        default="",
        metavar="UID",
        help="the one the STL's coordinates are in, when the sources have several",
    )
    group.add_argument(
        "--own-coordinates",
        action="store_true",
        help="the STL's coordinates are not those of the scan (a plate as its maker designed it, for example)",
    )
    group.add_argument("--made-with", default="", metavar="NAME", help="software or method that made the STL")
    group.add_argument("--made-with-version", default="unknown", metavar="TEXT", help="its version")
    addDescriptionOptions(parser)
    group = parser.add_argument_group("output")
    group.add_argument(
        "--output",
        required=True,
        type=Path,
        metavar="DIR|FILE.dcm",
        help="file-set (folder with a DICOMDIR) to make or to add to, or a single DICOM file",
    )
    group.add_argument("--json", action="store_true", help="print the result as one JSON object")
    addPacsOptions(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Wrap the file; the exit status is 0."""
    from M3DLib.EncapsulatedStl.EarlierModels import findIdentical, storedModels
    from M3DLib.EncapsulatedStl.EncapsulatedStlWriter import buildEncapsulatedStl, safeTitle
    from M3DLib.EncapsulatedStl.ForeignStl import judge, readForeignStl
    from M3DLib.EncapsulatedStl.Icon import renderIcon
    from M3DLib.EncapsulatedStl.ModelDescription import DerivationAlgorithm
    from M3DLib.EncapsulatedStl.ModelSources import sourcesFromImages
    from M3DLib.EncapsulatedStl.OpenQuestions import openQuestions
    from M3DLib.EncapsulatedStl.SeriesPlacement import newSeries, sameSeries
    from M3DLib.Store.FileSetStore import FileSetStore

    started = datetime.now().astimezone()
    stopwatch = Stopwatch()
    description = descriptionFrom(arguments)
    if arguments.made_with:
        algorithm = DerivationAlgorithm(arguments.made_with, arguments.made_with_version, "ManualProcessing", source="")
        description = replace(description, algorithm=algorithm)
        description.requireValid()
    earlier = earlierModelsFrom(arguments)
    store = None if arguments.output.suffix.lower() == ".dcm" else FileSetStore(arguments.output)
    if store is not None:
        store.requireWritable()
    else:
        requireWritableFile(arguments.output)
    pacs = pacsFrom(arguments)
    with stopwatch.stage("reading"):
        terminal.progress(0.1, "Reading the STL")
        foreign = readForeignStl(arguments.file, description.unitMm)
        terminal.progress(0.2, "Reading the headers of the source")
        images = readSourceHeaders(arguments.source, arguments.series)
    sources = sourcesFromImages(
        images,
        studyInstanceUid=arguments.study,
        frameOfReferenceUid=arguments.frame_of_reference,
        ownCoordinates=arguments.own_coordinates,
    )
    earlier.requireSamePatient(sources.header)
    inFrame = [
        header
        for headers in images
        for header in headers
        if str(header.get("FrameOfReferenceUID") or "") == sources.frameOfReferenceUid
    ]
    warnings = [
        *sources.warnings,
        *earlier.warnings(sources.frameOfReferenceUid),
        *judge(foreign, inFrame),
        *openQuestions(description, [sources.header]),
    ]
    foreign.mesh.name = description.title or safeTitle(foreign.mesh.name, sources.header)
    description = description.withDefaults(title=foreign.mesh.name, contentDateTime=started)
    neighbors = [header for headers in images for header in headers] + earlier.headers
    identical = []
    if store is not None:
        directory = store.directory()
        neighbors += directory.headers()
        identical = findIdentical(foreign.stl, storedModels(directory, store.root))
    study = str(sources.header.StudyInstanceUID)
    place = newSeries(neighbors, study)
    if earlier.continued is not None:
        place = sameSeries(earlier.continued, neighbors, study)
    icon = None
    if arguments.icon:
        with stopwatch.stage("picture"):
            terminal.progress(0.5, "Making the picture")
            icon = renderIcon(foreign.mesh)
        if icon is None:
            warnings.append("This machine cannot render, so the object has no picture.")
    with stopwatch.stage("object"):
        dataset = buildEncapsulatedStl(
            foreign.stl,
            description,
            sources,
            placement=place,
            predecessors=earlier.predecessors,
            identical=identical,
            icon=icon,
            checked=True,
        )
    with stopwatch.stage("storing"):
        file = _store(dataset, store, arguments.output, terminal)
        sent = send(pacs, [dataset], arguments.output, terminal)
    data = _result(dataset, foreign, file, images)
    data["identical"] = [reference.sopInstanceUid for reference in identical]
    data["warnings"] = warnings
    data["seconds"] = stopwatch.asDict()
    data["peakMemoryMb"] = peakMemoryMb()
    for warning in warnings:
        terminal.note(warning)
    terminal.result(data, "\n".join(filter(None, [_text(data), sent])))
    return 0


def _store(dataset: Dataset, store, output: Path, terminal: Terminal) -> Path:
    from M3DLib.Dicom.DicomFile import writeDicomFile

    if store is None:
        writeDicomFile(dataset, output)
        return output
    stored = store.add([dataset], progress=terminal.progress)
    return stored.instances[str(dataset.SOPInstanceUID)]


def _result(dataset: Dataset, foreign: ForeignStl, file: Path, images: list[list[Dataset]]) -> dict:
    mesh = foreign.mesh
    return {
        "models": [
            {
                "file": str(file),
                "sopInstanceUid": str(dataset.SOPInstanceUID),
                "seriesInstanceUid": str(dataset.SeriesInstanceUID),
                "name": mesh.name,
                "triangles": len(mesh.triangles),
                "volumeMm3": mesh.volumeMm3,
                "boundsLps": list(mesh.boundsLps),
                "closed": mesh.isClosed,
            },
        ],
        "source": {
            "seriesInstanceUid": str(images[0][0].SeriesInstanceUID),
            "frameOfReferenceUid": str(dataset.FrameOfReferenceUID),
            "slices": len(images[0]),
            "series": len(images),
        },
        "groupUid": str(dataset.get("ModelGroupUID") or ""),
    }


def _text(data: dict) -> str:
    model = data["models"][0]
    low, high = model["boundsLps"][::2], model["boundsLps"][1::2]
    size = " x ".join(f"{end - start:.1f}" for start, end in zip(low, high, strict=True))
    closed = "closed" if model["closed"] else "NOT closed"
    lines = [f"Wrote '{model['file']}'.", f"  {model['name']}: {size} mm, {model['triangles']} triangles, {closed}"]
    if data["groupUid"]:
        lines.append(f"  part of the group {data['groupUid']}")
    lines += [f"  the same document as instance {uid}" for uid in data["identical"]]
    return "\n".join(lines)
