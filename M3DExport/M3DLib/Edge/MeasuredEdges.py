"""The edge at every vertex as the image shows it there, before what only the whole picture tells is made use of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np

from ..Distance.DeviationMap import Quality
from .EdgeFit import EdgeFit
from .EdgeReader import EdgeReader
from .EdgeSearch import EdgeCandidates, nearestEdges
from .EdgeSurface import EdgeSurface
from .VertexParts import inParts, partOf

BLOCK = 4096
# How far a vertex may have moved, in standard deviations of the blur, and how far its normal may have turned (radians),
# for its edge to be where it was: on the head phantom's scan 95 % of such edges were found within 0.007 mm of there, by
# noise they are unsure of by 0.02 mm.
STEADY_WAY, STEADY_TURN = 0.1, 0.03


@dataclass
class MeasuredEdges:
    """Arrays (n,); all but the quality are float32 and NaN where no edge was found. Lengths in mm, values of the image.

    :ivar distance: from the vertex to the edge along the outward normal.
    :ivar quality: uint8, of :class:`~.DeviationMap.Quality`.
    :ivar width: standard deviation of the edge's blur.
    :ivar residual: what the fitted edge leaves unexplained, as a root mean square.
    :ivar gain: standard deviation of the position per unit of white voxel noise.
    :ivar contrast: inside less outside, positive.
    :ivar wall: from the edge inward to the opposite one, infinite where none is in sight; :ivar gap: outward.
    :ivar drift: by how much the middle of the plateaus would be higher if they went on to the edge as they slope; of
        finished edges the mean of those around.
    """

    distance: np.ndarray
    quality: np.ndarray
    width: np.ndarray
    residual: np.ndarray
    gain: np.ndarray
    contrast: np.ndarray
    wall: np.ndarray
    gap: np.ndarray
    drift: np.ndarray

    @classmethod
    def at(cls, which: np.ndarray, quality: np.ndarray, edges: EdgeCandidates, fit: EdgeFit) -> MeasuredEdges:
        """Edges of all vertices from what was found at some of them (numbers ``which``)."""
        contrast = edges.inside - edges.outside
        values = (fit.position, fit.width, fit.residual, fit.gain, contrast, edges.wall, edges.gap, edges.drift)
        arrays = np.full((len(values), len(quality)), np.nan, dtype=np.float32)
        for array, value in zip(arrays, values, strict=True):
            array[which] = value
        return cls(arrays[0], quality, *arrays[1:])


def measureEdges(
    reader: EdgeReader,
    surface: EdgeSurface,
    steepest: bool = False,
    progress: Callable[[float], None] = lambda done: None,
) -> MeasuredEdges:
    """Measure the edge at all vertices, on two threads; stops at once when ``progress`` raises.

    :param steepest: take the place of steepest fall of each profile instead of a fit to the voxels around.
    """
    return inParts(lambda part: edgesAt(reader, part, steepest), surface, size=BLOCK, progress=progress)


def edgesAt(reader: EdgeReader, surface: EdgeSurface, steepest: bool = False) -> MeasuredEdges:
    """Measure the edge at a block of vertices."""
    points, normals = surface.points.astype(np.float64), surface.normals
    start, direction = reader.sampler.toIndices(points), reader.sampler.toIndex @ normals.T
    profiles = reader.sampler.profiles(start, direction, reader.steps)
    if reader.scale.polarity < 0:
        np.negative(profiles, out=profiles)
    edges = nearestEdges(profiles, reader.steps, reader.searchRange, reader.scale)
    quality = _foundQuality(reader, edges, start, direction)
    # Column by column: a choice over rows of three values each takes ten times as long.
    x, y, z = (normals == 0).T
    quality[x & y & z] = Quality.NO_SURFACE
    quality[(quality == Quality.RELIABLE) & reader.scale.cutOff(edges)] = Quality.CUT_OFF
    use = np.flatnonzero(quality == Quality.RELIABLE)
    edges = partOf(edges, use)
    if steepest:
        return MeasuredEdges.at(use, quality, edges, steepestFalls(profiles[:, use], reader.steps, edges))
    fit = reader.fitter.fit(points[use], normals[use], surface.curvature[use], edges, reader.scale.polarity)
    poor = (fit.change > 0.1 * fit.width) | (np.abs(fit.position - edges.position) > 1.5 * edges.width)
    quality[use[poor]] = Quality.POOR_FIT
    return MeasuredEdges.at(use, quality, edges, fit)


def _foundQuality(reader: EdgeReader, edges: EdgeCandidates, start, direction) -> np.ndarray:
    """Whether there is an edge, and whether it lies far enough within the image."""
    found = np.isfinite(edges.position)
    margin = 1.5 * reader.scale.width
    quality = np.where(found, np.uint8(Quality.RELIABLE), np.uint8(Quality.NO_EDGE))
    if reader.sampler.allInside(start, direction, reader.searchRange + margin):
        return quality
    low, high = reader.sampler.rangeInside(start, direction)
    at = np.where(found, edges.position, 0)
    quality[~((at - margin >= low) & (at + margin <= high))] = Quality.OUTSIDE_IMAGE
    return quality


def steepestFalls(profiles: np.ndarray, steps: np.ndarray, edges: EdgeCandidates) -> EdgeFit:
    """Place of the steepest fall near each edge, by a parabola through the three largest differences.

    :param profiles: (samples, n), brighter inside. :param steps: (samples,) mm.
    """
    step = float(steps[1] - steps[0])
    fall = profiles[:-1] - profiles[1:]
    middle = (steps[:-1] + steps[1:]) / 2
    near = np.abs(middle[:, None] - edges.position) <= 1.5 * edges.width + step
    at = np.clip(np.where(near, fall, -np.inf).argmax(axis=0), 1, len(middle) - 2)
    column = np.arange(len(at))
    before, peak, after = (fall[at + shift, column] for shift in (-1, 0, 1))
    bend = before - 2 * peak + after
    shift = np.where(bend < 0, 0.5 * (before - after) / np.minimum(bend, -1e-6), 0)
    nothing = np.zeros(len(at), dtype=np.float32)
    position = middle[at] + step * np.clip(shift, -1, 1)
    return EdgeFit(position, edges.width, nothing, edges.width / (edges.inside - edges.outside), nothing)


@dataclass
class EarlierEdges:
    """Edges as they were found at a surface, before any correction, with what they were read by."""

    reader: EdgeReader
    surface: EdgeSurface
    edges: MeasuredEdges

    def measured(self, surface: EdgeSurface, progress: Callable[[float], None] = lambda done: None) -> MeasuredEdges:
        """The edges at the same vertices elsewhere: of those that hardly moved the same places as before.

        Only reliable ones are kept; whether there is an edge at all, or a better one, is looked at again.
        """
        moved = surface.points - self.surface.points
        along = np.einsum("ni,ni->n", moved, surface.normals)
        steady = self.edges.quality == Quality.RELIABLE
        way, turn = STEADY_WAY * self.reader.scale.width, surface.normals - self.surface.normals
        steady &= np.einsum("ni,ni->n", moved, moved) <= way**2
        steady &= np.einsum("ni,ni->n", turn, turn) <= STEADY_TURN**2
        again = np.flatnonzero(~steady)
        edges = replace(self.edges, distance=self.edges.distance - along, quality=self.edges.quality.copy())
        if not len(again):
            return edges
        found = measureEdges(self.reader, partOf(surface, again), progress=progress)
        for field in fields(edges):
            getattr(edges, field.name)[again] = getattr(found, field.name)
        return edges
