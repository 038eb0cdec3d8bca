"""Findings on a printed part against the model it was printed from (ISO/IEC 3532-1, 6.5)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from M3DLib.Errors import noProgress
from M3DLib.NumberText import exactNumber, millimeters, percentage, shareInPercent, squareMillimeters

from ..Check import Case
from ..CheckSupport import allNotAssessable, placeText, requirementsOf
from ..Deviation.DeviationRegions import connectedRegions, deviationRegions, largestDeviation, meshEdges
from ..Requirement import Finding, Requirement
from .PartComparison import KEY, PartComparison

_AXES = "xyz"


class PrintedPartCheck:
    """Alignment, tolerance, bias, regions, missing parts, warp, roughness and scale of a part."""

    requirementIds = (
        "part-alignment",
        "part-tolerance",
        "part-bias",
        "part-max-region",
        "part-missing",
        "part-warp",
        "part-roughness",
        "part-scale",
    )

    def canRun(self, case: Case) -> bool:
        """Whether the case holds a part that was compared with its model."""
        return KEY in case.measurements

    def run(self, case: Case, progress: Callable[[float, str], None] = noProgress) -> list[Finding]:
        """Findings on the comparison; none but that it is doubtful where the alignment is."""
        comparison: PartComparison = case.measurements[KEY]
        held = requirementsOf(case, self.requirementIds)
        if comparison.doubts:
            return allNotAssessable(held, f"The alignment is doubtful: {' '.join(comparison.doubts)}")
        findings = []
        if "part-alignment" in held:
            how = comparison.done if comparison.alignment is not None else "nothing was aligned, as was asked"
            findings.append(held.pop("part-alignment").stated(True, None, f"Alignment: {how}."))
        if comparison.facts["meanSigned"] is None:
            return findings + allNotAssessable(held, "No part of the surfaces could be measured against each other.")
        makers = {
            "part-tolerance": _tolerance,
            "part-bias": _bias,
            "part-max-region": _region,
            "part-missing": _missing,
            "part-warp": _warp,
            "part-roughness": _roughness,
            "part-scale": _scale,
        }
        return findings + [makers[name](requirement, comparison) for name, requirement in held.items()]


def _sure(comparison: PartComparison) -> float:
    """How sure the part's place is, mm."""
    value = getattr(comparison.alignment, "uncertaintyMm", 0.0)
    return float(value) if np.isfinite(value) else np.inf


def _tolerance(requirement: Requirement, comparison: PartComparison) -> Finding:
    facts, sure = comparison.facts, _sure(comparison)
    tolerance = facts["tolerance"]
    if tolerance < 2 * sure:
        return requirement.notAssessable(
            f"The tolerance of {exactNumber(tolerance)} mm is finer than the alignment is sure "
            f"({millimeters(sure)} with 95 % probability)."
        )
    there, back = 100 * facts["withinTolerance"], facts["reverse"]["withinTolerance"]
    # Where the part lacks something, the distances from its own surface say nothing of it; of an open one it cannot be
    # told from what was not scanned.
    both = back is not None and comparison.part.isClosed
    worse = min(there, 100 * back) if both else there
    message = (
        f"{requirement.written(there)} of the part's measured surface lies within the tolerance of "
        f"{exactNumber(tolerance)} mm of the model; "
        f"on {shareInPercent(facts['overTolerance'])} the part is too small, on "
        f"{shareInPercent(facts['underTolerance'])} too "
        "large."
    )
    if both:
        message += f" Of the model's surface, {requirement.written(100 * back)} lies within it of the part."
    else:
        message += " The part's surface is open, so what of the model lies farther from it may not have been scanned."
    return requirement.finding(
        worse,
        message,
        tolerance=tolerance,
        alignmentUncertainty95=sure,
        partWithinPercent=there,
        modelWithinPercent=100 * back if both else None,
    )


def _bias(requirement: Requirement, comparison: PartComparison) -> Finding:
    bias = comparison.facts["meanSigned"]
    back = comparison.facts["reverse"]["meanSigned"]
    size = requirement.written(abs(bias))
    message = (
        f"The part is too small by {size} on average." if bias > 0 else f"The part is too large by {size} on average."
    )
    if back is not None and comparison.part.isClosed:
        message += (
            f" That is the mean over the part's surface; over the model's surface it is {millimeters(back, True)}."
        )
    else:
        message += " That is the mean over the part's surface."
    return requirement.finding(abs(bias), message, meanSigned=bias, modelMeanSigned=back, sign=comparison.facts["sign"])


def _region(requirement: Requirement, comparison: PartComparison) -> Finding:
    """The largest deviation of a region, from the part's points and, of a closed part, from the model's too."""
    largest, side, worst = comparison.facts["largest"], "part", comparison.facts["worstPointLps"]
    message = largest["text"]
    if not comparison.part.isClosed:
        message += " The part's surface is open, so this was looked for from the part's surface alone."
    else:
        reverse = comparison.surfaces.reverse
        regions = deviationRegions(reverse, comparison.facts["tolerance"])
        back = largestDeviation(reverse, regions, largest["leastAreaMm2"])
        if _counted(back) > _counted(largest):
            # Where the part lacks something, its own points say nothing of it.
            largest, side, worst = back, "model", comparison.facts["reverse"]["worstPointLps"]
            message = back["text"] + " It was found from the model's surface; from the part's it is smaller."
    if largest["counted"] is None:
        return requirement.notAssessable(message)
    evidence = {"pointLps": largest["counted"]["pointLps"], "largestAnywhere": worst, "seenFrom": side}
    return requirement.finding(largest["counted"]["deviation"], message, **evidence)


def _counted(largest: dict) -> float:
    return -1.0 if largest["counted"] is None else largest["counted"]["deviation"]


def _missing(requirement: Requirement, comparison: PartComparison) -> Finding:
    """The largest region of the model that has nothing of the part near."""
    reverse = comparison.surfaces.reverse
    limit = requirement.parameters.get("tolerances", 2.0) * comparison.facts["tolerance"]
    away = np.abs(np.nan_to_num(reverse.distance, nan=np.inf)) > limit
    regions, labels = connectedRegions(meshEdges(reverse.mesh), away)
    areas = np.bincount(labels, reverse.areas[away], regions) if regions else np.zeros(1)
    largest, total = float(areas.max()), float(areas.sum())
    share = 100 * total / max(float(reverse.areas.sum()), 1e-12)
    if not comparison.part.isClosed and largest > (requirement.passLimit or 0):
        return requirement.notAssessable(
            "The part's surface is open, so it does not tell what is missing from what was not scanned: "
            f"{percentage(share)} of the model's surface has nothing of it within {exactNumber(limit)} mm.",
            largestAreaMm2=largest,
            totalAreaMm2=total,
        )
    message = f"{percentage(share)} of the model's surface has nothing of the part within {exactNumber(limit)} mm"
    evidence = {"totalAreaMm2": total, "regions": int(regions), "beyondMm": limit}
    if regions:
        vertices = np.flatnonzero(away)[labels == int(areas.argmax())]
        vertex = vertices[np.abs(reverse.distance[vertices]).argmax()]
        place = reverse.mesh.points[vertex]
        message += f"; the largest such region has {squareMillimeters(largest)}, around {placeText(place)}"
        evidence["pointLps"] = [round(float(value), 3) for value in place]
    return requirement.finding(largest, message + ".", **evidence)


def _warp(requirement: Requirement, comparison: PartComparison) -> Finding:
    shape = comparison.shape
    if shape is None:
        return requirement.notAssessable("Too few vertices were measured to tell the deviation's shape.")
    message = (
        f"95 % of the surface is bent by less than {requirement.written(shape.warpMm)} (the largest "
        f"{millimeters(shape.warpLargestMm)}), "
        "scale, even growth and roughness left aside."
    )
    return requirement.finding(shape.warpMm, message, **shape.asDict())


def _roughness(requirement: Requirement, comparison: PartComparison) -> Finding:
    shape = comparison.shape
    if shape is None:
        return requirement.notAssessable("Too few vertices were measured to tell the deviation's shape.")
    message = (
        f"Without its shape of low order the deviation has a root mean square of {millimeters(shape.roughnessMm)}."
    )
    return requirement.finding(shape.roughnessMm, message)


def _scale(requirement: Requirement, comparison: PartComparison) -> Finding:
    shape = comparison.shape
    if shape is None:
        return requirement.notAssessable("Too few vertices were measured to tell the part's scale.")
    percent, half = 100 * shape.scale, 100 * shape.scaleUncertainty
    listed = ", ".join(
        f"{axis} {percentage(value, True)} ± {percentage(sure)}"
        for axis, value, sure in zip(_AXES, percent, half, strict=True)
    )
    evidence = {"scalePercent": percent.tolist(), "uncertainty95Percent": half.tolist(), "growthMm": shape.growthMm}
    limit = requirement.passLimit
    # An axis that is beyond the limit by more than it is unsure by is so however unsure the limit's width would be.
    beyond = limit is not None and bool((np.abs(percent) - half > limit).any())
    if limit is not None and half.max() > limit and not beyond:
        return requirement.notAssessable(
            f"The scale is not sure enough to be judged by {exactNumber(requirement.passLimit)} %: {listed}.",
            **evidence,
        )
    worst = float(np.abs(percent).max())
    message = f"The part is too large by up to {requirement.written(worst)} along the model's axes: {listed}."
    if percent[np.abs(percent).argmax()] < 0:
        message = f"The part is too small by up to {requirement.written(worst)} along the model's axes: {listed}."
    return requirement.finding(worst, message, **evidence)


CHECKS = (PrintedPartCheck,)
