"""``m3d encapsulate``: an STL made elsewhere becomes an Encapsulated STL object, byte for byte."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from M3DLib.Errors import M3DError
from M3DLib.WritablePlace import requireWritableFile

from ..Options.CaseOptions import addCaseOptions
from ..Options.DescriptionOptions import addDescriptionOptions
from ..Options.FileOptions import addEncapsulateOption, siblingEntries, withSiblings
from ..Options.ModelRequest import ModelRequest, beside, modelEntry, modelLine, modelRequestFrom, tell
from ..Options.PacsOptions import addPacsOptions, send
from ..Options.SourceHeaders import readSourceHeaders
from ..Terminal import Terminal

if TYPE_CHECKING:
    from pydicom import Dataset

    from M3DLib.EncapsulatedStl.DocumentReferences import DocumentReference
    from M3DLib.EncapsulatedStl.ForeignStl import ForeignStl
    from M3DLib.EncapsulatedStl.ModelDescription import ModelDescription
    from M3DLib.EncapsulatedStl.ModelSources import ModelSources


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
        "--image",
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
        help="which series of these, where a folder holds several; may be given several times",
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
    addEncapsulateOption(group)
    group.add_argument("--json", action="store_true", help="print the result as one JSON object")
    addPacsOptions(parser)
    addCaseOptions(parser)
    parser.acceptOldName("--source", "--image")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Wrap the file; the exit status is 0."""
    fileSet = None if arguments.output.suffix.lower() == ".dcm" else arguments.output
    request = modelRequestFrom(arguments, fileSet, terminal)
    if request.store is None:
        if "obj" in arguments.encapsulate:
            raise M3DError("One file holds one object; name a folder as --output for the STL with its OBJ and MTL.")
        requireWritableFile(arguments.output)
    request.description = _madeWith(request.description, arguments)
    model = _read(arguments, request, terminal)
    dataset, identical = _wrap(model, arguments, request, terminal)
    siblings = withSiblings([dataset], [model.foreign.mesh], arguments.encapsulate)[1:]
    with request.stopwatch.stage("storing"):
        files = _store([dataset, *siblings], request.store, arguments.output, terminal)
        terminal.stays(arguments.output)
        sent = send(request.pacs, [dataset, *siblings], arguments.output, terminal)
    entry = modelEntry(model.foreign.mesh, dataset, files[str(dataset.SOPInstanceUID)])
    for more in siblingEntries(siblings, files):
        entry.update(more)
    data = {
        "models": [entry],
        "source": {
            "seriesInstanceUid": str(model.images[0][0].SeriesInstanceUID),
            "frameOfReferenceUid": str(dataset.FrameOfReferenceUID),
            "slices": len(model.images[0]),
            "series": len(model.images),
        },
        "groupUid": str(dataset.get("ModelGroupUID") or ""),
        "identical": [reference.sopInstanceUid for reference in identical],
        "modelsBefore": request.modelsBefore,
        "warnings": model.warnings,
    }
    tell(data, _text, sent, request.stopwatch, terminal)
    return 0


@dataclass
class _ForeignModel:
    """An STL made elsewhere with the scan it belongs to.

    :ivar images: headers of each source series.
    :ivar warnings: what was assumed, or does not fit, one sentence each.
    """

    foreign: ForeignStl
    images: list[list[Dataset]]
    sources: ModelSources
    warnings: list[str]


def _madeWith(description: ModelDescription, arguments: argparse.Namespace) -> ModelDescription:
    """The description with the software that made the STL, when that is said."""
    from M3DLib.EncapsulatedStl.ModelDescription import DerivationAlgorithm

    if not arguments.made_with:
        return description
    algorithm = DerivationAlgorithm(arguments.made_with, arguments.made_with_version, "ManualProcessing", source="")
    description = replace(description, algorithm=algorithm)
    description.requireValid()
    return description


def _read(arguments: argparse.Namespace, request: ModelRequest, terminal: Terminal) -> _ForeignModel:
    """The STL and its sources, judged against each other."""
    from M3DLib.EncapsulatedStl.ForeignStl import judge, readForeignStl, requireLps, requireUnit
    from M3DLib.EncapsulatedStl.ModelSources import sourcesFromImages
    from M3DLib.EncapsulatedStl.OpenQuestions import openQuestions

    with request.stopwatch.stage("reading"):
        terminal.progress(0.1, "Reading the STL")
        foreign = readForeignStl(arguments.file, request.description.unitMm)
        requireUnit(foreign, arguments.file, request.description.units)
        if not arguments.own_coordinates:
            requireLps(foreign, arguments.file)
        terminal.progress(0.2, "Reading the headers of the source")
        images = readSourceHeaders(arguments.image, arguments.series)
    sources = sourcesFromImages(
        images,
        studyInstanceUid=arguments.study,
        frameOfReferenceUid=arguments.frame_of_reference,
        ownCoordinates=arguments.own_coordinates,
    )
    request.earlier.requireSamePatient(sources.header)
    headers = [header for series in images for header in series]
    frame = sources.frameOfReferenceUid
    inFrame = [header for header in headers if str(header.get("FrameOfReferenceUID") or "") == frame]
    warnings = [
        *sources.warnings,
        *request.earlier.warnings(frame),
        *judge(foreign, inFrame),
        *openQuestions(request.description, [sources.header]),
    ]
    return _ForeignModel(foreign, images, sources, warnings)


def _wrap(
    model: _ForeignModel, arguments: argparse.Namespace, request: ModelRequest, terminal: Terminal
) -> tuple[Dataset, list[DocumentReference]]:
    """The object, and those in the file-set that hold the same STL."""
    from M3DLib.EncapsulatedStl.EarlierModels import findIdentical, storedModels
    from M3DLib.EncapsulatedStl.EncapsulatedStlWriter import buildEncapsulatedStl, safeTitle
    from M3DLib.EncapsulatedStl.SeriesPlacement import placementFor

    foreign, sources = model.foreign, model.sources
    foreign.mesh.name = request.description.title or safeTitle(foreign.mesh.name, sources.header)
    neighbors = [header for headers in model.images for header in headers] + request.earlier.headers
    identical = []
    if request.store is not None:
        directory = request.store.directory()
        neighbors += directory.headers()
        identical = findIdentical(foreign.stl, storedModels(directory, request.store.root))
    icon = _icon(model, request, terminal) if arguments.icon else None
    with request.stopwatch.stage("object"):
        dataset = buildEncapsulatedStl(
            foreign.stl,
            request.description.withDefaults(title=foreign.mesh.name, contentDateTime=request.started),
            sources,
            placement=placementFor(sources, neighbors, request.earlier),
            predecessors=request.earlier.predecessors,
            identical=identical,
            icon=icon,
            checked=True,
        )
    return dataset, identical


def _icon(model: _ForeignModel, request: ModelRequest, terminal: Terminal):
    from M3DLib.EncapsulatedStl.Icon import renderIcon

    with request.stopwatch.stage("picture"):
        terminal.progress(0.5, "Making the picture")
        icon = renderIcon(model.foreign.mesh)
    if icon is None:
        model.warnings.append("This machine cannot render, so the object has no picture.")
    return icon


def _store(objects: list[Dataset], store, output: Path, terminal: Terminal) -> dict[str, Path]:
    """Write the objects; the file of each by its SOP Instance UID."""
    from M3DLib.Dicom.DicomFile import writeDicomFile

    if store is None:
        writeDicomFile(objects[0], output)
        return {str(objects[0].SOPInstanceUID): output}
    return store.add(objects, progress=terminal.progress).instances


def _text(data: dict) -> str:
    model = data["models"][0]
    lines = [f"Wrote '{model['file']}'.", modelLine(model)]
    lines += [f"    as {kind.upper()}: {model[kind]['file']}" for kind in ("obj", "mtl") if kind in model]
    lines += beside(data["modelsBefore"])
    if data["groupUid"]:
        lines.append(f"  part of the group {data['groupUid']}")
    lines += [f"  the same document as instance {uid}" for uid in data["identical"]]
    return "\n".join(lines)
