"""Thickness, distance and regularity of the slices (ISO/IEC 3532-1, 6.2), from positions first, headers second."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from M3DLib.Image.SliceStack import SliceStack, distanceTolerance
from M3DLib.Image.StackProblems import sliceNumbers
from M3DLib.NumberText import exactNumber, inDegrees, millimeters, number, plural

from ..Check import Case
from ..Requirement import Finding, Requirement, Verdict
from .ImageCheck import NO_HEADERS, ImageCheck, headersOf, limitOf, numberOrNone, sliceList, stackOf

# A distance of more than 1.5 times the usual one means that a slice is missing, not that it lies badly.
GAP_FACTOR = 1.5
# Positions of slices are exact to this, so that distances are written with as many digits.
_POSITION_MM = 0.001
_REGULAR_BY_FORMAT = (
    "The file format can only hold a regular grid: irregular, missing or duplicate slices of the scan would not show."
)


def _distance(value: float) -> str:
    return millimeters(value, uncertainty=_POSITION_MM)


class SliceThicknessCheck(ImageCheck):
    """Slice Thickness (0018,0050): how large, and whether it is one for all slices."""

    requirementIds = ("slice-thickness", "thickness-consistency")
    aboutImageAlone = True

    def findings(self, held, case, progress):
        """See :class:`ImageCheck`."""
        stack = stackOf(case)
        if stack is None:
            for requirement in held.values():
                yield requirement.notAssessable("Slice Thickness (0018,0050) is not known without DICOM headers.")
            return
        thicknesses = np.where(stack.thicknesses > 0, stack.thicknesses, np.nan)
        known = np.flatnonzero(np.isfinite(thicknesses))
        if not len(known):
            for requirement in held.values():
                yield requirement.notAssessable("Slice Thickness (0018,0050) is missing in all slices.")
            return
        low, high = float(thicknesses[known].min()), float(thicknesses[known].max())
        lacking = len(thicknesses) - len(known)
        evidence = {"minimumMm": low, "maximumMm": high, "slicesWithout": lacking}
        if requirement := held.get("slice-thickness"):
            at = known[thicknesses[known].argmax()] + 1
            message = f"Slices are {exactNumber(high)} mm thick at most, in slice {at}; {exactNumber(low)} mm at least."
            if low == high:
                message = f"Slices are {exactNumber(high)} mm thick in all slices."
            finding = requirement.finding(high, message, **evidence)
            yield _incomplete(finding, lacking, "Slice Thickness (0018,0050)")
        if requirement := held.get("thickness-consistency"):
            usual = float(np.median(thicknesses[known]))
            others = known[np.abs(thicknesses[known] - usual) > 1e-9]
            message = f"All slices are {exactNumber(usual)} mm thick."
            if len(others):
                message = (
                    f"Another thickness than {exactNumber(usual)} mm in {len(others)} of {len(thicknesses)} slices "
                    f"({sliceNumbers(others)}): {exactNumber(low)} to {exactNumber(high)} mm."
                )
            finding = requirement.finding(high - low, message, slices=sliceList(others), **evidence)
            yield _incomplete(finding, lacking, "Slice Thickness (0018,0050)")


def _incomplete(finding: Finding, lacking: int, name: str) -> Finding:
    """The finding, or not assessable when it is good but some slices do not say."""
    if lacking and finding.verdict is Verdict.PASS:
        reason = f"{name} is missing in {plural(lacking, 'slice')}; the others: {finding.message}"
        return finding.requirement.notAssessable(reason, **finding.evidence)
    return finding


class SliceDistanceCheck(ImageCheck):
    """Distances between slices along the normal, from Image Position and Orientation alone."""

    requirementIds = ("slice-distance", "slice-uniformity", "missing-slices", "duplicate-slices", "slice-contiguity")
    aboutImageAlone = True

    def findings(self, held, case, progress):
        """See :class:`ImageCheck`."""
        stack = stackOf(case)
        if stack is None:
            yield from _withoutHeaders(held, case)
            return
        reason = _whyNoDistances(stack)
        if reason:
            for requirement in held.values():
                yield requirement.notAssessable(reason)
            return
        for identifier, requirement in held.items():
            yield _DISTANCE_FINDINGS[identifier](requirement, stack)


def _whyNoDistances(stack: SliceStack) -> str:
    missing = np.flatnonzero(~np.isfinite(stack.positions).all(axis=1))
    if len(stack.positions) < 2:
        return "There is only one slice, so there is no distance to a neighbor."
    if len(missing):
        return f"Image Position (Patient) (0020,0032) is missing in {sliceNumbers(missing)}."
    if not np.isfinite(stack.orientations).any():
        return "Image Orientation (Patient) (0020,0037) is missing in all slices."
    return ""


def _withoutHeaders(held: dict[str, Requirement], case: Case) -> Iterator[Finding]:
    for identifier, requirement in held.items():
        if identifier == "slice-distance" and case.image.array.shape[0] > 1:
            matrix = case.image.ijkToLps[:3, :3]
            normal = np.cross(matrix[:, 0], matrix[:, 1])
            distance = abs(float(matrix[:, 2] @ normal / np.linalg.norm(normal)))
            yield requirement.finding(distance, f"Slices are {_distance(distance)} apart.", typicalMm=distance)
        else:
            reason = NO_HEADERS if identifier == "slice-contiguity" else _REGULAR_BY_FORMAT
            yield requirement.notAssessable(reason)


def _distanceEvidence(stack: SliceStack) -> dict:
    distances = stack.distances()
    return {
        "typicalMm": numberOrNone(stack.typicalDistance()),
        "minimumMm": numberOrNone(distances.min()),
        "maximumMm": numberOrNone(distances.max()),
        "slices": len(stack.positions),
    }


def _sliceDistance(requirement: Requirement, stack: SliceStack) -> Finding:
    # To the micrometer: direction cosines of six decimals leave no more.
    typical = round(stack.typicalDistance(), 3)
    if np.isnan(typical):
        return requirement.notAssessable("All slices lie at the same position.", **_distanceEvidence(stack))
    distances = stack.distances()
    message = (
        f"Slices are {_distance(typical)} apart along their normal ({number(distances.min(), _POSITION_MM)} to "
        f"{_distance(distances.max())})."
    )
    return requirement.finding(typical, message, **_distanceEvidence(stack))


def _gaps(stack: SliceStack) -> np.ndarray:
    """Indices of slices after which slices are missing."""
    return np.flatnonzero(stack.distances() > GAP_FACTOR * stack.typicalDistance())


def _sliceUniformity(requirement: Requirement, stack: SliceStack) -> Finding:
    typical = stack.typicalDistance()
    distances = stack.distances()
    judged = ~stack.duplicates()
    judged[_gaps(stack)] = False
    if not judged.any():
        return requirement.notAssessable("No two slices lie at a usual distance from each other.")
    share = requirement.parameters["toleranceShare"]
    tolerance = max(limitOf(requirement), share * typical)
    off = np.where(judged, np.abs(distances - typical), 0.0)
    worst = int(off.argmax())
    lateral = np.linalg.norm(stack.lateralOffsets(), axis=1)
    sideways = int(lateral.argmax())
    evidence = {
        **_distanceEvidence(stack),
        "toleranceMm": tolerance,
        "outside": sliceList(np.flatnonzero(off > tolerance)),
        "sidewaysMm": numberOrNone(lateral.max()),
    }
    if lateral.max() > max(tolerance, off.max()):
        message = (
            f"Slices are shifted sideways by up to {millimeters(lateral.max())} (slice {sideways + 1}) from the "
            "line through "
            f"the others; {millimeters(tolerance)} is allowed."
        )
        return requirement.stated(False, float(lateral.max()), message, **evidence)
    message = (
        f"Slice distances differ from {_distance(typical)} by up to {millimeters(off.max())}; "
        f"{millimeters(tolerance)} is allowed."
    )
    if off.max() > tolerance:
        message += f" The worst lies between slices {worst + 1} and {worst + 2}."
    return requirement.stated(bool(off.max() <= tolerance), float(off.max()), message, **evidence)


def _missingSlices(requirement: Requirement, stack: SliceStack) -> Finding:
    typical = stack.typicalDistance()
    if np.isnan(typical):
        return requirement.notAssessable("All slices lie at the same position.")
    gaps, distances, heights = _gaps(stack), stack.distances(), stack.heights()
    lost = [max(1, round(float(distances[index]) / typical) - 1) for index in gaps]
    message = "No slice is missing between the first and the last."
    if len(gaps):
        first = int(gaps[0])
        message = (
            f"{plural(sum(lost), 'slice')} missing in {plural(len(gaps), 'place')}; first between slices {first + 1} "
            f"and {first + 2}, which are {_distance(distances[first])} apart where {_distance(typical)} is usual."
        )
    places = [
        {
            "afterSlice": int(index) + 1,
            "missing": count,
            "distanceMm": numberOrNone(distances[index]),
            "fromMm": numberOrNone(heights[index]),
            "toMm": numberOrNone(heights[index + 1]),
        }
        for index, count in list(zip(gaps, lost, strict=True))[:50]
    ]
    return requirement.finding(sum(lost), message, gaps=places)


def _duplicateSlices(requirement: Requirement, stack: SliceStack) -> Finding:
    second = np.flatnonzero(stack.duplicates()) + 1
    message = "Every slice has a position of its own."
    if len(second):
        message = f"{plural(len(second), 'slice')} at the position of the slice before ({sliceNumbers(second)})."
    heights = [numberOrNone(height) for height in stack.heights()[second][:50]]
    return requirement.finding(len(second), message, slices=sliceList(second), positionsMm=heights)


def _sliceContiguity(requirement: Requirement, stack: SliceStack) -> Finding:
    known = stack.thicknesses[np.isfinite(stack.thicknesses) & (stack.thicknesses > 0)]
    if not len(known):
        return requirement.notAssessable("Slice Thickness (0018,0050) is missing, so gaps between slices are unknown.")
    typical = stack.typicalDistance()
    thickness = float(np.median(known))
    evidence = {"distanceMm": numberOrNone(typical), "thicknessMm": thickness}
    if np.isnan(typical):
        return requirement.notAssessable("All slices lie at the same position.", **evidence)
    gap = round(typical - thickness, 3)
    share = abs(gap) / thickness
    if gap > limitOf(requirement):
        message = (
            f"Slices {exactNumber(thickness)} mm thick are {_distance(typical)} apart: {millimeters(gap)} "
            "between them were not imaged."
        )
    elif share < 0.01:
        message = f"Slices {exactNumber(thickness)} mm thick lie edge to edge."
    else:
        message = (
            f"Slices {exactNumber(thickness)} mm thick, {_distance(typical)} apart, overlap by {millimeters(-gap)}."
        )
    return requirement.finding(max(gap, 0.0), message, overlapMm=max(0.0, round(-gap, 4)), **evidence)


_DISTANCE_FINDINGS = {
    "slice-distance": _sliceDistance,
    "slice-uniformity": _sliceUniformity,
    "missing-slices": _missingSlices,
    "duplicate-slices": _duplicateSlices,
    "slice-contiguity": _sliceContiguity,
}


class SliceOrientationCheck(ImageCheck):
    """Whether all slices are parallel and turned alike."""

    requirementIds = ("orientation-consistency",)
    aboutImageAlone = True

    def findings(self, held, case, progress):
        """See :class:`ImageCheck`."""
        requirement = held["orientation-consistency"]
        stack = stackOf(case)
        if stack is None:
            yield requirement.notAssessable(_REGULAR_BY_FORMAT)
            return
        missing = np.flatnonzero(~np.isfinite(stack.orientations).all(axis=1))
        if len(missing):
            yield requirement.notAssessable(
                f"Image Orientation (Patient) (0020,0037) is missing in {sliceNumbers(missing)}."
            )
            return
        axes = stack.axes()
        # By the length of the difference: an arc cosine would blow rounding in the sixth decimal up to 0.1 degrees.
        chords = [
            np.linalg.norm(part - axis, axis=1)
            for part, axis in ((stack.orientations[:, :3], axes[0]), (stack.orientations[:, 3:], axes[1]))
        ]
        angles = np.degrees(2 * np.arcsin(np.minimum(np.maximum(*chords) / 2, 1)))
        others = np.flatnonzero(angles > limitOf(requirement))
        message = f"All slices have one orientation (within {inDegrees(angles.max())})."
        if len(others):
            message = (
                f"Another orientation in {len(others)} of {len(angles)} slices ({sliceNumbers(others)}): turned by up "
                f"to {inDegrees(angles.max())} against the rest."
            )
        yield requirement.finding(float(angles.max()), message, slices=sliceList(others))


class HeaderGeometryCheck(ImageCheck):
    """Spacing Between Slices (0018,0088) and Slice Location (0020,1041) against the positions."""

    requirementIds = ("header-geometry",)
    aboutImageAlone = True

    def findings(self, held, case, progress):
        """See :class:`ImageCheck`."""
        requirement = held["header-geometry"]
        stack = stackOf(case)
        reason = NO_HEADERS if stack is None else _whyNoDistances(stack)
        if not reason and np.isnan(stack.typicalDistance()):
            reason = "All slices lie at the same position."
        if reason:
            yield requirement.notAssessable(reason)
            return
        typical = stack.typicalDistance()
        found = _headerDistances(case, stack)
        if not found:
            yield requirement.notAssessable(
                "Neither Spacing Between Slices (0018,0088) nor Slice Location (0020,1041) is there to compare."
            )
            return
        differences = {name: abs(value - typical) / typical * 100 for name, value in found.items()}
        for name, value in found.items():
            # Rounding to two decimals is no contradiction.
            if abs(value - typical) <= distanceTolerance(typical):
                differences[name] = min(differences[name], limitOf(requirement))
        worst = max(differences, key=differences.get)
        word = "as" if differences[worst] <= limitOf(requirement) else "but"
        yield requirement.finding(
            differences[worst],
            f"The positions say {_distance(typical)} between slices, {word} {worst} says {_distance(found[worst])}.",
            positionsMm=numberOrNone(typical),
            header={name: numberOrNone(value) for name, value in found.items()},
        )


def _headerDistances(case: Case, stack: SliceStack) -> dict[str, float]:
    """Slice distances that the headers state beside the positions, mm, by attribute."""
    headers = headersOf(case)
    found = {}
    stated = [number for header in headers if (number := header.number("SpacingBetweenSlices")) is not None]
    if stated:
        typical = stack.typicalDistance()
        # The one that contradicts most; MR and nuclear medicine write it with a sign.
        found["Spacing Between Slices (0018,0088)"] = max((abs(n) for n in stated), key=lambda n: abs(n - typical))
    locations = np.array([header.number("SliceLocation") for header in headers], dtype=np.float64)
    steps = np.abs(np.diff(locations))
    usual = steps[np.isfinite(steps) & ~stack.duplicates()]
    if len(usual) and len(usual) == np.count_nonzero(~stack.duplicates()):
        found["Slice Location (0020,1041)"] = float(np.median(usual))
    return found


CHECKS = (SliceThicknessCheck, SliceDistanceCheck, SliceOrientationCheck, HeaderGeometryCheck)
