"""How far the edge in the image lies from the mesh, at every vertex, below the size of a voxel.

The surface is where the image passes the middle between the plateaus next to it (local, adaptive 50 % threshold, as in
dimensional computed tomography). It is found on a profile along each vertex's normal and refined by fitting a blurred
step to the voxels around it. Blur draws the 50 % surface of a curved object toward the center of its curvature; that is
corrected to second order with the mesh's curvatures and the blur measured in the image itself.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ..Distance.DeviationMap import DeviationMap, Quality
from ..Errors import M3DError, noProgress
from ..Image.ImageVolume import ImageVolume
from ..Mesh.MeshGeometry import VertexGeometry, ridgeCurvature, vertexGeometry
from ..Mesh.TriangleMesh import TriangleMesh
from ..TwoThreads import inTwoThreads
from ..WeightedPercentiles import weightedPercentiles
from .Blur import MOST, measureBlur
from .CurvatureTensor import PAIRS, curvatureTensors
from .EdgeCalibration import calibration
from .EdgeFit import EdgeFitter
from .EdgeNoise import noiseShares
from .EdgeScale import findScale
from .EdgeSearch import EdgeCandidates, nearestEdges
from .EdgeUncertainty import interval95
from .ProfileSampling import VolumeSampler
from .ThinWalls import correctThinWalls

HALF_HEIGHT = "half-height"
GRADIENT = "gradient"
METHODS = (HALF_HEIGHT, GRADIENT)
BLOCK = 4096
# Vertices corrected and judged at a time, once all have been measured.
PART = 1 << 17
# Edges farther apart than this, in standard deviations of the blur, do not influence each other's half height.
THICK = 6.0
# A surface that turns by more than this (radians) within one standard deviation of the blur is a ridge whose half-
# height surface is rounded off by more than the method corrects for.
SHARPEST = 0.18
LEAST_CONTRAST_TO_NOISE = 5.0
# Half the sum of a curvature tensor times the blur's covariance, of which the values off the diagonal count twice.
BLUR_WEIGHTS = np.array([0.5, 0.5, 0.5, 1, 1, 1])
SIGN_MEANING = "Positive: the edge in the image lies outside the mesh (the mesh is too small there)."


def imageDeviation(
    mesh: TriangleMesh,
    image: ImageVolume,
    *,
    method: str = HALF_HEIGHT,
    searchRange: float = 3.0,
    polarity: int | None = None,
    progress: Callable[[float, str], None] = noProgress,
) -> DeviationMap:
    """Signed distance from every vertex along its normal to the edge in the image.

    :param mesh: LPS mm, triangles facing outward.
    :param image: the scan; its grid may be oblique, sheared, left-handed and anisotropic.
    :param method: "half-height", or "gradient" for the place of steepest fall on the profile, for comparison: without
        refinement and correction for curvature (on a ball of 20 mm with a blur of 0.8 mm a bias of -0.013 mm instead of
        0.000, four times the spread), and without a stated uncertainty.
    :param searchRange: edges farther from the vertex are not found, mm.
    :param polarity: 1 when the inside of the mesh is brighter, -1 when it is darker, None to find out.
    :raises M3DError: when the image is no regular grid, the mesh has no surface, or the two do not meet.
    """
    if method not in METHODS:
        raise M3DError(f"Deviation method '{method}' is unknown; choose one of {', '.join(METHODS)}.")
    if not searchRange > 0:
        raise M3DError(f"The search range must be above 0 mm, not {searchRange}.")
    image.requireRegular()
    progress(0.0, "Measuring the mesh against the image")
    geometry = vertexGeometry(mesh)
    sampler = VolumeSampler(image)
    scale = findScale(sampler, mesh.points, geometry.normals, searchRange, polarity)
    measurement = _Measurement(mesh, geometry, sampler, scale, searchRange=searchRange, method=method)
    measurement.run(progress)
    distance, quality = measurement.finish()
    # The model was fitted on the half-height method; of the other nothing of the kind is claimed.
    uncertainty = measurement.uncertainty() if method == HALF_HEIGHT else None
    contrast, width, blur = measurement.contrast, measurement.width, measurement.blur
    # A good deal of memory, which what follows may use.
    del measurement
    settings = {
        "method": method,
        "searchRange": float(searchRange),
        "polarity": scale.polarity,
        "noise": float(scale.noise),
        "noiseCorrelation": list(scale.noiseCorrelation),
        "contrast": float(scale.contrast),
        "edgeWidthSd": float(scale.width),
        "blurCovariance": blur.tolist(),
        "voxelSpacing": [float(value) for value in sampler.spacing],
    }
    certainty = _certainty(settings, uncertainty, quality, geometry.areas)
    progress(1.0, "Measuring the mesh against the image")
    return DeviationMap(
        kind="image",
        mesh=mesh,
        distance=distance,
        quality=quality,
        areas=geometry.areas,
        uncertainty=uncertainty if certainty["withinFittedRange"] else None,
        calibration=certainty,
        normals=geometry.normals,
        contrastToNoise=np.divide(contrast, max(scale.noise, 1e-6), out=contrast),
        edgeWidth=width,
        reference="edge in the image, local 50 % threshold" if method == HALF_HEIGHT else "steepest fall in the image",
        signMeaning=SIGN_MEANING,
        settings=settings,
    )


def _certainty(settings, uncertainty, quality, areas) -> dict:
    """Calibration statement with the typical interval of the reliable vertices."""
    if uncertainty is None:
        return calibration(settings, None)
    good = quality == Quality.RELIABLE
    middle = float(weightedPercentiles(uncertainty[good], areas[good], [50])[0])
    # Without a reliable vertex there is no distance to be sure of either.
    return calibration(settings, middle if np.isfinite(middle) else 0.0)


class _Measurement:
    """Arrays (n,) of everything measured at the vertices, filled block by block; 98 bytes per vertex in all."""

    def __init__(self, mesh, geometry, sampler, scale, *, searchRange, method):
        count = len(mesh.points)
        # First, since these take more memory than all the arrays that follow.
        if method == HALF_HEIGHT:
            self.curvature = curvatureTensors(mesh, geometry.normals)
        self.ridge = ridgeCurvature(mesh, geometry.normals, 1.2 * scale.width)
        self.mesh, self.geometry, self.sampler, self.scale = mesh, geometry, sampler, scale
        self.searchRange, self.method = searchRange, method
        self.fitter = EdgeFitter(sampler, scale.width)
        self.steps = profileSteps(searchRange, scale.width)
        self.distance = np.full(count, np.nan, dtype=np.float32)
        self.quality = np.full(count, Quality.NO_EDGE, dtype=np.uint8)
        self.width, self.residual, self.gain, self.contrast, self.wall, self.gap = (
            np.full(count, np.nan, dtype=np.float32) for _ in range(6)
        )
        self.blur = np.eye(3) * scale.width**2
        self.blurKnown = np.zeros(count, dtype=bool)
        self.thinness, self.normalBlur, self.turningBlur = (np.zeros(count, dtype=np.float32) for _ in range(3))

    def _parts(self) -> Iterator[_Measurement]:
        """This measurement part by part: the same attributes, the arrays (n,) being views of some of the vertices."""
        count = len(self.distance)
        for start in range(0, count, PART):
            part = copy.copy(self)
            for owner in (part, VertexGeometry(**vars(self.geometry))):
                for name, values in vars(owner).items():
                    if isinstance(values, np.ndarray) and values.shape[:1] == (count,):
                        setattr(owner, name, values[start : start + PART])
            part.geometry = owner
            yield part

    def inParts(self, work: Callable[[_Measurement], object]) -> list:
        """Do the same to every part, on two threads; what was returned, in the order of the parts."""
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(work, self._parts()))

    def run(self, progress) -> None:
        """Measure all vertices on two threads; stops at once when ``progress`` raises."""
        inTwoThreads(
            lambda start: self._block(slice(start, start + BLOCK)),
            range(0, len(self.mesh.points), BLOCK),
            lambda done: progress(0.1 + 0.85 * done, "Measuring the mesh against the image"),
        )

    def _block(self, part: slice) -> None:
        points = self.mesh.points[part].astype(np.float64)
        normals = self.geometry.normals[part]
        sampler, scale = self.sampler, self.scale
        start, direction = sampler.toIndices(points), sampler.toIndex @ normals.T
        low, high = sampler.rangeInside(start, direction)
        profiles = sampler.profiles(start, direction, self.steps)
        profiles *= scale.polarity
        edges = nearestEdges(profiles, self.steps, self.searchRange, scale)
        found = np.isfinite(edges.position)
        margin = 1.5 * scale.width
        at = np.where(found, edges.position, 0)
        inside = (at - margin >= low) & (at + margin <= high)
        quality = np.where(found, Quality.RELIABLE, Quality.NO_EDGE).astype(np.uint8)
        quality[~inside] = Quality.OUTSIDE_IMAGE
        quality[(normals == 0).all(axis=1)] = Quality.NO_SURFACE
        use = np.flatnonzero(quality == Quality.RELIABLE)
        self.quality[part] = quality
        if not len(use):
            return
        chosen = EdgeCandidates(*(values[use] for values in vars(edges).values()))
        target = use + part.start
        self.contrast[target] = chosen.inside - chosen.outside
        self.wall[target], self.gap[target] = chosen.wall, chosen.gap
        if self.method == GRADIENT:
            self._takeSteepest(profiles[:, use], chosen, target)
            return
        fit = self.fitter.fit(points[use], normals[use], self.curvature[part][use], chosen, scale.polarity)
        self.distance[target], self.width[target] = fit.position, fit.width
        self.residual[target], self.gain[target] = fit.residual, fit.gain
        poor = (fit.change > 0.1 * fit.width) | (np.abs(fit.position - chosen.position) > 1.5 * chosen.width)
        self.quality[target[poor]] = Quality.POOR_FIT

    def _takeSteepest(self, profiles, edges, target) -> None:
        """Place of the steepest fall near each edge, by a parabola through the three largest differences."""
        step = float(self.steps[1] - self.steps[0])
        fall = profiles[:-1] - profiles[1:]
        middle = (self.steps[:-1] + self.steps[1:]) / 2
        near = np.abs(middle[:, None] - edges.position) <= 1.5 * edges.width + step
        at = np.clip(np.where(near, fall, -np.inf).argmax(axis=0), 1, len(middle) - 2)
        column = np.arange(len(at))
        before, peak, after = (fall[at + shift, column] for shift in (-1, 0, 1))
        bend = before - 2 * peak + after
        shift = np.where(bend < 0, 0.5 * (before - after) / np.minimum(bend, -1e-6), 0)
        self.distance[target] = middle[at] + step * np.clip(shift, -1, 1)
        self.width[target] = edges.width
        self.residual[target] = 0
        self.gain[target] = edges.width / (edges.inside - edges.outside)

    def finish(self) -> tuple[np.ndarray, np.ndarray]:
        """Correct for curvature and thin walls, and judge what only the whole picture tells."""
        known = self._measureBlur() if self.method == HALF_HEIGHT else None
        self.inParts(lambda part: part._useBlur(known))
        if self.method == HALF_HEIGHT:
            correctThinWalls(self)
        self.inParts(lambda part: part._judge())
        return self.distance, self.quality

    def _useBlur(self, known: Callable | None) -> None:
        normals = self.geometry.normals.astype(np.float64)
        self.blurKnown[:] = False if known is None else known(normals)
        self.normalBlur[:] = np.sqrt(np.einsum("ni,ni->n", normals @ self.blur, normals))
        across2 = np.trace(self.blur) - self.normalBlur**2
        self.turningBlur[:] = np.sqrt(np.maximum(self.normalBlur**2, across2 / 2))
        if self.method == HALF_HEIGHT:
            # Half the curvatures times the blur's variances in their directions; a ball of radius r: variance / r.
            self.distance += self.curvature @ (BLUR_WEIGHTS * self.blur[tuple(np.transpose(PAIRS))]).astype(np.float32)

    def _measureBlur(self) -> Callable | None:
        """Set ``blur``; a function that tells along which normals it was measured, None where nothing tells it."""
        thick = []
        for part in self._parts():
            wide = np.minimum(part.wall, part.gap) > THICK * np.maximum(part.width, self.scale.width)
            even = part.ridge * self.scale.width < SHARPEST
            thick.append((part.quality == Quality.RELIABLE) & wide & even)
        blur, known = self._blurOf(np.concatenate(thick))
        if blur is None:
            blur, known = self._blurOf(self.quality == Quality.RELIABLE)[0], None
        if blur is not None:
            self.blur = blur
        return known

    def _blurOf(self, which: np.ndarray):
        chosen = np.flatnonzero(which)
        if len(chosen) > MOST:
            chosen = chosen[:: len(chosen) // MOST + 1]
        return measureBlur(self.geometry.normals[chosen].astype(np.float64), self.width[chosen])

    def uncertainty(self) -> np.ndarray:
        """Half width of the 95 % interval of a finished measurement, mm, float32 (n,)."""
        self.noiseShares = noiseShares(self)
        return np.concatenate(self.inParts(interval95))

    def _judge(self) -> None:
        judged = self.quality == Quality.RELIABLE
        noise = max(self.scale.noise, 1e-6)
        excess = self.residual > 0.12 * self.contrast + 2.5 * noise
        odd = (self.width > 2.5 * self.normalBlur) | (self.width < 0.4 * self.normalBlur)
        self.quality[judged & (excess | odd)] = Quality.POOR_FIT
        self.quality[judged & (self.ridge * self.turningBlur > SHARPEST)] = Quality.SHARP
        self.quality[judged & (self.contrast < LEAST_CONTRAST_TO_NOISE * noise)] = Quality.LOW_CONTRAST


def profileSteps(searchRange: float, width: float) -> np.ndarray:
    """Positions along the normal at which the image is read, mm: fine enough for the blur, far enough for plateaus."""
    step = float(np.clip(0.6 * width, 0.15, 0.8))
    count = int(np.ceil((searchRange + 2.5 * width + 0.8) / step))
    return np.arange(-count, count + 1) * step
