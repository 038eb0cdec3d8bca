"""Motion and misplaced slices: is a slice shifted within its plane against its neighbors (ISO/IEC 3532-1, 6.2)?"""

from __future__ import annotations

import numpy as np

from M3DLib.NumberText import exactNumber, millimeters, plural, shareInPercent

from ..Check import Case
from .ImageCheck import ImageCheck, limitOf, numberOrNone, sliceList
from .ImageRegions import looksLikeCt

# Slices are compared at about this pixel size: shifts of a tenth of it are seen, and noise is averaged out.
PIXEL_MM = 0.8
# Slices of micro-CT are a millimeter wide in all: so many pixels are kept however small they are.
FEWEST_PIXELS = 32
VALUES_HU = (-1000, 1000)
# How many slices on each side tell what change from slice to slice the anatomy itself makes.
NEIGHBORS = 3
# Too little structure to align: gradient energy below this share of the usual.
LEAST_ENERGY = 0.05
# A pair of slices says that it is aligned only when its shift is known (95 %) to a third of the finest limit, and that
# it is not only when the shift is so many times what noise alone may have made.
LARGEST_UNCERTAINTY_MM = 0.1
_SURELY = 3
_SMOOTHING = 1.0
# Pixels of smoothed noise that vary together: the integral of its autocorrelation.
_CORRELATED_PIXELS = 4 * np.pi * _SMOOTHING**2
# The energy of the gradients of two slices' mean, in parts of the variance of their difference, when both show nothing
# but smoothed noise; twice that is structure.
_NOISE_ENERGY = 1 / (8 * _SMOOTHING**2)
_STRUCTURE = 2
# Median absolute deviation of a normal distribution to its standard deviation.
_SD_OF_MAD = 1.4826
# Where fewer of the pairs that show anatomy can be compared, "aligned" would be said of what was not seen.
LEAST_COMPARED = 0.5


def shiftsBetweenSlices(case: Case, progress) -> tuple[np.ndarray, np.ndarray]:
    """Shift (along i, along j) of each slice against the one before, mm (k - 1, 2); and its uncertainty (95 %), mm
    (k - 1,), infinite where a pair has no structure to align.
    """
    image = case.image
    factor = [
        max(1, min(round(PIXEL_MM / step), size // FEWEST_PIXELS))
        for step, size in zip(image.spacing[:2], image.dimensions[:2], strict=True)
    ]
    pixel = image.spacing[:2] * factor
    shifts, energies, uncertainties = [], [], []
    before = None
    for k in range(len(image.array)):
        if k % 16 == 0:
            progress(k / len(image.array), "Comparing neighboring slices")
        now = _reduced(image.array[k], factor, looksLikeCt(image))
        if before is not None:
            shift, energy, uncertainty = _shift(before, now)
            shifts.append(shift * pixel)
            energies.append(energy)
            uncertainties.append(uncertainty * pixel.max())
        before = now
    energies = np.array(energies)
    structured = energies > LEAST_ENERGY * np.median(energies)
    return np.array(shifts), np.where(structured, uncertainties, np.inf)


def _reduced(plane: np.ndarray, factor: list[int], isCt: bool) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    rows, columns = plane.shape[0] // factor[1], plane.shape[1] // factor[0]
    plane = plane[: rows * factor[1], : columns * factor[0]].astype(np.float32)
    if isCt:
        plane = np.clip(plane, *VALUES_HU)
    # Means of pixels, added up one of each group at a time: exact for whole numbers, and along memory.
    total = np.zeros((rows, columns), dtype=np.float32)
    for row in range(factor[1]):
        for column in range(factor[0]):
            total += plane[row :: factor[1], column :: factor[0]]
    return gaussian_filter(total / np.float32(factor[0] * factor[1]), _SMOOTHING)


def _shift(before: np.ndarray, now: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Shift (i, j) in pixels that brings ``before`` onto ``now`` by least squares, the energy of its gradients, and the
    shift's uncertainty (95 %, pixels) by what is left of the difference.
    """
    from scipy.ndimage import shift as moved

    total = np.zeros(2)
    energy = 0.0
    for _ in range(4):
        current = moved(before, total[::-1], order=1, mode="nearest") if total.any() else before
        down, along = np.gradient((current + now) / 2)
        # The border of the image has no neighbor to come from.
        inner = (slice(3, -3), slice(3, -3))
        down, along, difference = down[inner].ravel(), along[inner].ravel(), (current - now)[inner].ravel()
        matrix = np.array([[along @ along, along @ down], [along @ down, down @ down]], dtype=np.float64)
        energy = float(np.linalg.eigvalsh(matrix)[0]) / max(len(down), 1)
        if energy <= 1e-6:
            return np.zeros(2), 0.0, np.inf
        step = np.linalg.solve(matrix, np.array([along @ difference, down @ difference], dtype=np.float64))
        total += np.clip(step, -2, 2)
        if np.abs(step).max() < 0.02:
            break
    # By the median, for most pixels of a slice show no edge: that is the noise, whatever the anatomy changes elsewhere.
    noise = (_SD_OF_MAD * float(np.median(np.abs(difference - np.median(difference))))) ** 2
    if energy < _STRUCTURE * _NOISE_ENERGY * noise:
        return total, energy, np.inf
    left = difference - step[0] * along - step[1] * down
    weakest = energy * len(down) / (_CORRELATED_PIXELS * float(np.square(left, dtype=np.float64).mean()) + 1e-12)
    return total, energy, 1.96 / np.sqrt(weakest)


def unexpectedShifts(shifts: np.ndarray, uncertainties: np.ndarray) -> np.ndarray:
    """How much each shift differs from the median of its neighborhood, mm (k - 1,); NaN where that is not known.

    Slanted anatomy shifts steadily from slice to slice; a moved slice shifts there and back, a moved patient once.
    """
    result = np.full(len(shifts), np.nan)
    for k in np.flatnonzero(np.isfinite(uncertainties)):
        near = slice(max(0, k - NEIGHBORS), k + NEIGHBORS + 1)
        # What is less sure than the shift itself does not tell what to expect of it.
        sure = uncertainties[near] <= max(uncertainties[k], LARGEST_UNCERTAINTY_MM)
        if np.count_nonzero(sure) >= NEIGHBORS:
            result[k] = np.linalg.norm(shifts[k] - np.median(shifts[near][sure], axis=0))
    return result


class SliceAlignmentCheck(ImageCheck):
    """The largest shift between neighbors that the anatomy does not explain."""

    requirementIds = ("slice-alignment",)
    aboutImageAlone = True

    def findings(self, held, case, progress):
        """See :class:`ImageCheck`."""
        requirement = held["slice-alignment"]
        if len(case.image.array) < 2 * NEIGHBORS or min(case.image.array.shape[1:]) < 16:
            yield requirement.notAssessable("Too few slices or pixels to compare neighbors.")
            return
        shifts, uncertainties = shiftsBetweenSlices(case, progress)
        unexpected = unexpectedShifts(shifts, uncertainties)
        known = np.isfinite(unexpected)
        seen = known & (uncertainties < LARGEST_UNCERTAINTY_MM)
        outside = known & (unexpected > np.maximum(limitOf(requirement), _SURELY * uncertainties))
        judged, structured = seen | outside, np.isfinite(uncertainties)
        if not judged.any():
            yield requirement.notAssessable("The slices show too little structure to compare neighbors.")
            return
        # Slices of air beside the anatomy have nothing that could be out of place.
        compared = np.count_nonzero(seen) / np.count_nonzero(structured)
        unexpected = np.where(judged, unexpected, 0.0)
        worst = int(unexpected.argmax())
        value = float(unexpected[worst])
        # Thick slices differ from each other by their anatomy: what a moved slice looks like grows with the distance.
        resolved = requirement.parameters["distanceShare"] * float(case.image.spacing[2])
        outside = np.flatnonzero(outside)
        evidence = {
            "resolvedMm": numberOrNone(resolved, 3),
            "betweenSlices": [[number, number + 1] for number in sliceList(outside)],
            "medianMm": numberOrNone(np.median(unexpected[judged]), 3),
            "comparedShare": numberOrNone(compared, 3),
        }
        if len(outside) and value <= resolved:
            yield requirement.notAssessable(
                f"Neighboring slices are shifted by up to {millimeters(value)} (slice {worst + 2} against "
                f"{worst + 1}), but "
                f"at a distance of {millimeters(case.image.spacing[2])} between slices anatomy alone makes up to "
                f"{millimeters(resolved)} of that; whether {exactNumber(limitOf(requirement))} mm are kept is not "
                "seen.",
                measuredMm=numberOrNone(value, 3),
                **evidence,
            )
            return
        if not len(outside) and compared < LEAST_COMPARED:
            yield requirement.notAssessable(
                f"Only {shareInPercent(compared)} of the pairs of neighboring slices that show anatomy show "
                "enough of it to "
                f"compare them; these are aligned within {millimeters(value)}.",
                measuredMm=numberOrNone(value, 3),
                **evidence,
            )
            return
        message = f"Neighboring slices are aligned within {millimeters(value)}."
        if not seen.all():
            message += f" {shareInPercent(1 - seen.mean())} of the pairs show too little structure to compare them."
        if len(outside):
            message = (
                f"Slice {worst + 2} is shifted by {millimeters(value)} against slice {worst + 1} "
                f"({plural(len(outside), 'such place')}): motion, or a misplaced slice."
            )
        yield requirement.finding(value, message, **evidence)


CHECKS = (SliceAlignmentCheck,)
