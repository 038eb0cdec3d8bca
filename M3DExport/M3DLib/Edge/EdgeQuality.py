"""Which measured edges are to be relied on, seen beside all others of the image."""

from __future__ import annotations

import numpy as np

from ..Distance.DeviationMap import Quality
from .EdgeBlur import SHARPEST, EdgeBlur
from .EdgeSurface import EdgeSurface
from .MeasuredEdges import MeasuredEdges

LEAST_CONTRAST_TO_NOISE = 5.0


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
