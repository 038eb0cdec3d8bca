"""What detail the images really show: edge widths through and within the slices (ISO/IEC 3532-1, 6.2).

Slice thickness is a word in a header, and slice distance can be made by resampling; the width of edges cannot.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.NumberText import millimeters

from ..Check import Case
from .EdgeSpread import EdgeSpread, measureEdgeSpread
from .ImageCheck import ImageCheck, headersOf, numberOrNone, stackOf, valuesOf
from .ImageRegions import bodyMask, looksLikeCt, segmentMask

# Soft kernels show edges of 1.0 to 1.3 mm, bone kernels of 0.5 to 0.8 mm.
SHARP_FWHM_MM = 1.0
# Bone where no segment says what the anatomy is.
BONE_HU = 300


def edgesOf(case: Case) -> dict[str, EdgeSpread | None]:
    """Edge spread "through" and "within" the slices at the anatomy's surface.

    Without a segment at the body's surface, and where that has too few edges (a body that is cut above and below has
    none across the slices), at the surface of bone.
    """
    if "edges" not in case.measurements:
        edges: dict[str, EdgeSpread | None] = {"through": None, "within": None}
        at = ""
        for name, mask in _surfaces(case):
            at = name
            for direction, spread in _measure(case.image, mask).items():
                edges[direction] = edges[direction] or spread
            if all(edges.values()):
                break
        case.measurements["edges"], case.measurements["edgesAt"] = edges, at
    return case.measurements["edges"]


def _surfaces(case: Case) -> Iterator[tuple[str, np.ndarray]]:
    """Where edges may be looked for: name and mask."""
    mask = segmentMask(case)
    if mask is not None and mask.any():
        yield "the anatomy's surface", mask
        return
    yield "the body's surface (no segment was given)", bodyMask(case)
    if looksLikeCt(case.image):
        yield "the surfaces of body and bone (no segment was given)", case.image.array > BONE_HU


def _measure(image: ImageVolume, mask: np.ndarray) -> dict[str, EdgeSpread | None]:
    if not mask.any() or min(image.array.shape[1:]) < 2:
        return {"through": None, "within": None}
    low, high = _box(mask)
    part = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    array, inside = image.array[part], mask[part]
    if looksDark(array, inside):
        inside = ~inside
    return {
        "through": measureEdgeSpread(array, image.ijkToLps, inside, (2,)),
        "within": measureEdgeSpread(array, image.ijkToLps, inside, (0, 1)),
    }


def looksDark(array: np.ndarray, inside: np.ndarray) -> bool:
    """Whether the anatomy is darker than what surrounds it (an airway, a vessel without contrast)."""
    step = max(1, len(array) // 32)
    array, inside = array[::step], inside[::step]
    if not inside.any() or inside.all():
        return False
    return float(array[inside].mean()) < float(array[~inside].mean())


def _box(mask: np.ndarray, margin: int = 24) -> tuple[list[int], list[int]]:
    """The part of the array that holds the mask and the profiles across its surface."""
    low, high = [], []
    for axis in range(3):
        present = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        low.append(max(0, int(present[0]) - margin))
        high.append(min(mask.shape[axis], int(present[-1]) + margin + 1))
    return low, high


def surfaceName(case: Case) -> str:
    """Whose surface the edges were measured at."""
    edgesOf(case)
    return case.measurements["edgesAt"]


def _timesRepeated(case: Case) -> float:
    """How many identical slices follow each other, on average, where the anatomy is: interpolation by repetition."""
    mask = segmentMask(case)
    if mask is None or not mask.any():
        mask = bodyMask(case)
    present = np.flatnonzero(mask.any(axis=(1, 2)))
    planes = case.image.array[present[0] : present[-1] + 1] if len(present) else case.image.array[:0]
    if len(planes) < 2:
        return 1.0
    # A coarse look first; only slices that agree there are compared in full.
    same = (planes[1:, ::7, ::7] == planes[:-1, ::7, ::7]).all(axis=(1, 2))
    for k in np.flatnonzero(same):
        same[k] = np.array_equal(planes[k], planes[k + 1])
    return len(planes) / (1 + np.count_nonzero(~same))


class ThroughPlaneResolutionCheck(ImageCheck):
    """Edge width along the stack; never less than the slice distance, which is all that a scan can show."""

    requirementIds = ("through-plane-resolution",)
    needsNoMesh = True

    def findings(self, held, case, progress):
        """See :class:`ImageCheck`."""
        requirement = held["through-plane-resolution"]
        if case.image.array.shape[0] < 4:
            yield requirement.notAssessable("Too few slices to measure an edge across them.")
            return
        progress(0.0, "Measuring edges")
        through, within = edgesOf(case)["through"], edgesOf(case)["within"]
        if through is None:
            yield requirement.notAssessable(
                f"At {surfaceName(case)} too few edges face along the stack to measure their width."
            )
            return
        stack = stackOf(case)
        distance = float(case.image.spacing[2])
        if stack is not None and np.isfinite(stack.typicalDistance()):
            distance = stack.typicalDistance()
        repeats = _timesRepeated(case)
        width = max(through.fwhm, distance * repeats)
        thickness = headersOf(case)[0].number("SliceThickness") if headersOf(case) else None
        evidence = {
            "edgeFwhmMm": numberOrNone(through.fwhm, 3),
            "quartilesMm": [round(value, 3) for value in through.quartiles],
            "edges": through.count,
            "sliceDistanceMm": numberOrNone(distance),
            "sliceThicknessMm": thickness,
            "timesRepeated": round(repeats, 2),
            "withinPlaneFwhmMm": numberOrNone(within.fwhm, 3) if within else None,
            "timesWithinPlane": numberOrNone(width / within.fwhm, 2) if within and within.fwhm > 0 else None,
        }
        message = f"Edges across the slices are {millimeters(width)} wide at {surfaceName(case)}"
        message += f", {millimeters(within.fwhm)} within the slices" if within else ""
        if repeats > 1:
            message += (
                f"; each slice is there {repeats:.1f} times, so the distance of {millimeters(distance)} shows "
                "nothing new"
            )
        elif width > 2 * max(distance, thickness or 0):
            message += (
                f"; slices {millimeters(distance)} apart could show less than half of that, so they were "
                "interpolated from "
                "thicker ones or are blurred"
            )
        yield requirement.finding(width, message + ".", **evidence)


class InPlaneResolutionCheck(ImageCheck):
    """Edge width within the slices, and the character of the kernel that follows from it."""

    requirementIds = ("in-plane-resolution", "reconstruction-kernel")

    def findings(self, held, case, progress):
        """See :class:`ImageCheck`."""
        progress(0.0, "Measuring edges")
        within = edgesOf(case)["within"]
        kernels = [text for text in valuesOf(headersOf(case), "ConvolutionKernel") if text]
        said = f" (0018,1210) says {', '.join(kernels)}" if kernels else " (0018,1210) is missing"
        for identifier, requirement in held.items():
            if within is None:
                yield requirement.notAssessable(f"At {surfaceName(case)} too few edges face along rows or columns.")
                continue
            evidence = {
                "edgeFwhmMm": numberOrNone(within.fwhm, 3),
                "quartilesMm": [round(value, 3) for value in within.quartiles],
                "overshootShare": numberOrNone(within.overshoot, 3),
                "edges": within.count,
                "kernels": kernels,
            }
            if identifier == "in-plane-resolution":
                message = f"Edges within the slices are {millimeters(within.fwhm)} wide at {surfaceName(case)}."
                yield requirement.finding(within.fwhm, message, **evidence)
            else:
                character = "sharp" if within.fwhm < SHARP_FWHM_MM else "smooth"
                message = f"The kernel is {character}: edges are {millimeters(within.fwhm)} wide;{said}."
                yield requirement.stated(True, character, message, **evidence)


CHECKS = (ThroughPlaneResolutionCheck, InPlaneResolutionCheck)
