"""Additive Manufacturing Format (ISO/ASTM 52915): XML, plain or in a ZIP archive, read as a stream."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from xml.parsers import expat

import numpy as np

from ..Errors import M3DError
from ..FileSize import requireRoom
from ..NumberText import plural
from .AmfConstellation import AmfInstance, placedObjects
from .MeshParts import MeshParts, joined, requireIndices
from .PrintProject import VOLUME_SETTINGS, otherVolume, refuseOtherParts

_CHUNK = 1 << 20
# Larger than any number of points, and small enough for the arrays of numpy.
_LARGEST_INDEX = 1 << 62
_UNITS = ("millimeter", "inch", "feet", "meter", "micron")
_COORDINATES = {"x": 0, "y": 1, "z": 2}
_CORNERS = {"v1": 0, "v2": 1, "v3": 2}
# The standard's own, and those that PrusaSlicer adds.
_PLACES = ("deltax", "deltay", "deltaz", "rx", "ry", "rz", "scale")
_PLACES += ("scalex", "scaley", "scalez", "mirrorx", "mirrory", "mirrorz")
# What makes a triangle a curved patch (5.4 of the standard): normals at its points or edges with directions.
_CURVING = ("normal", "edge")


def readAmf(path: Path) -> MeshParts:
    """All objects of a file where its constellation places them; curved triangles as flat ones, which is said.

    :raises M3DError: it is not AMF, is damaged, or states what cannot be read.
    """
    reader = _AmfReader()
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                names = [name for name in archive.namelist() if name.lower().endswith(".amf")]
                if len(names) != 1:
                    raise M3DError(f"This archive holds {len(names)} AMF models; one is wanted.")
                requireRoom(sum(entry.file_size for entry in archive.infolist()), "This archive", path.stat().st_size)
                with archive.open(names[0]) as stream:
                    reader.feed(iter(lambda: stream.read(_CHUNK), b""))
        else:
            with path.open("rb") as stream:
                reader.feed(iter(lambda: stream.read(_CHUNK), b""))
    except (expat.ExpatError, zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError, zlib.error) as error:
        raise M3DError(f"This AMF file cannot be read: {error}. Save it again.") from error
    except (OverflowError, ValueError) as error:
        if isinstance(error, M3DError):
            raise
        raise M3DError("This AMF file has a number that is missing or cannot be read.") from error
    return reader.parts()


class _AmfReader:
    """Collects points, triangles and places while the XML goes by; nothing of the XML itself is kept."""

    def __init__(self):
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._refuseDoctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._path: list[str] = []
        self._text: list[str] | None = None
        self._row: list[float | None] = [None] * 3
        self._unit: str | None = None
        self._support = False
        self._setting = ""
        self._otherParts: set[str] = set()
        self._objects: dict[str, tuple[list[float], list[int]]] = {}
        self._constellations: dict[str, list[AmfInstance]] = {}
        self._current: tuple[list[float], list[int]] = ([], [])
        self._curved = self._supports = 0

    def feed(self, chunks: Iterator[bytes]) -> None:
        """Read the file's bytes."""
        for chunk in chunks:
            self._parser.Parse(chunk, False)
        self._parser.Parse(b"", True)

    def _refuseDoctype(self, *_):
        raise M3DError("This AMF file defines entities of its own, which no model needs; they are not followed.")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if not self._path and name != "amf":
            raise M3DError(f"This is not an AMF file: its XML begins with '{name}'.")
        self._path.append(name)
        if name == "metadata":
            self._setting = attributes.get("type", "")
        isSetting = name == "metadata" and self._path[-2:-1] == ["volume"] and self._setting in VOLUME_SETTINGS
        if name in _COORDINATES or name in _CORNERS or name in _PLACES or isSetting:
            self._text = []
            self._parser.CharacterDataHandler = self._text.append
        elif name in ("coordinates", "triangle"):
            self._row = [None] * 3
        elif name in _CURVING and "mesh" in self._path:
            self._curved += 1
        elif name == "amf":
            self._unit = attributes.get("unit") or attributes.get("units") or "millimeter"
        elif name == "object":
            self._current = self._objects.setdefault(attributes.get("id", f"#{len(self._objects)}"), ([], []))
            if self._current[0]:
                raise M3DError(f"This AMF file has two objects with the id {attributes.get('id')}.")
        elif name == "volume":
            self._support = attributes.get("type", "").lower() == "support"
        elif name == "constellation":
            self._constellations[attributes.get("id", f"#c{len(self._constellations)}")] = self._instances = []
        elif name == "instance" and self._path[-2:-1] == ["constellation"]:
            self._instances.append(AmfInstance(attributes.get("objectid", "")))

    def _end(self, name: str) -> None:
        self._path.pop()
        if self._text is not None:
            value = "".join(self._text)
            self._text = self._parser.CharacterDataHandler = None
            if name in _COORDINATES and self._path[-1:] == ["coordinates"]:
                self._row[_COORDINATES[name]] = float(value)
            elif name in _CORNERS and self._path[-1:] == ["triangle"]:
                self._row[_CORNERS[name]] = max(-1, min(int(value), _LARGEST_INDEX))
            elif name in _PLACES and self._path[-1:] == ["instance"]:
                setattr(self._instances[-1], name, float(value))
            elif name == "metadata":
                self._otherParts |= otherVolume(self._setting, value)
        elif name in ("coordinates", "triangle"):
            if None in self._row:
                raise ValueError(name)
            if name == "coordinates":
                self._current[0].extend(self._row)
            elif self._support:
                self._supports += 1
            else:
                self._current[1].extend(self._row)

    def parts(self) -> MeshParts:
        """What was read.

        :raises M3DError: no triangles, triangles that name points the file does not have, or parts that are not the
            model.
        """
        refuseOtherParts(self._otherParts)
        warnings = []
        bodies = {}
        for identifier, (values, corners) in self._objects.items():
            points = np.array(values, dtype=np.float64).reshape(-1, 3)
            triangles = np.array(corners, dtype=np.int64).reshape(-1, 3)
            requireIndices(triangles, len(points), "AMF")
            bodies[identifier] = points, triangles
        if self._curved:
            warnings.append(
                f"The AMF file bends its triangles ({self._curved} normals and edges); they were read as flat, so the "
                "surface between the points lies elsewhere than the file says."
            )
        if self._supports:
            warnings.append(f"{plural(self._supports, 'triangle')} of support material left out.")
        placed = placedObjects(bodies, self._constellations, warnings)
        placed = [part for part in placed if len(part[1])]
        if not placed:
            raise M3DError("This AMF file holds no triangles.")
        points, triangles = joined(placed)
        return MeshParts(points, triangles, self._unit, warnings)
