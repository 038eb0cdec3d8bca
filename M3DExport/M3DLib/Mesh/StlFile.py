"""Binary STL to and from memory.

A binary STL is an 80-byte header, the number of triangles as a little-endian uint32, and 50 bytes per triangle: normal,
three corners (float32 each) and two attribute bytes. It knows neither units nor a coordinate system; whoever writes one
says them elsewhere (in DICOM: Measurement Units Code Sequence and Frame of Reference UID).
"""

from __future__ import annotations

import io
import mmap

import numpy as np

from ..Errors import M3DError
from ..NumberText import plural
from ..Software import NAME, VERSION
from .PointMerging import mergePoints
from .TriangleMesh import TriangleMesh

HEADER_SIZE = 80
PREFIX_SIZE = 84
TRIANGLE_TYPE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])

# The last line of a text STL repeats the name of the solid, which may be long.
_LONGEST_END = 4096
# Work on so many triangles at a time: large enough for numpy's speed, small enough that what is held beside the file
# and the mesh does not count.
CHUNK = 1 << 16


def stlHeader(unit: str = "mm") -> bytes:
    """The 80-byte header of every STL written here: software, coordinate system and unit, nothing about the patient.

    It never begins with "solid", which many readers (DCMTK among them) take for an ASCII file.
    """
    return f"{NAME} {VERSION} binary STL, LPS, unit {unit}".encode("ascii").ljust(HEADER_SIZE)[:HEADER_SIZE]


def stlBytes(mesh: TriangleMesh, unit: str = "mm", unitMm: float = 1.0) -> bytes:
    """A mesh as binary STL.

    :param mesh: points in LPS mm; its name and color are not written.
    :param unit: name of the unit, for the header only.
    :param unitMm: length of the unit the coordinates are written in, mm.
    :return: 84 + 50 n bytes. Facet normals follow the order of the corners; a triangle without area has the normal 0.
    :raises M3DError: when there are no triangles or a coordinate is not finite (in the chosen unit, as float32).
    """
    count = len(mesh.triangles)
    if not count:
        raise M3DError(f"Mesh '{mesh.name}' has no triangles, so there is nothing to write.")
    if count > 0xFFFFFFFF:
        raise M3DError(f"Mesh '{mesh.name}' has {count} triangles; a binary STL holds at most {0xFFFFFFFF}.")
    # A BytesIO hands out its own bytes object without a copy, so that the file exists once in memory.
    stream = io.BytesIO(bytes(PREFIX_SIZE + TRIANGLE_TYPE.itemsize * count))
    with stream.getbuffer() as buffer:
        buffer[:HEADER_SIZE] = stlHeader(unit)
        buffer[HEADER_SIZE:PREFIX_SIZE] = count.to_bytes(4, "little")
        facets = np.frombuffer(buffer, dtype=TRIANGLE_TYPE, offset=PREFIX_SIZE)
        try:
            _fillFacets(facets, mesh, unitMm)
        finally:
            del facets
    return stream.getvalue()


def _fillFacets(facets: np.ndarray, mesh: TriangleMesh, unitMm: float) -> None:
    scale = 1.0 / unitMm
    for start in range(0, len(mesh.triangles), CHUNK):
        part = slice(start, start + CHUNK)
        corners = mesh.points[mesh.triangles[part]].astype(np.float64)
        if scale != 1.0:
            corners *= scale
        if not np.isfinite(corners).all() or np.abs(corners).max() > np.finfo(np.float32).max:
            raise M3DError(f"Mesh '{mesh.name}' has coordinates that are not finite numbers; repair it first.")
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        lengths = np.linalg.norm(normals, axis=1, keepdims=True)
        np.divide(normals, lengths, out=normals, where=lengths > 0)
        facets["corners"][part] = corners
        facets["normal"][part] = np.where(lengths > 0, normals, 0.0)


def readStl(buffer, strict: bool = True, warnings: list[str] | None = None, name: str = "") -> TriangleMesh:
    """The mesh in an STL file's content; coordinates as they stand, the caller knows their unit.

    Corners with the same three coordinates become one point (0.0 and -0.0 are the same); nothing else is merged or
    repaired, and the triangles keep their order.

    What is wrong with the content, and what becomes of it:

    =========================================  ===============  ==========================
    content                                    strict           tolerant
    =========================================  ===============  ==========================
    no bytes; not STL; OBJ or MTL text         error            error
    says more triangles than there are bytes   error            error
    no triangles                               error            error
    NaN or infinite coordinates                error            error
    more bytes than 84 + 50 n                  error            warning, rest left out
    ASCII STL                                  error            warning, read
    =========================================  ===============  ==========================

    :param buffer: bytes-like, or a uint8 array (a memory map of a file, for example).
    :param strict: refuse what the binary STL format forbids.
    :param warnings: list that gets one sentence for each thing forgiven when not strict.
    :raises M3DError: see the table.
    """
    data = _asBytes(buffer)
    warnings = [] if warnings is None else warnings
    problem = _whyNotBinary(data)
    if problem and not strict:
        from .StlAscii import looksLikeAsciiStl, readAsciiStl

        if looksLikeAsciiStl(data):
            warnings.append("The STL is in ASCII form, which DICOM forbids; it was read all the same.")
            if b"endsolid" not in data[-_LONGEST_END:].tobytes().lower():
                warnings.append(
                    "The STL's text ends without 'endsolid': it may have been cut short between two facets."
                )
            return readAsciiStl(data, name)
    if problem:
        raise M3DError(problem)
    count = _statedCount(data)
    expected = PREFIX_SIZE + TRIANGLE_TYPE.itemsize * count
    if len(data) > expected:
        surplus = f"The STL has {plural(len(data) - expected, 'byte')} more than its {count} triangles need"
        if strict:
            raise M3DError(f"{surplus}; it should be {expected} bytes long.")
        warnings.append(f"{surplus}; they were left out.")
    facets = np.frombuffer(data, dtype=TRIANGLE_TYPE, count=count, offset=PREFIX_SIZE)
    points, triangles = mergePoints(facets["corners"])
    return TriangleMesh(points, triangles, name)


def checkStl(buffer) -> int:
    """Check a binary STL strictly without making a mesh of it.

    :return: number of triangles.
    :raises M3DError: as :func:`readStl` with ``strict``.
    """
    data = _asBytes(buffer)
    problem = _whyNotBinary(data)
    if problem:
        raise M3DError(problem)
    count = _statedCount(data)
    expected = PREFIX_SIZE + TRIANGLE_TYPE.itemsize * count
    if len(data) != expected:
        raise M3DError(f"The STL is {plural(len(data), 'byte')} long, but its {count} triangles need {expected}.")
    facets = np.frombuffer(data, dtype=TRIANGLE_TYPE, count=count, offset=PREFIX_SIZE)
    for start in range(0, count, CHUNK):
        requireFinite(facets["corners"][start : start + CHUNK])
    return count


def requireFinite(corners: np.ndarray) -> None:
    """Refuse corners, an array of any shape, of which a coordinate is no finite number.

    :raises M3DError: one is NaN or infinite.
    """
    if not np.isfinite(corners).all():
        raise M3DError("The STL has coordinates that are not finite numbers (NaN or infinity).")


def _asBytes(buffer) -> np.ndarray:
    """A flat uint8 view of a buffer, without a copy."""
    if isinstance(buffer, np.ndarray):
        return buffer.reshape(-1).view(np.uint8)
    if isinstance(buffer, (bytes, bytearray, memoryview, mmap.mmap)):
        return np.frombuffer(buffer, dtype=np.uint8) if len(buffer) else np.empty(0, np.uint8)
    raise M3DError(f"An STL is read from bytes, not from {type(buffer).__name__}.")


def _statedCount(data: np.ndarray) -> int:
    return int.from_bytes(data[HEADER_SIZE:PREFIX_SIZE].tobytes(), "little")


def _whyNotBinary(data: np.ndarray) -> str:
    """Why the bytes cannot be read as binary STL; "" when they can (surplus bytes aside)."""
    if not len(data):
        return "The STL is empty."
    if len(data) < PREFIX_SIZE:
        return (
            f"This is not a binary STL: it has {plural(len(data), 'byte')}, and the header alone needs {PREFIX_SIZE}."
        )
    count = _statedCount(data)
    room = (len(data) - PREFIX_SIZE) // TRIANGLE_TYPE.itemsize
    if 0 < count <= room:
        return ""  # not text either: four printable characters would be more than 150 million triangles
    if _isText(data):
        start = data[:512].tobytes().decode("latin-1").lower()
        if start.lstrip().startswith("solid"):
            return "This is an ASCII STL; the binary form is needed."
        if any(line.startswith(("v ", "vn ", "f ", "mtllib", "o ", "g ")) for line in start.splitlines()):
            return "This is not an STL: it looks like a Wavefront OBJ file."
        if any(line.startswith(("newmtl", "ka ", "kd ", "ks ")) for line in start.splitlines()):
            return "This is not an STL: it looks like a Wavefront material (MTL) file."
        return "This is not an STL: it is text of another kind."
    if count == 0:
        return f"The STL says that it holds no triangles (it has {plural(len(data), 'byte')})."
    return f"The STL is cut short or damaged: it says {plural(count, 'triangle')}, but there are bytes for {room}."


def _isText(data: np.ndarray) -> bool:
    """Whether the first bytes are printable ASCII (a binary triangle count nearly always has a byte that is not)."""
    start = data[:512]
    return bool((((start >= 32) & (start < 127)) | ((start >= 9) & (start <= 13))).all())
