"""Is the mesh where the image says it should be? Findings on deviation maps (ISO/IEC 3532-1, 6.4 and 6.5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from M3DLib.Distance.DeviationMap import DeviationMap
from M3DLib.Errors import noProgress

from ..Check import Case
from ..CheckSupport import allNotAssessable, placeText, requirementsOf
from ..Requirement import Finding, Requirement
from .DeviationRegions import largestRegionalDeviation


class ImageDeviationCheck:
    """Bias, spread, regions, coverage and tolerance of the mesh against the image."""

    requirementIds = (
        "deviation-coverage",
        "deviation-bias",
        "deviation-p95",
        "deviation-max-region",
        "deviation-tolerance",
    )

    def canRun(self, case: Case) -> bool:
        """Whether there are an image and a mesh, or the mesh is missing although it was asked for."""
        return case.image is not None and (case.mesh is not None or "mesh" in case.missing)

    def run(self, case: Case, progress: Callable[[float, str], None] = noProgress) -> list[Finding]:
        """Findings on the mesh against the image; measures once for all checks of a case."""
        from .DeviationReport import deviationReport

        held = requirementsOf(case, self.requirementIds)
        if case.mesh is None:
            return allNotAssessable(held, case.missing["mesh"])
        report = deviationReport(case, progress)
        if "image" in report.problems:
            return allNotAssessable(held, report.problems["image"])
        return imageFindings(held, report.maps["image"], report.data["image"])


def imageFindings(held: dict[str, Requirement], deviation: DeviationMap, facts: dict) -> list[Finding]:
    """Findings on a measured deviation from the image.

    :param facts: of :func:`~.DeviationStatistics.deviationStatistics`.
    """
    findings = []
    if "deviation-coverage" in held:
        findings.append(_coverage(held["deviation-coverage"], facts))
    rest = {id_: requirement for id_, requirement in held.items() if id_ != "deviation-coverage"}
    if facts["meanSigned"] is None:
        reason = "No part of the mesh could be measured against the image" + _mainReason(facts) + "."
        return findings + allNotAssessable(rest, reason)
    makers = {
        "deviation-bias": _bias,
        "deviation-p95": _percentile,
        "deviation-max-region": _region,
        "deviation-tolerance": _tolerance,
    }
    return findings + [makers[id_](requirement, deviation, facts) for id_, requirement in rest.items()]


def _mainReason(facts) -> str:
    reasons = facts["notMeasured"]
    return f" (mostly: {reasons[0]['reason']}, {100 * reasons[0]['areaShare']:.0f} % of the area)" if reasons else ""


def _coverage(requirement, facts) -> Finding:
    percent = 100 * facts["coverage"]
    message = f"{percent:.1f} % of the mesh's area could be measured against the image"
    return requirement.finding(percent, message + _mainReason(facts) + ".", notMeasured=facts["notMeasured"])


def _bias(requirement, deviation, facts) -> Finding:
    bias = facts["meanSigned"]
    side = "too small" if bias > 0 else "too large"
    message = (
        f"The edge in the image lies on average {abs(bias):.3f} mm {'outside' if bias > 0 else 'inside'} the mesh, "
        f"which is {side} by that much."
    )
    return requirement.finding(abs(bias), message, meanSigned=bias, sign=facts["sign"])


def voxelLimit(requirement: Requirement, spacing) -> Requirement:
    """The requirement with its limit raised to the stated share of the largest voxel edge, where that is larger."""
    least = requirement.parameters.get("shareOfLargestVoxelEdge", 0) * float(max(spacing))
    if requirement.passLimit is None or least <= requirement.passLimit:
        return requirement
    warning = requirement.warningLimit
    if warning is not None:
        warning *= least / requirement.passLimit
    return replace(requirement, passLimit=least, warningLimit=warning)


def _percentile(requirement, deviation, facts) -> Finding:
    requirement = voxelLimit(requirement, facts["settings"]["voxelSpacing"])
    value = facts["p95Absolute"]
    message = (
        f"95 % of the measured surface lies within {value:.3f} mm of the edge in the image "
        f"(limit {requirement.passLimit:g} mm)."
    )
    return requirement.finding(value, message, p99Absolute=facts["p99Absolute"], rms=facts["rms"])


def _region(requirement, deviation, facts) -> Finding:
    area = requirement.parameters.get("leastAreaMm2", 1.0)
    found = largestRegionalDeviation(deviation, area)
    if found is None:
        return requirement.notAssessable(f"The measured surface is nowhere as large as {area:g} mm2 in one piece.")
    size, vertex = found
    place = deviation.mesh.points[vertex]
    message = f"A region of at least {area:g} mm2 deviates by {size:.3f} mm or more, around {placeText(place)}."
    worst = [round(float(value), 3) for value in place]
    return requirement.finding(size, message, pointLps=worst, largestAnywhere=facts["worstPointLps"])


def _tolerance(requirement, deviation, facts) -> Finding:
    tolerance, sure = facts["tolerance"], facts["uncertainty95"]
    if sure is not None and tolerance < sure:
        return requirement.notAssessable(
            f"The tolerance of {tolerance:g} mm is finer than this image lets the method resolve "
            f"({sure:.3f} mm with 95 % probability); take a sharper or less noisy scan, or a wider tolerance.",
            uncertainty95=sure,
        )
    calibration = facts.get("calibration")
    if calibration is not None and calibration["withinFittedRange"] is False:
        # Outside the fitted range only a tolerance that is wider than the widest guess can be judged.
        estimate = calibration["estimate95"]
        if estimate is None or tolerance < estimate:
            return requirement.notAssessable(
                f"Whether the image resolves the tolerance of {tolerance:g} mm is not known. "
                f"{calibration['statement']}",
                uncertainty95=None,
                calibration=calibration,
            )
    percent = 100 * facts["withinTolerance"]
    message = (
        f"{percent:.1f} % of the measured surface lies within the tolerance of {tolerance:g} mm; "
        f"on {100 * facts['overTolerance']:.1f} % the mesh is too small, "
        f"on {100 * facts['underTolerance']:.1f} % too large."
    )
    return requirement.finding(percent, message, tolerance=tolerance, uncertainty95=sure)


class SegmentDeviationCheck:
    """What smoothing, decimation and conversion did to the segment."""

    requirementIds = ("segment-deviation-p95", "segment-parts")

    def canRun(self, case: Case) -> bool:
        """Whether there are a segment and a mesh, or the mesh is missing although it was asked for."""
        return case.segment is not None and (case.mesh is not None or "mesh" in case.missing)

    def run(self, case: Case, progress: Callable[[float, str], None] = noProgress) -> list[Finding]:
        """Findings on the mesh against the segment it was made from; measures once for all checks of a case."""
        from .DeviationReport import deviationReport

        held = requirementsOf(case, self.requirementIds)
        if case.mesh is None:
            return allNotAssessable(held, case.missing["mesh"])
        report = deviationReport(case, progress)
        if "segmentation" in report.problems:
            return allNotAssessable(held, report.problems["segmentation"])
        return segmentFindings(held, report.data["segmentation"])


def segmentFindings(held: dict[str, Requirement], facts: dict) -> list[Finding]:
    """Findings on a measured deviation from the segment.

    :param facts: of :func:`~.SegmentationDeviation.segmentationDeviation`.
    """
    makers = {"segment-deviation-p95": _segmentPercentile, "segment-parts": _parts}
    return [makers[id_](requirement, facts) for id_, requirement in held.items()]


def _segmentPercentile(requirement, facts) -> Finding:
    requirement = voxelLimit(requirement, facts["voxelSpacing"])
    value = max(facts["p95Absolute"], facts["reverse"]["p95Absolute"])
    message = (
        f"95 % of the surfaces of mesh and segment lie within {value:.3f} mm of each other "
        f"(limit {requirement.passLimit:g} mm)."
    )
    return requirement.finding(value, message, largest=facts["largestDisplacement"])


def _parts(requirement, facts) -> Finding:
    parts = facts["parts"]
    count = parts["lost"] + parts["made"]
    message = (
        f"The segment has {parts['segment']} parts and the mesh {parts['mesh']}; {parts['lost']} lost, "
        f"{parts['made']} made."
    )
    return requirement.finding(count, message, **parts)


CHECKS = (ImageDeviationCheck, SegmentDeviationCheck)
