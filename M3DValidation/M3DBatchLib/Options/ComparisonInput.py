"""What ``m3d compare`` is given: two meshes, or a scan of the part and a mesh."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from M3DLib.Errors import M3DError

from ..Terminal import Terminal
from .InputOptions import thresholdRange

# Files of more bytes than this together are read one after the other, which takes less memory.
TOGETHER = 1 << 29

if TYPE_CHECKING:
    from M3DLib.Mesh.TriangleMesh import TriangleMesh


@dataclass
class ComparedMesh:
    """A mesh and what its file said.

    :ivar facts: the JSON block "A" or "B". :ivar scan: how the part was found in its scan; empty for a mesh file.
    """

    file: Path
    mesh: TriangleMesh
    facts: dict
    scan: dict = field(default_factory=dict)

    def describe(self, mesh: TriangleMesh) -> None:
        """Take the size of the mesh after it was moved."""
        self.facts["sizeMm"] = sizeOf(mesh)


def addComparedOptions(parser: argparse.ArgumentParser) -> None:
    """Both meshes and how they are read."""
    formats = "STL, DICOM Encapsulated STL, OBJ, PLY, 3MF or AMF"
    parser.add_argument(
        "mesh",
        metavar="A",
        type=Path,
        help=f"mesh to judge ({formats}), or the folder of a CT series of the printed part",
    )
    parser.add_argument("reference", metavar="B", type=Path, help="mesh to judge it by")
    parser.add_argument(
        "--unit", metavar="UNIT", help="unit of files that state none: um, mm, cm, m, in, ft (default: mm)"
    )
    parser.add_argument("--series", metavar="UID|NUMBER", help="which series, when the folder A holds several")
    parser.add_argument(
        "--threshold",
        type=thresholdRange,
        metavar="LOW[:HIGH]",
        help="values of the part in its CT series (default: found in the image, support of another material left out)",
    )


def readCompared(arguments: argparse.Namespace, terminal: Terminal) -> tuple[ComparedMesh, ComparedMesh]:
    """Both meshes, LPS mm.

    :raises M3DError: a file cannot be read, or an option does not apply to it.
    """
    isScan = arguments.mesh.is_dir()
    if not isScan:
        for option in ("series", "threshold"):
            if getattr(arguments, option):
                raise M3DError(f"--{option} is about a CT series, but '{arguments.mesh}' is no folder of one.")
    if isScan:
        both = _readScan(arguments, terminal), _readMesh(arguments.reference, arguments.unit)
    else:
        both = _readMeshes((arguments.mesh, arguments.reference), arguments.unit)
    for one in both if not isScan else both[1:]:
        for warning in one.facts["warnings"]:
            terminal.warn(f"{one.file.name}: {warning}")
    return both


def _readMeshes(files: tuple[Path, Path], unit: str | None) -> tuple[ComparedMesh, ComparedMesh]:
    """Both meshes, beside each other unless the files are large; where neither can be read, the error is A's."""
    from M3DLib.TwoThreads import besideEachOther

    if sum(file.stat().st_size for file in files if file.is_file()) > TOGETHER:
        return _readMesh(files[0], unit), _readMesh(files[1], unit)
    return besideEachOther(lambda _: _readMesh(files[0], unit), lambda _: _readMesh(files[1], unit))


def _readMesh(file: Path, unit: str | None) -> ComparedMesh:
    from M3DLib.MeshFiles.MeshReader import readMesh

    mesh, notes = readMesh(file, unit)
    facts = {"format": notes.format, "unit": notes.unit, "unitSource": notes.unitSource, "warnings": notes.warnings}
    return ComparedMesh(file, mesh, _facts(file, mesh, facts))


def _readScan(arguments: argparse.Namespace, terminal: Terminal) -> ComparedMesh:
    from M3DLib.Image.ImageReader import readImage
    from M3DValidationLib.PrintedPart.PartScan import partSurface

    image = readImage(arguments.mesh, arguments.series, terminal.progress)
    found = partSurface(image, arguments.threshold, terminal.progress)
    for note in found.notes:
        terminal.warn(f"{arguments.mesh.name}: {note}")
    facts = {"format": "scan", "unit": "mm", "unitSource": "file", "warnings": found.notes}
    return ComparedMesh(
        arguments.mesh, found.mesh, _facts(arguments.mesh, found.mesh, facts), {**found.facts, "notes": found.notes}
    )


def _facts(file: Path, mesh: TriangleMesh, more: dict) -> dict:
    return {
        "file": str(file),
        "name": file.name,
        **more,
        "points": len(mesh.points),
        "triangles": len(mesh.triangles),
        "closed": bool(mesh.isClosed),
        "sizeMm": sizeOf(mesh),
    }


def sizeOf(mesh: TriangleMesh) -> list[float]:
    """Extent along x, y, z, mm."""
    from M3DLib.Mesh.TriangleMesh import lowAndHigh

    low, high = lowAndHigh(mesh.points)
    return [round(float(value), 4) for value in high - low]
