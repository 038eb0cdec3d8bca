"""Writes the formats that are text: AMF (ISO/ASTM 52915) and OBJ with its MTL."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Sequence
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from ..Mesh.TriangleMesh import TriangleMesh
from .FileFacts import FileFacts, colorOf

# Rows turned into text together.
_BLOCK = 1 << 16


def amfBytes(meshes: Sequence[TriangleMesh], facts: FileFacts, name: str) -> bytes:
    """An AMF file, zipped as ISO/ASTM 52915 allows: one object and one material per model, in millimeters.

    :param name: of the file in the archive.
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        archive.writestr(name, amfText(meshes, facts))
    return packed.getvalue()


def amfText(meshes: Sequence[TriangleMesh], facts: FileFacts) -> bytes:
    """The same without the archive."""
    out = io.StringIO()
    out.write('<?xml version="1.0" encoding="UTF-8"?>\n<amf unit="millimeter" version="1.2">\n')
    known = {"name": facts.title, "producer": facts.software, "created": facts.created}
    for kind, value in {**known, **facts.all()}.items():
        if value:
            out.write(f"<metadata type={quoteattr(kind)}>{escape(value)}</metadata>\n")
    for number, mesh in enumerate(meshes, start=1):
        out.write(f'<object id="{number}"><metadata type="name">{escape(mesh.name or "model")}</metadata>\n')
        out.write("<mesh><vertices>\n")
        row = "<vertex><coordinates><x>%.9g</x><y>%.9g</y><z>%.9g</z></coordinates></vertex>\n"
        out.writelines(_rows(mesh.points, row))
        out.write(f'</vertices><volume materialid="{number}">\n')
        out.writelines(_rows(mesh.triangles, "<triangle><v1>%d</v1><v2>%d</v2><v3>%d</v3></triangle>\n"))
        out.write("</volume></mesh></object>\n")
    for number, mesh in enumerate(meshes, start=1):
        color = zip("rgba", colorOf(mesh), strict=True)
        parts = "".join(f"<{letter}>{value / 255:.9g}</{letter}>" for letter, value in color)
        out.write(f'<material id="{number}"><metadata type="name">{escape(mesh.name or "model")}</metadata>')
        out.write(f"<color>{parts}</color></material>\n")
    out.write("</amf>\n")
    return out.getvalue().encode("utf-8")


def objBytes(meshes: Sequence[TriangleMesh], facts: FileFacts, materialFile: str) -> tuple[bytes, bytes]:
    """An OBJ file and its MTL file: one object and one material per model.

    OBJ has no unit; a comment says which it is.

    :param materialFile: name of the MTL file, as the OBJ refers to it.
    """
    out, materials = io.StringIO(), io.StringIO()
    out.writelines(f"# {_oneLine(text)}\n" for text in _comments(facts))
    out.write(f"mtllib {materialFile}\n")
    first = 1
    for number, mesh in enumerate(meshes, start=1):
        material = f"material{number}"
        out.write(f"o {_oneLine(mesh.name or 'model')}\nusemtl {material}\n")
        out.writelines(_rows(mesh.points, "v %.9g %.9g %.9g\n"))
        out.writelines(_rows(mesh.triangles.astype(np.int64) + first, "f %d %d %d\n"))
        first += len(mesh.points)
        red, green, blue, alpha = (value / 255 for value in colorOf(mesh))
        materials.write(f"newmtl {material}\nKd {red:.6g} {green:.6g} {blue:.6g}\nd {alpha:.6g}\n")
    return out.getvalue().encode("utf-8"), materials.getvalue().encode("utf-8")


def _comments(facts: FileFacts) -> list[str]:
    known = {"Title": facts.title, "Created": facts.created, "Software": facts.software, "Unit": facts.unit}
    return [f"{name}: {value}" for name, value in {**known, **facts.all()}.items() if value]


def _oneLine(text: str) -> str:
    return " ".join(text.split())


def _rows(values: np.ndarray, row: str) -> Iterable[str]:
    """Rows of numbers as text, some thousands at a time."""
    for start in range(0, len(values), _BLOCK):
        part = values[start : start + _BLOCK]
        yield (row * len(part)) % tuple(part.reshape(-1).tolist())
