"""What the scan shows and the model lacks, as the JSON block ``deviation.scan``: figures, bodies, faces."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from M3DLib.Completeness.Completeness import NEAR_MM, Completeness, measureCompleteness
from M3DLib.Completeness.CutFaces import Face
from M3DLib.Completeness.MissingBodies import Body
from M3DLib.Distance.DeviationMap import DeviationMap
from M3DLib.Errors import noProgress
from M3DLib.Image.ImageVolume import ImageVolume

from ..Acquisition.ImageRegions import outsideField
from ..Check import Case
from ..Deviation.DeviationReport import DeviationReport, deviationReport, kept, leastAreaOf, toleranceOf, withPlaces
from ..Deviation.DeviationStatistics import DIRECTIONS, deviationStatistics, sliceNumber, summary

MOST_LISTED = 20
# A mean normal that is shorter belongs to a face that looks around, as that of a round hole does.
ONE_SIDED = 0.6


def scannedReport(case: Case, progress: Callable[[float, str], None] = noProgress) -> DeviationReport:
    """The deviations of a case with that of the scan from the model among them; measures once for all checks."""
    report = deviationReport(case, lambda done, text: progress(0.7 * done, text))
    if report.data["scan"] is not None or "scan" in report.problems:
        return report
    if "image" not in report.maps:
        report.problems["scan"] = report.problems.get("image", "The model was not compared with the scan.")
        return report
    with kept(report, "scan"):
        tolerance = toleranceOf(case)
        found = _measure(case, report.maps["image"], tolerance, lambda done, text: progress(0.7 + 0.3 * done, text))
        facts = scanFacts(found, tolerance, case.image)
        facts = withPlaces(facts, found.deviation, tolerance, case.image, leastAreaOf(case))
        report.add("scan", facts, found.deviation)
    return report


def _measure(case: Case, deviation: DeviationMap, tolerance: float, progress) -> Completeness:
    """Look for what the case's model lacks in its scan.

    :param deviation: of the model from the image.
    :raises M3DError: the image does not allow saying.
    """
    requirement = case.profile.requirements.get("bodies-left-out") if case.profile else None
    near = float(requirement.parameters.get("withinMm", NEAR_MM)) if requirement else NEAR_MM
    return measureCompleteness(
        case.mesh,
        case.image,
        deviation,
        tolerance,
        others=case.otherSegments,
        nearMm=near,
        notReconstructed=outsideField(case).mask,
        progress=progress,
    )


def scanFacts(found: Completeness, tolerance: float, image: ImageVolume) -> dict:
    """JSON values: those of :func:`~.DeviationStatistics.deviationStatistics` and, beyond them, bodies and faces.

    ``bodiesLeftOut``, ``otherMaterial`` (bodies whose values are not those of the model), ``bodiesAdded``,
    ``filledSpaces``: volume in mm3, place, size, value; ``cutFaces``, ``bareFaces``: area in mm2, place, direction;
    ``withinToleranceOfPart``: the share within the tolerance where the edge of bodies left out does not count;
    ``problems``: why a part of it could not be found out.
    """
    facts = deviationStatistics(found.deviation, tolerance, image)
    kept = found.deviation.reliable & ~found.ofLeftOut
    part = summary(found.deviation.distance[kept], found.deviation.areas[kept], tolerance)
    return {
        **facts,
        "withinToleranceOfPart": part["withinTolerance"],
        "bodiesLeftOut": [_leftOut(one, image) for one in found.leftOut if one.alike][:MOST_LISTED],
        "otherMaterial": [_leftOut(one, image) for one in found.leftOut if not one.alike][:MOST_LISTED],
        "bodiesAdded": [bodyFacts(body, image) for body in found.added[:MOST_LISTED]],
        "filledSpaces": [bodyFacts(body, image) for body in found.filled[:MOST_LISTED]],
        "cutFaces": [faceFacts(face, image) for face in found.cuts[:MOST_LISTED]],
        "cutFacesMm2": float(sum(face.areaMm2 for face in found.cuts)),
        "bareFaces": [faceFacts(face, image) for face in found.bare[:MOST_LISTED]],
        "problems": dict(found.problems),
    }


def bodyFacts(body: Body, image: ImageVolume) -> dict:
    """Volume, place and value of a body."""
    return {
        "volumeMm3": body.volumeMm3,
        "centerLps": _point(body.center),
        "placeLps": _point(body.place),
        "slice": sliceNumber(image, body.place),
        "sizeMm": [round(float(value), 1) for value in body.sizeMm],
        "value": body.value,
        "atScanBorder": body.atBorder,
    }


def _leftOut(one, image: ImageVolume) -> dict:
    return {
        **bodyFacts(one.body, image),
        "touchesModel": one.body.touchesModel,
        "distanceMm": one.distanceMm,
        "edgeMm2": one.edgeMm2,
    }


def faceFacts(face: Face, image: ImageVolume) -> dict:
    """Area, place and direction of a face."""
    axis = int(np.abs(face.normal).argmax())
    oneSided = float(np.linalg.norm(face.normal)) >= ONE_SIDED
    return {
        "areaMm2": face.areaMm2,
        "centerLps": _point(face.center),
        "placeLps": _point(face.center),
        "slice": sliceNumber(image, face.center),
        "facing": DIRECTIONS[2 * axis + int(face.normal[axis] < 0)] if oneSided else "around",
        "normalLps": [round(float(value), 3) for value in face.normal],
    }


def _point(place: np.ndarray) -> list[float]:
    return [round(float(value), 3) for value in place]
