"""Whether refining would help a surface that is not where it should be, looked for in the image before it is said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from M3DLib.NumberText import fixed, millimeters
from M3DLib.Surface.EdgeTargets import Motion, edgeTargets
from M3DLib.Surface.Neighborhood import Neighborhood

from .Check import Case
from .CheckSupport import onPurpose
from .Requirement import Finding, Verdict

if TYPE_CHECKING:
    from M3DLib.Distance.DeviationMap import DeviationMap
    from M3DLib.Image.ImageVolume import ImageVolume

# What refining is for: the surface lies beside the edge, or shows the steps of the voxels.
_ABOUT = ("deviation-bias", "threshold-plausibility", "stair-steps")
# On less of the area it is not worth to be named.
_LEAST_SHARE = 0.05


def toldOfRefining(findings: Sequence[Finding], case: Case) -> list[Finding]:
    """Findings with what refining would do, or has done, about them; only of surfaces that were made here.

    :param case: whose deviation from the image has been measured; where it could not be, nothing is recommended.
    """
    made = case.surfaceParameters
    if case.image is None or case.mesh is None or made is None:
        return list(findings)
    concerned = [finding for finding in findings if finding.verdict in (Verdict.WARNING, Verdict.FAIL)]
    refinement = case.mesh.record.get("refinement", {})
    if made.refine:
        change = _afterMoving(float(refinement["movedShare"])) if refinement.get("applied") else None
        concerned = [finding for finding in concerned if finding.requirement.id == "threshold-plausibility"]
    else:
        report = case.measurements.get("deviation")
        deviation = report.maps.get("image") if report is not None else None
        concerned = [finding for finding in concerned if finding.requirement.id in _ABOUT]
        change = _with(refiningAdvice(deviation, case.image)) if concerned and deviation is not None else None
    if change is None:
        return list(findings)
    return [change(finding) if any(finding is one for one in concerned) else finding for finding in findings]


def _with(advice: str) -> Callable[[Finding], Finding]:
    return lambda finding: replace(finding, message=f"{finding.message} {advice}")


def _afterMoving(movedShare: float) -> Callable[[Finding], Finding]:
    """What becomes of the finding on a threshold when the surface was moved away from it."""

    def told(finding: Finding) -> Finding:
        left = finding.requirement.judge(abs(finding.measured) * (1 - movedShare))
        verdict = Verdict.INFORMATION if left is Verdict.PASS else finding.verdict
        return replace(finding, verdict=verdict, message=f"{finding.message} {onPurpose(movedShare)}")

    return told


def refiningAdvice(deviation: DeviationMap, image: ImageVolume) -> str:
    """What refining would do to a surface, in one sentence.

    The first of its looks at the image is made with the edges that were measured already. Of 24 surfaces of phantoms
    and of a real skull, from thresholds of 15 to 80 % of the contrast, the area that was moved in the end was between
    that of the reliable edges and that of all, which are named here, to within 3 of a hundred, for 22; for two thin or
    thickly cut ones it was 7 and 21 more. It went 0.8 to 1.5 times as far, one plate too thin for the blur twice.

    :param deviation: of the surface from the edges in ``image``.
    """
    if deviation.calibration is None or deviation.calibration["estimate95"] is None:
        return "Whether refining (--refine) would help is not known: no edge of this surface was measured reliably."
    targets = edgeTargets(
        deviation, image, np.zeros(len(deviation.distance), dtype=np.float32), Neighborhood(deviation.mesh)
    )
    moved = targets.motion == Motion.MOVED
    total = float(deviation.areas.sum())
    least, share = (float(deviation.areas[which].sum()) / total for which in (targets.sure, moved))
    if share < _LEAST_SHARE:
        return (
            f"Refining (--refine) would hardly help: only on about {fixed(100 * share, 0)} % of its area does the scan "
            "show an edge of this surface that is near enough and to be trusted."
        )
    far = np.minimum(np.abs(deviation.distance[moved]), float(image.spacing.max()))
    mean = float(np.average(far, weights=deviation.areas[moved]))
    low, high = fixed(100 * least, 0), fixed(100 * share, 0)
    if low == high:
        return (
            f"Refining (--refine) would move the surface to the scan's edge on about {high} % of its area, by about "
            f"{millimeters(mean)} there."
        )
    return (
        f"Refining (--refine) would move the surface to the scan's edge on about {low} to {high} % of its area, by "
        f"about {millimeters(mean)} there."
    )
