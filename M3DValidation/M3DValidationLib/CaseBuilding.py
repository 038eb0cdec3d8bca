"""How segments and surfaces come into a case, from files and from Slicer's scene alike.

A scan that is no regular grid is judged all the same: no surface is made on it, and the checks that need one say why
they could not be made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from M3DLib.Errors import M3DError, noProgress
from M3DLib.FreeMachine import giveMemoryBack
from M3DLib.Segmentation.SegmentFit import requireFit
from M3DLib.Surface.SurfaceMaking import makeSegmentSurfaces

if TYPE_CHECKING:
    from M3DLib.Image.ImageVolume import ImageVolume
    from M3DLib.Mesh.SurfaceParameters import SurfaceParameters
    from M3DLib.Segmentation.Segment import Segment

    from .Check import Case


def fittingSegments(segments: Sequence[Segment], image: ImageVolume) -> tuple[list[Segment], dict[str, str]]:
    """The segments, and nothing missing; or none, and why, where the reason is that the scan is irregular.

    :return: segments, and an entry for ``Case.missing``.
    :raises M3DError: a segment does not fit a regular scan.
    """
    for segment in segments:
        try:
            requireFit(segment, image)
        except M3DError as error:
            if not image.geometryProblems:
                raise
            return [], {"segment": f"The scan is no regular grid, and the segmentation does not fit it: {error}"}
    return list(segments), {}


def addSurfaces(
    cases: Sequence[Case], surface: SurfaceParameters, progress: Callable[[float, str], None] = noProgress
) -> None:
    """Make the meshes of the segments of one scan's cases, or say in ``case.missing`` why there are none.

    Together, for segments that touch are moved together when they are refined.
    """
    if not cases:
        return
    image = cases[0].image
    if image.geometryProblems:
        reason = f"No surface was made, for the scan is no regular grid: {image.geometryProblems[0]}"
        for case in cases:
            case.missing["mesh"] = reason
        return
    # What smoothing did is among what is measured.
    segments = [case.segment for case in cases]
    meshes = makeSegmentSurfaces(segments, surface, image, progress, keepUnsmoothed=True)
    for case, mesh in zip(cases, meshes, strict=True):
        case.mesh, case.surfaceParameters = mesh, surface
    giveMemoryBack()
