"""Distance between two surfaces: exact, in both directions, signed by the side of the surface."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from ..Errors import noProgress
from ..Mesh.MeshGeometry import vertexAreas
from ..Mesh.TriangleMesh import TriangleMesh
from .ClosestSurface import KEPT, ClosestSurface
from .DeviationMap import DeviationMap, Quality
from .SurfaceSign import surfaceSide

# Vertices whose sides are found at a time, at least.
PART = 1 << 18
SIGN_MEANING = "Positive: the reference lies outside the measured mesh (the measured mesh is too small there)."


@dataclass
class SurfaceComparison:
    """Both directions of a comparison; in both, positive means that the reference lies outside the measured mesh.

    :ivar forward: at the vertices of the measured mesh. :ivar reverse: at the vertices of the reference.
    """

    forward: DeviationMap
    reverse: DeviationMap


def compareSurfaces(
    mesh: TriangleMesh,
    reference: TriangleMesh,
    registration: str = "none",
    progress: Callable[[float, str], None] = noProgress,
) -> SurfaceComparison:
    """Distances between a mesh and a reference, from the vertices of each to the surface of the other; LPS mm.

    :param registration: what was done before to align the two, in words.
    :raises M3DError: when one of them has no triangles or points that are not finite.
    """
    origin = commonOrigin(mesh, reference)
    if origin is not None:
        near = compareSurfaces(mesh.about(origin), reference.about(origin), registration, progress)
        near.forward.mesh, near.reverse.mesh = mesh, reference
        return near
    forward = surfaceDeviation(mesh, reference, registration, lambda done, text: progress(done / 2, text))
    # What the reference is searched by is not needed any more; the mesh's own may be.
    reference.drop(KEPT)
    reverse = surfaceDeviation(reference, mesh, registration, lambda done, text: progress(0.5 + done / 2, text))
    # Seen from the reference, the mesh lies on the other side.
    reverse.distance = -reverse.distance
    reverse.reference = "the measured mesh, seen from the reference"
    return SurfaceComparison(forward, reverse)


def surfaceDeviation(
    mesh: TriangleMesh,
    reference: TriangleMesh,
    registration: str = "none",
    progress: Callable[[float, str], None] = noProgress,
) -> DeviationMap:
    """Signed distance from every vertex of a mesh to the closest point of a reference.

    The size is exact for any reference, also with triangles without area and edges with many triangles. The sign is
    that of the closed reference, its triangles facing outward (a closed reference that faces inward as a whole is
    turned); of an open one, that of its nearest triangle. Vertices whose closest point lies on the boundary of an open
    reference have no side and are not reliable.
    """
    progress(0.0, "Preparing the surfaces")
    with ThreadPoolExecutor(2) as pool:
        # All of it only reads the meshes; what the search does not wait for goes on beside it.
        measured = pool.submit(vertexAreas, mesh)
        inward = pool.submit(lambda: reference.isClosed and reference.volumeMm3 < 0)
        surface = ClosestSurface.of(reference)
        # Raises for points that are not finite.
        areas = measured.result()
        triangle = surface.search(
            mesh.points, lambda done, text: progress(0.2 + 0.7 * done, text), _farthest(mesh, reference)
        )
        facesInward = inward.result()
    distance = np.empty(len(mesh.points), dtype=np.float32)
    quality = np.empty(len(mesh.points), dtype=np.uint8)
    # Each part is looked up in the whole reference: a few large ones.
    size = max(PART, len(mesh.points) // 8 + 1)
    for start in range(0, len(mesh.points), size):
        part = slice(start, start + size)
        found = surface.closest(mesh.points[part], triangle[part])
        side, sure = surfaceSide(surface, mesh.points[part], found)
        side *= found.distance if facesInward else -found.distance
        # Adding 0.0 turns -0.0 into 0.0.
        distance[part] = side + 0.0
        quality[part] = np.where(sure, Quality.RELIABLE, Quality.OPEN_REFERENCE)
        progress(0.9 + 0.1 * min(start + size, len(mesh.points)) / len(mesh.points), "Finding the sides")
    quality[areas == 0] = Quality.NO_SURFACE
    progress(1.0, "Surfaces compared")
    return DeviationMap(
        kind="surface",
        mesh=mesh,
        distance=distance,
        quality=quality,
        areas=areas,
        uncertainty=np.full(len(mesh.points), coordinateRounding(mesh, reference), dtype=np.float32),
        reference="closest point of the reference mesh",
        signMeaning=SIGN_MEANING,
        registration=registration,
        settings={"referenceClosed": bool(reference.isClosed), "referenceTriangles": len(reference.triangles)},
    )


def _farthest(mesh: TriangleMesh, reference: TriangleMesh) -> np.ndarray | None:
    """How far away the reference is at most where it is the same mesh with other positions, as before smoothing, mm.

    None where it is another mesh.
    """
    if mesh.points.shape != reference.points.shape or not np.array_equal(mesh.triangles, reference.triangles):
        return None
    # A point without a triangle is none of the surface.
    used = np.zeros(len(mesh.points), dtype=bool)
    used[mesh.triangles] = True
    if not used.all():
        return None
    offset = mesh.points - reference.points
    return np.sqrt(np.einsum("ij,ij->i", offset, offset))


def commonOrigin(*meshes: TriangleMesh) -> np.ndarray | None:
    """Where coordinates should begin (LPS mm) so that single precision holds the meshes' doubles.

    None where it holds them as they are, so that a comparison near the origin is not touched.
    """
    if all(mesh.precise is None for mesh in meshes):
        return None
    return np.mean([(mesh.exactPoints.min(axis=0) + mesh.exactPoints.max(axis=0)) / 2 for mesh in meshes], axis=0)


def coordinateRounding(*meshes: TriangleMesh) -> float:
    """What the rounding of stored coordinates (float32) can change in a distance between meshes, mm."""
    largest = max(float(np.abs(mesh.points).max(initial=0)) for mesh in meshes)
    return float(2 * np.sqrt(3) * np.spacing(np.float32(largest)))
