"""How sure a measured edge position is: the noise by its own covariance, the rest by a model fitted on phantoms.

What noise does is computed (``EdgeNoise``) and counts as it is. What the method's simplifications do is estimated from
how far each of them is strained at a vertex; those shares are the result of
``Testing/Benchmarks/fit_edge_uncertainty.py``, which renders phantoms (balls, rings, bars, rounded boxes, gyroids,
walls) with voxels of 0.2 to 1.5 mm, a point spread of 0.35 to 2 mm and noise that is white, grainy or absent, and
measures both meshes that lie on their surfaces and the surfaces of segments by thresholds of 35 to 65 %, with and
without smoothing. Run it again after any change to the method.
"""

from __future__ import annotations

import numpy as np

from .EdgeBlur import EdgeBlur
from .EdgeNoise import PositionNoise
from .EdgeSearch import SQRT_TWO_PI
from .EdgeSurface import EdgeSurface
from .MeasuredEdges import MeasuredEdges
from .ProfileSampling import VolumeSampler
from .ThinWalls import ThinWallCorrection

TERMS = ("noise", "bend", "tilt", "wall", "wedge", "misfit", "sampling", "slope", "spread")
# Share of each squared term (mm2) in the squared half width of the 95 % interval; that of the noise is 1.96 squared.
COEFFICIENTS = (3.84, 15.6, 33.6, 0.723, 3.32, 16.5, 0.0107, 9.53, 1.01)
# Rounding of stored values and the arithmetic itself, mm.
FLOOR = 0.002
# Residuals up to so many times the noise are taken for noise.
LARGEST_NOISE = 1.2
# An edge that looks blurrier than the image is so by noise up to so many standard deviations of its position.
NOISY_WIDTH = 2.0
# And what noise leaves of the drift of its plateaus in the mean of its surroundings, in the same unit.
NOISY_DRIFT = 0.6


def uncertaintyTerms(
    noise: PositionNoise, surface: EdgeSurface, edges: MeasuredEdges, blur: EdgeBlur, walls: ThinWallCorrection
) -> np.ndarray:
    """The possible sources of error at every vertex, mm, float64 (n, 9), in the order of ``TERMS``.

    - noise: standard deviation of the position by the image's noise;
    - bend: by how much the shift of curved edges differs from vertex to vertex, as where a face goes over into a
      rounded edge: the mesh shows its curvature no finer than that;
    - tilt: an edge far from the surface, looked for along a normal that turns, within the blur, by more than the
      surface's curvatures tell, as on the steps of voxels;
    - wall: size of the correction for an opposite edge so near that both are drawn apart;
    - wedge: an opposite edge near a ridge, where the two are not parallel;
    - misfit: what the edge's model leaves unexplained beyond noise;
    - sampling: voxels that are coarse against the blur;
    - slope: plateaus that are not level, as beside another edge, under cupping, or where the material changes: by how
      much the edge would lie elsewhere if they went on to it as they slope;
    - spread: an edge that looks blurrier than the image is, as where two lie within the blur.
    """
    return np.stack(_terms(noise, surface, edges, blur, walls), axis=1).astype(np.float64)


def _terms(
    noise: PositionNoise, surface: EdgeSurface, edges: MeasuredEdges, blur: EdgeBlur, walls: ThinWallCorrection
) -> tuple[np.ndarray, ...]:
    """The same, arrays (n,), those of values in float32 in float32, which is exact enough for what is small."""
    along = blur.along
    # On a surface of constant curvatures the turning's mean square over all directions is half of K's squared norm.
    known2 = (surface.curvature.astype(np.float64) ** 2) @ np.array([0.5, 0.5, 0.5, 1, 1, 1])
    turn = np.sqrt(np.maximum(surface.ridge.astype(np.float64) ** 2 - known2, 0)).astype(np.float32)
    room = np.fmin(edges.wall, edges.gap)
    with np.errstate(divide="ignore", invalid="ignore"):
        # Of an infinite one nothing is left.
        near = np.nan_to_num(np.exp(np.float32(-0.5) * room / along))
        excess2 = np.maximum(edges.residual**2 - np.float32((LARGEST_NOISE * noise.reader.scale.noise) ** 2), 0)
        perContrast = along / edges.contrast
        misfit = np.sqrt(excess2) * perContrast
        drift = np.float32(SQRT_TWO_PI) * edges.drift * perContrast
    tilt = np.abs(edges.distance) * turn * along
    wall, wedge = np.abs(walls.shift), np.float32(10) * near * turn * blur.turning * along
    byNoise = noise.deviation(surface, edges, blur).astype(np.float32)
    sampling = samplingError(noise.reader.sampler, surface.normals, blur)
    wider = np.maximum(edges.width - along, 0)
    spread = np.sqrt(np.maximum(wider**2 - (np.float32(NOISY_WIDTH) * byNoise) ** 2, 0))
    slope = np.sqrt(np.maximum(drift**2 - (np.float32(NOISY_DRIFT) * byNoise) ** 2, 0))
    return byNoise, blur.bend, tilt, wall, wedge, misfit, sampling, slope, spread


def samplingError(sampler: VolumeSampler, normals: np.ndarray, blur: EdgeBlur) -> np.ndarray:
    """What voxels that are coarse against the blur leave open along each normal, up to a factor, mm, float32 (n,).

    A Gaussian blur of standard deviation s passes the share exp(-2 (pi s f)**2) of a pattern of f periods per mm, and
    what passes near one period per voxel is mistaken for a shift of the edge. Since the blur has the voxel's own extent
    in it, which passes nothing of exactly one period, the share falls more slowly: faces along slices of 0.7 to 1.5 mm
    without noise were off by up to 0.12 exp(-(pi s f)**2) voxels, from 0.002 to 0.04 of them. The second term is for
    edges sharper than the voxel's extent, whose place between two voxels nothing tells.
    """
    # Row by row: a maximum over rows of three values each takes ten times as long.
    extents = np.abs((sampler.axes * sampler.spacing).T.astype(np.float32) @ normals.T.astype(np.float32))
    distance = np.maximum.reduce(extents)
    passed = np.exp(-np.square(np.pi * blur.along / np.maximum(distance, 1e-9)))
    # Twice squared, since other powers take many times as long.
    return distance * (passed + 6 * np.square(np.square(passed)))


def interval95(
    noise: PositionNoise, surface: EdgeSurface, edges: MeasuredEdges, blur: EdgeBlur, walls: ThinWallCorrection
) -> np.ndarray:
    """Half width of the interval that holds the true distance with 95 % probability, mm, float32 (n,)."""
    total = np.full(len(surface.points), FLOOR**2, dtype=np.float32)
    for coefficient, term in zip(COEFFICIENTS, _terms(noise, surface, edges, blur, walls), strict=True):
        share = np.square(term.astype(np.float32, copy=False))
        share *= np.float32(coefficient)
        # What is not known of a vertex adds nothing.
        np.add(total, share, out=total, where=~np.isnan(share))
    return np.sqrt(total)
