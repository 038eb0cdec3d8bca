"""Reading a model from a mesh file of any common kind, with what the file says and does not say about it."""

from __future__ import annotations

import importlib.util
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..Errors import M3DError
from ..Mesh.PointMerging import mergePoints
from ..Mesh.TriangleMesh import TriangleMesh
from .AmfFile import readAmf

UNIT_MM = {"um": 0.001, "mm": 1.0, "cm": 10.0, "m": 1000.0, "in": 25.4, "ft": 304.8}
FORMATS = {
    ".stl": "STL",
    ".obj": "OBJ",
    ".ply": "PLY",
    ".3mf": "3MF",
    ".amf": "AMF",
    ".dcm": "DICOM Encapsulated STL",
    "": "DICOM Encapsulated STL",
}
_UNIT_NAMES = {
    "micron": "um",
    "micrometer": "um",
    "millimeter": "mm",
    "millimeters": "mm",
    "centimeter": "cm",
    "meter": "m",
    "meters": "m",
    "inch": "in",
    "inches": "in",
    "foot": "ft",
    "feet": "ft",
}

# Longest side of what is taken for a part of a body without asking, mm; as for Encapsulated STL.
SMALLEST_MM, LARGEST_MM = 1.0, 2500.0
_LARGEST_UNPACKED = 4 << 30


@dataclass
class MeshNotes:
    """What a mesh file said of itself, and what had to be assumed.

    :ivar format: "STL", "OBJ", "PLY", "3MF", "AMF" or "DICOM Encapsulated STL".
    :ivar unit: a key of ``UNIT_MM``: the unit the file's numbers were read in.
    :ivar unitSource: "file" (the file states it), "given" (the caller did), "assumed" (nobody did; mm fits the size) or
        "guessed" (nobody did, and mm does not fit the size).
    :ivar coordinates: "LPS" or "RAS" when the file says so, else "".
    :ivar bytes: size of the file.
    :ivar warnings: everything doubtful, one sentence each.
    """

    format: str
    unit: str = "mm"
    unitSource: str = "assumed"
    coordinates: str = ""
    bytes: int = 0
    warnings: list[str] = field(default_factory=list)


def readMesh(file: Path | str, unit: str | None = None) -> tuple[TriangleMesh, MeshNotes]:
    """The mesh in an STL, OBJ, PLY, 3MF, AMF or DICOM Encapsulated STL file, in LPS mm.

    Nothing is repaired. Points of STL, which has none of its own, are merged when exactly equal; the other formats keep
    the points they have. Coordinates are taken as LPS unless the
    file says "SPACE=RAS" as Slicer's do; then x and y are negated.

    :param unit: unit of the file's numbers (a key of ``UNIT_MM``) where it states none; against a file that states
        another one, the given one wins, with a warning.
    :raises M3DError: the file cannot be read, is of no known kind, holds no triangles or numbers that are not finite,
        or needs a package that is not installed.
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
        if kind == "STL":
            mesh, stated = _readStl(path, notes), None
        else:
            _refuseHugeArchive(path)
            points, triangles, stated = readAmf(path) if kind == "AMF" else _readWithTrimesh(path, notes)
            mesh = _checked(points, triangles, path, notes)
    except M3DError as error:
        raise M3DError([f"'{path}': {problem}" for problem in error.problems]) from error
    except OSError as error:
        raise M3DError(f"'{path}' cannot be read: {error.strerror or error}.") from error
    _scale(mesh, notes, unit, stated)
    if notes.coordinates == "RAS":
        mesh.points[:, :2] *= -1
        notes.warnings.append("The file says that its coordinates are RAS; x and y were negated to make them LPS.")
    return mesh, notes


def _readStl(path: Path, notes: MeshNotes) -> TriangleMesh:
    from ..Mesh.StlFile import HEADER_SIZE, readStl

    content = path.read_bytes()
    mesh = readStl(content, strict=False, warnings=notes.warnings, name=path.stem)
    # Only DICOM forbids the ASCII form.
    notes.warnings[:] = [text for text in notes.warnings if "ASCII" not in text]
    _readSpace(content[: HEADER_SIZE * 4], notes)
    return mesh


def _readDicom(path: Path, notes: MeshNotes, unit: str | None) -> tuple[TriangleMesh, MeshNotes]:
    from ..EncapsulatedStl.EncapsulatedStlReader import readEncapsulatedStl

    model = readEncapsulatedStl(path)
    notes.unit, notes.unitSource, notes.coordinates = model.unit, "file", "LPS"
    notes.warnings.extend(model.warnings)
    if unit is not None and unit != model.unit:
        raise M3DError(f"The object states the unit {model.unit}; it cannot be read in {unit}.")
    return model.mesh, notes


def _readWithTrimesh(path: Path, notes: MeshNotes) -> tuple[np.ndarray, np.ndarray, str | None]:
    """Points and triangles read by the library ``trimesh``, and the unit the file states."""
    needed = ("trimesh", "networkx", "lxml") if notes.format == "3MF" else ("trimesh",)
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        raise M3DError(
            f"{notes.format} files are read by the Python package '{missing[0]}', which is not installed; install it "
            "(pip install 'SlicerM3D[mesh-formats]'), or save the model as STL."
        )
    import trimesh

    try:
        # Skipping materials keeps a texture's seams from splitting the surface, and other files from being opened.
        scene = trimesh.load_scene(str(path), process=False, skip_materials=True, maintain_order=True)
        parts = [part for part in scene.dump() if isinstance(part, trimesh.Trimesh) and len(part.faces)]
    except (MemoryError, KeyboardInterrupt):
        raise
    except Exception as error:  # the library raises whatever its parsers raise
        raise M3DError(f"This {notes.format} file cannot be read: {type(error).__name__}: {error}") from error
    if not parts:
        raise M3DError(f"This {notes.format} file holds no triangles.")
    offsets = np.cumsum([0] + [len(part.vertices) for part in parts[:-1]])
    points = np.concatenate([np.asarray(part.vertices) for part in parts])
    triangles = np.concatenate([np.asarray(part.faces) + offset for part, offset in zip(parts, offsets, strict=True)])
    return points, triangles, scene.units if notes.format == "3MF" else None


def _checked(points: np.ndarray, triangles: np.ndarray, path: Path, notes: MeshNotes) -> TriangleMesh:
    """A mesh of what a parser found, if it makes sense."""
    with np.errstate(over="ignore"):
        points = points.astype(np.float32)
    if triangles.min() < 0 or triangles.max() >= len(points):
        raise M3DError(f"This {notes.format} file has triangles that name points it does not have.")
    if not np.isfinite(points[np.unique(triangles)]).all():
        raise M3DError(f"This {notes.format} file has coordinates that are not finite numbers (NaN or infinity).")
    if notes.format == "OBJ" and len(points) > _objPoints(path):
        # The parser doubled points where texture coordinates or normals differ; the file has each of them once.
        points, triangles = mergePoints(points[triangles])
    with path.open("rb") as stream:
        _readSpace(stream.read(1024), notes)
    return TriangleMesh(points, triangles, path.stem)


def _objPoints(path: Path) -> int:
    """Number of points an OBJ file lists."""
    with path.open("rb") as stream:
        return sum(line.lstrip().startswith((b"v ", b"v\t")) for line in stream)


def _refuseHugeArchive(path: Path) -> None:
    """3MF and some AMF are ZIP archives; a few kilobytes can unpack to any size."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > _LARGEST_UNPACKED:
            raise M3DError(f"This archive would unpack to {size / 1e9:.1f} GB; that is no model.")


def _readSpace(start: bytes, notes: MeshNotes) -> None:
    """The coordinate system Slicer writes into headers and comments."""
    text = start.upper()
    for space in ("RAS", "LPS"):
        if f"SPACE={space}".encode() in text:
            notes.coordinates = space


def _scale(mesh: TriangleMesh, notes: MeshNotes, given: str | None, stated: str | None) -> None:
    """Bring the mesh to mm and note why in this unit."""
    stated = _UNIT_NAMES.get(stated.lower(), stated) if stated else None
    if stated is not None and stated not in UNIT_MM:
        if given is None:
            raise M3DError(f"The file states the unit '{stated}', which is unknown; say which unit it is in.")
        stated = None
    if given is not None:
        notes.unit, notes.unitSource = given, "given"
        if stated not in (None, given):
            notes.warnings.append(f"The file states the unit {stated}; it was read in {given}, as told.")
    elif stated is not None:
        notes.unit, notes.unitSource = stated, "file"
    else:
        _guessUnit(mesh, notes)
    with np.errstate(over="ignore"):
        mesh.points *= np.float32(UNIT_MM[notes.unit])
    if not np.isfinite(mesh.points).all():
        raise M3DError("The model's coordinates are too large to be millimeters; its unit is wrong.")
    low, high = mesh.points.min(axis=0), mesh.points.max(axis=0)
    extent = float((high - low).max())
    if not SMALLEST_MM <= extent <= LARGEST_MM and notes.unitSource != "guessed":
        notes.warnings.append(f"In {notes.unit} the model is {extent:.4g} mm large, which is not plausible.")


def _guessUnit(mesh: TriangleMesh, notes: MeshNotes) -> None:
    used = mesh.points[np.unique(mesh.triangles)].astype(np.float64)
    extent = float((used.max(axis=0) - used.min(axis=0)).max())
    notes.unit, notes.unitSource = "mm", "assumed"
    if SMALLEST_MM <= extent <= LARGEST_MM:
        return
    notes.unitSource = "guessed"
    for unit in ("m", "um"):
        size = extent * UNIT_MM[unit]
        # Things made in meters and micrometers are as large as what is held in a hand.
        if 10 * SMALLEST_MM <= size <= LARGEST_MM:
            notes.unit = unit
            notes.warnings.append(
                f"The file states no unit; in mm the model would be {extent:.4g} mm large, so {unit} was guessed "
                f"({size:.4g} mm). State the unit if that is wrong."
            )
            return
    notes.warnings.append(
        f"The file states no unit, and in mm the model is {extent:.4g} mm large, which is not plausible; no other unit "
        "fits better. State the unit."
    )
