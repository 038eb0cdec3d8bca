"""Is the mesh where the image says it should be? Findings on deviation maps (ISO/IEC 3532-1, 6.4 and 6.5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from M3DLib.Errors import noProgress
from M3DLib.NumberText import exactNumber, millimeters, plural, shareInPercent

from ..Check import Case
from ..CheckSupport import allNotAssessable, refiningWouldHelp, requirementsOf
from ..Requirement import Finding, Requirement, Verdict
from .RefinedSurface import judgedFacts


class ImageDeviationCheck:
    """Bias, spread, regions, coverage and tolerance of the mesh against the image."""

    requirementIds = (
        "deviation-coverage",
        "deviation-bias",
        "deviation-p95",
        "deviation-max-region",
        "deviation-tolerance",
    )
    comparesWithScan = True

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
        facts, note = judgedFacts(report.data)
        return [_withAdvice(finding, case) for finding in imageFindings(held, facts, note)]


def _withAdvice(finding: Finding, case: Case) -> Finding:
    """A finding on the bias that is no pass says what would help where the surface was made here."""
    if finding.requirement.id != "deviation-bias" or finding.verdict not in (Verdict.FAIL, Verdict.WARNING):
        return finding
    return replace(finding, message=finding.message + refiningWouldHelp(case, f"these {finding.measured:.2f} mm"))


def imageFindings(held: dict[str, Requirement], facts: dict, note: str = "") -> list[Finding]:
    """Findings on a measured deviation from the image.

    :param facts: of :func:`~.DeviationReport.deviationReport`.
    :param note: what every one of them has to say, where the surface was moved to the image's edge.
    """
    findings = _imageFindings(held, facts)
    return [replace(finding, message=finding.message + note) for finding in findings]


def _imageFindings(held: dict[str, Requirement], facts: dict) -> list[Finding]:
    findings = []
    if "deviation-coverage" in held:
        findings.append(_coverage(held["deviation-coverage"], facts))
    rest = {id_: requirement for id_, requirement in held.items() if id_ != "deviation-coverage"}
    if facts["meanSigned"] is None:
        return findings + allNotAssessable(rest, _nothingMeasured(facts))
    makers = {
        "deviation-bias": _bias,
        "deviation-p95": _percentile,
        "deviation-max-region": _region,
        "deviation-tolerance": _tolerance,
    }
    return findings + [makers[id_](requirement, facts) for id_, requirement in rest.items()]


def _mainReason(facts) -> tuple[str, str]:
    """Why most of what was not measured was not, and on how much of the area; "" where all was."""
    reasons = facts["notMeasured"]
    return (reasons[0]["reason"], shareInPercent(reasons[0]["areaShare"])) if reasons else ("", "")


def _nothingMeasured(facts) -> str:
    reason, share = _mainReason(facts)
    if facts.get("controlSeries"):
        if reason:
            return (
                f"No part of the mesh could be measured against the control series (mostly: {reason}, {share} of the "
                "area)."
            )
        return "No part of the mesh could be measured against the control series."
    if reason:
        return f"No part of the mesh could be measured against the image (mostly: {reason}, {share} of the area)."
    return "No part of the mesh could be measured against the image."


def _coverage(requirement, facts) -> Finding:
    percent = 100 * facts["coverage"]
    reason, share = _mainReason(facts)
    measured = requirement.written(percent)
    if facts.get("controlSeries"):
        message = f"{measured} of the mesh's area could be measured against the control series."
        if reason:
            message = (
                f"{measured} of the mesh's area could be measured against the control series (mostly: {reason}, "
                f"{share} of the area)."
            )
    else:
        message = f"{measured} of the mesh's area could be measured against the image."
        if reason:
            message = (
                f"{measured} of the mesh's area could be measured against the image (mostly: {reason}, {share} of the "
                "area)."
            )
    return requirement.finding(percent, message, notMeasured=facts["notMeasured"])


def _bias(requirement, facts) -> Finding:
    bias = facts["meanSigned"]
    side = "too small" if bias > 0 else "too large"
    message = (
        f"The edge in the image lies on average {requirement.written(abs(bias))} {'outside' if bias > 0 else 'inside'} "
        "the mesh, "
        f"which is {side} by that much."
    )
    finding = requirement.finding(abs(bias), message, meanSigned=bias, sign=facts["sign"])
    # Chance averages out over a surface; what the method does on images it was never tried on may not.
    return finding if facts["uncertainty95"] is not None else resolvable(finding, facts)


def whyUnresolved(facts: dict, limit: float) -> str:
    """Why nobody can say whether deviations keep a limit (mm) on this image, in one sentence; "" when one can.

    :param facts: of :func:`~.DeviationStatistics.deviationStatistics`, from the image.
    """
    sure = facts["uncertainty95"]
    if sure is not None and limit < sure:
        return (
            f"{exactNumber(limit)} mm is finer than this image lets the method resolve ({millimeters(sure)} with "
            "95 % probability); "
            "take a sharper or less noisy scan."
        )
    calibration = facts.get("calibration")
    if calibration is not None and calibration["withinFittedRange"] is False:
        # Outside the fitted range only a limit that is wider than the widest guess can be judged.
        estimate = calibration["estimate95"]
        if estimate is None or limit < estimate:
            return f"Whether the image resolves {exactNumber(limit)} mm is not known. {calibration['statement']}"
    return ""


def resolvable(finding: Finding, facts: dict) -> Finding:
    """A finding on lengths, or not assessable where it would not fail but the image does not resolve its limit."""
    requirement = finding.requirement
    limits = [limit for limit in (requirement.passLimit, requirement.warningLimit) if limit is not None]
    reason = whyUnresolved(facts, max(limits)) if limits else ""
    if not reason or finding.verdict is Verdict.FAIL:
        return finding
    evidence = {**finding.evidence, "measuredMm": finding.measured, "uncertainty95": facts["uncertainty95"]}
    return requirement.notAssessable(f"{finding.message} {reason}", **evidence)


def _percentile(requirement, facts) -> Finding:
    value = facts["p95Absolute"]
    message = (
        f"95 % of the measured surface lies within {requirement.written(value)} of the edge in the image "
        f"(limit {exactNumber(requirement.passLimit)} mm)."
    )
    finding = requirement.finding(value, message, p99Absolute=facts["p99Absolute"], rms=facts["rms"])
    return resolvable(finding, facts)


def _region(requirement, facts) -> Finding:
    largest = facts["largest"]
    if largest["counted"] is None:
        return requirement.notAssessable(largest["text"])
    evidence = {"pointLps": largest["counted"]["pointLps"], "largestAnywhere": facts["worstPointLps"]}
    return resolvable(requirement.finding(largest["counted"]["deviation"], largest["text"], **evidence), facts)


def _tolerance(requirement, facts) -> Finding:
    tolerance, sure = facts["tolerance"], facts["uncertainty95"]
    reason = whyUnresolved(facts, tolerance)
    if reason:
        calibration = facts.get("calibration")
        evidence = {"calibration": calibration} if sure is None else {}
        return requirement.notAssessable(f"The tolerance cannot be judged: {reason}", uncertainty95=sure, **evidence)
    percent = 100 * facts["withinTolerance"]
    message = (
        f"{requirement.written(percent)} of the measured surface lies within the tolerance of "
        f"{exactNumber(tolerance)} mm; "
        f"on {shareInPercent(facts['overTolerance'])} the mesh is too small, "
        f"on {shareInPercent(facts['underTolerance'])} too large."
    )
    return requirement.finding(percent, message, tolerance=tolerance, uncertainty95=sure)


class SegmentDeviationCheck:
    """What smoothing, decimation and conversion did to the segment."""

    requirementIds = ("segment-deviation-p95", "segment-parts")
    comparesWithScan = True

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
    value = max(facts["p95Absolute"], facts["reverse"]["p95Absolute"])
    evidence = {"largest": facts["largestDisplacement"], "selfReferring": bool(facts["meaning"])}
    if "movedShare" in facts:
        message = (
            f"95 % of the surfaces of mesh and segment lie within {requirement.written(value)} of each other. "
            f"{facts['meaning']}"
        )
        return Finding(requirement, Verdict.INFORMATION, value, message, evidence)
    message = (
        f"95 % of the surfaces of mesh and segment lie within {requirement.written(value)} of each other "
        f"(limit {exactNumber(requirement.passLimit)} mm)."
    )
    if facts["meaning"]:
        message += f" {facts['meaning']}"
    return requirement.finding(value, message, **evidence)


def _parts(requirement, facts) -> Finding:
    parts = facts["parts"]
    count = parts["lost"] + parts["made"]
    message = (
        f"The segment has {plural(parts['segment'], 'part')} and the mesh {parts['mesh']}; {parts['lost']} lost, "
        f"{parts['made']} made."
    )
    return requirement.finding(count, message, **parts)


CHECKS = (ImageDeviationCheck, SegmentDeviationCheck)
