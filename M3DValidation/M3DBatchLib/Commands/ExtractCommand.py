"""``m3d extract``: the STL out of an Encapsulated STL object, byte for byte."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

from M3DLib.Errors import M3DError
from M3DLib.WritablePlace import requireWritableFile

from ..Terminal import Terminal


def addParser(subparsers) -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "extract",
        help="write the STL of an Encapsulated STL object to a file, byte for byte",
        description="Writes the STL of an Encapsulated STL object to a file, byte for byte as it was encapsulated.",
    )
    parser.add_argument("file", metavar="FILE.dcm", type=Path)
    parser.add_argument(
        "--output", metavar="FILE.stl", type=Path, required=True, help="the STL file to write; replaced when it exists"
    )
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Write the document; the exit status is 0."""
    from M3DLib.Dicom.DicomFile import atomicWrite, payloadChunks
    from M3DLib.EncapsulatedStl.EncapsulatedStlReader import readStlPayload

    requireWritableFile(arguments.output)
    if arguments.output.exists() and arguments.file.exists() and arguments.output.samefile(arguments.file):
        raise M3DError("Input and output are the same file; name another output.")
    payload, dataset, warnings = readStlPayload(arguments.file)
    for warning in warnings + _unitNote(dataset):
        terminal.warn(warning)
    digest = hashlib.sha256()
    with atomicWrite(arguments.output) as file:
        for part in payloadChunks(payload):
            file.write(part)
            digest.update(part)
    data = {
        "file": str(arguments.output),
        "bytes": len(payload),
        "sha256": digest.hexdigest(),
        "sopInstanceUid": str(dataset.get("SOPInstanceUID") or ""),
        "warnings": warnings,
    }
    terminal.result(data, f"Wrote {len(payload)} bytes to '{arguments.output}'.")
    return 0


def _unitNote(dataset) -> list[str]:
    """The STL file itself does not say its unit: say it when it is not the one that everybody assumes."""
    from M3DLib.EncapsulatedStl.DescriptionReader import DescriptionReader

    try:
        unit = DescriptionReader(dataset, []).unit()
    except M3DError as error:
        return [str(error)]
    return [] if unit == "mm" else [f"The STL's coordinates are in {unit}, not in mm."]
