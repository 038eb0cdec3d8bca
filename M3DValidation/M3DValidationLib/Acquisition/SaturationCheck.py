"""Values clipped at the top of the stored range, and metal, at the anatomy or near it (ISO/IEC 3532-1, 6.2)."""

from __future__ import annotations

import numpy as np

from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.NumberText import cubicMillimeters, exactNumber, percentage, plural

from ..Check import Case
from .ImageCheck import ImageCheck, numberOrNone
from .ImageRegions import SOFT_HU, bodyMask, looksLikeCt, segmentMask
from .NoiseMeasurement import MOST_SLICES, findBlocks, noiseLevel

# A top value counts as clipped when it is this many times as frequent as the values just below it, and not by chance.
_PILE_UP = 5
_FEWEST_PILED = 30
# Streaks are worth a word when they raise the noise by half.
STREAK_FACTOR = 1.5


def clippedValue(image: ImageVolume) -> float | None:
    """The value at which the image is cut off at the top, None when it is not."""
    array = image.array
    top = float(array.max())
    if array.dtype.kind == "f":
        return top if np.count_nonzero(array == top) >= _FEWEST_PILED else None
    atTop = np.count_nonzero(array == top)
    below = np.count_nonzero(array >= top - 10) - atTop
    return top if atTop >= max(_FEWEST_PILED, _PILE_UP * below / 10) else None


class SaturationCheck(ImageCheck):
    """Share of clipped or metal voxels at the anatomy, and how far they are from it."""

    requirementIds = ("saturation",)
    needsNoMesh = True

    def findings(self, held, case, progress):
        """See :class:`ImageCheck`."""
        requirement = held["saturation"]
        progress(0.0, "Looking for metal")
        mask = segmentMask(case)
        named = mask is not None and mask.any()
        if not named:
            mask = bodyMask(case)
        if not mask.any():
            yield requirement.notAssessable("No body is seen in the image.")
            return
        if not looksLikeCt(case.image):
            yield requirement.notAssessable(
                "Metal and clipping are told by Hounsfield units, which this image has not."
            )
            return
        metal = requirement.parameters["metalHu"]
        clipped = clippedValue(case.image)
        # An image whose top is flat but low (a painted or segmented one) is no clipped scan.
        level = metal if clipped is None or clipped < 2000 else min(metal, clipped)
        bright = case.image.array >= level
        count = int(np.count_nonzero(bright))
        reach = requirement.parameters["distanceMm"]
        evidence = {"levelHu": level, "clippedAtHu": clipped, "voxels": count, "withinMm": reach}
        what = "the anatomy" if named else "the body (no segment was given)"
        if not count:
            yield requirement.finding(
                0.0, f"No value is clipped or as high as metal ({exactNumber(level)} HU).", **evidence
            )
            return
        near, inside, nearest = _near(case, bright, mask, reach)
        share = near / np.count_nonzero(mask) * 100
        volume = near * abs(float(np.linalg.det(case.image.ijkToLps[:3, :3])))
        evidence |= {
            "voxelsNear": near,
            "voxelsInside": inside,
            "volumeNearMm3": numberOrNone(volume, 1),
            "nearestMm": numberOrNone(nearest, 2),
        }
        message = (
            f"{cubicMillimeters(volume)} at or above {exactNumber(level)} HU (metal or clipped values) lie within "
            f"{exactNumber(reach)} mm of {what}, "
            f"{percentage(share)} of its volume."
        )
        streaks = _noiseAtMetal(case, bright)
        if streaks is not None:
            evidence["noiseInSlicesWithMetal"], evidence["noiseElsewhere"] = (round(value, 2) for value in streaks)
            if streaks[0] > STREAK_FACTOR * streaks[1]:
                message += f" Its streaks raise the noise there from {streaks[1]:.0f} to {streaks[0]:.0f} HU."
        if not near:
            message = (
                f"{plural(count, 'voxel')} at or above {exactNumber(level)} HU (metal or clipped), more than "
                f"{exactNumber(reach)} mm away from {what}."
            )
        yield requirement.finding(share, message, **evidence)


def _noiseAtMetal(case: Case, bright: np.ndarray) -> tuple[float, float] | None:
    """Noise in tissue in the slices that hold bright voxels, and in the others; None where either is unknown."""
    present = np.array([plane.any() for plane in bright])
    levels = []
    for chosen in (present, ~present):
        if not chosen.any():
            return None
        slices = np.flatnonzero(chosen)
        slices = slices[:: max(1, len(slices) // MOST_SLICES)]
        blocks = findBlocks([case.image.array[k] for k in slices], case.image.spacing)
        level = noiseLevel(blocks, (blocks.mean > SOFT_HU[0]) & (blocks.mean < SOFT_HU[1]))
        if level is None:
            return None
        levels.append(level.sd)
    return levels[0], levels[1]


def _near(case: Case, bright: np.ndarray, mask: np.ndarray, reach: float) -> tuple[int, int, float]:
    """Bright voxels within ``reach`` of the mask, those inside it, and the distance of the nearest, mm."""
    places = np.flatnonzero(bright)
    inside = int(np.count_nonzero(mask.reshape(-1)[places]))
    points = _someOf(places, 20000, bright.shape)
    from scipy.spatial import cKDTree

    target = _someOf(_surface(mask), 300000, mask.shape)
    image = case.image
    tree = cKDTree(image.indexToLps(target[:, ::-1]))
    distance, _ = tree.query(image.indexToLps(points[:, ::-1]), distance_upper_bound=max(reach, 100.0))
    distance[mask[tuple(points.T)]] = 0.0
    share = np.count_nonzero(distance <= reach) / len(points)
    return round(share * np.count_nonzero(bright)), inside, float(distance.min())


def _someOf(places: np.ndarray, most: int, shape: tuple[int, ...]) -> np.ndarray:
    """Indices k, j, i (n, 3) of places in memory, of at most so many of them, drawn by chance."""
    if len(places) > most:
        places = places[np.random.default_rng(0).choice(len(places), most, replace=False)]
    return np.stack(np.unravel_index(places, shape), axis=1)


def _surface(mask: np.ndarray) -> np.ndarray:
    """Places in memory of the mask's voxels of whose six neighbors one does not belong to it; rising.

    Slice by slice: what is as large as the image is not made for it.
    """
    places = []
    for k, plane in enumerate(mask):
        inner = np.zeros(plane.shape, dtype=bool)
        if 0 < k < len(mask) - 1:
            middle = plane[1:-1, 1:-1]
            inner[1:-1, 1:-1] = middle & plane[:-2, 1:-1] & plane[2:, 1:-1] & plane[1:-1, :-2] & plane[1:-1, 2:]
            inner &= mask[k - 1]
            inner &= mask[k + 1]
        places.append(np.flatnonzero(plane & ~inner) + k * plane.size)
    return np.concatenate(places)


CHECKS = (SaturationCheck,)
