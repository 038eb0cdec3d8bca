"""Writes the binary formats: PLY and GLB (glTF 2.0)."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence

import numpy as np

from ..Mesh.TriangleMesh import TriangleMesh
from .FileFacts import FileFacts, colorOf

# glTF is in meters with +Y up and the front towards +Z; patients are in LPS mm. The node says how one becomes the other
# (x, z, -y), so that the accessors keep the numbers of the model. Column by column.
LPS_MM_TO_GLTF = (0.001, 0, 0, 0, 0, 0, -0.001, 0, 0, 0.001, 0, 0, 0, 0, 0, 1)
FLOAT, UNSIGNED_BYTE, UNSIGNED_INT = 5126, 5121, 5125
VERTICES, INDICES, TRIANGLES = 34962, 34963, 4


def plyBytes(meshes: Sequence[TriangleMesh], facts: FileFacts) -> bytes:
    """A binary PLY file with a color at every vertex; several models become one list of triangles.

    PLY has neither unit nor objects; comments say that it is millimeters and what there is.
    """
    vertices = np.concatenate([_colored(mesh) for mesh in meshes])
    starts = np.cumsum([0, *(len(mesh.points) for mesh in meshes)])
    triangles = np.concatenate(
        [mesh.triangles.astype(np.int64) + start for mesh, start in zip(meshes, starts, strict=False)]
    )
    faces = np.empty(len(triangles), dtype=[("count", "u1"), ("corners", "<i4", (3,))])
    faces["count"], faces["corners"] = 3, triangles
    names = ", ".join(mesh.name for mesh in meshes if mesh.name)
    known = {"Title": facts.title, "Models": names, "Created": facts.created, "Software": facts.software, "Unit": "mm"}
    comments = [
        f"comment {name}: {' '.join(value.split())}" for name, value in {**known, **facts.all()}.items() if value
    ]
    header = [
        "ply",
        "format binary_little_endian 1.0",
        *comments,
        f"element vertex {len(vertices)}",
        *(f"property float {axis}" for axis in "xyz"),
        *(f"property uchar {color}" for color in ("red", "green", "blue", "alpha")),
        f"element face {len(faces)}",
        "property list uchar int vertex_indices",
        "end_header",
    ]
    return "\n".join([*header, ""]).encode("utf-8") + vertices.tobytes() + faces.tobytes()


def _colored(mesh: TriangleMesh) -> np.ndarray:
    rows = np.empty(len(mesh.points), dtype=[("place", "<f4", (3,)), ("color", "u1", (4,))])
    rows["place"], rows["color"] = mesh.points, colorOf(mesh)
    return rows


def glbBytes(meshes: Sequence[TriangleMesh], facts: FileFacts) -> bytes:
    """A GLB file with a node, a mesh and a material per model; accessors are in mm, nodes turn them to meters."""
    arrays, accessors, nodes, found, materials = [], [], [], [], []
    for number, mesh in enumerate(meshes):
        points = np.ascontiguousarray(mesh.points, dtype="<f4")
        corners = np.ascontiguousarray(mesh.triangles, dtype="<u4").reshape(-1)
        bounds = {"min": points.min(axis=0).tolist(), "max": points.max(axis=0).tolist()}
        accessors.append({**_accessor(len(arrays), FLOAT, len(points), "VEC3"), **bounds})
        accessors.append(_accessor(len(arrays) + 1, UNSIGNED_INT, len(corners), "SCALAR"))
        primitive = {"attributes": {"POSITION": len(arrays)}, "indices": len(arrays) + 1}
        arrays += [(points, VERTICES), (corners, INDICES)]
        name = mesh.name or "model"
        found.append({"name": name, "primitives": [{**primitive, "material": number, "mode": TRIANGLES}]})
        nodes.append({"name": name, "mesh": number, "matrix": list(LPS_MM_TO_GLTF)})
        materials.append(_material(mesh))
    views, offset = [], 0
    for array, target in arrays:
        views.append({"buffer": 0, "byteOffset": offset, "byteLength": array.nbytes, "target": target})
        offset += array.nbytes
    content = {
        "asset": {"version": "2.0", "generator": facts.software},
        "scene": 0,
        "scenes": [{"name": facts.title or "models", "nodes": list(range(len(nodes)))}],
        "nodes": nodes,
        "meshes": found,
        "materials": materials,
        "bufferViews": views,
        "accessors": accessors,
        "buffers": [{"byteLength": offset}],
        "extras": {"Created": facts.created, **facts.all()},
    }
    return glbContainer(content, b"".join(array.tobytes() for array, _target in arrays))


def _accessor(view: int, component: int, count: int, kind: str) -> dict:
    return {"bufferView": view, "componentType": component, "count": count, "type": kind}


def _material(mesh: TriangleMesh) -> dict:
    red, green, blue, alpha = colorOf(mesh)
    linear = [*(_linear(value / 255) for value in (red, green, blue)), alpha / 255]
    shown = {"baseColorFactor": linear, "metallicFactor": 0, "roughnessFactor": 0.9}
    return {
        "name": mesh.name or "model",
        "pbrMetallicRoughness": shown,
        "alphaMode": "OPAQUE" if alpha == 255 else "BLEND",
        "doubleSided": True,
    }


def _linear(value: float) -> float:
    """Intensity of a value of sRGB (IEC 61966-2-1), both 0 to 1."""
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def glbContainer(content: dict, binary: bytes) -> bytes:
    """The file: header, JSON chunk, binary chunk (glTF 2.0, chapter 4)."""
    text = json.dumps(content, separators=(",", ":")).encode("ascii")
    text += b" " * (-len(text) % 4)
    binary += b"\0" * (-len(binary) % 4)
    header = struct.pack("<4sII", b"glTF", 2, 12 + 8 + len(text) + 8 + len(binary))
    return b"".join(
        (header, struct.pack("<I4s", len(text), b"JSON"), text, struct.pack("<I4s", len(binary), b"BIN\0"), binary)
    )
