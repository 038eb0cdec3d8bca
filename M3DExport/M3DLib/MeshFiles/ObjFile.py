"""Wavefront OBJ: the polygons of a text file.

Read here and not by a library: VTK's reader refuses a comment after a face, drops the old statement "fo" and keeps
corners beyond the last point, and trimesh knows no relative indices beside normals and fans concave polygons.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np

from ..Errors import M3DError
from .MeshParts import MeshParts
from .Polygons import facesAsTriangles

# Statements that say nothing of where the surface is.
_WITHOUT_SHAPE = frozenset(
    b"vt vn vp g o s mg usemtl mtllib usemap maplib bevel c_interp d_interp lod shadow_obj trace_obj cstype deg bmat "
    b"step parm trim hole scrv sp end con ctech stech".split()
)
_LEFT_OUT = {
    b"l": "lines",
    b"p": "points",
    b"curv": "free-form curves",
    b"curv2": "free-form curves",
    b"surf": "free-form surfaces",
    b"call": "references to other files",
    b"csh": "commands",
}


def readObj(path: Path) -> MeshParts:
    """The model of a file; see :func:`readObjText`."""
    return readObjText(path.read_bytes())


def readObjText(content: bytes) -> MeshParts:
    """All faces as triangles; materials and textures play no part, and no other file is opened.

    :raises M3DError: no faces, a number that cannot be read, or a face that names a point the file does not have.
    """
    text = re.sub(rb"\\[ \t]*\r?\n", b" ", content)
    vertices, faces, before, others = [], [], [], Counter()
    for raw in text.splitlines():
        line = raw.partition(b"#")[0].strip() if b"#" in raw else raw.strip()
        if not line:
            continue
        word, *more = line.split(None, 1)
        rest = more[0] if more else b""
        if word == b"v":
            vertices.append(rest)
        elif word in (b"f", b"fo"):
            faces.append(rest)
            before.append(len(vertices))
        elif word not in _WITHOUT_SHAPE:
            others[_LEFT_OUT.get(word, "unknown statements")] += 1
    if not faces or not vertices:
        raise M3DError(f"This OBJ file holds no triangles{_instead(others)}.")
    warnings = [
        f"Left out of the OBJ file, being no part of the model read: {what} ({count})."
        for what, count in others.items()
    ]
    points = _points(vertices)
    corners, counts = _corners(faces, np.array(before))
    triangles = facesAsTriangles(points, corners, counts, "OBJ", warnings)
    return MeshParts(points, triangles, warnings=warnings)


def _instead(others: Counter) -> str:
    return f" (but {', '.join(f'{count} {what}' for what, count in others.items())})" if others else ""


def _points(lines: list[bytes]) -> np.ndarray:
    """x, y and z of every line float64 (n, 3); a weight or a color may follow."""
    rows = [line.split()[:3] for line in lines]
    try:
        # numpy's own reading of text knows no underscores, which Python's takes for digits.
        return np.array(rows, dtype="S").astype(np.float64).reshape(len(rows), 3)
    except ValueError as error:
        wrong = next((line for line in lines if not _isPoint(line)), b"")
        shown = wrong[:60].decode("utf-8", "replace")
        raise M3DError(f"This OBJ file has a point that cannot be read: 'v {shown}'. Export it again.") from error


def _isPoint(line: bytes) -> bool:
    try:
        return len(line.split()) >= 3 and bool(np.array(line.split()[:3], dtype="S").astype(np.float64).size)
    except ValueError:
        return False


def _corners(lines: list[bytes], before: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points of all faces one after the other (from 0), and the number of corners of each.

    :param before: number of points above every face, from which negative indices count back.
    """
    counts = np.array([len(line.split()) for line in lines], dtype=np.int64)
    # Of "point/texture/normal" only the point counts.
    words = re.sub(rb"/\S*", b"", b" ".join(lines)).split()
    try:
        if len(words) != counts.sum():
            raise ValueError
        numbers = np.array(words, dtype="S").astype(np.int64)
    except (ValueError, OverflowError) as error:
        wrong = next((line for line in lines if not re.fullmatch(rb"(\s*[+-]?\d+(/\S*)?)+\s*", line)), lines[0])
        shown = wrong[:60].decode("utf-8", "replace")
        raise M3DError(f"This OBJ file has a face that cannot be read: 'f {shown}'. Export it again.") from error
    if not (numbers != 0).all():
        raise M3DError("This OBJ file has a face that names point 0; OBJ counts from 1. Export it again.")
    back = np.repeat(before, counts) + numbers
    return np.where(numbers > 0, numbers - 1, back), counts
