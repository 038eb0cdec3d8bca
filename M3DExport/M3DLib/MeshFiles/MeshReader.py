"""Reading a model from a mesh file of any common kind, with what the file says and does not say about it."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np

from ..Errors import M3DError
from ..FileSize import inWords, requireRoom
from ..Mesh.Remarks import UNIT_MM, remarkedSpace, remarkedUnit
from ..Mesh.TriangleMesh import TriangleMesh
from .FileKinds import refuseOtherKind
from .MeshNotes import MeshNotes, inMillimeters, meshOf, warnOfLostDigits
from .MeshParts import MeshParts

FORMATS = {
    ".stl": "STL",
    ".obj": "OBJ",
    ".ply": "PLY",
    ".3mf": "3MF",
    ".amf": "AMF",
    ".dcm": "DICOM Encapsulated STL",
    "": "DICOM Encapsulated STL",
}
# Module and function that read a format, and the memory that reading takes at most for every byte of the file, about.
_READERS = {
    "OBJ": ("ObjFile", "readObj", 12),
    "PLY": ("PlyFile", "readPly", 6),
    "3MF": ("ThreeMfFile", "readThreeMf", 1),
    "AMF": ("AmfFile", "readAmf", 2),
    "STL": ("", "", 6),
}


def readMesh(file: Path | str, unit: str | None = None) -> tuple[TriangleMesh, MeshNotes]:
    """The mesh in an STL, OBJ, PLY, 3MF, AMF or DICOM Encapsulated STL or OBJ file, in LPS mm.

    Nothing is repaired. Points of STL, which has none of its own, are merged when exactly equal; the other formats keep
    the points they have. Faces with more than three corners are cut into triangles inside them. Coordinates are taken
    as LPS unless the file says "SPACE=RAS" as Slicer's do; then x and y are negated. What a file holds and is not read
    is named in the notes.

    :param unit: unit of the file's numbers (a key of ``UNIT_MM``) where it states none; against a file that states
        another one, the given one wins, with a warning.
    :raises M3DError: the file cannot be read, is of no known kind, holds no triangles or numbers that are not finite,
        would take too much memory, or needs a package that is not installed.
    """
    path = Path(file)
    if unit is not None and unit not in UNIT_MM:
        raise M3DError(f"The unit '{unit}' is unknown; choose one of {', '.join(UNIT_MM)}.")
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        known = ", ".join(suffix for suffix in FORMATS if suffix)
        raise M3DError(f"'{path}' is no mesh file that can be read; known are {known}.")
    if not path.is_file():
        raise M3DError(f"The mesh file '{path}' does not exist.")
    notes = MeshNotes(kind, bytes=path.stat().st_size)
    try:
        if kind.startswith("DICOM"):
            return _readDicom(path, notes, unit)
        mesh, digits = _read(path, notes, unit)
    except M3DError as error:
        raise M3DError([f"'{path}': {problem}" for problem in error.problems]) from error
    except OSError as error:
        raise M3DError(f"'{path}' cannot be read: {error.strerror or error}.") from error
    except MemoryError as error:
        raise M3DError(f"'{path}' ({inWords(notes.bytes)}) needs more memory than there is.") from error
    if notes.coordinates == "RAS":
        mesh.points[:, :2] *= -1
        if mesh.precise is not None:
            mesh.precise[:, :2] *= -1
        notes.warnings.append("The file says that its coordinates are RAS; x and y were negated to make them LPS.")
    warnOfLostDigits(mesh, digits, notes)
    return mesh, notes


def _read(path: Path, notes: MeshNotes, unit: str | None) -> tuple[TriangleMesh, int]:
    """Mesh in mm, and the significant bits of the numbers it was read from."""
    moduleName, functionName, memory = _READERS[notes.format]
    requireRoom(memory * notes.bytes, "Reading this file")
    with path.open("rb") as stream:
        start = stream.read(1024)
    if notes.format in ("STL", "OBJ", "PLY"):
        refuseOtherKind(start, notes.format)
    notes.coordinates = remarkedSpace(start)
    notes.remarkedUnit = remarkedUnit(start)
    if notes.format == "STL":
        parts = _readStl(path, notes)
    else:
        parts = getattr(importlib.import_module(f".{moduleName}", __package__), functionName)(path)
    notes.warnings.extend(parts.warnings)
    finite = np.isfinite(parts.points)
    if not finite.all() and not finite.all(axis=1)[parts.triangles].all():
        raise M3DError(f"This {notes.format} file has coordinates that are not finite numbers (NaN or infinity).")
    # Points that no triangle has may hold anything, and mean nothing.
    points = parts.points if finite.all() else np.where(finite, parts.points, 0)
    return meshOf(
        inMillimeters(points, parts.triangles, notes, unit, parts.unit), parts.triangles, path.stem
    ), parts.digits


def _readStl(path: Path, notes: MeshNotes) -> MeshParts:
    from ..Mesh.StlFile import readStl

    mesh = readStl(path.read_bytes(), strict=False, warnings=notes.warnings, name=path.stem)
    isText = any("ASCII" in text for text in notes.warnings)
    # Only DICOM forbids the ASCII form.
    notes.warnings[:] = [text for text in notes.warnings if "ASCII" not in text]
    points = mesh.points if mesh.precise is None else mesh.precise
    return MeshParts(points, mesh.triangles, digits=53 if isText else 24)


def _readDicom(path: Path, notes: MeshNotes, unit: str | None) -> tuple[TriangleMesh, MeshNotes]:
    from .EncapsulatedModels import isText, readEncapsulatedModel

    model = readEncapsulatedModel(path)
    notes.format = f"DICOM Encapsulated {'OBJ' if isText(model) else 'STL'}"
    notes.unit, notes.unitSource, notes.coordinates, notes.header = model.unit, "file", "LPS", model.dataset
    notes.warnings.extend(model.warnings)
    if unit is not None and unit != model.unit:
        raise M3DError(f"The object states the unit {model.unit}; it cannot be read in {unit}.")
    warnOfLostDigits(model.mesh, 53 if isText(model) else 24, notes)
    return model.mesh, notes
