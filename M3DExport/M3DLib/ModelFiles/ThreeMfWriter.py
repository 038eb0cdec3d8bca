"""Writes 3MF by ``lib3mf``, the library of the 3MF Consortium."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..Errors import M3DError
from ..Mesh.TriangleMesh import TriangleMesh
from .FileFacts import FileFacts, colorOf

if TYPE_CHECKING:
    import lib3mf

# Names of the core specification (3MF core, 3.4.1) need no name space; everything else gets this one.
_NAME_SPACE = "https://github.com/SlicerM3D/SlicerM3D"
# A float32 has up to nine significant digits.
_DIGITS = 9


def threeMfBytes(meshes: Sequence[TriangleMesh], facts: FileFacts) -> bytes:
    """One object per model with name and color; several models are parts of one assembly, for multi-color printing.

    :raises M3DError: the package ``lib3mf`` is not installed, or it refuses the models.
    """
    try:
        import lib3mf
    except ImportError as error:
        raise M3DError(
            "3MF files are written by the Python package 'lib3mf'; install it (pip install 'SlicerM3D[mesh-formats]')."
        ) from error
    try:
        model = lib3mf.get_wrapper().CreateModel()
        model.SetUnit(lib3mf.ModelUnit.MilliMeter)
        objects = [_object(lib3mf, model, mesh) for mesh in meshes]
        _build(lib3mf, model, objects, meshes, facts)
        _describe(model, facts)
        writer = model.QueryWriter("3mf")
        writer.SetDecimalPrecision(_DIGITS)
        return bytes(writer.WriteToBuffer())
    except lib3mf.ELib3MFException as error:
        reason = str(error).partition(": ")[2] or str(error)
        raise M3DError(f"The 3MF file cannot be made: {reason}.") from error


def _object(lib3mf: Any, model: lib3mf.Model, mesh: TriangleMesh) -> lib3mf.MeshObject:
    made = model.AddMeshObject()
    made.SetName(mesh.name or "model")
    points = np.ascontiguousarray(mesh.points, dtype=np.float32)
    triangles = np.ascontiguousarray(mesh.triangles, dtype=np.uint32)
    made.SetGeometry(
        (lib3mf.Position * len(points)).from_buffer_copy(points),
        (lib3mf.Triangle * len(triangles)).from_buffer_copy(triangles),
    )
    material = model.AddBaseMaterialGroup()
    color = lib3mf.Color(*colorOf(mesh))
    made.SetObjectLevelProperty(material.GetResourceID(), material.AddMaterial(mesh.name or "model", color))
    return made


def _build(
    lib3mf: Any, model: lib3mf.Model, objects: Sequence, meshes: Sequence[TriangleMesh], facts: FileFacts
) -> None:
    """What is to be printed: the one model, or an assembly of all."""
    identity = lib3mf.get_wrapper().GetIdentityTransform()
    if len(objects) == 1:
        whole = objects[0]
        name = meshes[0].name
    else:
        whole = model.AddComponentsObject()
        for one in objects:
            whole.AddComponent(one, identity)
        name = facts.title
        whole.SetName(name or "models")
    model.AddBuildItem(whole, identity).SetPartNumber(name or "model")


def _describe(model: lib3mf.Model, facts: FileFacts) -> None:
    group = model.GetMetaDataGroup()
    known = {"Title": facts.title, "CreationDate": facts.created, "Application": facts.software}
    for name, value in known.items():
        if value:
            group.AddMetaData("", name, value, "xs:string", True)
    for name, value in facts.all().items():
        group.AddMetaData(_NAME_SPACE, name, value, "xs:string", True)
    if facts.thumbnail:
        model.CreatePackageThumbnailAttachment().ReadFromBuffer(list(facts.thumbnail))
