"""Whether two surfaces lie at the same place at all, so that distances between them mean anything."""

from __future__ import annotations

import numpy as np

from ..Errors import M3DError
from ..Mesh.TriangleMesh import TriangleMesh, lowAndHigh
from ..NumberText import fixed
from .Search.SurfaceSample import sampleSurface

POINTS = 4000
# Surfaces nowhere nearer than this share of the smaller one's size show different things, or lie at different places.
NEAR, LEAST_SHARE = 0.1, 0.02


def requireOverlap(mesh: TriangleMesh, reference: TriangleMesh) -> None:
    """Refuse two meshes that do not lie together.

    :raises M3DError: their boxes are apart, or next to nothing of either surface lies near the other; says how far
        apart they are.
    """
    boxes = [tuple(end.astype(np.float64) for end in lowAndHigh(one.points)) for one in (mesh, reference)]
    gaps = np.maximum(np.maximum(boxes[0][0] - boxes[1][1], boxes[1][0] - boxes[0][1]), 0)
    places = " and ".join(f"{name} at {_box(box)}" for name, box in zip("AB", boxes, strict=True))
    remedy = "Align them (--register), or check their coordinates and units."
    if gaps.any():
        raise M3DError(
            f"A and B do not overlap: their boxes lie {np.linalg.norm(gaps):.1f} mm apart ({places}), so deviations "
            f"would mean nothing. {remedy}"
        )
    from scipy.spatial import cKDTree

    samples = [sampleSurface(one, POINTS, seed) for seed, one in enumerate((mesh, reference))]
    limit = NEAR * min(sample.size for sample in samples)
    distances = [cKDTree(samples[1 - k].points).query(samples[k].points)[0] for k in range(2)]
    shares = [float((distance < limit).mean()) for distance in distances]
    if max(shares) < LEAST_SHARE:
        raise M3DError(
            f"A and B do not overlap: {100 * shares[0]:.1f} % of A's surface and {100 * shares[1]:.1f} % of B's lie "
            f"within {limit:.1f} mm of the other, and half of A lies more than {np.median(distances[0]):.1f} mm away "
            f"({places}), so deviations would mean nothing. {remedy}"
        )


def _box(box: tuple[np.ndarray, np.ndarray]) -> str:
    return " x ".join(f"{fixed(low, 1)}..{fixed(high, 1)}" for low, high in zip(*box, strict=True)) + " mm"
