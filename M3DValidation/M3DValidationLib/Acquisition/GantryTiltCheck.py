"""Whether the slices are stacked along their normal, or shifted against each other by a tilted gantry."""

from __future__ import annotations

import numpy as np

from M3DLib.NumberText import exactNumber, inDegrees, millimeters

from ..Requirement import Verdict
from .ImageCheck import ImageCheck, headersOf, limitOf, numberOrNone, stackOf


class GantryTiltCheck(ImageCheck):
    """The angle between normal and stacking direction, and what (0018,1120) says of it."""

    requirementIds = ("gantry-tilt",)
    aboutImageAlone = True

    def findings(self, held, case, progress):
        """See :class:`ImageCheck`."""
        requirement = held["gantry-tilt"]
        stack = stackOf(case)
        if case.image.array.shape[0] < 2:
            yield requirement.notAssessable("There is only one slice, so there is no stacking direction.")
            return
        if stack is not None and len(stack.placed()) < 2:
            yield requirement.notAssessable("Image Position (Patient) (0020,0032) is missing.")
            return
        matrix = case.image.ijkToLps[:3, :3]
        normal = np.cross(matrix[:, 0], matrix[:, 1])
        normal /= np.linalg.norm(normal)
        step, height = matrix[:, 2], float(matrix[:, 2] @ normal)
        if stack is not None:
            # A stack with gaps: the slope against the height, not against the number of the slice.
            step, height = _slope(stack), 1.0
        shear = step - (step @ normal) * normal
        # Direction cosines of six decimals leave no more digits.
        angle = round(float(np.degrees(np.arctan2(np.linalg.norm(shear), abs(height)))), 4)
        extent = abs(float(matrix[:, 2] @ normal)) * (case.image.array.shape[0] - 1)
        displacement = extent * np.tan(np.radians(angle))
        stated, derived = _statedTilt(case)
        evidence = {
            "angleDegrees": round(angle, 4),
            "headerDegrees": stated,
            "displacementMm": numberOrNone(displacement),
            "shearDirectionLps": [round(float(part), 4) for part in shear / max(np.linalg.norm(shear), 1e-12)],
        }
        if angle > limitOf(requirement) or stated is None or abs(stated) - angle <= _headerTolerance(requirement):
            message = f"The slices are stacked along their normal (within {inDegrees(angle)})."
            if angle > limitOf(requirement):
                message = (
                    f"The gantry was tilted: the slices are stacked {inDegrees(angle)} off their normal. A program "
                    f"that ignores this displaces one end by {millimeters(displacement)} against the other."
                )
                if stated is not None and abs(abs(stated) - angle) > _headerTolerance(requirement):
                    message += f" The header (0018,1120) says {exactNumber(stated)} degrees."
            yield requirement.finding(angle, message, **evidence)
            return
        wrong = np.tan(np.radians(abs(stated))) * extent
        message = (
            f"The header says that the gantry was tilted by {exactNumber(stated)} degrees (0018,1120), but the slices "
            "are stacked "
            f"straight: either the tilt was corrected by resampling, or it was ignored and the anatomy is sheared by "
            f"{millimeters(wrong)}. Ask where the series comes from."
        )
        finding = requirement.stated(False, abs(abs(stated) - angle), message, **evidence)
        if derived and finding.verdict is Verdict.FAIL:
            # A series that says it is derived may well have been straightened properly.
            finding.verdict = Verdict.WARNING
        yield finding


def _slope(stack) -> np.ndarray:
    """Displacement of the position per millimeter along the normal, float64 (3,)."""
    placed = stack.placed()
    heights = stack.heights()[placed]
    centered = heights - heights.mean()
    if not np.any(centered):
        return stack.axes()[2]
    positions = stack.positions[placed]
    return centered @ (positions - positions.mean(axis=0)) / (centered @ centered)


def _headerTolerance(requirement) -> float:
    """The header gives the tilt to half a degree or so."""
    return max(limitOf(requirement), 0.5)


def _statedTilt(case) -> tuple[float | None, bool]:
    """Gantry tilt of the header that is largest, and whether the series calls itself derived."""
    headers = headersOf(case)
    tilts = [tilt for header in headers if (tilt := header.number("GantryDetectorTilt")) is not None]
    kinds = headers[0].get("ImageType", "") if headers else ""
    derived = "DERIVED" in ([kinds] if isinstance(kinds, str) else list(kinds))
    return (max(tilts, key=abs) if tilts else None), derived


CHECKS = (GantryTiltCheck,)
