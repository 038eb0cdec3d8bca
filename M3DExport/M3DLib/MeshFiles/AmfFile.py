"""Additive Manufacturing Format (ISO/ASTM 52915): XML, plain or in a ZIP archive."""

from __future__ import annotations

import zipfile
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np

from ..Errors import M3DError


def readAmf(file: Path) -> tuple[np.ndarray, np.ndarray, str]:
    """All objects of a file, flat triangles only (AMF may curve them; the corners are exact either way).

    :return: points float64 (n, 3) as they stand, triangles int64 (m, 3), and the unit the file states ("millimeter"
        where it states none, which the standard makes the default).
    :raises M3DError: it is not AMF, or places its objects in a constellation, which is not read.
    """
    try:
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                names = [name for name in archive.namelist() if name.lower().endswith(".amf")] or archive.namelist()
                root = ET.fromstring(archive.read(names[0]))
        else:
            root = ET.parse(file).getroot()
    except (ET.ParseError, zipfile.BadZipFile, IndexError) as error:
        raise M3DError(f"This AMF file cannot be read: {error}.") from error
    if root.tag != "amf":
        raise M3DError(f"This is not an AMF file: its XML begins with '{root.tag}'.")
    if root.find("constellation") is not None:
        raise M3DError("This AMF file places its objects in a constellation, which is not read; save it as 3MF or STL.")
    points, triangles, count = [], [], 0
    for mesh in root.iterfind("object/mesh"):
        here = _numbers(mesh, "vertices/vertex/coordinates", "xyz", float)
        corners = _numbers(mesh, "volume/triangle", ("v1", "v2", "v3"), int)
        points.append(here)
        triangles.append(corners + count)
        if len(corners) and (corners.min() < 0 or corners.max() >= len(here)):
            raise M3DError("This AMF file has triangles that name points it does not have.")
        count += len(here)
    if not any(len(part) for part in triangles):
        raise M3DError("This AMF file holds no triangles.")
    return np.concatenate(points), np.concatenate(triangles), root.get("unit", "millimeter")


def _numbers(mesh, path: str, names, kind: type) -> np.ndarray:
    """Values of the named children of every element at the path, (n, 3)."""
    try:
        rows = [[kind(element.findtext(name)) for name in names] for element in mesh.iterfind(path)]
    except (TypeError, ValueError) as error:
        raise M3DError(f"This AMF file has a number in '{path}' that is missing or cannot be read.") from error
    return np.array(rows, dtype=np.float64 if kind is float else np.int64).reshape(-1, 3)
