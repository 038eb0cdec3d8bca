"""Two surfaces compared between their vertices too: a large flat triangle may differ where it has no corner.

A hole drilled through a plate of a design program has corners only on the two faces, which the plate has as well, so
that every vertex of either lies on the other. Large triangles are divided before the distances are measured.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..Errors import noProgress
from ..Mesh.MeshRefinement import refined
from ..Mesh.TriangleMesh import TriangleMesh, lowAndHigh
from .SurfaceDeviation import SurfaceComparison, commonOrigin, compareSurfaces

# Edges are divided down to this share of the smaller mesh's diagonal, within these lengths, mm ...
SHARE, LONGEST, SHORTEST = 0.015, 1.0, 0.2
# ... in meshes that have any so many times as long: what a grid made is even enough.
UNEVEN = 2.0
# Triangles looked at together.
BLOCK = 1 << 14


def compareEvenly(
    mesh: TriangleMesh,
    reference: TriangleMesh,
    registration: str = "none",
    progress: Callable[[float, str], None] = noProgress,
) -> SurfaceComparison:
    """Distances as of :func:`compareSurfaces`, from points that lie nowhere far apart; LPS mm.

    The maps' meshes are the two surfaces with further vertices where their triangles are large.

    :raises M3DError: when one of them has no triangles or points that are not finite.
    """
    origin = commonOrigin(mesh, reference)
    if origin is not None:
        near = compareEvenly(mesh.about(origin), reference.about(origin), registration, progress)
        for deviation, far in ((near.forward, mesh), (near.reverse, reference)):
            deviation.mesh = _back(deviation.mesh, far, origin)
        return near
    longest = longestEdge(mesh, reference)
    return compareSurfaces(_divided(mesh, longest), _divided(reference, longest), registration, progress)


def longestEdge(*meshes: TriangleMesh) -> float:
    """The longest edge that leaves nothing between vertices to be missed, mm."""
    sizes = [float(np.linalg.norm(np.subtract(*lowAndHigh(one.points)))) for one in meshes if len(one.points)]
    return float(np.clip(SHARE * min(sizes, default=0.0), SHORTEST, LONGEST))


def _divided(mesh: TriangleMesh, longest: float) -> TriangleMesh:
    for start in range(0, len(mesh.triangles), BLOCK):
        corners = mesh.points.take(mesh.triangles[start : start + BLOCK].T, axis=0)
        for one, other in ((0, 1), (1, 2), (2, 0)):
            side = corners[one] - corners[other]
            if np.einsum("ij,ij->i", side, side).max() > (UNEVEN * longest) ** 2:
                return refined(mesh, longest)
    return mesh


def _back(near: TriangleMesh, far: TriangleMesh, origin: np.ndarray) -> TriangleMesh:
    """A mesh about ``origin`` in the coordinates it came in, with the digits that single precision does not hold."""
    if len(near.points) == len(far.points):
        return far
    moved = near.about(-origin)
    moved.precise = near.exactPoints + origin
    return moved
