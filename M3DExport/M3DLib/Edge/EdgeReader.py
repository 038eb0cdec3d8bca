"""How edges are read from one image: where its voxels are sampled, what its edges look like, how they are fitted."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..Image.ImageVolume import ImageVolume
from .EdgeFit import EdgeFitter
from .EdgeScale import findScale
from .EdgeSearch import EdgeScale
from .ProfileSampling import VolumeSampler


@dataclass
class EdgeReader:
    """What is the same for all edges of an image.

    :ivar steps: (samples,) positions along the normals at which the image is read, mm.
    :ivar searchRange: edges farther from the vertex are not looked for, mm.
    """

    sampler: VolumeSampler
    scale: EdgeScale
    fitter: EdgeFitter
    steps: np.ndarray
    searchRange: float

    @classmethod
    def of(
        cls, image: ImageVolume, points: np.ndarray, normals: np.ndarray, searchRange: float, polarity: int | None
    ) -> EdgeReader:
        """The reader of an image at a surface with vertices (n, 3) in LPS mm.

        :raises M3DError: when the image cannot be sampled or the surface lies outside of it.
        """
        sampler = VolumeSampler(image)
        scale = findScale(sampler, points, normals, searchRange, polarity, hounsfield=image.isHounsfield)
        steps = profileSteps(searchRange, scale.width)
        return cls(sampler, scale, EdgeFitter(sampler, scale.width), steps, searchRange)

    def reading(self, sampler: VolumeSampler) -> EdgeReader:
        """The same reader on the same grid of other voxels."""
        return replace(self, sampler=sampler, fitter=self.fitter.reading(sampler))

    @property
    def profileStep(self) -> float:
        """Distance of the samples of a profile, mm."""
        return float(self.steps[1] - self.steps[0])


def profileSteps(searchRange: float, width: float) -> np.ndarray:
    """Positions along the normal at which the image is read, mm: fine enough for the blur, far enough for plateaus."""
    step = float(np.clip(0.6 * width, 0.15, 0.8))
    count = int(np.ceil((searchRange + 2.5 * width + 0.8) / step))
    return np.arange(-count, count + 1) * step
