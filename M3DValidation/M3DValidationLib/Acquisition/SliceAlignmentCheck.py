"""Motion and misplaced slices: is a slice shifted within its plane against its neighbors (ISO/IEC 3532-1, 6.2)?"""

from __future__ import annotations

import numpy as np

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


def shiftsBetweenSlices(case: Case, progress) -> tuple[np.ndarray, np.ndarray]:
    """Shift (along i, along j) of each slice against the one before, mm (k - 1, 2); and which can be trusted."""
    image = case.image
    factor = [
        max(1, min(round(PIXEL_MM / step), size // FEWEST_PIXELS))
        for step, size in zip(image.spacing[:2], image.dimensions[:2], strict=True)
    ]
    pixel = image.spacing[:2] * factor
    shifts, energies = [], []
    before = None
    for k in range(len(image.array)):
        if k % 16 == 0:
            progress(k / len(image.array), "Comparing neighboring slices")
        now = _reduced(image.array[k], factor, looksLikeCt(image))
        if before is not None:
            shift, energy = _shift(before, now)
            shifts.append(shift * pixel)
            energies.append(energy)
        before = now
    energies = np.array(energies)
    return np.array(shifts), energies > LEAST_ENERGY * np.median(energies)


def _reduced(plane: np.ndarray, factor: list[int], isCt: bool) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    rows, columns = plane.shape[0] // factor[1], plane.shape[1] // factor[0]
    plane = plane[: rows * factor[1], : columns * factor[0]].astype(np.float32)
    if isCt:
        plane = np.clip(plane, *VALUES_HU)
    return gaussian_filter(plane.reshape(rows, factor[1], columns, factor[0]).mean(axis=(1, 3)), 1.0)


def _shift(before: np.ndarray, now: np.ndarray) -> tuple[np.ndarray, float]:
    """Shift (i, j) in pixels that brings ``before`` onto ``now`` by least squares, and the energy of its gradients."""
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
            return np.zeros(2), 0.0
        step = np.linalg.solve(matrix, np.array([along @ difference, down @ difference], dtype=np.float64))
        total += np.clip(step, -2, 2)
        if np.abs(step).max() < 0.02:
            break
    return total, energy


def unexpectedShifts(shifts: np.ndarray, trusted: np.ndarray) -> np.ndarray:
    """How much each shift differs from the median of its neighborhood, mm (k - 1,); 0 where it cannot be trusted.

    Slanted anatomy shifts steadily from slice to slice; a moved slice shifts there and back, a moved patient once.
    """
    usable = np.where(trusted[:, None], shifts, np.nan)
    result = np.zeros(len(shifts))
    for k in np.flatnonzero(trusted):
        around = usable[max(0, k - NEIGHBORS) : k + NEIGHBORS + 1]
        around = around[np.isfinite(around).all(axis=1)]
        if len(around) >= NEIGHBORS:
            result[k] = np.linalg.norm(shifts[k] - np.median(around, axis=0))
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
        shifts, trusted = shiftsBetweenSlices(case, progress)
        if np.count_nonzero(trusted) < NEIGHBORS:
            yield requirement.notAssessable("The slices show too little structure to compare neighbors.")
            return
        unexpected = unexpectedShifts(shifts, trusted)
        worst = int(unexpected.argmax())
        value = float(unexpected[worst])
        # Thick slices differ from each other by their anatomy: what a moved slice looks like grows with the distance.
        resolved = requirement.parameters["distanceShare"] * float(case.image.spacing[2])
        outside = np.flatnonzero(unexpected > limitOf(requirement))
        evidence = {
            "resolvedMm": numberOrNone(resolved, 3),
            "betweenSlices": [[number, number + 1] for number in sliceList(outside)],
            "medianMm": numberOrNone(np.median(unexpected[trusted]), 3),
        }
        if len(outside) and value <= resolved:
            yield requirement.notAssessable(
                f"Neighboring slices are shifted by up to {value:.2f} mm (slice {worst + 2} against {worst + 1}), but "
                f"at a distance of {case.image.spacing[2]:.3g} mm between slices anatomy alone makes up to "
                f"{resolved:.2f} mm of that; whether {limitOf(requirement):g} mm are kept is not seen.",
                measuredMm=numberOrNone(value, 3),
                **evidence,
            )
            return
        message = f"Neighboring slices are aligned within {value:.2f} mm."
        if len(outside):
            message = (
                f"Slice {worst + 2} is shifted by {value:.2f} mm against slice {worst + 1} "
                f"({len(outside)} such place(s)): motion, or a misplaced slice."
            )
        yield requirement.finding(value, message, **evidence)


CHECKS = (SliceAlignmentCheck,)
