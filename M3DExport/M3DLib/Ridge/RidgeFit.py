"""Ridges fitted to the voxels around them: where both faces lie, and how much of the edge between them is missing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..Edge.ProfileSampling import VolumeSampler
from ..Edge.VertexParts import inParts, partOf, store
from .BlurredWedge import bothBelow, fillet, slopes

# Voxels up to so many standard deviations of the blur from a ridge are looked at; where they do not fit, since another
# face begins there, up to the second number; and so many of them, a regular part of more.
REACHES = (6.5, 4.5)
MOST_VOXELS = 700
# The unknowns of a ridge; so many times as many voxels are needed to tell whether the model fits them.
UNKNOWNS, VOXELS_FOR_EACH = 11, 4
# Steps of the fit; after the first ones only what may still come to fit the voxels is followed.
FIRST_STEPS, MORE_STEPS, HOPELESS = 3, 6, 2.5
# How much is known of a face before the voxels are asked: its place (mm), its slopes, its curvature (1/mm).
PLACE, SLOPE, CURVATURE = 0.5, 0.2, 0.1
# One step of any of them goes no farther, and all together no farther than this.
STEP, WHOLE_WAY = 0.3, 1.0
# Radii, in standard deviations of the blur, for which the picture of what is missing is taken.
SMALLEST, LARGEST = 0.3, 3.0
# What the model may leave unexplained: the noise with a little for chance, and a share of the contrast.
NOISE_LEFT, CONTRAST_LEFT = 1.12, 0.01
# Ridges at which the last step was longer (mm) have not settled.
SETTLED = 0.01
# A ridge whose contrast differs by more from the usual one of the surface, as a share of that, is of something else, or
# the fit has gone astray.
UNUSUAL = 0.35
# Windows fitted at a time: their arrays stay in the processor's cache.
BLOCK = 64


@dataclass
class Ridges:
    """Pieces of ridges (convex) and grooves (concave), arrays (w, ...).

    :ivar center: (w, 3) where both faces would meet, LPS mm.
    :ivar along: (w, 3) unit, the direction of the ridge.
    :ivar normals: (w, 2, 3) unit, outward, of both faces at the center.
    :ivar curvature: (w, 2) 1/mm, of both faces along the ridge, positive where they fall away.
    :ivar convex: bool (w,).
    :ivar missing: (w,) mm2 of the cross-section that a sharp ridge has more, or a sharp groove less, than the image.
    :ivar missingDeviation: (w,) standard deviation of that by the noise, mm2.
    :ivar levels: (w, 2) value outside, and by how much the inside is brighter; of the image times its polarity.
    :ivar fine: bool (w,), whether the model says all that the voxels show.
    """

    center: np.ndarray
    along: np.ndarray
    normals: np.ndarray
    curvature: np.ndarray
    convex: np.ndarray
    missing: np.ndarray
    missingDeviation: np.ndarray
    levels: np.ndarray
    fine: np.ndarray


@dataclass
class RidgeGuess:
    """Where ridges may be: the first four arrays of :class:`Ridges` but the curvature."""

    center: np.ndarray
    along: np.ndarray
    normals: np.ndarray
    convex: np.ndarray


@dataclass
class ImageOfRidges:
    """The image that ridges are fitted to.

    :ivar covariance: (3, 3) of its blur, mm2, LPS. :ivar polarity: 1 where the inside is brighter, -1 where darker.
    :ivar noise: standard deviation of its voxels, image units. :ivar contrast: usual one of the surface, image units.
    :ivar grain: correlation of the noise of neighboring voxels along i, j, k.
    """

    sampler: VolumeSampler
    covariance: np.ndarray
    polarity: int
    noise: float
    contrast: float
    grain: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def blur(self) -> float:
        """Standard deviation of the blur over all directions, mm."""
        return float(np.sqrt(np.trace(self.covariance) / 3))

    @property
    def coarseness(self) -> float:
        """How many times as far as white noise this one moves what is fitted to many voxels, at most.

        Voxels so many steps apart correlate as the correlation of neighbors to the power of the steps' square.
        """
        steps = np.arange(1, 9) ** 2.0
        return float(np.sqrt(np.prod([1 + 2 * (max(grain, 0.0) ** steps).sum() for grain in self.grain])))

    def offsets(self, reach: float) -> np.ndarray:
        """Voxel steps (v, 3) around a voxel that lie within so many standard deviations of the blur."""
        size = reach * np.sqrt(np.einsum("ai,ij,aj->a", self.sampler.toIndex, self.covariance, self.sampler.toIndex))
        counts = np.minimum(np.ceil(size).astype(int), (self.sampler.dimensions - 1) // 2)
        ranges = [np.arange(-count, count + 1) for count in counts]
        k, j, i = np.meshgrid(*ranges[::-1], indexing="ij")
        offsets = np.stack([i, j, k], axis=-1).reshape(-1, 3)
        offsets = offsets[self.depth2(offsets @ self.sampler.toLps.T) <= reach**2]
        stride = int(np.ceil(len(offsets) / MOST_VOXELS))
        return offsets[(offsets @ np.array([1, 2, 3])) % stride == 0]

    def depth2(self, x: np.ndarray) -> np.ndarray:
        """Squared lengths (...) of vectors (..., 3) in standard deviations of the blur."""
        whiten = np.linalg.inv(np.linalg.cholesky(self.covariance))
        return np.square(x @ whiten.T).sum(axis=-1)


def fitRidges(image: ImageOfRidges, guess: RidgeGuess) -> Ridges:
    """Fit ridges to the voxels around them; the faces are quadratic along the ridge and plane across it.

    Beside the border of the scan it is the voxels farther inside that are looked at.
    """
    result = _fitted(image, guess, REACHES[0])
    again = np.flatnonzero(~result.fine)
    # So few voxels would never tell whether the model fits them.
    if len(again) and len(image.offsets(REACHES[1])) >= VOXELS_FOR_EACH * UNKNOWNS:
        store(result, again, _fitted(image, partOf(guess, again), REACHES[1]))
    return result


def _fitted(image: ImageOfRidges, guess: RidgeGuess, reach: float) -> Ridges:
    offsets = image.offsets(reach)
    if not len(guess.center):
        return _blockFitted(image, guess, offsets, reach)
    return inParts(lambda block: _blockFitted(image, block, offsets, reach), guess, size=BLOCK)


def _blockFitted(image: ImageOfRidges, guess: RidgeGuess, offsets: np.ndarray, reach: float) -> Ridges:
    first = _Windows(image, guess, offsets, reach)
    if not len(guess.center):
        return first.ridges()
    for _ in range(FIRST_STEPS):
        first.step()
    result = first.ridges()
    hopeful = np.flatnonzero(first.residual <= HOPELESS * first.allowed())
    if len(hopeful):
        more = first.part(hopeful)
        for _ in range(MORE_STEPS):
            more.step()
        store(result, hopeful, more.ridges())
    return result


class _Windows:
    """The voxels around pieces of ridges, and the model of them, arrays (w, ...); unknowns in the order

    place, slope across, slope along and curvature of either face; level outside, contrast, contrast times missing area.
    """

    def __init__(self, image: ImageOfRidges, guess: RidgeGuess, offsets: np.ndarray, reach: float):
        self.image, self.guess = image, guess
        count, sampler = len(guess.center), image.sampler
        voxels = sampler.nearestVoxels(sampler.toIndices(guess.center), offsets)
        self.values = image.polarity * sampler.neighborhoods(voxels, offsets).T.astype(np.float64)
        base = (sampler.toLps @ voxels + sampler.origin[:, None]).T - guess.center
        x = base[:, None] + offsets @ sampler.toLps.T
        self.weights = np.maximum(1 - image.depth2(x) / reach**2, 1e-9)
        # As many voxels of equal weight would tell as much; what the unknowns leave free of them shows the misfit.
        self.voxels = self.weights.sum(axis=1) ** 2 / (self.weights**2).sum(axis=1)
        self.freedom = self.weights.sum(axis=1) * (1 - UNKNOWNS / np.maximum(self.voxels, 2 * UNKNOWNS))
        self.inward = np.cross(guess.along[:, None], guess.normals)
        self.height = np.einsum("wvi,wki->wkv", x, guess.normals)
        self.deep = np.einsum("wvi,wki->wkv", x, self.inward)
        self.far = np.einsum("wvi,wi->wv", x, guess.along)
        # Blur along the ridge takes a curved face farther inward.
        self.bent = 0.5 * (self.far**2 + _along(image.covariance, guess.along)[:, None])
        self.sign = np.where(guess.convex, 1.0, -1.0)
        self._crossSection(x)
        self.faces = np.zeros((count, 2, 4))
        self.missing = np.full(count, 0.05 * image.blur**2)
        self.residual = self.change = np.full(count, np.inf)
        self.contrast, self.outside, self.deviation = (np.full(count, value) for value in (np.nan, np.nan, np.inf))

    def _crossSection(self, x: np.ndarray) -> None:
        """What is missing of a ridge is seen in a plane across it: voxels, blur and the shape of a fillet there."""
        guess, covariance = self.guess, self.image.covariance
        self.frame = np.stack([guess.normals[:, 0], np.cross(guess.along, guess.normals[:, 0])], axis=1)
        self.across = np.einsum("wvi,wai->wva", x, self.frame)
        self.blurAcross = np.einsum("wai,ij,wbj->wab", self.frame, covariance, self.frame)
        cosine = np.einsum("wi,wi->w", guess.normals[:, 0], guess.normals[:, 1])
        self.shape = fillet(np.arccos(np.clip(cosine, -1, 1)))
        bisector = np.einsum("wi,wai->wa", guess.normals.sum(axis=1), self.frame) * -self.sign[:, None]
        self.bisector = bisector / np.linalg.norm(bisector, axis=1, keepdims=True)
        sideways = self.bisector[:, ::-1] * np.array([-1, 1])
        self.spread = self.shape.alongBisector[:, None, None] * self.bisector[:, :, None] * self.bisector[:, None]
        self.spread += self.shape.across[:, None, None] * sideways[:, :, None] * sideways[:, None]

    def part(self, which: np.ndarray) -> _Windows:
        """Some of them."""
        other = object.__new__(_Windows)
        parts = {name: value[which] for name, value in vars(self).items() if isinstance(value, np.ndarray)}
        vars(other).update(parts, image=self.image, guess=partOf(self.guess, which), shape=partOf(self.shape, which))
        return other

    def gradients(self) -> np.ndarray:
        """Of both faces at the center, (w, 2, 3), nearly unit."""
        slopes = self.faces[:, :, 1, None] * self.inward + self.faces[:, :, 2, None] * self.guess.along[:, None]
        return self.guess.normals - slopes

    def step(self) -> None:
        """One step of Gauss and Newton toward the voxels; the levels, in which the model is linear, follow exactly."""
        place, across, along, curvature = np.moveaxis(self.faces[..., None], 2, 0)
        depth = self.height - place - across * self.deep - along * self.far[:, None] + curvature * self.bent[:, None]
        gradients = self.gradients()
        spread = np.sqrt(_along(self.image.covariance, gradients))
        correlation = mixed(self.image.covariance, gradients[:, 0], gradients[:, 1]) / spread.prod(axis=1)
        z = depth / (-self.sign[:, None] * spread)[:, :, None]
        inside = bothBelow(z[:, 0], z[:, 1], correlation[:, None])
        inside = np.where(self.guess.convex[:, None], inside, 1 - inside)
        design = np.stack([np.ones_like(inside), inside, self._missingShown(gradients)], axis=2)
        level = self._levels(design)
        self.outside, self.contrast = level[:, 0], level[:, 1]
        self.missing = level[:, 2] / self.contrast
        left = self.values - np.einsum("wva,wa->wv", design, level)
        self.residual = np.sqrt((self.weights * left**2).sum(axis=1) / self.freedom)
        steep = np.stack(slopes(z[:, 0], z[:, 1], correlation[:, None]), axis=1)
        steep *= (self.contrast[:, None] / spread)[:, :, None]
        parts = [
            part
            for face in range(2)
            for part in (
                steep[:, face],
                steep[:, face] * self.deep[:, face],
                steep[:, face] * self.far,
                -steep[:, face] * self.bent,
            )
        ]
        self._solve(np.concatenate([np.stack(parts, axis=2), design], axis=2), left)

    def _missingShown(self, gradients: np.ndarray) -> np.ndarray:
        """How the blur shows what is missing, per mm2: a Gaussian around its centroid, (w, v)."""
        lines = np.einsum("wki,wai->wka", gradients, self.frame)
        ridge = _solved(lines, self.faces[:, :, 0])
        radius = np.sqrt(np.maximum(self.missing, 0) / self.shape.area)
        radius = np.clip(radius, SMALLEST * self.image.blur, LARGEST * self.image.blur)
        middle = ridge + (radius * self.shape.depth)[:, None] * self.bisector
        wide = self.blurAcross + radius[:, None, None] ** 2 * self.spread
        away = self.across - middle[:, None]
        squared = (np.matmul(away, np.linalg.inv(wide)) * away).sum(axis=2)
        return np.exp(-0.5 * squared) / (-2 * np.pi * self.sign * np.sqrt(np.linalg.det(wide)))[:, None]

    def _levels(self, design: np.ndarray) -> np.ndarray:
        weighted = (design * self.weights[:, :, None]).transpose(0, 2, 1)
        matrix = weighted @ design
        matrix[:, range(3), range(3)] += 1e-6 * (1 + np.trace(matrix, axis1=1, axis2=2))[:, None]
        level = _solved(matrix, (weighted @ self.values[:, :, None])[:, :, 0])
        # A window of even values has no contrast to divide by.
        level[:, 1] = np.where(np.abs(level[:, 1]) < 1e-6, 1e-6, level[:, 1])
        return level

    def _solve(self, jacobian: np.ndarray, left: np.ndarray) -> None:
        noise = max(self.image.noise, 1e-3 * float(np.abs(self.values).max()))
        prior = np.array([PLACE, SLOPE, SLOPE, CURVATURE] * 2) ** -2.0
        weighted = (jacobian * self.weights[:, :, None]).transpose(0, 2, 1)
        matrix = weighted @ jacobian / noise**2
        matrix[:, range(8), range(8)] += prior
        matrix[:, range(8, 11), range(8, 11)] += 1e-9 / noise**2
        right = (weighted @ left[:, :, None])[:, :, 0] / noise**2
        right[:, :8] -= prior * self.faces.reshape(-1, 8)
        inverse = np.linalg.inv(matrix)
        change = np.clip(np.einsum("wab,wb->wa", inverse, right)[:, :8], -STEP, STEP).reshape(-1, 2, 4)
        self.faces = np.clip(self.faces + change, -WHOLE_WAY, WHOLE_WAY)
        self.change = np.abs(change[:, :, 0]).max(axis=1)
        # What noise does to the missing area, through all other unknowns.
        share = np.einsum("wa,wav->wv", inverse[:, 10], weighted) / noise**2
        self.deviation = self.image.coarseness * self.residual * np.sqrt((share**2).sum(axis=1)) / np.abs(self.contrast)

    def allowed(self) -> np.ndarray:
        """What the model may leave unexplained, image units, (w,)."""
        return np.hypot(NOISE_LEFT * self.image.noise, CONTRAST_LEFT * self.contrast)

    def ridges(self) -> Ridges:
        """What was found."""
        gradients, guess = self.gradients(), self.guess
        along = np.cross(gradients[:, 0], gradients[:, 1])
        along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-12)
        way = whereFacesMeet(gradients, guess.along, self.faces[:, :, 0])
        fine = (self.residual <= self.allowed()) & (self.change < SETTLED)
        fine &= self.voxels >= VOXELS_FOR_EACH * UNKNOWNS
        fine &= np.abs(self.contrast / self.image.contrast - 1) < UNUSUAL
        normals = gradients / np.linalg.norm(gradients, axis=2, keepdims=True)
        curvature = self.faces[:, :, 3].copy()
        levels = np.stack([self.outside, self.contrast], axis=1)
        found = (guess.center + way, along, normals, curvature, guess.convex, self.missing, self.deviation)
        return Ridges(*found, levels, fine)


def _along(covariance: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    return mixed(covariance, vectors, vectors)


def mixed(covariance: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The covariance (3, 3) of what vectors a and b (..., 3) ask for, (...)."""
    return ((a @ covariance) * b).sum(axis=-1)


def whereFacesMeet(normals: np.ndarray, along: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """The point of the line in which two faces meet that lies in the plane through the origin across it, (w, 3).

    :param normals: (w, 2, 3) of the faces. :param along: (w, 3), that plane's normal.
    :param heights: (w, 2) of the faces over the origin, along their normals.
    """
    matrix = np.concatenate([normals, along[:, None]], axis=1)
    return _solved(matrix, np.concatenate([heights, np.zeros((len(matrix), 1))], axis=1))


def _solved(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The solutions (w, n) of small systems (w, n, n), of singular ones something finite."""
    size = matrix.shape[-1]
    singular = np.abs(np.linalg.det(matrix)) < 1e-12 * np.square(matrix).mean(axis=(1, 2)) ** (size / 2)
    matrix = np.where(singular[:, None, None], np.eye(size), matrix)
    return np.linalg.solve(matrix, right[:, :, None])[:, :, 0]
