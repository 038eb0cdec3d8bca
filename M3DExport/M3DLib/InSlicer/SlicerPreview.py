"""Surfaces before they are exported, and how far the chosen parameters move them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..Background import inBackground
from ..Errors import M3DError, noProgress
from ..Mesh.SegmentSurface import makeSurface
from ..Mesh.SurfaceComparison import SurfaceComparison, compareSurfaces
from ..Mesh.SurfaceParameters import SurfaceParameters
from ..Surface.SurfaceMaking import makeSegmentSurfaces
from .SlicerImage import imageOfVolumeNode
from .SlicerParts import Part, corrected, makeMeshes, moved

if TYPE_CHECKING:
    import slicer

    from ..Image.ImageVolume import ImageVolume
    from ..Mesh.TriangleMesh import TriangleMesh


def previewParts(
    parts: Sequence[Part],
    surface: SurfaceParameters | None = None,
    image: ImageVolume | None = None,
    progress: Callable[[float, str], None] = noProgress,
) -> list[tuple[TriangleMesh, SurfaceComparison | None]]:
    """Meshes (LPS mm) of parts as they would be exported, each with its comparison to the surface that flying edges
    makes without smoothing and decimation; no comparison for a finished surface.

    :param image: the scan, needed where surfaces are moved to its edge.
    """
    surface = surface or SurfaceParameters()
    return inBackground(lambda said: _preview(parts, surface, image, said), progress)


def _preview(parts, surface, image, progress) -> list[tuple[TriangleMesh, SurfaceComparison | None]]:
    if image is not None:
        # As they are exported, all together: segments that touch are moved together.
        parts = [replace(part) for part in parts]
        makeMeshes(parts, image, surface, lambda done, text: progress(0.8 * done, text))
        return [(part.mesh, _comparison(part)) for part in parts]
    result = []
    for number, part in enumerate(parts):
        progress(number / len(parts), f"Making the surface of '{part.name}'")
        if part.segment is None:
            result.append((part.mesh if part.transform is None else moved(part.mesh, part.transform), None))
            continue
        (mesh,) = makeSegmentSurfaces([part.segment], surface)
        if part.transform is not None:
            mesh = moved(mesh, part.transform)
        mesh.opacity = part.opacity
        progress((number + 0.5) / len(parts), f"Comparing the surface of '{part.name}'")
        result.append((mesh, _comparison(replace(part, mesh=mesh))))
    return result


def _comparison(part: Part) -> SurfaceComparison | None:
    """A part's mesh against the surface without smoothing and decimation; None for a finished surface."""
    if part.segment is None:
        return None
    before = makeSurface(part.segment, SurfaceParameters(smoothing=0.0, decimation=0.0))
    if part.transform is not None:
        before = moved(before, part.transform)
    return compareSurfaces(before, part.mesh)


def previewOnVolume(
    parts: Sequence[Part],
    surface: SurfaceParameters | None,
    volumeNode: slicer.vtkMRMLScalarVolumeNode | None,
    database,
    progress: Callable[[float, str], None] = noProgress,
) -> list[tuple[TriangleMesh, SurfaceComparison | None]]:
    """Like :func:`previewParts`, with the scan of a volume node where the surface is moved to its edge.

    :raises M3DError: it is to be moved and there is no volume, or it is not the image of its files.
    """
    image = None
    if surface is not None and surface.refine:
        # Only the scan knows where its edge lies; without it the surface would be shown unmoved.
        if volumeNode is None:
            raise M3DError("Choose the source volume: a surface is moved to the edge that the scan shows.")
        scan = imageOfVolumeNode(volumeNode, database, lambda done, text: progress(0.2 * done, text))
        image, parts = scan.image, [corrected(part, scan.correction) for part in parts]
    return previewParts(parts, surface, image, lambda done, text: progress(0.2 + 0.8 * done, text))
