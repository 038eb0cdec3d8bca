"""Is anything of the anatomy missing in the model, cut off, or made up? Findings on the scan against the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from M3DLib.Errors import noProgress
from M3DLib.NumberText import (
    cubicMillimeters,
    exactNumber,
    fixed,
    millimeters,
    plural,
    shareInPercent,
    squareMillimeters,
)

from ..Check import Case
from ..CheckSupport import PLACES, allNotAssessable, placeText, requirementsOf
from ..Requirement import Finding, Requirement


class CompletenessCheck:
    """Coverage of the scan's edge, cut faces, bodies left out and bodies added."""

    requirementIds = ("scan-covered", "cut-faces", "bodies-left-out", "bodies-added")
    comparesWithScan = True

    def canRun(self, case: Case) -> bool:
        """Whether there are an image and a mesh, or the mesh is missing although it was asked for."""
        return case.image is not None and (case.mesh is not None or "mesh" in case.missing)

    def run(self, case: Case, progress: Callable[[float, str], None] = noProgress) -> list[Finding]:
        """Findings on the scan against the mesh; measures once for all checks of a case."""
        from .CompletenessFacts import scannedReport

        held = requirementsOf(case, self.requirementIds)
        if case.mesh is None:
            return allNotAssessable(held, case.missing["mesh"])
        report = scannedReport(case, progress)
        if report.data["scan"] is None:
            return allNotAssessable(held, report.problems.get("scan", "The scan was not compared with the model."))
        return completenessFindings(held, report.data["scan"], case.part)


def completenessFindings(held: dict[str, Requirement], facts: dict, part: str = "") -> list[Finding]:
    """Findings on a measured scan.

    :param facts: of :func:`~.CompletenessFacts.scanFacts`.
    :param part: why the model is meant to be a part only; "" where nobody said so.
    """
    makers = {"scan-covered": _covered, "cut-faces": _cuts, "bodies-left-out": _leftOut, "bodies-added": _added}
    return [makers[id_](requirement, facts, part) for id_, requirement in held.items()]


def _declared(requirement: Requirement, part: str) -> tuple[Requirement, str]:
    """The requirement as information only where the model is declared a part, and the words that say so."""
    if not part:
        return requirement, ""
    return replace(requirement, severity="information"), f" The model is declared to be a part ('{part}')."


def _covered(requirement, facts, part) -> Finding:
    whole, ofPart = facts["withinTolerance"], facts["withinToleranceOfPart"]
    share = ofPart if part else whole
    if share is None:
        return requirement.notAssessable("No part of the scan's edge near the model could be measured.")
    message = (
        f"{requirement.written(100 * share)} of the edge that the scan shows of this anatomy "
        f"({squareMillimeters(facts['measuredAreaMm2'])} measured) lies within {exactNumber(facts['tolerance'])} "
        "mm of the model."
    )
    if part:
        message += (
            f" The model is declared to be a part ('{part}'): bodies left out do not count; with them it is "
            f"{shareInPercent(whole)}."
        )
    elif facts["worstPointLps"] is not None and facts["maxSigned"] > facts["tolerance"]:
        message += (
            f" The farthest place is {millimeters(facts['maxSigned'])} away, at {placeText(facts['maxPointLps'])}."
        )
    return requirement.finding(
        100 * share,
        message,
        withinTolerance=whole,
        withinToleranceOfPart=ofPart,
        declaredPart=part or None,
        pointLps=facts["maxPointLps"],
        notMeasured=facts["notMeasured"],
    )


def _cuts(requirement, facts, part) -> Finding:
    requirement, said = _declared(requirement, part)
    faces, total = facts["cutFaces"], facts["cutFacesMm2"]
    message = "Nowhere does the model's surface lie inside the material without an edge in the image."
    if faces:
        first = faces[0]
        message = (
            f"The model's surface lies inside the material on {requirement.written(total)} where the image shows no "
            "edge, as where "
            f"something was cut or erased: {plural(len(faces), 'face')}, the largest of "
            f"{squareMillimeters(first['areaMm2'])} at "
            f"{placeText(first['centerLps'])}, facing {first['facing']}."
        )
    places = [face["centerLps"] for face in faces][:PLACES]
    return requirement.finding(total, message + said, faces=faces, places=places, declaredPart=part or None)


def _leftOut(requirement, facts, part) -> Finding:
    if "bodies" in facts["problems"]:
        return requirement.notAssessable(facts["problems"]["bodies"])
    requirement, said = _declared(requirement, part)
    bodies, others = facts["bodiesLeftOut"], facts["otherMaterial"]
    near = facts["settings"]["nearMm"]
    largest = bodies[0]["volumeMm3"] if bodies else 0.0
    message = (
        f"The scan shows no body of the model's material within {exactNumber(near)} mm of it that the model does "
        "not have."
    )
    if bodies:
        message = (
            f"The scan shows material like the model's that the model does not have, within {exactNumber(near)} "
            "mm of it: "
            f"{plural(len(bodies), 'body', 'bodies')}, the largest of {requirement.written(largest)} at "
            f"{placeText(bodies[0]['centerLps'])}, {_where(bodies[0])}."
        )
    if others:
        message += (
            f" {plural(len(others), 'body', 'bodies')} of another material (values around "
            f"{fixed(others[0]['value'], 0)}) "
            f"not counted, the largest of {cubicMillimeters(others[0]['volumeMm3'])} at "
            f"{placeText(others[0]['centerLps'])}."
        )
    return requirement.finding(
        largest,
        message + said,
        bodies=bodies,
        otherMaterial=others,
        places=[body["placeLps"] for body in bodies][:PLACES],
        withinMm=near,
        declaredPart=part or None,
    )


def _where(body: dict) -> str:
    if body["touchesModel"]:
        return "joined to the model"
    return f"{millimeters(body['distanceMm'])} from the model"


def _added(requirement, facts, part) -> Finding:
    if "bodies" in facts["problems"]:
        return requirement.notAssessable(facts["problems"]["bodies"])
    bodies, spaces = facts["bodiesAdded"], facts["filledSpaces"]
    largest = bodies[0]["volumeMm3"] if bodies else 0.0
    message = "The model has no part where the scan shows none of its material."
    if bodies:
        message = (
            "The model fills space where the scan shows none of its material: "
            f"{plural(len(bodies), 'part')}, the largest of {requirement.written(largest)} at "
            f"{placeText(bodies[0]['centerLps'])}."
        )
    bare = sum(face["areaMm2"] for face in facts["bareFaces"])
    if bare:
        message += (
            f" {squareMillimeters(bare)} of its surface lie where the image shows neither its material nor an edge."
        )
    if spaces:
        volume = sum(space["volumeMm3"] for space in spaces)
        message += (
            f" {plural(len(spaces), 'enclosed space')} of the scan ({cubicMillimeters(volume)} in all, the largest at "
            f"{placeText(spaces[0]['centerLps'])}) is filled in the model; that may be meant and is not judged."
        )
    return requirement.finding(
        largest,
        message,
        bodies=bodies,
        filledSpaces=spaces,
        bareFaces=facts["bareFaces"],
        places=[body["placeLps"] for body in bodies][:PLACES],
    )


CHECKS = (CompletenessCheck,)
