"""Is the mesh file whole, and is its unit known? (ISO/IEC 3532-1, 6.6)"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from M3DLib.Errors import noProgress
from M3DLib.NumberText import millimeters, number

from ..Check import Case
from ..CheckSupport import requirementsOf
from ..Requirement import Finding

_SOURCES = {
    "file": "as the file states",
    "given": "as told",
    "assumed": "since the file states no unit and millimeters fit its size",
    "guessed": "guessed from the model's size, since the file states no unit",
}


class MeshFileCheck:
    """What the reader of a foreign mesh file noticed."""

    requirementIds = ("mesh-file-format", "mesh-unit")

    def canRun(self, case: Case) -> bool:
        """Whether the mesh came from a file."""
        return case.mesh is not None and case.meshNotes is not None

    def run(self, case: Case, progress: Callable[[float, str], None] = noProgress) -> list[Finding]:
        """Findings on the file."""
        held, notes = requirementsOf(case, self.requirementIds), case.meshNotes
        aboutUnit = [text for text in notes.warnings if " unit" in text or "plausible" in text]
        others = [text for text in notes.warnings if text not in aboutUnit]
        if case.mesh.precise is not None:
            step = float(np.spacing(np.abs(case.mesh.points).max()))
            others.append(
                "The model lies so far from the origin of its coordinates that the checks of its shape see it rounded "
                f"to {millimeters(step)}; move it nearer before they are trusted."
            )
        findings = []
        if requirement := held.get("mesh-file-format"):
            # Coordinates said to be RAS are no fault of the file; they were understood.
            remarks = [text for text in others if "RAS" not in text]
            size = number(notes.bytes / 1e6)
            message = f"{notes.format} file of {size} MB, without remarks."
            if others:
                message = f"{notes.format} file of {size} MB. {' '.join(others)}"
            findings.append(
                requirement.finding(
                    len(remarks),
                    message,
                    format=notes.format,
                    bytes=notes.bytes,
                    coordinates=notes.coordinates or "LPS",
                )
            )
        if requirement := held.get("mesh-unit"):
            points = case.mesh.points
            extent = float((points.max(axis=0) - points.min(axis=0)).max()) if len(points) else 0.0
            known = not aboutUnit and notes.unitSource != "guessed" and np.isfinite(extent)
            message = f"Read in {notes.unit}, {_SOURCES[notes.unitSource]}: {millimeters(extent)} large."
            findings.append(
                requirement.stated(
                    known,
                    round(extent, 3) if np.isfinite(extent) else None,
                    " ".join([message, *aboutUnit]),
                    unit=notes.unit,
                    unitSource=notes.unitSource,
                )
            )
        return findings


CHECKS = (MeshFileCheck,)
