"""Surfaces before they are exported, and how far the chosen parameters move them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..Errors import noProgress
from ..Mesh.SegmentSurface import makeSurface
from ..Mesh.SurfaceComparison import SurfaceComparison, compareSurfaces
from ..Mesh.SurfaceParameters import SurfaceParameters
from .SlicerParts import Part, moved

if TYPE_CHECKING:
    from ..Mesh.TriangleMesh import TriangleMesh


def previewParts(
    parts: Sequence[Part],
    surface: SurfaceParameters | None = None,
    progress: Callable[[float, str], None] = noProgress,
) -> list[tuple[TriangleMesh, SurfaceComparison | None]]:
    """Meshes (LPS mm) of parts as they would be exported, each with its comparison to the surface that flying edges
    makes without smoothing and decimation; no comparison for a finished surface.
    """
    surface = surface or SurfaceParameters()
    plain = SurfaceParameters(smoothing=0.0, decimation=0.0)
    result = []
    for number, part in enumerate(parts):
        progress(number / len(parts), f"Making the surface of '{part.name}'")
        if part.segment is None:
            result.append((part.mesh if part.transform is None else moved(part.mesh, part.transform), None))
            continue
        mesh = makeSurface(part.segment, surface)
        progress((number + 0.5) / len(parts), f"Comparing the surface of '{part.name}'")
        before = makeSurface(part.segment, plain)
        if part.transform is not None:
            mesh, before = moved(mesh, part.transform), moved(before, part.transform)
        mesh.opacity = part.opacity
        result.append((mesh, compareSurfaces(before, mesh)))
    return result
