"""Says in words why a stack of slices is not one regular grid; slices are counted from 1 at the lowest position."""

from __future__ import annotations

import numpy as np

from ..NumberText import plural
from .SliceStack import COSINE_TOLERANCE, PLACE_TOLERANCE_SHARE, SliceStack, distanceTolerance

_LISTED = 5


def sliceNumbers(indices: np.ndarray) -> str:
    """Slice indices as numbers from 1 in words: "slice 3", "slices 3, 4 and 7", "slices 1, 2, 3, 4, 5 and 9 more"."""
    numbers = [str(int(index) + 1) for index in indices]
    if len(numbers) == 1:
        return f"slice {numbers[0]}"
    if len(numbers) <= _LISTED + 1:
        return f"slices {', '.join(numbers[:-1])} and {numbers[-1]}"
    return f"slices {', '.join(numbers[:_LISTED])} and {len(numbers) - _LISTED} more"


def stackProblems(stack: SliceStack) -> list[str]:
    """Why the sorted stack is not a regular grid, one sentence each; empty when it is."""
    count = len(stack.positions)
    problems = _missingAttributes(stack)
    if count == 1:
        problems.append("There is only one slice; a volume needs at least two. Give the folder that holds all slices.")
        return problems
    problems += _orientationProblems(stack)
    if np.isfinite(stack.positions).all():
        problems += _distanceProblems(stack)
    return problems


def oddSlices(stack: SliceStack) -> np.ndarray:
    """Indices of the slices without a place, at that of the one before, or turned otherwise than most, int (m,)."""
    lacking = ~np.isfinite(np.hstack([stack.positions, stack.orientations, stack.pixelSpacings])).all(axis=1)
    copies = np.concatenate([[False], stack.duplicates()])
    return np.flatnonzero(lacking | copies | stack.otherOrientation())


def _missingAttributes(stack: SliceStack) -> list[str]:
    problems = []
    for values, name in (
        (stack.positions, "Image Position (Patient)"),
        (stack.orientations, "Image Orientation (Patient)"),
        (stack.pixelSpacings, "Pixel Spacing"),
    ):
        missing = np.flatnonzero(~np.isfinite(values).all(axis=1))
        if len(missing):
            problems.append(
                f"{name} is missing or unreadable in {len(missing)} of {len(values)} slices ({sliceNumbers(missing)}), "
                "so their place in the patient is unknown."
            )
    known = stack.pixelSpacings[np.isfinite(stack.pixelSpacings).all(axis=1)]
    if len(known) and (known <= 0).any():
        problems.append(f"Pixel Spacing must be positive, not {known.min():g} mm.")
    elif len(known) and np.ptp(known, axis=0).max() > 1e-3 * np.median(known):
        problems.append(
            f"Pixel Spacing differs between slices ({known.min():.4g} to {known.max():.4g} mm): they are not one grid."
        )
    return problems


def _orientationProblems(stack: SliceStack) -> list[str]:
    problems = []
    others = np.flatnonzero(stack.otherOrientation())
    if len(others):
        normal = stack.axes()[2]
        normals = np.cross(stack.orientations[others, :3], stack.orientations[others, 3:])
        lengths = np.maximum(np.linalg.norm(normals, axis=1), 1e-9)
        angle = np.degrees(np.arccos(np.clip(normals @ normal / lengths, -1, 1))).max()
        problems.append(
            f"Another orientation than the rest in {len(others)} of {len(stack.positions)} slices "
            f"({sliceNumbers(others)}; planes up to {angle:.1f} degrees apart), so they do not form one stack."
        )
    known = stack.orientations[np.isfinite(stack.orientations).all(axis=1)]
    if len(known):
        along, down = known[:, :3], known[:, 3:]
        lengths = np.abs(np.linalg.norm(np.stack([along, down]), axis=2) - 1).max()
        if lengths > COSINE_TOLERANCE or np.abs((along * down).sum(axis=1)).max() > COSINE_TOLERANCE:
            problems.append("Image Orientation (Patient) is not two perpendicular unit vectors.")
    return problems


def _distanceProblems(stack: SliceStack) -> list[str]:
    problems = []
    distances, duplicates, typical = stack.distances(), stack.duplicates(), stack.typicalDistance()
    heights = stack.heights()
    if duplicates.any():
        second = np.flatnonzero(duplicates) + 1
        problems.append(
            f"At the position of the slice before: {len(second)} of {len(heights)} slices ({sliceNumbers(second)}, "
            f"first at {heights[second[0]]:.2f} mm): the series holds copies, or more than one image of the same place."
        )
    if np.isnan(typical):
        return problems
    tolerance = distanceTolerance(typical)
    gaps = np.flatnonzero(distances > 1.5 * typical)
    for index in gaps[:_LISTED]:
        lost = max(1, round(distances[index] / typical) - 1)
        problems.append(
            f"{plural(lost, 'slice')} missing between slices {index + 1} and {index + 2} "
            f"({heights[index]:.2f} and {heights[index + 1]:.2f} mm along the normal): they are "
            f"{distances[index]:.3f} mm apart, the others {typical:.3f} mm."
        )
    if len(gaps) > _LISTED:
        problems.append(f"Further gaps between slices: {len(gaps) - _LISTED}.")
    odd = np.flatnonzero((np.abs(distances - typical) > tolerance) & ~duplicates & (distances <= 1.5 * typical))
    if len(odd):
        worst = odd[np.abs(distances[odd] - typical).argmax()]
        problems.append(
            f"Slice distances differ by more than {tolerance:.3g} mm: {distances[odd].min():.3f} to "
            f"{max(distances[odd].max(), typical):.3f} mm where {typical:.3f} mm is typical "
            f"({plural(len(odd), 'distance')}, "
            f"the worst between slices {worst + 1} and {worst + 2})."
        )
    along, across = stack.gridErrors(), np.linalg.norm(stack.lateralOffsets(), axis=1)
    if across.max() > max(tolerance, 0.02 * stack.pixelSpacing().min()) and not stack.otherOrientation().any():
        worst = int(across.argmax())
        problems.append(
            f"Slices are shifted sideways against each other by up to {across.max():.3f} mm (slice {worst + 1}): their "
            "positions do not lie on one line."
        )
    if not problems and np.abs(along).max() > PLACE_TOLERANCE_SHARE * typical:
        worst = int(np.abs(along).argmax())
        problems.append(
            f"Slice distances drift: slice {worst + 1} lies {abs(along[worst]):.3f} mm from its place in a regular "
            f"stack with {typical:.3f} mm distance."
        )
    return problems
