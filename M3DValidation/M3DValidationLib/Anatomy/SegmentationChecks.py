"""Is the segmentation plausible? Islands, holes, bridges, overlap, threshold, steps (ISO/IEC 3532-1, 6.3)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np

from M3DLib.Errors import noProgress
from M3DLib.NumberText import (
    cubicMillimeters,
    exactNumber,
    fixed,
    millimeters,
    percentage,
    plural,
    shareInPercent,
    squareMillimeters,
)
from M3DLib.Surface.SurfaceRecord import recordTexts

from ..Check import Case
from ..CheckSupport import (
    PLACES,
    allNotAssessable,
    onPurpose,
    placeList,
    placeText,
    requirementsOf,
)
from ..Requirement import Finding, Requirement, Verdict
from .EdgeProfiles import edgeProfiles
from .SegmentAnalysis import Piece, bridges, islandsAndHoles, outsideImageMm3, overlapMm3
from .StairSteps import stairStepShare

_FEWEST_PROFILES = 50


class _SegmentCheck:
    """A check of a segment, with or without voxels."""

    requirementIds: tuple[str, ...] = ()

    def canRun(self, case: Case) -> bool:
        """Whether there is a segment."""
        return case.segment is not None


class _VoxelCheck(_SegmentCheck, ABC):
    """A check that needs a segment with voxels."""

    def run(self, case: Case, progress: Callable[[float, str], None] = noProgress) -> list[Finding]:
        """Findings; not assessable for an empty segment."""
        held = requirementsOf(case, self.requirementIds)
        if not held:
            return []
        progress(0.0, "Checking the segmentation")
        if not case.segment.array.any():
            return allNotAssessable(held, "The segment is empty.")
        findings = self._findings(held, case)
        progress(1.0, "Checking the segmentation")
        return findings

    @abstractmethod
    def _findings(self, held, case) -> list[Finding]:
        """One finding or more for each requirement held."""


class ContentCheck(_SegmentCheck):
    """Voxels at all, and within the image."""

    requirementIds = ("segment-not-empty", "segment-inside-image")

    def run(self, case: Case, progress: Callable[[float, str], None] = noProgress) -> list[Finding]:
        """Findings on whether there are voxels at all, and where."""
        held = requirementsOf(case, self.requirementIds)
        volume = case.segment.volumeMm3
        findings = []
        if requirement := held.get("segment-not-empty"):
            message = f"The segment has {cubicMillimeters(volume)}." if volume else "The segment is empty."
            findings.append(requirement.stated(volume > 0, round(volume, 3), message))
        if requirement := held.get("segment-inside-image"):
            if case.image is None or not volume:
                findings.append(requirement.notAssessable("There is no image, or the segment is empty."))
            else:
                outside = outsideImageMm3(case.segment, case.image)
                message = (
                    "The whole segment lies within the image."
                    if not outside
                    else (
                        f"{cubicMillimeters(outside)} ({shareInPercent(outside / volume)}) of the segment lie "
                        "outside the image."
                    )
                )
                findings.append(requirement.finding(outside, message, share=outside / volume))
        return findings


class PiecesCheck(_VoxelCheck):
    """Islands and holes."""

    requirementIds = ("segment-islands", "segment-holes")
    needsNoMesh = True

    def _findings(self, held, case):
        bodies, holes = islandsAndHoles(case.segment)
        findings = []
        if requirement := held.get("segment-islands"):
            findings.append(
                self._small(requirement, bodies[1:], ("island", "islands"), ("body", "bodies"), len(bodies))
            )
        if requirement := held.get("segment-holes"):
            findings.append(self._small(requirement, holes, ("hole", "holes"), ("cavity", "cavities"), len(holes)))
        return findings

    def _small(self, requirement, pieces: list[Piece], small, large, total: int) -> Finding:
        limit = float(requirement.parameters["volumeMm3"])
        found = [piece for piece in pieces if piece.volumeMm3 < limit]
        volume = sum(piece.volumeMm3 for piece in found)
        message = (
            f"No {small[0]} below {exactNumber(limit)} mm³"
            if not found
            else (
                f"{plural(len(found), *small)} below {exactNumber(limit)} mm³, together "
                f"{cubicMillimeters(volume)}, the largest at "
                f"{placeText(found[0].center)}"
            )
        )
        return requirement.finding(
            len(found),
            f"{message}; {plural(total, *large)} in all.",
            places=placeList([piece.center for piece in found]),
            volumesMm3=[round(piece.volumeMm3, 4) for piece in found[:PLACES]],
            largeVolumesMm3=[round(piece.volumeMm3, 3) for piece in pieces if piece.volumeMm3 >= limit][:PLACES],
        )


class BridgeCheck(_VoxelCheck):
    """Leakage through thin bridges."""

    requirementIds = ("segment-bridges",)
    needsNoMesh = True

    def _findings(self, held, case):
        findings = []
        for requirement in held.values():
            values = {name: float(requirement.parameters[name]) for name in ("radiusMm", "bodyMm3", "areaMm2")}
            if case.segment.spacing.max() > 2 * values["radiusMm"]:
                # A connection thinner than a voxel is not in the voxels.
                findings.append(
                    requirement.notAssessable(
                        f"The voxels ({millimeters(case.segment.spacing.max())}) are larger than a bridge would "
                        "be thick."
                    )
                )
                continue
            found, step = bridges(case.segment, **values)
            message = (
                "No thin connection between large bodies."
                if not found
                else (
                    f"{plural(len(found), 'thin bridge')} between large bodies, "
                    f"the thinnest of about {squareMillimeters(found[0].areaMm2)} at {placeText(found[0].center)}."
                )
            )
            findings.append(
                requirement.finding(
                    len(found),
                    message,
                    places=placeList([bridge.center for bridge in found]),
                    areasMm2=[round(bridge.areaMm2, 2) for bridge in found[:PLACES]],
                    volumesMm3=[[round(value, 1) for value in bridge.volumesMm3] for bridge in found[:PLACES]],
                    voxelsPerBlockEdge=step,
                )
            )
        return findings


class OverlapCheck(_VoxelCheck):
    """The segment against the others of its segmentation."""

    requirementIds = ("segment-overlap",)

    def canRun(self, case: Case) -> bool:
        """Whether there are other segments."""
        return case.segment is not None and bool(case.otherSegments)

    def _findings(self, held, case):
        findings = []
        for requirement in held.values():
            overlaps = [(other.name, *overlapMm3(case.segment, other)) for other in case.otherSegments]
            hit = [(name, volume, center) for name, volume, center in overlaps if volume > 0]
            total = sum(volume for _, volume, _ in hit)
            message = f"No overlap with {plural(len(overlaps), 'other segment')}."
            if hit:
                listed = ", ".join(f"'{name}' ({cubicMillimeters(volume)})" for name, volume, _ in hit)
                message = f"Overlaps with: {listed}."
            findings.append(
                requirement.finding(
                    total,
                    message,
                    segments={name: round(volume, 3) for name, volume, _ in hit},
                    places=placeList([center for _, _, center in hit]),
                )
            )
        return findings


class ThresholdCheck(_VoxelCheck):
    """The segment's edge against the local 50 % level of the image."""

    requirementIds = ("threshold-plausibility",)

    def canRun(self, case: Case) -> bool:
        """Whether there are a segment and an image."""
        return case.segment is not None and case.image is not None

    def _findings(self, held, case):
        findings = []
        for requirement in held.values():
            if case.image.geometryProblems:
                findings.append(
                    requirement.notAssessable(f"The image is no regular grid: {case.image.geometryProblems[0]}")
                )
                continue
            profiles = edgeProfiles(case.image, case.segment)
            use = profiles.reliable
            share = float(use.mean()) if len(use) else 0.0
            if use.sum() < _FEWEST_PROFILES or share < 0.2:
                findings.append(
                    requirement.notAssessable(
                        f"Only {shareInPercent(share)} of the segment's boundary lies at an edge of the image.",
                        reliableShare=share,
                    )
                )
                continue
            shift = profiles.shift[use]
            median = float(np.median(shift))
            now, better = float(np.median(profiles.edgeValue[use])), float(np.median(profiles.halfLevel[use]))
            unit = " HU" if case.image.isHounsfield else ""
            outward, place = ("outward", "outside") if median > 0 else ("inward", "inside")
            volume = median * profiles.areaMm2 / 1.5
            signedVolume = f"{'+' if volume > 0 else ''}{cubicMillimeters(volume)}"
            message = (
                f"The image's edge (local 50 % level, about {fixed(better, 0)}{unit}) lies {millimeters(abs(median))} "
                f"{place} the "
                f"segment's, which runs at about {fixed(now, 0)}{unit}; a threshold at {fixed(better, 0)}{unit} would "
                "move the "
                f"surface by {millimeters(abs(median))} {outward} ({signedVolume})."
            )
            findings.append(
                Finding(
                    requirement,
                    requirement.judge(abs(median)),
                    median,
                    message,
                    {
                        "shiftMm": median,
                        "shiftQuartilesMm": [float(value) for value in np.quantile(shift, (0.25, 0.75))],
                        "edgeValueNow": now,
                        "halfLevel": better,
                        "halfLevelQuartiles": [
                            float(value) for value in np.quantile(profiles.halfLevel[use], (0.25, 0.75))
                        ],
                        "profiles": int(use.sum()),
                        "reliableShare": share,
                        "sign": "positive: the image's edge lies outside the segment",
                    },
                )
            )
        return findings


class SegmentSurfaceCheck(_VoxelCheck):
    """The mesh as made from the segment: steps, volume, record of how."""

    requirementIds = ("stair-steps", "surface-record", "mesh-volume-change")

    def canRun(self, case: Case) -> bool:
        """Whether there are a segment and its mesh."""
        return case.segment is not None and case.mesh is not None

    def _findings(self, held, case):
        measured = {
            "stair-steps": self._steps,
            "surface-record": self._record,
            "mesh-volume-change": self._volumeChange,
        }
        return [measure(held[name], case) for name, measure in measured.items() if name in held]

    def _steps(self, requirement: Requirement, case: Case) -> Finding:
        share, places = stairStepShare(case.mesh, case.segment.ijkToLps)
        if np.isnan(share):
            return requirement.notAssessable("The mesh has no triangles with an area.")
        message = f"{shareInPercent(share)} of the surface shows the steps of the voxels."
        return requirement.finding(100 * share, message, places=placeList(places))

    def _record(self, requirement: Requirement, case: Case) -> Finding:
        parameters = case.surfaceParameters
        if parameters is None:
            return requirement.notAssessable("How the mesh was made from the segment is not known.")
        how = f"smoothing {parameters.smoothing:g}, decimation {parameters.decimation:g}"
        message = " ".join([f"Made by {parameters.method}, {how}.", *recordTexts(case.mesh.record)])
        return requirement.stated(True, None, message, **{**parameters.asDict(), **case.mesh.record})

    def _volumeChange(self, requirement: Requirement, case: Case) -> Finding:
        if not case.mesh.isClosed:
            return requirement.notAssessable("The mesh is not closed, so it has no volume.")
        voxels, mesh = case.segment.volumeMm3, abs(case.mesh.volumeMm3)
        change = 100 * (mesh - voxels) / voxels
        verdict = requirement.judge(abs(change))
        message = (
            f"The mesh has {cubicMillimeters(mesh)}, its voxels {cubicMillimeters(voxels)}: {percentage(change, True)}."
        )
        refinement = case.mesh.record.get("refinement", {})
        if refinement.get("applied"):
            verdict = Verdict.INFORMATION
            message += f" {onPurpose(refinement['movedShare'])}"
        return Finding(requirement, verdict, change, message, {"meshMm3": mesh, "voxelsMm3": voxels})


CHECKS = (ContentCheck, PiecesCheck, BridgeCheck, OverlapCheck, ThresholdCheck, SegmentSurfaceCheck)
