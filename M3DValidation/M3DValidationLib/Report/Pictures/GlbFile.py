"""A mesh with its deviations as one binary glTF 2.0 file, which any glTF viewer opens."""

from __future__ import annotations

import json
import struct

import numpy as np

from M3DLib.Errors import M3DError
from M3DLib.ModelFiles.BinaryWriters import (
    FLOAT,
    INDICES,
    LPS_MM_TO_GLTF,
    TRIANGLES,
    UNSIGNED_BYTE,
    UNSIGNED_INT,
    VERTICES,
    glbContainer,
)


def glbBytes(
    points: np.ndarray, triangles: np.ndarray, distance: np.ndarray, measured: np.ndarray, colors: np.ndarray
) -> bytes:
    """A .glb file with one mesh, whose accessor POSITION is in LPS mm.

    The custom attribute ``_DEVIATION`` holds the signed distances, mm, positive where the mesh is too small, and
    ``_MEASURED`` 1 where they were measured and 0 where they were not; the distance is 0 there, for glTF has no "not a
    number".

    :param points: float32 (n, 3), LPS mm.
    :param triangles: int (m, 3).
    :param distance: (n,), mm; what was not measured may be NaN.
    :param measured: bool (n,).
    :param colors: uint8 (n, 3), sRGB; written as the linear COLOR_0 that glTF asks for.
    """
    points = np.ascontiguousarray(points, dtype="<f4")
    values = np.where(measured, distance, 0).astype("<f4")
    opaque = np.full((len(points), 1), 255, dtype=np.uint8)
    parts = [
        (points, "VEC3", FLOAT, VERTICES),
        (values, "SCALAR", FLOAT, VERTICES),
        (measured.astype("<f4"), "SCALAR", FLOAT, VERTICES),
        (np.concatenate([_linear(colors), opaque], axis=1), "VEC4", UNSIGNED_BYTE, VERTICES),
        (np.ascontiguousarray(triangles, dtype="<u4").reshape(-1), "SCALAR", UNSIGNED_INT, INDICES),
    ]
    views, accessors, offset = [], [], 0
    for array, kind, component, target in parts:
        views.append({"buffer": 0, "byteOffset": offset, "byteLength": array.nbytes, "target": target})
        accessor = {"bufferView": len(accessors), "componentType": component, "count": len(array), "type": kind}
        accessors.append(accessor)
        offset += array.nbytes
    accessors[0]["min"], accessors[0]["max"] = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    accessors[3]["normalized"] = True
    content = {**_scene(), "bufferViews": views, "accessors": accessors, "buffers": [{"byteLength": offset}]}
    return glbContainer(content, b"".join(array.tobytes() for array, *_ in parts))


def readDeviationGlb(content: bytes) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Points (n, 3) in LPS mm, triangles (m, 3), distances (n,) in mm and which were measured, of :func:`glbBytes`.

    :raises M3DError: the content is no such file.
    """
    try:
        length = struct.unpack_from("<I", content, 12)[0]
        described = json.loads(content[20 : 20 + length])
        binary = memoryview(content)[20 + length + 8 :]
        arrays = []
        for number, (kind, width) in enumerate((("<f4", 3), ("<f4", 1), ("<f4", 1), ("u1", 4), ("<u4", 3))):
            view = described["bufferViews"][number]
            part = binary[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]
            arrays.append(np.frombuffer(part, dtype=kind).reshape(-1, width))
    except (struct.error, ValueError, KeyError, IndexError, TypeError) as error:
        raise M3DError("The 3D model beside the report is none of this program, or damaged.") from error
    points, distance, measured, _colors, triangles = arrays
    return points, triangles.astype(np.int64), distance[:, 0], measured[:, 0] > 0


def _scene() -> dict:
    """The scene of one mesh whose accessors are, in this order, position, deviation, measured, color and indices."""
    attributes = {"POSITION": 0, "_DEVIATION": 1, "_MEASURED": 2, "COLOR_0": 3}
    return {
        "asset": {"version": "2.0", "generator": "SlicerM3D"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"name": "deviation", "mesh": 0, "matrix": list(LPS_MM_TO_GLTF)}],
        "meshes": [
            {
                "name": "deviation",
                "primitives": [{"attributes": attributes, "indices": 4, "material": 0, "mode": TRIANGLES}],
                "extras": {
                    "POSITION": "LPS, mm",
                    "_DEVIATION": "mm, positive where the mesh is too small; 0 where _MEASURED is 0",
                    "_MEASURED": "1 measured, 0 not measured",
                },
            }
        ],
        "materials": [{"doubleSided": True, "pbrMetallicRoughness": {"metallicFactor": 0, "roughnessFactor": 0.9}}],
    }


def _linear(colors: np.ndarray) -> np.ndarray:
    """Intensities of sRGB values (IEC 61966-2-1), uint8 in and out."""
    share = np.arange(256) / 255
    table = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return np.round(255 * table).astype(np.uint8)[colors]
