"""``m3d extract``: the model out of an Encapsulated STL or OBJ object, byte for byte or in another format."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

from M3DLib.Errors import M3DError
from M3DLib.NumberText import plural
from M3DLib.WritablePlace import requireWritableFile

from ..Options.FileOptions import addFileDetails
from ..Terminal import Terminal
from .InspectCommand import sourceOf


def addParser(subparsers) -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "extract",
        help="write the model of an Encapsulated STL or OBJ object to a file: its document, or 3MF, AMF, OBJ, PLY, GLB",
        description="Writes the STL of an Encapsulated STL object to a file, byte for byte as it was encapsulated; or, "
        "when the name ends with .3mf, .amf, .obj, .ply or .glb, the same triangles in that format with unit, name, "
        "color, the object's UID and the verdict of its validation. Nothing of the patient is written unless that is "
        "asked for. The document of an Encapsulated OBJ or MTL object is written byte for byte to a name that ends "
        "with .obj or .mtl.",
    )
    parser.add_argument("file", metavar="FILE.dcm", help="the object; - for stdin")
    parser.add_argument(
        "--output",
        metavar="FILE",
        required=True,
        help="the file to write, replaced when it exists; - for the STL on stdout",
    )
    addFileDetails(parser.add_argument_group("model files", "of the formats other than STL"))
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Write the document; the exit status is 0."""
    import numpy as np

    from M3DLib.EncapsulatedObj.EncapsulatedObjDocument import OBJ_CLASS, classOf, materialReferences
    from M3DLib.EncapsulatedStl.EncapsulatedStlReader import readStlPayload
    from M3DLib.MeshFiles.EncapsulatedModels import readTextDocument
    from M3DLib.ModelFiles.ModelFile import FORMATS, formatOf

    toPipe = arguments.output == "-"
    if toPipe and terminal.jsonWanted and terminal.jsonFile is None:
        raise M3DError("--output - puts the STL on standard output, where --json has no room; give --json FILE.json.")
    if not toPipe:
        _requirePlace(arguments)
    # A name that ends in another way was always taken for the name of an STL file.
    ending = Path(arguments.output).suffix.lower().removeprefix(".")
    kind = formatOf(Path(arguments.output)) if ending in FORMATS else "stl"
    source = sourceOf(arguments.file)
    text = readTextDocument(source)
    if text is None and kind != "stl":
        return _writeAs(source, arguments, terminal)
    if text is None:
        if arguments.build_plate:
            raise M3DError(
                "--build-plate does not go with STL, which is written byte for byte; choose 3MF, for example."
            )
        payload, dataset, warnings = readStlPayload(source)
        return _writeDocument((payload, dataset, warnings), arguments, terminal, toPipe)
    content, dataset, warnings = text
    asItIs = ending not in FORMATS or (kind == "obj" and classOf(dataset) == OBJ_CLASS)
    if not asItIs or arguments.build_plate:
        return _writeAs(source, arguments, terminal)
    for one in materialReferences(dataset):
        terminal.note(f"Its materials '{one.name}' are in the instance {one.sopInstanceUid}; extract it to that name.")
    return _writeDocument((np.frombuffer(content, dtype=np.uint8), dataset, warnings), arguments, terminal, toPipe)


def _writeDocument(document: tuple, arguments: argparse.Namespace, terminal: Terminal, toPipe: bool) -> int:
    """The document as it was encapsulated.

    :param document: uint8 (n,), the object without it, and warnings.
    """
    from M3DLib.Dicom.DicomFile import atomicWrite, payloadChunks

    payload, dataset, warnings = document
    for warning in warnings + _unitNote(dataset):
        terminal.warn(warning)
    digest = hashlib.sha256()
    for part in payloadChunks(payload):
        digest.update(part)
    if toPipe:
        terminal.write(payloadChunks(payload))
    else:
        with atomicWrite(Path(arguments.output)) as file:
            for part in payloadChunks(payload):
                file.write(part)
    data = {
        "file": arguments.output,
        "bytes": len(payload),
        "sha256": digest.hexdigest(),
        "sopInstanceUid": str(dataset.get("SOPInstanceUID") or ""),
        "warnings": warnings,
    }
    if toPipe:
        terminal.pipedResult(data)
    else:
        terminal.result(data, f"Wrote {plural(len(payload), 'byte')} to '{arguments.output}'.")
    return 0


def _requirePlace(arguments: argparse.Namespace) -> None:
    output, source = Path(arguments.output), Path(arguments.file)
    requireWritableFile(output)
    if output.exists() and source.exists() and output.samefile(source):
        raise M3DError("Input and output are the same file; name another output.")


def _writeAs(source: Path | bytes, arguments: argparse.Namespace, terminal: Terminal) -> int:
    """The triangles in millimeters, in the format that the output's name asks for."""
    from M3DLib.MeshFiles.EncapsulatedModels import readEncapsulatedModel
    from M3DLib.ModelFiles.ModelFile import formatOf
    from M3DLib.PrintFiles.PrintFiles import writeModel
    from M3DLib.PrintFiles.PrintRequest import PrintRequest

    model = readEncapsulatedModel(source)
    for warning in model.warnings:
        terminal.warn(warning)
    output = Path(arguments.output)
    request = PrintRequest(
        (formatOf(output),), arguments.build_plate, arguments.with_identity, plainAmf=arguments.plain_amf
    )
    facts, files = writeModel(output, model.mesh, model.dataset, request)
    data = {
        "file": arguments.output,
        "files": [str(file) for file in files],
        "triangles": len(model.mesh.triangles),
        "sopInstanceUid": model.sopInstanceUid,
        "place": facts.place,
        "toPatientLps": facts.toPatient,
        "warnings": model.warnings,
    }
    terminal.result(
        data,
        f"Wrote {plural(len(model.mesh.triangles), 'triangle')} to {', '.join(repr(str(file)) for file in files)}.",
    )
    return 0


def _unitNote(dataset) -> list[str]:
    """The STL file itself does not say its unit: say it when it is not the one that everybody assumes."""
    from M3DLib.EncapsulatedObj.EncapsulatedObjDocument import MTL_CLASS, classOf
    from M3DLib.EncapsulatedStl.DescriptionReader import DescriptionReader

    try:
        unit = DescriptionReader(dataset, []).unit()
    except M3DError as error:
        return [str(error)]
    if classOf(dataset) == MTL_CLASS:
        return []
    return [] if unit == "mm" else [f"The document's coordinates are in {unit}, not in mm."]
