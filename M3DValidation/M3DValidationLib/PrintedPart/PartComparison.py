"""A printed part beside the model it was printed from, measured once for all checks: both directions and the shape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from M3DLib.Alignment.RigidMotion import RigidMotion
from M3DLib.Alignment.ScanTable import withoutTable
from M3DLib.Alignment.SurfaceAlignment import SurfaceAlignment
from M3DLib.Distance.ClosestSurface import KEPT
from M3DLib.Distance.EvenComparison import compareEvenly
from M3DLib.Distance.SurfaceDeviation import SurfaceComparison
from M3DLib.Errors import noProgress
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.NumberText import shareInPercent

from ..Check import Case
from ..Deviation.DeviationReport import DeviationReport, surfaceFacts
from ..Profile import Profile
from .DeviationShape import DeviationShape, deviationShape

KEY = "partComparison"


@dataclass
class PartComparison:
    """What is known of a part and its model.

    :ivar part: the part as it was read, LPS mm. :ivar model: what it was printed from.
    :ivar alignment: what brought the part onto the model; None where both lay together already.
    :ivar done: all that was done to align them, in words.
    :ivar surfaces: the distances in both directions; None when the alignment is doubtful.
    :ivar shape: the deviation's scale, growth, warp and roughness; None when there is too little to tell.
    :ivar leftOutShare: share of the part's area as it was read that is a scan table, and was not compared.
    :ivar before: figures of the deviation before the alignment, None where there was none or the two lay apart.
    """

    part: TriangleMesh
    model: TriangleMesh
    alignment: RigidMotion | None = None
    done: str = "none: both meshes as they are in their files"
    surfaces: SurfaceComparison | None = None
    shape: DeviationShape | None = None
    before: dict | None = None
    leftOutShare: float = 0.0
    facts: dict = field(default_factory=dict)

    @property
    def notes(self) -> list[str]:
        """What ought to be known before the figures are used, one sentence each."""
        if not self.leftOutShare:
            return []
        share = shareInPercent(self.leftOutShare)
        note = (
            f"{share} of the scan's area lies on planes larger than the model or on pieces that nowhere come near it, "
            "as a scan table does; it was left out."
        )
        return [note]

    @property
    def doubts(self) -> list[str]:
        """Why the alignment may be wrong."""
        return list(getattr(self.alignment, "doubts", []))


def compareParts(
    comparison: PartComparison, tolerance: float, progress: Callable[[float, str], None] = noProgress
) -> TriangleMesh:
    """Measure a part against its model, unless its alignment is doubtful; returns the part, aligned where it is."""
    if comparison.doubts:
        return comparison.part
    part = comparison.part
    if isinstance(comparison.alignment, SurfaceAlignment):
        part, comparison.leftOutShare = withoutTable(part, comparison.alignment, comparison.model, tolerance)
        comparison.part = part
    if comparison.alignment is not None:
        part = comparison.alignment.apply(part)
    comparison.surfaces = compareEvenly(part, comparison.model, comparison.done, progress)
    for mesh in (part, comparison.model, comparison.surfaces.forward.mesh, comparison.surfaces.reverse.mesh):
        mesh.drop(KEPT)
    comparison.facts = surfaceFacts(comparison.surfaces, tolerance)
    comparison.shape = deviationShape(comparison.surfaces.forward)
    return part


def partCase(comparison: PartComparison, part: TriangleMesh, profile: Profile, tolerance: float) -> Case:
    """The case of a measured comparison: the part is its mesh, and its deviation the one between two surfaces."""
    case = Case(profile, mesh=part, options={"tolerance": tolerance})
    case.measurements[KEY] = comparison
    if comparison.surfaces is not None:
        report = DeviationReport()
        report.data["surface"] = comparison.facts
        report.maps["surface"] = comparison.surfaces.forward
        case.measurements["deviation"] = report
    return case
