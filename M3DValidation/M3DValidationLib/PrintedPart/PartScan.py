"""The surface of a part in a CT of it: its own edge in the image, support of another material told apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from M3DLib.Edge.ImageDeviation import imageDeviation
from M3DLib.Errors import M3DError, noProgress
from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.Mesh.SegmentSurface import makeSurface
from M3DLib.Mesh.SurfaceParameters import SurfaceParameters
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.NumberText import fixed, shareInPercent
from M3DLib.Segmentation.SegmentFit import thresholdSegment

BINS = 512
# Two materials where the values inside fall into two groups this well parted (Otsu's criterion), each with this share,
# whose means differ by this share of the contrast to air.
PARTED, LEAST_GROUP, LEAST_STEP = 0.8, 0.02, 0.2
# The surface is moved to the edge so often, each time to what the image shows there.
ROUNDS = 2
LEAST_CONTRAST = 4.0
# What lies so many times the noise, and this share of the contrast, above air is no air.
AIR_NOISE, AIR_SHARE = 6.0, 0.2


@dataclass
class PartSurface:
    """A part found in its scan.

    :ivar mesh: LPS mm, on the image's edge where that shows one.
    :ivar facts: values of air and material, thresholds, volumes, share of the surface on a measured edge.
    :ivar notes: what ought to be known before the surface is used, one sentence each.
    """

    mesh: TriangleMesh
    facts: dict
    notes: list[str] = field(default_factory=list)


def partSurface(
    image: ImageVolume,
    threshold: tuple[float, float | None] | None = None,
    progress: Callable[[float, str], None] = noProgress,
) -> PartSurface:
    """The surface of the largest body of the material that most of the scan's matter is of.

    :param threshold: lowest value, and highest or None, of the part; found in the image when None.
    :raises M3DError: the image is no regular grid, or shows no matter that stands out from air.
    """
    image.requireRegular()
    progress(0.0, "Finding the part in its scan")
    notes: list[str] = []
    facts: dict = {}
    if threshold is None:
        low, high = _range(image.array, facts, notes)
    else:
        low, high = threshold
    facts["threshold"] = [float(low), None if high is None else float(high)]
    segment = thresholdSegment(image, low, high, largest=1)
    mesh = makeSurface(segment, SurfaceParameters())
    moved = np.zeros(len(mesh.points), dtype=bool)
    for number in range(ROUNDS):
        deviation = imageDeviation(
            mesh, image, progress=lambda done, text, n=number: progress(0.2 + 0.8 * (n + done) / ROUNDS, text)
        )
        moved = deviation.reliable & np.isfinite(deviation.distance)
        step = np.where(moved, np.nan_to_num(deviation.distance), 0)[:, None] * deviation.normals
        mesh = TriangleMesh(mesh.points + step.astype(np.float32), mesh.triangles, mesh.name)
        facts["uncertainty95"] = _typical(deviation, moved)
    facts["volumeMm3"] = abs(mesh.volumeMm3)
    facts["onEdgeShare"] = float(moved.mean())
    if moved.mean() < 0.5:
        notes.append(
            f"Only {shareInPercent(moved.mean())} of the part's surface lies on a clear edge of its scan; the rest is "
            "as the threshold has it."
        )
    return PartSurface(mesh, facts, notes)


def _typical(deviation, moved) -> float | None:
    if deviation.uncertainty is None or not moved.any():
        return None
    return float(np.median(deviation.uncertainty[moved]))


def _range(array: np.ndarray, facts: dict, notes: list[str]) -> tuple[float, float | None]:
    """Lowest and highest value of the part: midway between it and what lies beside it."""
    from scipy import ndimage

    some = array[:: max(1, array.shape[0] // 200)]
    first, parted = _otsu(some.ravel())
    outside = some[some <= first].astype(np.float64)
    air, noise = float(np.median(outside)), 1.4826 * float(np.median(np.abs(outside - np.median(outside))))
    # Support is often nearer to air than to the part, so all that is clearly no air is looked at.
    matter = float(np.median(some[some > first])) if (some > first).any() else first
    inside = array > min(first, air + max(AIR_NOISE * noise, AIR_SHARE * (matter - air)))
    deep = ndimage.binary_erosion(inside, iterations=2)
    if deep.sum() < 100:
        deep = inside
    values = array[deep].astype(np.float64)
    if not len(values) or np.median(values) - air < LEAST_CONTRAST * max(noise, 1e-6) or parted < 0.3:
        raise M3DError(
            "The scan shows no matter that stands out from what is around it, so the part cannot be found in it; give "
            "its values with --threshold LOW[:HIGH]."
        )
    second, parted = _otsu(values)
    groups = [values[values <= second], values[values > second]]
    share = min(len(group) for group in groups) / len(values)
    step = np.median(groups[1]) - np.median(groups[0]) if share > 0 else 0
    facts.update(airValue=air, noise=noise, materialValue=float(np.median(values)), supportValue=None)
    if parted < PARTED or share < LEAST_GROUP or step < LEAST_STEP * (np.median(values) - air):
        notes.append(
            "Part and support of one material cannot be told apart by their values; what touches the part "
            "counts as part."
        )
        return (air + float(np.median(values))) / 2, None
    dim, bright = (float(np.median(group)) for group in groups)
    dimmer = len(groups[0]) > len(groups[1])
    part, support = (dim, bright) if dimmer else (bright, dim)
    facts.update(materialValue=part, supportValue=support)
    notes.append(
        f"Two materials: the one of most volume ({fixed(part, 0)}) was taken for the part, the other "
        f"({fixed(support, 0)}) for "
        "support; where that is wrong, give the part's values with --threshold LOW[:HIGH]."
    )
    border = (dim + bright) / 2
    return ((air + dim) / 2, border) if dimmer else (border, None)


def _otsu(values: np.ndarray) -> tuple[float, float]:
    """The value that parts two groups best, and how much of the variance lies between them, 0 to 1 (Otsu 1979)."""
    low, high = np.percentile(values, [0.1, 99.9])
    if not high > low:
        return float(high), 0.0
    counts, edges = np.histogram(values, BINS, (low, high))
    middles = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts).astype(np.float64)
    sums = np.cumsum(counts * middles)
    total, mean = below[-1], sums[-1] / below[-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (mean * below - sums) ** 2 / (below * (total - below))
    between = np.nan_to_num(between)
    # Between two narrow peaks every value parts them alike; the middle of those is taken.
    best = np.flatnonzero(between >= between.max() * (1 - 1e-9))
    variance = (counts * (middles - mean) ** 2).sum()
    at = int((best[0] + best[-1]) // 2)
    return float(edges[at + 1]), float(between.max() * total / max(variance, 1e-12))
