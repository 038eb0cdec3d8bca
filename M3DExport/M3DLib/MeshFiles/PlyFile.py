"""Polygon File Format (PLY): faces and triangle strips, ASCII and binary.

Read here and not by a library: VTK's reader keeps single precision of doubles, and trimesh fans concave polygons and
fails on lists of several lengths.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..Errors import M3DError
from ..NumberText import plural
from .MeshParts import MeshParts
from .PlyRows import PlyProperty, asciiRows, binaryRows
from .Polygons import facesAsTriangles

_TYPES = {
    **dict.fromkeys(("char", "int8"), "i1"),
    **dict.fromkeys(("uchar", "uint8"), "u1"),
    **dict.fromkeys(("short", "int16"), "i2"),
    **dict.fromkeys(("ushort", "uint16"), "u2"),
    **dict.fromkeys(("int", "int32"), "i4"),
    **dict.fromkeys(("uint", "uint32"), "u4"),
    **dict.fromkeys(("float", "float32"), "f4"),
    **dict.fromkeys(("double", "float64"), "f8"),
}
_FORMATS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
_INDEX_NAMES = ("vertex_indices", "vertex_index", "vertex_indexes")
# Elements of common writers that hold no geometry.
_WITHOUT_SHAPE = ("camera", "material", "multi_texture_face", "multi_texture_vertex")
_LONGEST_HEADER = 1 << 20


@dataclass
class _Element:
    name: str
    count: int
    properties: list[PlyProperty] = field(default_factory=list)


def readPly(path: Path) -> MeshParts:
    """All faces and triangle strips of a file as triangles.

    :raises M3DError: not PLY, cut short, no faces, or a face that names a point the file does not have.
    """
    content = path.read_bytes()
    order, elements, start = _header(content)
    body = memoryview(content)[start:]
    rows = asciiRows(body) if order == "" else binaryRows(body, order)
    points, corners, counts, warnings, digits = None, [], [], [], 53
    for element in elements:
        wanted = {"vertex": ("x", "y", "z"), "face": _INDEX_NAMES, "tristrips": _INDEX_NAMES}.get(element.name, ())
        values = rows.read(element.name, element.count, element.properties, wanted)
        if element.name == "vertex":
            if any(name not in values for name in "xyz"):
                raise M3DError("This PLY file's points have no x, y and z.")
            if any(isinstance(values[name], tuple) for name in "xyz"):
                raise M3DError("This PLY file gives a coordinate of its points as a list.")
            points = np.stack([values[name].astype(np.float64) for name in "xyz"], axis=1)
            single = order and any(part.type == "f4" for part in element.properties if part.name in ("x", "y", "z"))
            digits = 24 if single else 53
        elif element.name in ("face", "tristrips") and element.count:
            lists = next((values[name] for name in _INDEX_NAMES if name in values), None)
            if not isinstance(lists, tuple):
                raise M3DError(f"This PLY file's element '{element.name}' does not say which points it connects.")
            more = lists if element.name == "face" else _strips(*lists)
            corners.append(more[0])
            counts.append(more[1])
        elif element.count and element.name not in _WITHOUT_SHAPE:
            warnings.append(f"{plural(element.count, 'element')} '{element.name}' of the PLY file left out.")
    if rows.remaining():
        warnings.append(f"{rows.remaining()} more than the PLY file's header announces left out.")
    if points is None or not corners:
        raise M3DError("This PLY file holds no triangles: it has no faces (it may be a cloud of points).")
    corners, counts = np.concatenate(corners), np.concatenate(counts)
    triangles = facesAsTriangles(points, corners, counts, "PLY", warnings)
    return MeshParts(points, triangles, warnings=warnings, digits=digits)


def _header(content: bytes) -> tuple[str, list[_Element], int]:
    """Byte order ("" for text), elements, and where the values begin."""
    if content[:3] != b"ply":
        raise M3DError("This PLY file cannot be read: it does not begin with 'ply'.")
    order, elements, place = None, [], 0
    while True:
        end = content.find(b"\n", place, _LONGEST_HEADER)
        if end < 0:
            # Old Macintosh line ends.
            end = content.find(b"\r", place, _LONGEST_HEADER)
        if end < 0:
            raise M3DError("This PLY file's header does not end.")
        words = content[place:end].decode("latin-1").split()
        place = end + 1
        if words[:1] == ["end_header"]:
            break
        try:
            if words[:1] == ["format"]:
                order = _FORMATS[words[1]]
            elif words[:1] == ["element"]:
                elements.append(_Element(words[1], int(words[2])))
                if elements[-1].count < 0:
                    raise ValueError
            elif words[:1] == ["property"] and words[1] == "list":
                elements[-1].properties.append(PlyProperty(words[4], _TYPES[words[3]], _TYPES[words[2]]))
            elif words[:1] == ["property"]:
                elements[-1].properties.append(PlyProperty(words[2], _TYPES[words[1]]))
        except (IndexError, KeyError, ValueError) as error:
            raise M3DError(
                f"This PLY file's header has a line that cannot be read: '{' '.join(words)[:80]}'."
            ) from error
    for element in elements:
        names = [part.name for part in element.properties]
        if len(set(names)) < len(names):
            raise M3DError(f"This PLY file is damaged: its element '{element.name}' has two properties of one name.")
    if order is None:
        raise M3DError("This PLY file does not say whether its values are text or binary.")
    return order, elements, place


def _strips(corners: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Triangles of strips; -1 begins a new one, and every second triangle of a strip is turned."""
    triangles = []
    for ring in np.split(corners, np.cumsum(counts)[:-1]):
        for strip in np.split(ring, np.flatnonzero(ring == -1)):
            points = strip[strip != -1]
            if len(points) < 3:
                continue
            parts = np.stack([points[:-2], points[1:-1], points[2:]], axis=1)
            parts[1::2] = parts[1::2, [1, 0, 2]]
            # Strips are sewn together by repeated points; such triangles are none.
            distinct = (parts[:, 0] != parts[:, 1]) & (parts[:, 1] != parts[:, 2]) & (parts[:, 0] != parts[:, 2])
            triangles.append(parts[distinct])
    joined = np.concatenate(triangles) if triangles else np.empty((0, 3), np.int64)
    return joined.reshape(-1), np.full(len(joined), 3)
