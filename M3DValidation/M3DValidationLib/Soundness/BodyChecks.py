"""What the mesh consists of (ISO/IEC 3532-1, 6.4): bodies, specks, cavities, size; and can STL hold it (6.6)?"""

from __future__ import annotations

import numpy as np

from M3DLib.NumberText import (
    cubicMillimeters,
    exactNumber,
    millimeters,
    number,
    plural,
    shareInPercent,
    squareMillimeters,
)

from ..CheckSupport import PLACES, placeList, placeText
from .MeshChecks import MeshCheck


class BodiesCheck(MeshCheck):
    """Bodies and their volumes, specks, cavities."""

    requirementIds = ("mesh-components", "mesh-specks", "mesh-inner-shells")

    def findings(self, held, soundness):
        """See :class:`MeshCheck`."""
        volumes, shells = soundness.bodyVolumes, soundness.shells
        if requirement := held.get("mesh-components"):
            # Sheets without an inside are pieces too.
            sheets = int(np.sum(~shells.judged))
            count = len(volumes) + sheets
            largest = f"; the largest has {cubicMillimeters(volumes[0])}" if len(volumes) else ""
            open_ = f", {sheets} of them open or without an inside" if sheets else ""
            yield requirement.finding(
                count,
                f"{plural(count, 'separate body', 'separate bodies')}{open_}{largest}.",
                volumesMm3=[round(float(volume), 3) for volume in volumes[:PLACES]],
                withoutInside=sheets,
            )
        if requirement := held.get("mesh-specks"):
            limit = float(requirement.parameters["volumeMm3"])
            share = float(requirement.parameters["shareOfLargest"])
            isSpeck = (volumes < limit) & (volumes < share * volumes[0]) if len(volumes) else np.zeros(0, dtype=bool)
            specks = soundness.bodyShells[isSpeck]
            centers = [soundness.centerOfShell(shell) for shell in specks[:PLACES]]
            message = (
                f"No body is smaller than {exactNumber(limit)} mm³ and {shareInPercent(share)} of the largest."
                if not len(specks)
                else (
                    f"{plural(len(specks), 'speck')} below {exactNumber(limit)} mm³, together "
                    f"{cubicMillimeters(volumes[isSpeck].sum())}, "
                    f"the largest around {placeText(centers[0])}."
                )
            )
            yield requirement.finding(
                len(specks),
                message,
                places=placeList(centers),
                volumesMm3=[round(float(volume), 4) for volume in volumes[isSpeck][:PLACES]],
            )
        if requirement := held.get("mesh-inner-shells"):
            cavities = shells.cavities
            sizes = -shells.volume[cavities]
            order = np.argsort(-sizes, kind="stable")
            cavities, sizes = cavities[order], sizes[order]
            centers = [soundness.centerOfShell(shell) for shell in cavities[:PLACES]]
            message = (
                "No closed cavity."
                if not len(cavities)
                else (
                    f"{plural(len(cavities), 'closed cavity', 'closed cavities')}, together "
                    f"{cubicMillimeters(sizes.sum())}, "
                    f"the largest around {placeText(centers[0])}: powder or resin would stay inside."
                )
            )
            yield requirement.finding(
                len(cavities),
                message,
                places=placeList(centers),
                volumesMm3=[round(float(volume), 3) for volume in sizes[:PLACES]],
            )


class SizeCheck(MeshCheck):
    """Bounding box, volume, area, and how finely the surface is divided."""

    requirementIds = ("mesh-size", "mesh-edge-lengths")

    def findings(self, held, soundness):
        """See :class:`MeshCheck`."""
        mesh = soundness.mesh
        if requirement := held.get("mesh-size"):
            bounds = np.array(mesh.boundsLps).reshape(3, 2)
            sides = bounds[:, 1] - bounds[:, 0]
            yield requirement.finding(
                float(sides.max()),
                f"{sides[0]:.1f} x {sides[1]:.1f} x {millimeters(sides[2])}, area {squareMillimeters(mesh.areaMm2)}, "
                f"enclosed volume {cubicMillimeters(mesh.volumeMm3)}.",
                boundsLps=[round(float(value), 4) for value in bounds.reshape(-1)],
                signedVolumeMm3=round(mesh.volumeMm3, 4),
                areaMm2=round(mesh.areaMm2, 4),
                triangles=len(mesh.triangles),
                points=len(mesh.points),
            )
        if requirement := held.get("mesh-edge-lengths"):
            lengths = soundness.edgeLengths()
            if not len(lengths):
                yield requirement.notAssessable("Every triangle is without area.")
                return
            low, median, high = (float(value) for value in np.quantile(lengths, (0, 0.5, 1)))
            yield requirement.finding(
                median,
                f"Edges are {number(low)} to {millimeters(high)} long, half of them below {millimeters(median)}.",
                minimumMm=low,
                medianMm=median,
                maximumMm=high,
                meanMm=float(lengths.mean()),
                edges=len(lengths),
            )


class StlLimitsCheck(MeshCheck):
    """Rounding of STL's numbers, and the size of the file."""

    requirementIds = ("stl-rounding", "stl-size")

    def findings(self, held, soundness):
        """See :class:`MeshCheck`."""
        mesh = soundness.mesh
        if requirement := held.get("stl-rounding"):
            farthest = float(np.abs(mesh.points).max())
            step = float(np.spacing(np.float32(farthest)))
            yield requirement.finding(
                step,
                f"Coordinates reach {millimeters(farthest)} from the origin; STL's numbers go in steps of "
                f"{millimeters(step)}.",
                farthestMm=farthest,
            )
        if requirement := held.get("stl-size"):
            size = 84 + 50 * len(mesh.triangles)
            yield requirement.finding(
                size / 1e6,
                f"An STL file of {requirement.written(size / 1e6)}, {plural(len(mesh.triangles), 'triangle')}.",
                triangles=len(mesh.triangles),
                bytes=size,
            )


CHECKS = (BodiesCheck, SizeCheck, StlLimitsCheck)
