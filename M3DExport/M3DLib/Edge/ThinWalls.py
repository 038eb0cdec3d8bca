"""Edges whose neighbor is so near that blur keeps the plateau between them from being reached.

Two opposite edges a distance t apart under a blur s give the profile Phi((x + t) / s) - Phi(x / s): its height is below
the full contrast, and half of that height is reached farther apart than t. Where the blur is known from other edges of
the same image, t follows from the apparent distance, and with it how far each edge seems shifted. Below about three
standard deviations the apparent distance hardly depends on t any more: such walls are called too thin.

Unless the material is known: where all edges that stand alone have the same contrast, the height that a thin wall
reaches of it tells t down to two standard deviations. Nothing tells that a thin wall is of the same material as the
thick ones; so its apparent distance must fit the thickness that its height has told.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from ..Distance.DeviationMap import Quality
from ..Mesh.MeshGeometry import MeshEdges
from .EdgeBlur import EdgeBlur
from .EdgeSurface import Surroundings
from .MeasuredEdges import MeasuredEdges
from .VertexParts import inParts

# With less, a wall whose place in the voxels happens to widen its profile would pass, too thick by a tenth of it.
THINNEST = 4.1
# Where no other edge tells the blur, it is taken from the walls themselves, which show it too small.
THINNEST_UNKNOWN = 4.8
NO_INFLUENCE = 6.0
# Distances up to so many times that one are averaged with those of their neighbors, so often.
SURROUNDINGS = 1.3
AVERAGINGS = 2
# Where more than such a share around is too thin, what passes is picked out by noise.
MOST_THIN = 0.75
# The fit of a whole edge is drawn outward by more than the half height: 1.16 to 1.25 times, computed for walls of 3.7
# to 6 and a reach of the fit of 1.6 to 2.5 standard deviations.
FIT_TO_HALF_HEIGHT = 1.21
# Half of the contrasts of edges that stand alone lie within this share of them where the material is one. That holds
# when there are so many of them, and they are so large a share of all edges found.
EVEN, FEWEST_ALONE, SHARE_ALONE = 0.15, 50, 0.2
# The contrast that is not lowered by blur, among those, in percent.
FULL_CONTRAST = 60
# Least height of a wall's profile, as a share of the full contrast, and least thickness in standard deviations of the
# blur, of which thickness is told by height.
LEAST_HEIGHT, THINNEST_OF_KNOWN = 0.7, 2.2
# Apparent distance to what the thickness told by height would show: below is the share that interpolation between
# thick slices takes from it, above is a wall of less dense material.
FITTING = (0.5, 1.15)


@dataclass
class ThinWallCorrection:
    """What an opposite edge so near that both are drawn apart does at every vertex, arrays (n,).

    :ivar shift: to be added to the distance, mm, float32; 0 where there is none.
    :ivar thin: whether wall or gap is too thin to be corrected, bool.
    """

    shift: np.ndarray
    thin: np.ndarray

    @classmethod
    def none(cls, count: int) -> ThinWallCorrection:
        """No correction at any of so many vertices."""
        return cls(np.zeros(count, dtype=np.float32), np.zeros(count, dtype=bool))


def apparentThickness(thickness: np.ndarray) -> np.ndarray:
    """Distance between the half-height points of two opposite blurred edges; all lengths in units of the blur's SD."""
    from scipy.special import ndtr

    thickness = np.asarray(thickness, dtype=np.float64)
    half = apparentHeight(thickness) / 2
    low, high = thickness / 2 - 1, thickness / 2 + 3
    for _ in range(50):
        middle = (low + high) / 2
        above = ndtr(middle + thickness / 2) - ndtr(middle - thickness / 2) > half
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return low + high


def apparentHeight(thickness: np.ndarray) -> np.ndarray:
    """Peak between two opposite blurred edges as a share of the full contrast; lengths in units of the blur's SD."""
    from scipy.special import ndtr

    return 2 * ndtr(np.asarray(thickness, dtype=np.float64) / 2) - 1


def trueThickness(apparent: np.ndarray) -> np.ndarray:
    """Inverse of :func:`apparentThickness`; 0 for what no wall, however thin, would show."""
    thickness, shown = _thicknessTable()
    return np.interp(apparent, shown, thickness, left=0.0, right=np.inf)


@cache
def _thicknessTable() -> tuple[np.ndarray, np.ndarray]:
    thickness = np.linspace(0.05, NO_INFLUENCE + 1, 400)
    return thickness, apparentThickness(thickness)


def edgeShift(thickness: np.ndarray, height: np.ndarray, blur: np.ndarray) -> np.ndarray:
    """How far outside the true edge the blurred profile falls to half of a stated height.

    :param thickness: distance of the two edges, mm. :param height: stated height as a share of the full contrast.
    :param blur: standard deviation, mm.
    """
    from scipy.special import ndtr

    shift = np.zeros_like(thickness)
    for _ in range(6):
        value = ndtr((shift + thickness) / blur) - ndtr(shift / blur)
        slope = np.exp(-0.5 * ((shift + thickness) / blur) ** 2) - np.exp(-0.5 * (shift / blur) ** 2)
        slope = np.minimum(slope / (np.sqrt(2 * np.pi) * blur), -0.05 / blur)
        shift = np.clip(shift - (value - height / 2) / slope, -blur, 2 * blur)
    return shift


def _evened(room: np.ndarray, near: np.ndarray, edges: MeshEdges) -> np.ndarray:
    """Distances to the opposite edge (n,), averaged among neighboring vertices that are near one (bool (n,)).

    A wall is as thick beside a vertex as at it. Else noise alone would pick out places of a wall that is too thin.
    """
    total, weight = np.where(near, room, np.float32(0)), near.astype(np.float32)
    for _ in range(AVERAGINGS):
        for values, around in zip((total, weight), edges.sumAround([total, weight]), strict=True):
            np.add(values, around, out=values)
            # What is not near has no say, in the next round neither.
            values[~near] = 0
    return np.divide(total, np.maximum(weight, 1e-30, out=weight), out=room.copy(), where=near, casting="same_kind")


def thinWallCorrection(
    meshEdges: MeshEdges, edges: MeasuredEdges, blur: EdgeBlur, around: Surroundings, evenMaterial: bool = False
) -> ThinWallCorrection:
    """How distances next to thin walls and narrow gaps are to be corrected, and which of them are too thin for it.

    :param around: the surroundings of the vertices. :param edges: as they were found, RELIABLE where there is one.
    :param evenMaterial: tell the thickness of what is too thin by its height, where the contrast allows to.
    """
    result = ThinWallCorrection.none(len(edges.quality))
    for outward, room in ((-1, edges.wall), (1, edges.gap)):
        near = inParts(_near, edges.quality, room, blur.profile) & ~result.thin
        evened = _evened(room, near, meshEdges)
        found = inParts(lambda *values, outward=outward: _corrected(outward, *values), evened, near, blur)
        result.shift += found.shift
        result.thin |= found.thin
    _addAmongThin(result, edges, around)
    full = evenContrast(edges, blur) if evenMaterial and result.thin.any() else None
    if full is not None:
        for outward in (-1, 1):
            _correctByHeight(result, outward, edges, blur, full)
    return result


def _addAmongThin(result: ThinWallCorrection, edges: MeasuredEdges, around: Surroundings) -> None:
    """Call thin, in place, the few that pass for thicker among many that are too thin.

    Blur hides how thick a wall of a millimeter is, and noise makes a few of its places look thicker: on a cortex of
    1 mm around spongy bone 3 % of the places passed, and were off by 0.23 mm where 0.08 mm was stated.
    """
    found = edges.quality == Quality.RELIABLE
    share = around.mean(result.thin, found)
    result.thin |= found & (share > MOST_THIN)


def evenContrast(edges: MeasuredEdges, blur: EdgeBlur) -> float | None:
    """The contrast that all edges have which stand alone, or None where it is not the same or they are too few."""
    found = edges.quality == Quality.RELIABLE
    alone = found & (np.fmin(edges.wall, edges.gap) > NO_INFLUENCE * blur.profile)
    if alone.sum() < max(FEWEST_ALONE, SHARE_ALONE * found.sum()):
        return None
    low, full, high = np.percentile(edges.contrast[alone], (25, FULL_CONTRAST, 75))
    return float(full) if high - low <= EVEN * full else None


def _correctByHeight(
    result: ThinWallCorrection, outward: int, edges: MeasuredEdges, blur: EdgeBlur, full: float
) -> None:
    """Correct, in place, those edges of too thin walls or gaps whose height and apparent distance agree."""
    from scipy.special import ndtri

    room, other = (edges.wall, edges.gap) if outward < 0 else (edges.gap, edges.wall)
    which = np.flatnonzero(result.thin & (room < other))
    along, profile = blur.along[which].astype(np.float64), blur.profile[which].astype(np.float64)
    height = edges.contrast[which].astype(np.float64) / full
    thickness = 2 * ndtri((1 + np.clip(height, 0, 0.9999)) / 2) * profile
    with np.errstate(divide="ignore", invalid="ignore"):
        fitting = room[which] / (apparentThickness(thickness / profile) * profile)
    told = (height >= LEAST_HEIGHT) & (height < 1) & (thickness > THINNEST_OF_KNOWN * along)
    told &= (fitting > FITTING[0]) & (fitting < FITTING[1])
    chosen = which[told]
    shift = edgeShift(thickness[told], height[told], along[told])
    result.shift[chosen] = outward * FIT_TO_HALF_HEIGHT * shift
    result.thin[chosen] = False


def _near(quality: np.ndarray, room: np.ndarray, profileBlur: np.ndarray) -> np.ndarray:
    return (quality == Quality.RELIABLE) & (room < SURROUNDINGS * NO_INFLUENCE * profileBlur)


def _corrected(outward: int, room: np.ndarray, near: np.ndarray, blur: EdgeBlur) -> ThinWallCorrection:
    result = ThinWallCorrection.none(len(room))
    judged = np.flatnonzero(near & (room < NO_INFLUENCE * blur.profile))
    room, along, profile = (values[judged].astype(np.float64) for values in (room, blur.along, blur.profile))
    thickness = trueThickness(room / profile) * profile
    tooThin = (thickness < THINNEST * along) | ~(blur.known[judged] | (room > THINNEST_UNKNOWN * profile))
    result.thin[judged[tooThin]] = True
    kept = ~tooThin & np.isfinite(thickness)
    height = apparentHeight(thickness[kept] / profile[kept])
    result.shift[judged[kept]] = outward * FIT_TO_HALF_HEIGHT * edgeShift(thickness[kept], height, along[kept])
    return result
