"""How segments and surfaces come into a case, from files and from Slicer's scene alike.

A scan that is no regular grid is judged all the same: no surface is made on it, and the checks that need one say why
they could not be made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from M3DLib.Errors import M3DError
from M3DLib.Mesh.SegmentSurface import makeSurface
from M3DLib.Segmentation.SegmentFit import requireFit

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


def addSurface(case: Case, surface: SurfaceParameters) -> None:
    """Make the mesh of the case's segment, or say in ``case.missing`` why there is none."""
    if case.image.geometryProblems:
        case.missing["mesh"] = f"No surface was made, for the scan is no regular grid: {case.image.geometryProblems[0]}"
        return
    case.mesh = makeSurface(case.segment, surface)
    case.surfaceParameters = surface
