"""Models written as a file of the format that its name ends with."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from ..Dicom.DicomFile import atomicWrite
from ..Errors import M3DError
from ..Mesh.StlFile import stlBytes
from ..Mesh.TriangleMesh import TriangleMesh
from .BinaryWriters import glbBytes, plyBytes
from .FileFacts import FileFacts
from .TextWriters import amfBytes, amfText, objBytes
from .ThreeMfWriter import threeMfBytes

FORMATS = ("stl", "3mf", "amf", "obj", "ply", "glb")


def formatOf(file: Path) -> str:
    """The format that a file's name ends with.

    :raises M3DError: no format that is written here.
    """
    ending = file.suffix.lower().removeprefix(".")
    if ending not in FORMATS:
        raise M3DError(f"'{file.name}' ends with no format that models are written in: {', '.join(FORMATS)}.")
    return ending


def modelFileBytes(
    meshes: Sequence[TriangleMesh], name: str, facts: FileFacts | None = None, plainAmf: bool = False
) -> dict[str, bytes]:
    """The files that hold some models, by their names: one, and for OBJ its materials beside it.

    :param meshes: in mm, each with name, color and opacity.
    :param name: of the file; its ending tells the format.
    :param plainAmf: AMF as plain text; zipped otherwise.
    :raises M3DError: no such format, nothing to write, or what the format cannot hold.
    """
    kind, facts = formatOf(Path(name)), facts or FileFacts()
    if not meshes or not all(len(mesh.triangles) for mesh in meshes):
        raise M3DError(f"'{name}' is not written: a model without triangles is none.")
    if kind == "stl":
        if len(meshes) > 1:
            raise M3DError(
                f"'{name}' is not written: STL holds one model, not {len(meshes)}. Take 3MF, or a file each."
            )
        return {name: stlBytes(meshes[0])}
    if kind == "obj":
        materials = f"{Path(name).stem}.mtl"
        if " " in materials:
            # Readers part the names after "mtllib" at spaces.
            materials = materials.replace(" ", "_")
        content, described = objBytes(meshes, facts, materials)
        return {name: content, materials: described}
    if kind == "amf":
        return {name: amfText(meshes, facts) if plainAmf else amfBytes(meshes, facts, name)}
    write = {"3mf": threeMfBytes, "ply": plyBytes, "glb": glbBytes}[kind]
    return {name: write(meshes, facts)}


def writeModelFile(
    file: Path, meshes: Sequence[TriangleMesh], facts: FileFacts | None = None, plainAmf: bool = False
) -> list[Path]:
    """Write models to a file; either all files are written or none.

    :return: the files written.
    :raises M3DError: see :func:`modelFileBytes`; also when a file cannot be written.
    """
    contents = modelFileBytes(meshes, file.name, facts, plainAmf)
    with ExitStack() as stack:
        for name, content in contents.items():
            stack.enter_context(atomicWrite(file.with_name(name))).write(content)
    return [file.with_name(name) for name in contents]
