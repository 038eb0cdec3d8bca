"""``m3d repair``: repairs of a mesh that are asked for one by one, with a record of what was done."""

from __future__ import annotations

import argparse
import hashlib
import math
from pathlib import Path

from M3DLib.Errors import M3DError
from M3DLib.NumberText import plural
from M3DLib.WritablePlace import requireWritableFile

from ..Options.CaseOptions import addCaseOptions
from ..Options.RepairRequest import repairRecords
from ..Terminal import Terminal


def addParser(subparsers) -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "repair",
        help="repair a mesh, only as asked, and say what was done",
        description="Writes a repaired copy of a mesh as binary STL in LPS mm. Only the repairs asked for are made; "
        "each changes the model and belongs to its record. Self-intersections are not repaired.",
    )
    parser.add_argument("mesh", metavar="FILE", type=Path, help="STL, OBJ, PLY, 3MF, AMF or DICOM Encapsulated STL")
    parser.add_argument("--unit", metavar="UNIT", help="unit of the file where it states none (default: mm)")
    parser.add_argument(
        "--remove-useless", action="store_true", help="triangles without area or on top of others, points without use"
    )
    parser.add_argument("--reorient", action="store_true", help="turn triangles and shells that face the wrong way")
    parser.add_argument("--drop-specks", type=float, metavar="MM3", help="remove smaller bodies and cavities")
    parser.add_argument("--fill-holes", type=float, metavar="MM", help="close holes with a rim of at most this length")
    parser.add_argument(
        "--output",
        metavar="FILE.stl",
        type=Path,
        required=True,
        help="the STL file to write, replaced when it exists; - for stdout",
    )
    parser.add_argument("--json", action="store_true", help="print the record as one JSON object")
    addCaseOptions(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Repair and write; the exit status is 0, also when there was nothing to repair."""
    from M3DLib.Dicom.DicomFile import atomicWrite
    from M3DLib.Mesh.StlFile import stlBytes
    from M3DLib.MeshFiles.MeshReader import readMesh
    from M3DValidationLib.Soundness.MeshRepair import RepairOptions, repairMesh

    _requireSense(arguments, terminal)
    terminal.progress(0.0, "Reading the mesh")
    mesh, notes = readMesh(arguments.mesh, arguments.unit)
    for warning in notes.warnings:
        terminal.warn(warning)
    options = RepairOptions(
        removeUseless=arguments.remove_useless,
        reorient=arguments.reorient,
        dropSpecksMm3=arguments.drop_specks or 0.0,
        fillHolesMm=arguments.fill_holes or 0.0,
    )
    terminal.progress(0.3, "Repairing the mesh")
    repaired, done = repairMesh(mesh, options)
    content = stlBytes(repaired)
    toPipe = str(arguments.output) == "-"
    if toPipe:
        terminal.write([content])
    else:
        with atomicWrite(arguments.output) as file:
            file.write(content)
    data = {
        "file": str(arguments.output),
        "sha256": hashlib.sha256(content).hexdigest(),
        "sourceSha256": hashlib.sha256(arguments.mesh.read_bytes()).hexdigest(),
        "unit": notes.unit,
        "repairs": repairRecords(done),
        "modelModification": bool(done),
        "encapsulateOptions": ["--modified"] if done else [],
        "triangles": {"before": len(mesh.triangles), "after": len(repaired.triangles)},
        "volumeMm3": {"before": mesh.volumeMm3, "after": repaired.volumeMm3},
        "closed": {"before": mesh.isClosed, "after": repaired.isClosed},
        "warnings": notes.warnings,
    }
    lines = [repair.description for repair in done] or ["There was nothing to repair of what was asked for."]
    state = "closed" if repaired.isClosed else "not closed"
    lines.append(f"Wrote {plural(len(repaired.triangles), 'triangle')} to '{arguments.output}' ({state}).")
    if done:
        lines.append("The model is modified; say so when it goes into DICOM: m3d encapsulate ... --modified")
    if toPipe:
        for line in lines:
            terminal.note(line)
        terminal.pipedResult(data)
    else:
        terminal.result(data, "\n".join(lines))
    return 0


def _requireSense(arguments: argparse.Namespace, terminal: Terminal) -> None:
    problems = []
    for option in ("drop_specks", "fill_holes"):
        value = getattr(arguments, option)
        if value is not None and not (math.isfinite(value) and value > 0):
            problems.append(f"--{option.replace('_', '-')} must be a positive number, not {value:g}.")
    wanted = (arguments.remove_useless, arguments.reorient, arguments.drop_specks, arguments.fill_holes)
    if not any(wanted):
        problems.append("Say what to repair: --remove-useless, --reorient, --drop-specks MM3, --fill-holes MM.")
    if arguments.output.exists() and arguments.mesh.exists() and arguments.output.samefile(arguments.mesh):
        problems.append("Input and output are the same file; name another output.")
    toPipe = str(arguments.output) == "-"
    if toPipe and arguments.json and terminal.jsonFile is None:
        problems.append("--output - puts the STL on standard output, where --json has no room; give --json FILE.json.")
    if problems:
        raise M3DError(problems)
    if not toPipe:
        requireWritableFile(arguments.output)
