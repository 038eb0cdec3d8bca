"""Do the segmentation's voxels suit the tolerance? A rule of thumb, which what was measured takes the place of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from M3DLib.Errors import noProgress
from M3DLib.NumberText import exactNumber, shareInPercent

from ..Check import Case
from ..CheckSupport import requirementsOf
from ..Requirement import Finding
from .DeviationChecks import whyUnresolved


class LabelmapSpacingCheck:
    """The segmentation's voxels against the tolerance of the intended use."""

    requirementIds = ("labelmap-spacing",)
    comparesWithScan = True

    def canRun(self, case: Case) -> bool:
        """Whether there is a segment."""
        return case.segment is not None

    def run(self, case: Case, progress: Callable[[float, str], None] = noProgress) -> list[Finding]:
        """One finding: information where the deviation from the image was measured well enough to judge by."""
        held = requirementsOf(case, self.requirementIds)
        if not held:
            return []
        requirement = held["labelmap-spacing"]
        tolerance = case.options.get("tolerance") or case.profile.toleranceMm
        size = " x ".join(f"{length:.3g}" for length in case.segment.spacing)
        share = float(case.segment.spacing.max()) / tolerance
        message = (
            f"The segmentation's voxels are {size} mm, {share:.2g} times the tolerance of {exactNumber(tolerance)} mm."
        )
        measured = _measuredInstead(case, progress)
        if measured:
            requirement = replace(requirement, severity="information")
            message += f" {measured}"
        evidence = {"spacingMm": case.segment.spacing.round(5).tolist(), "toleranceMm": tolerance}
        return [requirement.finding(share, message, **evidence)]


def _measuredInstead(case: Case, progress) -> str:
    """What was measured of the deviation that the rule of thumb guesses at; "" where it was not, or not surely."""
    if case.image is None or case.mesh is None:
        return ""
    from .DeviationReport import deviationReport

    facts = deviationReport(case, progress).data["image"]
    if facts is None or facts["meanSigned"] is None or whyUnresolved(facts, facts["tolerance"]):
        return ""
    coverage = case.profile.requirements.get("deviation-coverage")
    if coverage is not None and facts["coverage"] * 100 < coverage.passLimit:
        return ""
    return (
        "This rule of thumb does not judge here: the deviation from the scan itself was measured on "
        f"{shareInPercent(facts['coverage'])} of the surface, surely enough for the tolerance."
    )


CHECKS = (LabelmapSpacingCheck,)
