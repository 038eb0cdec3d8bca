"""Is the mesh sound? Closedness, orientation, self-intersection, useless elements, bodies (ISO/IEC 3532-1, 6.4)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator

import numpy as np

from M3DLib.Errors import noProgress
from M3DLib.NumberText import millimeters, plural

from ..Check import Case
from ..CheckSupport import PLACES, allNotAssessable, placeList, placeText, requirementsOf
from ..Requirement import Finding, Requirement
from .MeshSoundness import MeshSoundness


class MeshCheck(ABC):
    """A check of the mesh alone; subclasses give their findings in ``findings``."""

    requirementIds: tuple[str, ...] = ()

    def canRun(self, case: Case) -> bool:
        """Whether there is a mesh."""
        return case.mesh is not None

    def run(self, case: Case, progress: Callable[[float, str], None] = noProgress) -> list[Finding]:
        """Findings on the mesh; not assessable while it has no triangles or points without a place."""
        held = requirementsOf(case, self.requirementIds)
        soundness = MeshSoundness.of(case.mesh, progress)
        missing = self._missing(soundness)
        return allNotAssessable(held, missing) if missing else list(self.findings(held, soundness))

    def _missing(self, soundness: MeshSoundness) -> str:
        if not len(soundness.mesh.triangles):
            return "The mesh has no triangles."
        if len(soundness.cleaned.notFinite):
            return "Some points of the mesh have no place; this can be judged when they have one."
        return ""

    @abstractmethod
    def findings(self, held: dict[str, Requirement], soundness: MeshSoundness) -> Iterator[Finding]:
        """One finding for each requirement held."""


class PointsCheck(MeshCheck):
    """Is there a mesh at all, and has every point a place?"""

    requirementIds = ("mesh-finite",)

    def _missing(self, soundness):
        return ""

    def findings(self, held, soundness):
        """See :class:`MeshCheck`."""
        for requirement in held.values():
            bad = soundness.cleaned.notFinite
            if not len(soundness.mesh.triangles):
                yield requirement.stated(False, None, "The mesh has no triangles: there is nothing to print.")
            else:
                message = (
                    "Every point has a place."
                    if not len(bad)
                    else (
                        f"{plural(len(bad), 'point')} of {len(soundness.mesh.points)} "
                        "with a coordinate that is infinite or not a number."
                    )
                )
                yield requirement.finding(len(bad), message, points=bad[:PLACES].tolist())


class ClosednessCheck(MeshCheck):
    """Closed and two-manifold."""

    requirementIds = ("mesh-closed", "mesh-manifold-edges", "mesh-manifold-points")

    def findings(self, held, soundness):
        """See :class:`MeshCheck`."""
        topology = soundness.cleaned.topology
        if requirement := held.get("mesh-closed"):
            holes = soundness.holes
            count = sum(hole.edgeCount for hole in holes)
            message = (
                "The surface is closed."
                if not holes
                else (
                    f"{plural(len(holes), 'hole')} with {plural(count, 'open edge')}; the largest has a rim of "
                    f"{millimeters(holes[0].lengthMm)}, is {millimeters(holes[0].extentMm)} wide, and lies at "
                    f"{placeText(holes[0].center)}."
                )
            )
            listed = [
                {
                    "center": placeList([hole.center])[0],
                    "edges": hole.edgeCount,
                    "rimMm": round(hole.lengthMm, 3),
                    "extentMm": round(hole.extentMm, 3),
                }
                for hole in holes[:PLACES]
            ]
            yield requirement.finding(count, message, holeCount=len(holes), holes=listed)
        if requirement := held.get("mesh-manifold-edges"):
            edges = topology.edgePoints[topology.crowdedEdges]
            middles = topology.points[edges].mean(axis=1)
            message = "No edge has more than two triangles."
            if len(edges):
                fins = (
                    f" {plural(len(soundness.fins), 'fin')} of single triangles there." if len(soundness.fins) else ""
                )
                many = plural(len(edges), "edge")
                message = f"{many} with more than two triangles, first at {placeText(middles[0])}.{fins}"
            yield requirement.finding(len(edges), message, places=placeList(middles), fins=len(soundness.fins))
        if requirement := held.get("mesh-manifold-points"):
            pinched = topology.points[topology.pinchedPoints]
            message = (
                "No surfaces touch in a single point."
                if not len(pinched)
                else (f"Surfaces touch in {plural(len(pinched), 'single point')}, first at {placeText(pinched[0])}.")
            )
            yield requirement.finding(len(pinched), message, places=placeList(pinched))


class OrientationCheck(MeshCheck):
    """Inside and outside."""

    requirementIds = ("mesh-orientation", "mesh-outward")

    def findings(self, held, soundness):
        """See :class:`MeshCheck`."""
        shells, topology = soundness.shells, soundness.cleaned.topology
        if requirement := held.get("mesh-orientation"):
            centers = topology.centers(shells.turned)
            if len(shells.oneSided):
                place = soundness.centerOfShell(shells.oneSided[0])
                yield requirement.stated(
                    False,
                    None,
                    f"{plural(len(shells.oneSided), 'surface')} with one side only (like a Möbius strip), first around "
                    f"{placeText(place)}; no turning of triangles helps.",
                    places=placeList([soundness.centerOfShell(shell) for shell in shells.oneSided[:PLACES]]),
                )
            else:
                message = (
                    "All triangles face the same way as their neighbors."
                    if not len(centers)
                    else (
                        f"{plural(len(centers), 'triangle')} facing the other way than the neighbors, first at "
                        f"{placeText(centers[0])}."
                    )
                )
                yield requirement.finding(len(centers), message, places=placeList(centers))
        if requirement := held.get("mesh-outward"):
            wrong = shells.insideOut
            if not shells.judged.any():
                yield requirement.notAssessable("The surface encloses no volume, so it has no inside.")
            else:
                centers = [soundness.centerOfShell(shell) for shell in wrong[:PLACES]]
                message = "Outer surfaces face outward and cavities inward."
                if len(wrong):
                    inner = int(np.sum(shells.depth[wrong] % 2))
                    what = f" ({inner} of them inside another body, facing outward)" if inner else ""
                    message = f"{plural(len(wrong), 'shell')} inside out{what}, first around {placeText(centers[0])}."
                yield requirement.finding(
                    len(wrong),
                    message,
                    places=placeList(centers),
                    triangles=int(shells.triangleCount[wrong].sum()),
                    notJudged=int(np.sum(~shells.judged)),
                )


class SelfIntersectionCheck(MeshCheck):
    """Exact search for triangles that meet where they should not."""

    requirementIds = ("mesh-self-intersections",)

    def findings(self, held, soundness):
        """See :class:`MeshCheck`."""
        for requirement in held.values():
            pairs = soundness.intersections
            involved = np.unique(pairs)
            places = soundness.mesh.corners()[involved[:PLACES]].mean(axis=1) if len(involved) else np.empty((0, 3))
            message = (
                "No triangle passes through or touches another."
                if not len(pairs)
                else (
                    f"{plural(len(involved), 'triangle')} passing through or touching another "
                    f"({plural(len(pairs), 'pair')}, {int(soundness.crossing.sum())} of them crossing), first at "
                    f"{placeText(places[0])}."
                )
            )
            yield requirement.finding(
                len(involved),
                message,
                pairs=len(pairs),
                crossingPairs=int(soundness.crossing.sum()),
                places=placeList(places),
                triangles=involved[:PLACES].tolist(),
                method="exact predicates on the stored 32-bit coordinates",
            )


# What is said where there is none, and where there are some.
_USELESS = {
    "mesh-degenerate-triangles": ("No triangle is without area.", "{0} without area, first at {1}."),
    "mesh-duplicate-triangles": ("No triangle lies on top of another.", "{0} on top of another, first at {1}."),
    "mesh-unreferenced-points": ("Every point is used by a triangle.", "{0} used by no triangle, first at {1}."),
    "mesh-duplicate-points": (
        "No point lies at the same place as another.",
        "{0} at the same place as another, first at {1}.",
    ),
}


class UselessElementsCheck(MeshCheck):
    """Degenerate and doubled triangles, points without use and points not shared."""

    requirementIds = (
        "mesh-degenerate-triangles",
        "mesh-duplicate-triangles",
        "mesh-unreferenced-points",
        "mesh-duplicate-points",
    )

    def findings(self, held, soundness):
        """See :class:`MeshCheck`."""
        cleaned, mesh = soundness.cleaned, soundness.mesh
        wording = {
            "mesh-degenerate-triangles": ("triangle", cleaned.degenerate),
            "mesh-duplicate-triangles": ("triangle", cleaned.duplicates),
            "mesh-unreferenced-points": ("point", cleaned.unreferenced),
            "mesh-duplicate-points": ("point", cleaned.duplicatePoints),
        }
        for id_, requirement in held.items():
            noun, numbers = wording[id_]
            none, found = _USELESS[id_]
            some = numbers[:PLACES]
            places = mesh.points[some] if noun == "point" else mesh.points[mesh.triangles[some]].mean(axis=1)
            message = none if not len(numbers) else found.format(plural(len(numbers), noun), placeText(places[0]))
            yield requirement.finding(len(numbers), message, places=placeList(places), **{f"{noun}s": some.tolist()})


CHECKS = (PointsCheck, ClosednessCheck, OrientationCheck, SelfIntersectionCheck, UselessElementsCheck)
