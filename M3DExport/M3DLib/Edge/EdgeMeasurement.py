"""Measuring the image's edge at a whole mesh: the steps in their order, and what they hand to each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..Distance.DeviationMap import Quality
from ..Errors import noProgress
from ..Image.ImageVolume import ImageVolume
from ..Mesh.MeshGeometry import MeshEdges
from ..Mesh.TriangleMesh import TriangleMesh
from ..TwoThreads import besideEachOther
from .EdgeBlur import SHARPEST, EdgeBlur, ImageBlur, curvatureShift, edgeBlur, imageBlur, unevenness
from .EdgeNoise import PositionNoise, positionNoise
from .EdgeReader import EdgeReader
from .EdgeSurface import EdgeSurface
from .EdgeUncertainty import interval95, uncertaintyTerms
from .MeasuredEdges import EarlierEdges, MeasuredEdges, measureEdges
from .ThinWalls import ThinWallCorrection, thinWallCorrection
from .VertexParts import inParts

LEAST_CONTRAST_TO_NOISE = 5.0


@dataclass
class EdgeMeasurement:
    """Finished edges at the vertices of a mesh; about 100 bytes per vertex.

    :ivar reader, imageBlur: what was found out about the image.
    :ivar surface, edges, blur, walls: of every vertex; the edges' distance and quality are final.
    :ivar found: the edges as they were found.
    :ivar toMove: whether the surface will be moved to them, so that it is not far away any more.
    """

    reader: EdgeReader
    imageBlur: ImageBlur
    surface: EdgeSurface
    edges: MeasuredEdges
    blur: EdgeBlur
    walls: ThinWallCorrection
    found: EarlierEdges
    toMove: bool = False

    def noise(self) -> PositionNoise:
        """What the image's noise does to the positions."""
        return positionNoise(self.reader, self.surface, self.edges, self.blur)

    def uncertainty(self) -> np.ndarray:
        """Half width of the 95 % interval, mm, float32 (n,)."""
        return self._ofNoise(interval95)

    def uncertaintyTerms(self) -> np.ndarray:
        """The sources of error that the interval is made of, mm, float64 (n, 9)."""
        return self._ofNoise(uncertaintyTerms)

    def _ofNoise(self, work: Callable) -> np.ndarray:
        noise = self.noise()
        edges = replace(self.edges, distance=np.zeros_like(self.edges.distance)) if self.toMove else self.edges
        return inParts(lambda *values: work(noise, *values), self.surface, edges, self.blur, self.walls)


def edgeMeasurement(
    mesh: TriangleMesh,
    normals: np.ndarray,
    image: ImageVolume,
    *,
    searchRange: float = 3.0,
    polarity: int | None = None,
    steepest: bool = False,
    meshEdges: MeshEdges | None = None,
    earlier: EarlierEdges | None = None,
    toMove: bool = False,
    progress: Callable[[float], None] = lambda done: None,
) -> EdgeMeasurement:
    """The image's edge at every vertex of a mesh, found, corrected for curvature and thin walls, and judged.

    :param normals: float32 (n, 3), unit, outward. The other parameters: see :func:`~.ImageDeviation.imageDeviation`.
    :param steepest: take the places of steepest fall as they are, for comparison.
    :param meshEdges: of the mesh, where they are known already.
    :param earlier: edges found before at the same vertices elsewhere, used where these have hardly moved.
    :param toMove: the surface is to be moved there, not judged: where all edges that stand alone have one contrast,
        that is taken for thin walls as well (``ThinWalls``), and being far away counts as no doubt.
    :param progress: told the share done, 0 to 1; what it raises stops the work at once.
    :raises M3DError: when the image cannot be sampled or the mesh lies outside of it.
    """
    reader = earlier.reader if earlier else EdgeReader.of(image, mesh.points, normals, searchRange, polarity)
    # Before the edges, since making it takes more memory than all the arrays that follow.
    meshEdges = meshEdges or MeshEdges(mesh.triangles, len(mesh.points))
    surface = EdgeSurface.of(mesh.points, normals, meshEdges, withCurvature=not steepest)
    # Twice, one of two works that need nothing of each other is for one thread mostly. Both at once take 60 bytes more
    # per vertex, which a surface on its way has: nothing else is at work beside it.
    both = besideEachOther if toMove else _oneAfterTheOther
    edges, surface.ridge = both(
        lambda _: earlier.measured(surface, progress) if earlier else measureEdges(reader, surface, steepest, progress),
        lambda _: surface.ridges(meshEdges, reader.scale.width),
    )
    found = EarlierEdges(reader, surface, edges)
    wholeBlur, walls = ImageBlur(np.eye(3) * reader.scale.width**2), ThinWallCorrection.none(len(normals))
    if not steepest:
        around = surface.surroundings(reader.sampler)
        edges = replace(edges, drift=around.mean(edges.drift, edges.quality == Quality.RELIABLE))
        wholeBlur = imageBlur(reader, surface, edges, around)
    blur = inParts(lambda part: edgeBlur(reader, wholeBlur, part), normals)
    if not steepest:
        shift = inParts(lambda part: curvatureShift(part, wholeBlur), surface.curvature)
        walls, bend = both(
            lambda _: thinWallCorrection(meshEdges, edges, blur, around, evenMaterial=toMove),
            lambda _: unevenness(meshEdges, shift),
        )
        blur = replace(blur, bend=bend)
        quality = np.where(walls.thin, np.uint8(Quality.THIN), edges.quality)
        edges = replace(edges, distance=edges.distance + shift + walls.shift, quality=quality)
    quality = inParts(lambda *values: judgedQuality(*values, reader.scale.noise), surface, edges, blur)
    return EdgeMeasurement(reader, wholeBlur, surface, replace(edges, quality=quality), blur, walls, found, toMove)


def _oneAfterTheOther(one: Callable, other: Callable) -> tuple:
    return one(noProgress), other(noProgress)


def judgedQuality(surface: EdgeSurface, edges: MeasuredEdges, blur: EdgeBlur, noise: float) -> np.ndarray:
    """Qualities (n,) of edges, those that were reliable so far judged by their fit, sharpness and contrast.

    :param noise: standard deviation, in the image's units.
    """
    quality, judged = edges.quality.copy(), edges.quality == Quality.RELIABLE
    noise = max(noise, 1e-6)
    excess = edges.residual > 0.12 * edges.contrast + 2.5 * noise
    odd = (edges.width > 2.5 * blur.along) | (edges.width < 0.4 * blur.along)
    quality[judged & (excess | odd)] = Quality.POOR_FIT
    quality[judged & (surface.ridge * blur.turning > SHARPEST)] = Quality.SHARP
    quality[judged & (edges.contrast < LEAST_CONTRAST_TO_NOISE * noise)] = Quality.LOW_CONTRAST
    return quality
