"""``m3d compare``: how far one mesh lies from another."""

from __future__ import annotations

import argparse
from pathlib import Path

from M3DLib.Errors import M3DError
from M3DLib.WritablePlace import requireWritableFile

from ..Options.AlignmentOptions import addAlignmentOptions, align, requireAlignmentSense
from ..Terminal import Terminal

EXIT_NOT_ASSESSABLE = 3


def addParser(subparsers) -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "compare",
        help="measure how far a mesh lies from another",
        description="Measures the exact distance from every point of mesh A to the surface of B and back. B is the "
        "reference: a positive deviation means that B lies outside A (A is too small there). Nothing is aligned unless "
        "--register, --register-near or --register-points is given; the alignment and its residual are then reported "
        "apart from the comparison. Exit status: 0 done, 2 wrong input (meshes that lie apart, too), 3 the alignment "
        "is doubtful, so nothing is said of deviations.",
    )
    formats = "STL, DICOM Encapsulated STL, OBJ, PLY, 3MF or AMF"
    parser.add_argument("mesh", metavar="A", type=Path, help=f"mesh to judge ({formats})")
    parser.add_argument("reference", metavar="B", type=Path, help="mesh to judge it by")
    parser.add_argument(
        "--tolerance",
        type=float,
        default=0.5,
        metavar="MM",
        help="deviations up to this count as within (default: 0.5)",
    )
    parser.add_argument(
        "--unit", metavar="UNIT", help="unit of files that state none: um, mm, cm, m, in, ft (default: mm)"
    )
    addAlignmentOptions(parser)
    parser.add_argument("--points-csv", type=Path, metavar="FILE", help="write the deviation of every point of A and B")
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Compare two meshes and print the figures; the exit status is 0 whatever they are, 3 if there are none."""
    from M3DLib.Distance.SurfaceDeviation import compareSurfaces
    from M3DLib.MeshFiles.MeshReader import readMesh
    from M3DValidationLib.Deviation.DeviationCsv import writePointsCsv
    from M3DValidationLib.Deviation.DeviationReport import KINDS, surfaceFacts

    if not arguments.tolerance > 0:
        raise M3DError(f"--tolerance must be above 0 mm, not {arguments.tolerance}.")
    requireAlignmentSense(arguments)
    if arguments.points_csv:
        requireWritableFile(arguments.points_csv)
    (mesh, notes), (reference, referenceNotes) = (
        readMesh(file, arguments.unit) for file in (arguments.mesh, arguments.reference)
    )
    for file, read in ((arguments.mesh, notes), (arguments.reference, referenceNotes)):
        for warning in read.warnings:
            terminal.warn(f"{file.name}: {warning}")
    byPoints, last = align(arguments, mesh, reference, terminal)
    data = {
        "A": _describe(arguments.mesh, mesh, notes),
        "B": _describe(arguments.reference, reference, referenceNotes),
        "registration": None if last is None else last.asDict(),
        "registrationByPoints": None if byPoints is None else byPoints.asDict(),
        "deviation": dict.fromkeys(KINDS),
    }
    if last is not None and last.doubtful:
        terminal.result(data, describeDoubts(data, last))
        return EXIT_NOT_ASSESSABLE
    steps = {id(step): step.text() for step in (byPoints, last) if step is not None}
    done = "; then ".join(steps.values()) or "none: both meshes as they are in their files"
    if last is not None:
        mesh = last.apply(mesh)
        data["A"]["sizeMm"] = _size(mesh)
    comparison = compareSurfaces(mesh, reference, done, terminal.progress)
    data["deviation"]["surface"] = surfaceFacts(comparison, arguments.tolerance)
    if arguments.points_csv:
        writePointsCsv(arguments.points_csv, {"A": comparison.forward, "B": comparison.reverse})
        data["pointsCsv"] = str(arguments.points_csv)
    terminal.result(data, describeComparison(data))
    return 0


def _describe(file: Path, mesh, notes) -> dict:
    return {
        "file": str(file),
        "format": notes.format,
        "unit": notes.unit,
        "unitSource": notes.unitSource,
        "points": len(mesh.points),
        "triangles": len(mesh.triangles),
        "closed": bool(mesh.isClosed),
        "sizeMm": _size(mesh),
        "warnings": notes.warnings,
    }


def _size(mesh) -> list[float]:
    return [round(float(value), 4) for value in mesh.points.max(axis=0) - mesh.points.min(axis=0)]


def describeDoubts(data: dict, alignment) -> str:
    """Why there is no result, in words."""
    lines = [
        f"A  {data['A']['file']}: {data['A']['triangles']} triangles",
        f"B  {data['B']['file']}: {data['B']['triangles']} triangles (reference)",
        f"Alignment: {alignment.text()}",
        "The alignment is doubtful, so nothing is said of deviations (not assessable):",
        *(f"  {doubt}" for doubt in alignment.doubts),
        "Give pairs of points (--register-points FILE) to say where A belongs, or a more complete scan.",
    ]
    return "\n".join(lines)


def describeComparison(data: dict) -> str:
    """The figures in words and a table."""
    facts = data["deviation"]["surface"]
    other = facts["reverse"]
    lines = [
        f"A  {data['A']['file']}: {data['A']['triangles']} triangles",
        f"B  {data['B']['file']}: {data['B']['triangles']} triangles (reference)",
        f"Alignment: {facts['registration']}",
        facts["sign"],
        "",
        f"{'mm':24}{'A to B':>12}{'B to A':>12}",
    ]
    names = {
        "meanSigned": "mean (bias)",
        "meanAbsolute": "mean of sizes",
        "sd": "standard deviation",
        "rms": "root mean square",
        "median": "median",
        "p5": "5th percentile",
        "p95": "95th percentile",
        "p95Absolute": "95 % of sizes within",
        "p99Absolute": "99 % of sizes within",
        "minSigned": "smallest",
        "maxSigned": "largest",
    }
    for key, name in names.items():
        lines.append(f"{name:24}{_millimeters(facts[key])}{_millimeters(other[key])}")
    if facts["meanSigned"] is not None:
        lines.append(
            f"Within {facts['tolerance']:g} mm: {100 * facts['withinTolerance']:.2f} % of A's area "
            f"(A too small on {100 * facts['overTolerance']:.2f} %, too large on {100 * facts['underTolerance']:.2f} %)"
        )
        lines.append("Worst point of A (LPS): " + ", ".join(f"{value:.2f}" for value in facts["worstPointLps"]) + " mm")
    for reason in facts["notMeasured"]:
        lines.append(f"Not compared: {100 * reason['areaShare']:.2f} % of A's area ({reason['reason']})")
    for region in facts["regions"]["largest"][:5]:
        lines.append(f"Region beyond tolerance: {region['areaMm2']:.1f} mm2, worst {region['worst']:+.3f} mm")
    return "\n".join(lines)


def _millimeters(value: float | None) -> str:
    return f"{'-':>12}" if value is None else f"{value:12.4f}"
