"""Can the model be printed? Walls, gaps, build volume, overhangs (ISO/IEC 3532-1, 6.4)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from M3DLib.Errors import noProgress
from M3DLib.Intersection.TriangleIntersection import cross
from M3DLib.NumberText import exactNumber, millimeters, percentage, plural, squareMillimeters

from ..Check import Case
from ..CheckSupport import PLACES, allNotAssessable, placeList, placeText, requirementsOf
from ..Requirement import Finding, Requirement
from .MeshSoundness import MeshSoundness
from .WallSurface import WallSurface
from .WallThickness import METHOD, Thickness, measureThickness, thinPlaces

# Triangles looked at together: what is held for them stays in the processor's cache.
_BLOCK = 1 << 14


class _PrintCheck(ABC):
    """A check that needs a surface with an inside."""

    requirementIds: tuple[str, ...] = ()

    def canRun(self, case: Case) -> bool:
        """Whether there is a mesh."""
        return case.mesh is not None

    def run(self, case: Case, progress: Callable[[float, str], None] = noProgress) -> list[Finding]:
        """Findings; not assessable for a mesh that bounds nothing."""
        held = requirementsOf(case, self.requirementIds)
        soundness = MeshSoundness.of(case.mesh, progress)
        if not len(soundness.mesh.triangles) or len(soundness.cleaned.notFinite):
            return allNotAssessable(held, "The mesh has no triangles, or points without a place.")
        if not soundness.shells.judged.any():
            return allNotAssessable(held, "The surface encloses no volume, so there is nothing to print.")
        return self._findings(held, soundness, case)

    @abstractmethod
    def _findings(self, held, soundness, case) -> list[Finding]:
        """One finding or more for each requirement held."""


class WallCheck(_PrintCheck):
    """Wall thickness and gap width."""

    requirementIds = ("wall-thickness", "gap-width")

    def _findings(self, held, soundness, case):
        # Walls take much memory themselves.
        soundness.forgetEdges()
        findings, asked = [], []
        for id_, requirement in held.items():
            outside = id_ == "gap-width"
            option = case.options.get("minGap" if outside else "minWall")
            if option is not None:
                # Whoever names a limit for this very model wants it kept.
                requirement = replace(  # noqa: PLW2901
                    requirement,
                    passLimit=float(option),
                    warningLimit=None,
                    severity="fail",
                    source="Given for this run.",
                )
            asked.append((requirement, outside))
        limits = [requirement.passLimit for requirement, _ in asked if requirement.passLimit]
        # Boxes and tree are the same for walls and gaps.
        prepared = orientedSurface(soundness, 3 * max(limits, default=0.0))
        for requirement, outside in asked:
            findings.append(self._judge(requirement, soundness, prepared, outside))
        return findings

    def _judge(self, requirement: Requirement, soundness: MeshSoundness, prepared, outside: bool) -> Finding:
        limit, (surface, original) = requirement.passLimit, prepared
        if limit is None or limit <= 0:
            return requirement.notAssessable("No smallest size is given.")
        thickness = measureThickness(surface, limit, outside, progress=soundness.progress)
        usable = self._awayFromDefects(thickness, original, soundness)
        smallest = float(requirement.parameters["smallestAreaMm2"])
        places = thinPlaces(thickness, limit, usable)
        counted = [place for place in places if place.areaMm2 >= smallest]
        within = thickness.values[usable & (thickness.values >= limit)]
        noun, reach = ("gap", thickness.reachMm) if outside else ("wall", thickness.reachMm)
        evidence = {
            "method": METHOD,
            "points": len(thickness.points),
            "reachMm": reach,
            "smallestAreaMm2": smallest,
            "areaBelowMm2": round(sum(place.areaMm2 for place in counted), 3),
            "smallPlacesLeftOut": len(places) - len(counted),
            "pointsAtDefectsLeftOut": int(np.sum(~usable)),
            "places": placeList([place.place for place in counted]),
            "directions": placeList([place.normal for place in counted]),
            "valuesMm": [round(place.valueMm, 4) for place in counted[:PLACES]],
            "areasMm2": [round(place.areaMm2, 3) for place in counted[:PLACES]],
        }
        if counted:
            thinnest = min(counted, key=lambda place: place.valueMm)
            message = (
                f"{plural(len(counted), 'place')} with {noun}s below {exactNumber(limit)} mm, together "
                f"{squareMillimeters(evidence['areaBelowMm2'])}; the smallest is {millimeters(thinnest.valueMm)} at "
                f"{placeText(thinnest.place)}."
            )
            evidence["thinnestPlace"] = placeList([thinnest.place])[0]
            evidence["thinnestNormal"] = placeList([thinnest.normal])[0]
            return requirement.finding(thinnest.valueMm, message, **evidence)
        bounds = (
            f" It was looked up to {exactNumber(reach)} mm; places with {noun}s below {exactNumber(limit)} mm on "
            f"less than {exactNumber(smallest)} mm² "
            "are not reported."
        )
        if np.isfinite(within).any():
            found = float(within.min())
            return requirement.finding(found, f"The smallest {noun} found is {millimeters(found)}.{bounds}", **evidence)
        message = f"No {noun} below {exactNumber(reach)} mm was found; larger ones were not measured.{bounds}"
        return requirement.finding(reach, message, **evidence)

    def _awayFromDefects(self, thickness: Thickness, original: np.ndarray, soundness: MeshSoundness) -> np.ndarray:
        """Points not on triangles that pass through others, and not facing such: that is a defect of its own."""
        bad = np.zeros(len(soundness.mesh.triangles) + 1, dtype=bool)
        bad[np.unique(soundness.intersections)] = True
        topology = soundness.cleaned.topology
        bad[topology.original[np.isin(topology.patches, soundness.fins)]] = True
        opposite = np.where(thickness.opposite >= 0, original[thickness.opposite], len(bad) - 1)
        return ~bad[original[thickness.triangles]] & ~bad[opposite]


class BuildCheck(_PrintCheck):
    """Size against the printer, and overhangs."""

    requirementIds = ("build-volume", "overhang")

    def _findings(self, held, soundness, case):
        findings = []
        bounds = np.array(soundness.mesh.boundsLps).reshape(3, 2)
        sides = bounds[:, 1] - bounds[:, 0]
        if requirement := held.get("build-volume"):
            given = case.options.get("buildVolume")
            room = (
                [requirement.parameters[name] for name in ("widthMm", "depthMm", "heightMm")]
                if given is None
                else given
            )
            room = [float(value) for value in room]
            size = " x ".join(f"{side:.1f}" for side in sides)
            if min(room) <= 0:
                findings.append(requirement.notAssessable(f"No build volume is given; the model is {size} mm."))
            else:
                # A model may be laid on any side, so that only the sorted sides matter.
                fits = bool((np.sort(sides) <= np.sort(room) + 1e-6).all())
                place = " x ".join(exactNumber(value) for value in room)
                message = f"The model ({size} mm) does not fit {place} mm, laid on any side."
                if fits:
                    message = f"The model ({size} mm) fits {place} mm, laid on any side."
                findings.append(requirement.stated(fits, float(sides.max()), message, buildVolumeMm=room))
        if requirement := held.get("overhang"):
            findings.append(self._overhang(requirement, soundness))
        return findings

    def _overhang(self, requirement: Requirement, soundness: MeshSoundness) -> Finding:
        surface, _ = orientedSurface(soundness)
        limit = np.sin(np.radians(float(requirement.parameters["angleDegrees"])))
        # What lies on the plate is no overhang.
        low = surface.points[surface.triangles[:, 0], 2].min(initial=np.inf)
        low = min(low, *(surface.points[surface.triangles[:, corner], 2].min(initial=np.inf) for corner in (1, 2)))
        hanging = whole = 0.0
        for start in range(0, len(surface.triangles), _BLOCK):
            a, b, c = surface.corners(slice(start, start + _BLOCK))
            normals = cross(b - a, c - a)
            doubled = np.sqrt(np.einsum("ij,ij->i", normals, normals))
            onPlate = (a[:, 2] <= low + 0.1) & (b[:, 2] <= low + 0.1) & (c[:, 2] <= low + 0.1)
            hanging += float(doubled[(-normals[:, 2] > limit * doubled) & ~onPlate].sum())
            whole += float(doubled.sum())
        share = 100 * hanging / whole
        angle = requirement.parameters["angleDegrees"]
        return requirement.finding(
            share,
            f"Built along the patient's axis, {percentage(share)} of the surface hangs over by more than "
            f"{exactNumber(angle)} degrees.",
            direction=[0, 0, 1],
        )


def orientedSurface(soundness: MeshSoundness, reachMm: float = 0.0) -> tuple[WallSurface, np.ndarray]:
    """The working triangles, all facing out of the material, and their numbers.

    Triangles that face the wrong way are turned for the measurement only; it is a finding of its own.

    :param reachMm: length of the longest rays that are to be cast.
    :return: the surface, and for each of its triangles the number in the mesh, integers (w,).
    """
    topology, shells = soundness.cleaned.topology, soundness.shells
    turn = np.isin(topology.patches, shells.insideOut)
    turn[shells.turned] = ~turn[shells.turned]
    triangles, original = topology.triangles, topology.original
    if turn.any():
        triangles = np.where(turn[:, None], triangles[:, ::-1], triangles)
    keep = ~soundness.cleaned.thin
    if not keep.all():
        triangles, original = triangles[keep], original[keep]
    return WallSurface(topology.points, triangles, reachMm), original


CHECKS = (WallCheck, BuildCheck)
