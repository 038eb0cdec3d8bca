"""``m3d compare``: how far one mesh lies from another."""

from __future__ import annotations

import argparse
from pathlib import Path

from M3DLib.Errors import M3DError
from M3DLib.WritablePlace import requireWritableFile

from ..Terminal import Terminal


def addParser(subparsers) -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "compare",
        help="measure how far a mesh lies from another",
        description="Measures the exact distance from every point of mesh A to the surface of B and back. B is the "
        "reference: a positive deviation means that B lies outside A (A is too small there). Nothing is aligned unless "
        "--register or --register-points is given; the alignment and its residual are then reported apart from the "
        "comparison.",
    )
    formats = "STL, DICOM Encapsulated STL, OBJ, PLY, 3MF or AMF"
    parser.add_argument("mesh", metavar="A", type=Path, help=f"mesh to judge ({formats})")
    parser.add_argument("reference", metavar="B", type=Path, help="mesh to judge it by")
    parser.add_argument("--register", action="store_true", help="align A to B first (rigid, iterative closest points)")
    parser.add_argument(
        "--register-points",
        type=Path,
        metavar="FILE",
        help="align A to B by pairs of points, before --register where both are given: .csv with the columns "
        "name,x1,y1,z1,x2,y2,z2,space (1 on A, 2 on B) or .json with pairs of a and b; mm, LPS unless RAS is said",
    )
    parser.add_argument(
        "--trim",
        type=float,
        default=0.1,
        metavar="F",
        help="share of the farthest points left out while aligning, 0 to less than 1 (default: %(default)s)",
    )
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
    parser.add_argument("--points-csv", type=Path, metavar="FILE", help="write the deviation of every point of A and B")
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Compare two meshes and print the figures; the exit status is 0 whatever they are."""
    from M3DLib.Distance.PointPairs import alignByPairs
    from M3DLib.Distance.RigidRegistration import registerRigid
    from M3DLib.Distance.SurfaceDeviation import compareSurfaces
    from M3DLib.MeshFiles.MeshReader import readMesh
    from M3DValidationLib.Deviation.DeviationCsv import writePointsCsv
    from M3DValidationLib.Deviation.DeviationReport import surfaceFacts

    if not arguments.tolerance > 0:
        raise M3DError(f"--tolerance must be above 0 mm, not {arguments.tolerance}.")
    if not 0 <= arguments.trim < 1:
        raise M3DError(f"--trim must be at least 0 and less than 1, not {arguments.trim}.")
    if arguments.points_csv:
        requireWritableFile(arguments.points_csv)
    (mesh, notes), (reference, referenceNotes) = (
        readMesh(file, arguments.unit) for file in (arguments.mesh, arguments.reference)
    )
    for file, read in ((arguments.mesh, notes), (arguments.reference, referenceNotes)):
        for warning in read.warnings:
            terminal.warn(f"{file.name}: {warning}")
    byPoints = alignment = None
    if arguments.register_points:
        byPoints = alignByPairs(arguments.register_points)
    if arguments.register:
        start = None if byPoints is None else byPoints.matrix
        alignment = registerRigid(mesh, reference, trim=arguments.trim, start=start, progress=terminal.progress)
        if not alignment.converged:
            terminal.warn("The alignment did not settle; look at its residual before using the figures.")
    last = alignment or byPoints
    if last is not None:
        mesh = last.apply(mesh)
    steps = [step.text() for step in (byPoints, alignment) if step is not None]
    done = "; then ".join(steps) or "none: both meshes as they are in their files"
    comparison = compareSurfaces(mesh, reference, done, terminal.progress)
    data = {
        "A": _describe(arguments.mesh, mesh, notes),
        "B": _describe(arguments.reference, reference, referenceNotes),
        "registration": None if last is None else last.asDict(),
        "registrationByPoints": None if byPoints is None else byPoints.asDict(),
        "deviation": {"image": None, "segmentation": None, "surface": surfaceFacts(comparison, arguments.tolerance)},
    }
    if arguments.points_csv:
        writePointsCsv(arguments.points_csv, {"A": comparison.forward, "B": comparison.reverse})
        data["pointsCsv"] = str(arguments.points_csv)
    terminal.result(data, describeComparison(data))
    return 0


def _describe(file: Path, mesh, notes) -> dict:
    low, high = mesh.points.min(axis=0), mesh.points.max(axis=0)
    return {
        "file": str(file),
        "format": notes.format,
        "unit": notes.unit,
        "unitSource": notes.unitSource,
        "points": len(mesh.points),
        "triangles": len(mesh.triangles),
        "closed": bool(mesh.isClosed),
        "sizeMm": [round(float(value), 4) for value in high - low],
        "warnings": notes.warnings,
    }


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
