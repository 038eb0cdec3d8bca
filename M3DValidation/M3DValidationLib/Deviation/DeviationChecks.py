"""Is the mesh where the image says it should be? Findings on deviation maps (ISO/IEC 3532-1, 6.4 and 6.5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from M3DLib.Errors import noProgress
from M3DLib.NumberText import exactNumber, millimeters, plural

from ..Check import Case
from ..CheckSupport import allNotAssessable, requirementsOf
from ..Requirement import Finding, Requirement, Verdict
from .EdgeSentences import biasText, coverageText, nothingMeasured, percentileText, regionText, toleranceText
from .RefinedSurface import isJudgedByControl, judgedFacts

KEPT_WITHOUT = "Without it the limit is kept: nobody can tell on this image whether it is."


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
        if "control" in report.problems and isJudgedByControl(report.data):
            reason = f"Nothing could be measured against the control series: {report.problems['control']}"
            return allNotAssessable(held, reason)
        facts, note = judgedFacts(report.data)
        return imageFindings(held, facts, note)


def imageFindings(held: dict[str, Requirement], facts: dict, note: str = "") -> list[Finding]:
    """Findings on a measured deviation from the image.

    :param facts: of :func:`~.DeviationReport.deviationReport`.
    :param note: what every one of them has to say, where the surface was moved to the image's edge.
    """
    findings = [_asFarAsKnown(finding, facts) for finding in _imageFindings(held, facts)]
    return [replace(finding, message=finding.message + note) for finding in findings]


def _asFarAsKnown(finding: Finding, facts: dict) -> Finding:
    """A finding, or not assessable where it fails by the uncertainty that was added and not by what was measured."""
    plain, requirement = facts.get("unwidened"), finding.requirement
    if plain is None or finding.verdict is not Verdict.FAIL or requirement.id not in plain:
        return finding
    if requirement.judge(plain[requirement.id]) not in (Verdict.PASS, Verdict.WARNING):
        return finding
    evidence = {**finding.evidence, "measuredMm": finding.measured, "uncertainty95": facts["uncertainty95"]}
    return requirement.notAssessable(f"{finding.message} {KEPT_WITHOUT}", **evidence)


def _imageFindings(held: dict[str, Requirement], facts: dict) -> list[Finding]:
    findings = []
    if "deviation-coverage" in held:
        findings.append(_coverage(held["deviation-coverage"], facts))
    rest = {id_: requirement for id_, requirement in held.items() if id_ != "deviation-coverage"}
    if facts["meanSigned"] is None:
        return findings + allNotAssessable(rest, nothingMeasured(facts))
    makers = {
        "deviation-bias": _bias,
        "deviation-p95": _percentile,
        "deviation-max-region": _region,
        "deviation-tolerance": _tolerance,
    }
    return findings + [makers[id_](requirement, facts) for id_, requirement in rest.items()]


def _coverage(requirement, facts) -> Finding:
    message = coverageText(requirement, facts)
    return requirement.finding(100 * facts["coverage"], message, notMeasured=facts["notMeasured"])


def _bias(requirement, facts) -> Finding:
    bias = facts["meanSigned"]
    finding = requirement.finding(abs(bias), biasText(requirement, facts), meanSigned=bias, sign=facts["sign"])
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
    evidence = {"p99Absolute": facts["p99Absolute"], "rms": facts["rms"]}
    return resolvable(requirement.finding(facts["p95Absolute"], percentileText(requirement, facts), **evidence), facts)


def _region(requirement, facts) -> Finding:
    largest = facts["largest"]
    if largest["counted"] is None:
        return requirement.notAssessable(regionText(facts))
    evidence = {"pointLps": largest["counted"]["pointLps"], "largestAnywhere": facts["worstPointLps"]}
    return resolvable(requirement.finding(largest["counted"]["deviation"], regionText(facts), **evidence), facts)


def _tolerance(requirement, facts) -> Finding:
    tolerance, sure = facts["tolerance"], facts["uncertainty95"]
    reason = whyUnresolved(facts, tolerance)
    if reason:
        calibration = facts.get("calibration")
        evidence = {"calibration": calibration} if sure is None else {}
        return requirement.notAssessable(f"The tolerance cannot be judged: {reason}", uncertainty95=sure, **evidence)
    percent = 100 * facts["withinTolerance"]
    return requirement.finding(percent, toleranceText(requirement, facts), tolerance=tolerance, uncertainty95=sure)


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
