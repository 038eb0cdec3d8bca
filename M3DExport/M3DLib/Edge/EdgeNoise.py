"""How far the image's noise moves a measured edge: found by measuring once more with more noise.

Noise moves a position through the voxels of the fit, through the plateaus and so the half height, and through what is
taken for the edge and its surroundings. All of that is done again for a sample of the vertices in the same image with
more noise of its own kind; how far the positions move tells what its own noise does to them. The other vertices follow
from their own gain and blur, and from the direction of their normal in the grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..Distance.DeviationMap import Quality
from ..TwoThreads import inTwoThreads
from .EdgeBlur import EdgeBlur
from .EdgeReader import EdgeReader
from .EdgeSearch import SQRT_TWO_PI
from .EdgeSurface import EdgeSurface
from .ImageNoise import ImageNoise, NoisierSampler
from .MeasuredEdges import MeasuredEdges, edgesAt
from .VertexParts import partOf, sampleOf

# Vertices measured with more noise, and how often.
SAMPLE, REPEATS = 500, 8
FEWEST = 12
# The noise added is so many times that of the image: where contrast is low, as much as it has already would move edges
# by a third farther than its own noise does.
ADDED = 0.5
# Movements beyond so many standard deviations are of another edge.
FARTHEST = 5.0


@dataclass
class PositionNoise:
    """What the noise of an image does to the positions of its edges.

    :ivar shares: by how much the sources of a position's variance count in this image, float64 (6,).
    """

    reader: EdgeReader
    shares: np.ndarray

    def deviation(self, surface: EdgeSurface, edges: MeasuredEdges, blur: EdgeBlur) -> np.ndarray:
        """Standard deviation of the position at vertices, mm, float64 (n,)."""
        return np.sqrt(self.variance(surface, edges, blur))

    def variance(self, surface: EdgeSurface, edges: MeasuredEdges, blur: EdgeBlur) -> np.ndarray:
        """Its square, mm2."""
        along = _alongAxes(self.reader, surface)
        fit, plateau = self.shares.reshape(2, 3) @ along
        variance = _ofFit(edges) * fit
        variance += _ofPlateaus(edges, blur) * plateau
        return self.reader.scale.noise**2 * variance


def positionNoise(reader: EdgeReader, surface: EdgeSurface, edges: MeasuredEdges, blur: EdgeBlur) -> PositionNoise:
    """What noise does in an image, from a sample of its finished edges."""
    # What white noise does through the fit and one voxel on either side.
    first = PositionNoise(reader, np.repeat([1.0, SQRT_TWO_PI**2 / 2], 3))
    finite = np.isfinite(edges.gain) & np.isfinite(edges.contrast) & (edges.contrast != 0)
    usable = (edges.quality == Quality.RELIABLE) & finite
    chosen = sampleOf(usable, SAMPLE)
    if len(chosen) < FEWEST or not reader.scale.noise > 0:
        return first
    surface, edges, blur = (partOf(values, chosen) for values in (surface, edges, blur))
    moved = movements(reader, surface)
    # In units of what is expected, so that every vertex has its say.
    expected = np.sqrt(first.variance(surface, edges, blur))
    relative = moved / expected
    known = np.isfinite(relative).any(axis=0)
    if known.sum() < FEWEST:
        return first
    relative[np.abs(relative) > FARTHEST * np.nanmedian(np.abs(relative)) / 0.6745] = np.nan
    known = np.isfinite(relative).any(axis=0)
    design = reader.scale.noise**2 * _sources(reader, surface, edges, blur)[known] / expected[known, None] ** 2
    shares = sharesNotNegative(design, np.nanmean(relative[:, known] ** 2, axis=0))
    # Squares are led by the largest; what counts is how far 95 % move.
    usual = np.nanpercentile(np.abs(relative[:, known]) / np.sqrt(np.maximum(design @ shares, 1e-12)), 95) / 1.96
    return PositionNoise(reader, shares * usual**2)


def sharesNotNegative(design: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The x (k,), none below 0, for which design (m, k) times x comes nearest to the target (m,), by least squares.

    Every choice of what is above 0 is tried, 63 of six. (Loading scipy's search for it takes longer than all this.)
    """
    count = design.shape[1]
    best, least = np.zeros(count), float(target @ target)
    for number in range(1, 1 << count):
        chosen = np.flatnonzero([number >> place & 1 for place in range(count)])
        found = np.linalg.lstsq(design[:, chosen], target, rcond=None)[0]
        misfit = target - design[:, chosen] @ found
        if (found >= 0).all() and float(misfit @ misfit) < least:
            best, least = np.zeros(count), float(misfit @ misfit)
            best[chosen] = found
    return best


def movements(reader: EdgeReader, surface: EdgeSurface) -> np.ndarray:
    """How far the measured edges of some vertices (n,) move with more noise, mm (repeats, n); NaN where one is lost."""
    tile = ImageNoise(ADDED * reader.scale.noise, reader.scale.noiseCorrelation).tile(3)
    starts = np.random.default_rng(4).integers(0, len(tile), (REPEATS, 3))
    before = edgesAt(reader, surface).distance.astype(np.float64)
    after = np.empty((REPEATS, len(before)))

    def measure(number: int) -> None:
        sampler = NoisierSampler(reader.sampler, tile, starts[number])
        after[number] = edgesAt(reader.reading(sampler), surface).distance

    inTwoThreads(measure, range(REPEATS))
    return (after - before) / ADDED


def _sources(reader: EdgeReader, surface: EdgeSurface, edges: MeasuredEdges, blur: EdgeBlur) -> np.ndarray:
    """Variances by the fit and by the plateaus, each parted by the normal's direction in the grid, (n, 6)."""
    along = _alongAxes(reader, surface)
    parts = _ofFit(edges), _ofPlateaus(edges, blur)
    return np.concatenate([part * along for part in parts]).T


def _ofFit(edges: MeasuredEdges) -> np.ndarray:
    return np.square(edges.gain.astype(np.float64))


def _ofPlateaus(edges: MeasuredEdges, blur: EdgeBlur) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.square((blur.along / edges.contrast).astype(np.float64))


def _alongAxes(reader: EdgeReader, surface: EdgeSurface) -> np.ndarray:
    """How much of each normal is along each of the grid's axes, shares (3, n)."""
    along = np.square(reader.sampler.axes.T @ surface.normals.T)
    along /= np.maximum(along.sum(axis=0), 1e-12)
    return along
