"""What findings on the deviation from an edge say: of the scan, of a control series, or with the edge's uncertainty."""

from __future__ import annotations

from collections.abc import Mapping

from M3DLib.NumberText import exactNumber, shareInPercent

from ..Requirement import Requirement

# Keys of facts by which the sentences differ, besides those of ``DeviationStatistics``.
CONTROL, WIDENED, UNSURE = "controlSeries", "widened", "unsure"
MEASURED_AGAINST_CONTROL = "Measured against the control series."
NOT_SURE = (
    "How sure an edge is in this image is not known, and nothing else that is independent is there to judge the "
    "surface by; a control series (--control-series) would be."
)


def nothingMeasured(facts: Mapping) -> str:
    """Why nothing can be said of how far the surface is off."""
    if facts.get(UNSURE):
        return NOT_SURE
    reason, share = _mainReason(facts)
    if facts.get(CONTROL):
        if reason:
            return (
                f"No part of the mesh could be measured against the control series (mostly: {reason}, {share} of the "
                "area)."
            )
        return "No part of the mesh could be measured against the control series."
    if reason:
        return f"No part of the mesh could be measured against the image (mostly: {reason}, {share} of the area)."
    return "No part of the mesh could be measured against the image."


def _mainReason(facts: Mapping) -> tuple[str, str]:
    """Why most of what was not measured was not, and on how much of the area; "" where all was."""
    reasons = facts["notMeasured"]
    return (reasons[0]["reason"], shareInPercent(reasons[0]["areaShare"])) if reasons else ("", "")


def coverageText(requirement: Requirement, facts: Mapping) -> str:
    """How much of the surface was measured."""
    reason, share = _mainReason(facts)
    measured = requirement.written(100 * facts["coverage"])
    if facts.get(CONTROL):
        if reason:
            return (
                f"{measured} of the mesh's area could be measured against the control series (mostly: {reason}, "
                f"{share} of the area)."
            )
        return f"{measured} of the mesh's area could be measured against the control series."
    if reason:
        return (
            f"{measured} of the mesh's area could be measured against the image (mostly: {reason}, {share} of the "
            "area)."
        )
    return f"{measured} of the mesh's area could be measured against the image."


def biasText(requirement: Requirement, facts: Mapping) -> str:
    """On which side of the surface the edge lies, and how far."""
    bias = facts["meanSigned"]
    size, side = requirement.written(abs(bias)), "too small" if bias > 0 else "too large"
    if facts.get(CONTROL):
        text = (
            f"The edge in the control series lies on average {size} {'outside' if bias > 0 else 'inside'} the mesh, "
            f"which is {side} by that much against it."
        )
        return f"{text} {facts['meaning']}".rstrip()
    if facts.get(WIDENED):
        return (
            f"With the uncertainty of the edge added, the edge in the image lies on average up to {size} "
            f"{'outside' if bias > 0 else 'inside'} the mesh, which is {side} by that much at most."
        )
    return (
        f"The edge in the image lies on average {size} {'outside' if bias > 0 else 'inside'} the mesh, which is {side} "
        "by that much."
    )


def percentileText(requirement: Requirement, facts: Mapping) -> str:
    """Within what 95 % of the surface lie."""
    value, limit = requirement.written(facts["p95Absolute"]), exactNumber(requirement.passLimit)
    if facts.get(CONTROL):
        return f"95 % of the measured surface lies within {value} of the edge in the control series (limit {limit} mm)."
    if facts.get(WIDENED):
        return (
            f"With the uncertainty of the edge added, 95 % of the measured surface lies within {value} of the edge in "
            f"the image (limit {limit} mm)."
        )
    return f"95 % of the measured surface lies within {value} of the edge in the image (limit {limit} mm)."


def toleranceText(requirement: Requirement, facts: Mapping) -> str:
    """How much of the surface keeps the tolerance, and on which side the rest is."""
    percent, tolerance = requirement.written(100 * facts["withinTolerance"]), exactNumber(facts["tolerance"])
    over, under = shareInPercent(facts["overTolerance"]), shareInPercent(facts["underTolerance"])
    if facts.get(WIDENED):
        return (
            f"With the uncertainty of the edge added, {percent} of the measured surface lies within the tolerance of "
            f"{tolerance} mm; on {over} the mesh may be too small, on {under} too large."
        )
    text = (
        f"{percent} of the measured surface lies within the tolerance of {tolerance} mm; on {over} the mesh is too "
        f"small, on {under} too large."
    )
    return f"{text} {MEASURED_AGAINST_CONTROL}" if facts.get(CONTROL) else text


def regionText(facts: Mapping) -> str:
    """Where the surface is farthest off."""
    text = facts["largest"]["text"]
    return f"{text} {MEASURED_AGAINST_CONTROL}" if facts.get(CONTROL) else text
