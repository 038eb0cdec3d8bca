"""The surfaces of segments as their parameters ask for them: the one way of panel, console and command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ..Errors import M3DError, noProgress
from ..Image.ImageVolume import ImageVolume
from ..Mesh.SegmentSurface import makeSurface
from ..Mesh.SurfaceParameters import SurfaceParameters
from ..Mesh.TriangleMesh import TriangleMesh
from ..Segmentation.Segment import Segment


def makeSegmentSurfaces(
    segments: Sequence[Segment],
    parameters: SurfaceParameters,
    image: ImageVolume | None = None,
    progress: Callable[[float, str], None] = noProgress,
    keepUnsmoothed: bool = False,
) -> list[TriangleMesh]:
    """Surfaces of segments: converted, and where the parameters say so moved to the image's edge and simplified.

    :param segments: of one image; those that touch are moved together.
    :param image: the scan they were drawn on; needed for refining only.
    :param keepUnsmoothed: see :func:`makeSurface`; surfaces that are refined or simplified keep nothing.
    :return: LPS mm; what refining and simplifying did is in ``record`` of each.
    :raises M3DError: a segment gives no surface, or the surface is to be refined and there is no (regular) image.
    """
    if parameters.refine and image is None:
        raise M3DError("A surface is refined with the scan it was made of; give the scan, or do without refining.")
    simplified = parameters.maxError is not None
    share = 0.1 if parameters.refine or simplified else 1.0
    end = 0.5 if simplified else 1.0
    meshes = []
    for number, segment in enumerate(segments):
        progress(share * number / len(segments), f"Making the surface of {len(segments)} segments")
        meshes.append(makeSurface(segment, parameters, keepUnsmoothed and not (parameters.refine or simplified)))
    # What is not asked for is not loaded: it would take as long as making a small surface.
    if parameters.refine:
        from .SurfaceRefinement import refineSurfaces

        meshes = refineSurfaces(
            meshes,
            image,
            parameters.refineRange,
            lambda done, text: progress(share + (end - share) * done, text),
            unsmoothed=_unsmoothed(segments, parameters, meshes),
        )
    if simplified:
        from ..Simplification.CommonBorders import simplifySurfaces

        first = end if parameters.refine else share
        meshes = simplifySurfaces(
            meshes, parameters.maxError, lambda done, text: progress(first + (1 - first) * done, text)
        )
    return meshes


def _unsmoothed(
    segments: Sequence[Segment], parameters: SurfaceParameters, meshes: Sequence[TriangleMesh]
) -> list[TriangleMesh] | None:
    """The same surfaces, vertex by vertex, as the voxels give them; None where that is not known or not needed."""
    if len(segments) < 2 or parameters.decimation > 0:
        return None
    if not parameters.smoothing:
        return list(meshes)
    plain = [makeSurface(segment, replace(parameters, smoothing=0.0)) for segment in segments]
    same = all(np.array_equal(one.triangles, other.triangles) for one, other in zip(plain, meshes, strict=True))
    return plain if same else None
