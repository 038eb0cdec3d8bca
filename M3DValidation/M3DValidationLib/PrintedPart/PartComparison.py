"""A printed part beside the model it was printed from, measured once for all checks: both directions and the shape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from M3DLib.Alignment.Overlap import requireOverlap
from M3DLib.Alignment.RigidMotion import RigidMotion
from M3DLib.Alignment.SampledDistance import sampledDistances
from M3DLib.Alignment.ScanTable import withoutTable
from M3DLib.Alignment.SurfaceAlignment import SurfaceAlignment
from M3DLib.Distance.ClosestSurface import KEPT
from M3DLib.Distance.EvenComparison import compareEvenly
from M3DLib.Distance.SurfaceDeviation import SIGN_MEANING, SurfaceComparison
from M3DLib.Errors import M3DError, noProgress
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.NumberText import shareInPercent
from M3DLib.TwoThreads import besideEachOther

from ..Check import Case
from ..Deviation.DeviationReport import DeviationReport, surfaceFacts
from ..Deviation.DeviationStatistics import summary
from ..Profile import Profile
from .DeviationShape import DeviationShape, deviationShape

KEY = "partComparison"
# Points of a part that are measured before its alignment: a percentile is that of the whole within 0.7.
SAMPLED = 20_000


@dataclass
class PartComparison:
    """What is known of a part and its model.

    :ivar part: the part as it was read, LPS mm. :ivar model: what it was printed from.
    :ivar alignment: what brought the part onto the model; None where both lay together already.
    :ivar done: all that was done to align them, in words.
    :ivar surfaces: the distances in both directions; None when the alignment is doubtful.
    :ivar shape: the deviation's scale, growth, warp and roughness; None when there is too little to tell.
    :ivar leftOutShare: share of the part's area as it was read that is a scan table, and was not compared.
    :ivar before: figures of the deviation before the alignment (:func:`deviationBefore`), None where there was none or
        the two lay apart.
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
    comparison: PartComparison,
    tolerance: float,
    progress: Callable[[float, str], None] = noProgress,
    beforeToo: bool = False,
) -> TriangleMesh:
    """Measure a part against its model, unless its alignment is doubtful; returns the part, aligned where it is.

    :param beforeToo: also before the alignment, at some points, where the two do not lie apart.
    """
    if comparison.doubts:
        return comparison.part
    part = comparison.part
    if isinstance(comparison.alignment, SurfaceAlignment):
        part, comparison.leftOutShare = withoutTable(part, comparison.alignment, comparison.model, tolerance)
        comparison.part = part
    if comparison.alignment is not None:
        if beforeToo:
            comparison.before = _before(part, comparison.model, tolerance)
        part = comparison.alignment.apply(part)
    comparison.surfaces = compareEvenly(part, comparison.model, comparison.done, progress)
    for mesh in (part, comparison.model, comparison.surfaces.forward.mesh, comparison.surfaces.reverse.mesh):
        mesh.drop(KEPT)
    comparison.facts, comparison.shape = besideEachOther(
        lambda _: surfaceFacts(comparison.surfaces, tolerance),
        lambda _: deviationShape(comparison.surfaces.forward),
    )
    return part


def _before(part: TriangleMesh, model: TriangleMesh, tolerance: float) -> dict | None:
    try:
        requireOverlap(part, model)
    except M3DError:
        # They lie apart before the alignment, so there is nothing to report of that.
        return None
    return deviationBefore(part, model, tolerance)


def deviationBefore(part: TriangleMesh, model: TriangleMesh, tolerance: float) -> dict:
    """Figures of a part's deviation from its model where both lie, at some points of it; LPS mm.

    Before an alignment most of a part lies far from the model, where distances take long to find, and they say no more
    than how far it had to be moved. So they are asked at ``vertices`` points spread evenly over the part, which no
    figure hides: the smallest and the largest distance of all are not known, and null.

    :raises M3DError: one of them has no surface.
    """
    distance, sure, area = sampledDistances(part, model, SAMPLED)
    weights = np.full(int(sure.sum()), area / len(distance))
    facts = summary(distance[sure], weights, tolerance)
    spread = facts["sd"] or 0.0
    return {
        "kind": "surface",
        "sampled": True,
        "vertices": len(distance),
        "measuredVertices": int(sure.sum()),
        "areaMm2": area,
        "measuredAreaMm2": float(weights.sum()),
        "coverage": float(sure.mean()),
        "tolerance": float(tolerance),
        "sign": SIGN_MEANING,
        "registration": "none",
        **facts,
        "minSigned": None,
        "maxSigned": None,
        # Half width of a 95 % interval of the mean.
        "meanUncertainty95": 2 * spread / max(len(weights), 1) ** 0.5,
    }


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
