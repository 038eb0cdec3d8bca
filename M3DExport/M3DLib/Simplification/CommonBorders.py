"""Surfaces that touch, with fewer triangles: what they have in common stays as it is, so that it stays common."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..Errors import noProgress
from ..Mesh.TriangleMesh import TriangleMesh
from .SurfaceSimplification import simplifySurface


def simplifySurfaces(
    meshes: Sequence[TriangleMesh], maxError: float, progress: Callable[[float, str], None] = noProgress
) -> list[TriangleMesh]:
    """Copies of meshes with fewer triangles, which touch where they touched, to the last bit.

    Simplified each for itself, two surfaces would leave gaps and overlaps of up to twice the error along a border that
    was the same for both. So its vertices, with all triangles and edges between them, are not touched in either.

    :param meshes: LPS mm. :param maxError: as in :func:`~.SurfaceSimplification.simplifySurface`, mm.
    :return: as there, and in each record ``commonVertices``, how many were left alone for another mesh's sake.
    :raises M3DError: as there.
    """
    common = commonVertices(meshes)
    total = max(sum(len(mesh.triangles) for mesh in meshes), 1)
    done, small = 0, []
    for mesh, own in zip(meshes, common, strict=True):
        begin, share = done / total, len(mesh.triangles) / total
        small.append(
            simplifySurface(
                mesh,
                maxError,
                lambda part, text, begin=begin, share=share: progress(begin + share * part, text),
                fixed=own,
            )
        )
        small[-1].record["simplification"]["commonVertices"] = int(own.sum())
        done += len(mesh.triangles)
    return small


def commonVertices(meshes: Sequence[TriangleMesh]) -> list[np.ndarray]:
    """For each mesh its vertices, bool (n,), that are at the very place of a vertex of another mesh.

    Only vertices of triangles count.
    """
    common = [np.zeros(len(mesh.points), dtype=bool) for mesh in meshes]
    if len(meshes) < 2:
        return common
    used = [np.unique(mesh.triangles) for mesh in meshes]
    # Adding 0 makes -0 and 0 the same bits.
    places = [
        np.ascontiguousarray(mesh.points[own] + np.float32(0)).view("V12").ravel()
        for mesh, own in zip(meshes, used, strict=True)
    ]
    places = np.concatenate(places)
    owner = np.repeat(np.arange(len(meshes)), [len(own) for own in used])
    _, place = np.unique(places, return_inverse=True)
    # A mesh may hold the same place more than once itself; that makes it no border with another one.
    least, most = (np.full(place.max(initial=-1) + 1, start) for start in (len(meshes), -1))
    np.minimum.at(least, place, owner)
    np.maximum.at(most, place, owner)
    shared = (least != most)[place]
    for number, own in enumerate(used):
        common[number][own] = shared[owner == number]
    return common
