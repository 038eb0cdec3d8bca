"""Two models of Slicer's scene compared: alignment, figures and maps, and the report on one as a printed part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from M3DLib.Alignment.AnyPosition import alignFromAnywhere, settleFrom
from M3DLib.Alignment.Overlap import requireOverlap
from M3DLib.Alignment.PointPairs import alignByPoints
from M3DLib.Alignment.RigidRegistration import registerRigid
from M3DLib.Background import inBackground
from M3DLib.Errors import M3DError, noProgress
from M3DLib.InSlicer.SlicerParts import moved, partOfModel
from M3DLib.InSlicer.SlicerTransforms import LPS_FROM_RAS, arrayOfMatrix

from ..PrintedPart.PartComparison import PartComparison, compareParts, partCase
from ..PrintedPart.PartReport import partReport
from ..Report.Content.ReportFormats import SHOWING_PICTURES

if TYPE_CHECKING:
    import slicer

    from M3DLib.Alignment.RigidMotion import RigidMotion
    from M3DLib.Distance.DeviationMap import DeviationMap
    from M3DLib.Mesh.TriangleMesh import TriangleMesh

    from ..Profile import Profile
    from ..Report.Report import Report

_ALIGNING_SHARE = 0.6
_WHERE_THEY_LIE = "none: both models where they lie in the scene"


@dataclass
class ModelComparison:
    """What came of it.

    :ivar part: the comparison, as ``m3d compare`` makes it. :ivar aligned: the model where it was compared, LPS mm.
    :ivar tolerance: mm.
    :ivar toReference: float64 (4, 4), RAS mm: the transform that brings the model onto the reference when the model is
        put under it instead of what it is under now; None when nothing was aligned, or doubtfully.
    """

    part: PartComparison
    aligned: TriangleMesh
    tolerance: float
    toReference: np.ndarray | None

    @property
    def alignment(self) -> RigidMotion | None:
        """How the model was brought to the reference; None when it was compared where it lies."""
        return self.part.alignment

    @property
    def facts(self) -> dict | None:
        """Figures, as ``m3d compare`` gives them for the surface; None where the alignment is doubtful."""
        return self.part.facts or None

    @property
    def map(self) -> DeviationMap | None:
        """Distance of the reference at the points of the model, where it was compared; None where it is doubtful."""
        return None if self.part.surfaces is None else self.part.surfaces.forward


# Eight parameters: each is one choice of the panel or the console.
def compareModels(
    modelNode: slicer.vtkMRMLModelNode,
    referenceNode: slicer.vtkMRMLModelNode,
    tolerance: float,
    align: bool = False,
    progress: Callable[[float, str], None] = noProgress,
    *,
    pointNodes: Sequence[slicer.vtkMRMLMarkupsFiducialNode | None] = (None, None),
    regionNode: slicer.vtkMRMLMarkupsROINode | None = None,
) -> ModelComparison:
    """Compare a model with a reference, both where they lie in the world; the nodes are not changed.

    :param tolerance: mm. :param align: whether the model is brought to the reference first: from any position, or from
        where the points bring it.
    :param pointNodes: points marked on the model and the same ones on the reference; None for none. Without ``align``
        they alone say where the model belongs.
    :param regionNode: a box around the surfaces of the reference that are fitted, with ``align``.
    :param progress: called in this thread, while another one compares.
    :raises M3DError: both are one node, a model has no surface, they lie apart and are not to be aligned, or the points
        are no pairs.
    """
    if modelNode is referenceNode:
        raise M3DError("A model is compared with another one; choose two.")
    mesh, reference = (_meshOf(node) for node in (modelNode, referenceNode))
    byPoints = _byPoints(*pointNodes)
    datum = insideOf(regionNode) if align and regionNode is not None else None

    def compare(said: Callable[[float, str], None]) -> tuple[PartComparison, TriangleMesh]:
        alignment = byPoints
        if align:

            def aligning(done: float, text: str) -> None:
                said(_ALIGNING_SHARE * done, text)

            alignment = _aligned(mesh, reference, tolerance, byPoints, datum=datum, progress=aligning)
        else:
            requireOverlap(mesh if byPoints is None else byPoints.apply(mesh), reference)
        part = PartComparison(mesh, reference, alignment, _WHERE_THEY_LIE if alignment is None else alignment.text())
        return part, compareParts(
            part, tolerance, lambda done, text: said(_ALIGNING_SHARE + (1 - _ALIGNING_SHARE) * done, text)
        )

    # Nothing of it touches a node, and the application is not to stand still meanwhile.
    part, aligned = inBackground(compare, progress)
    isSure = part.alignment is not None and not part.alignment.doubtful
    return ModelComparison(part, aligned, tolerance, _worldOf(modelNode, part.alignment.matrix) if isSure else None)


def _aligned(mesh, reference, tolerance: float, byPoints: RigidMotion | None, *, datum, progress) -> RigidMotion:
    """The motion that brings a mesh onto its reference: from any position, or from where pairs of points bring it."""
    if byPoints is None:
        return alignFromAnywhere(mesh, reference, tolerance=tolerance, datum=datum, progress=progress)
    near = registerRigid(mesh, reference, start=byPoints.matrix, progress=progress)
    method = "iterative closest points from the pairs of points"
    return settleFrom(mesh, reference, near.matrix, method=method, tolerance=tolerance, datum=datum)


def insideOf(regionNode: slicer.vtkMRMLMarkupsROINode) -> Callable[[np.ndarray], np.ndarray]:
    """Function that tells which of points (n, 3), LPS mm in the world, lie in a region's box, bool (n,).

    :raises M3DError: the region has no box yet.
    """
    half = np.array(regionNode.GetSize()) / 2
    if not (half > 0).all():
        raise M3DError(f"The region '{regionNode.GetName()}' has no box; draw it, or choose none.")
    toWorld = arrayOfMatrix(regionNode.GetObjectToWorldMatrix())
    fromWorld = np.linalg.inv(LPS_FROM_RAS @ toWorld)

    def inside(points: np.ndarray) -> np.ndarray:
        own = points @ fromWorld[:3, :3].T + fromWorld[:3, 3]
        return (np.abs(own) <= half).all(axis=1)

    return inside


def comparisonReport(
    comparison: ModelComparison,
    profile: Profile,
    formats: tuple[str, ...],
    *,
    person: str = "",
    progress: Callable[[float, str], None] = noProgress,
) -> Report:
    """The report on the model as a printed part of the reference, as of ``m3d compare --profile``."""
    part = comparison.part
    case = partCase(part, comparison.aligned, profile, comparison.tolerance)
    facts = {
        "A": _described(part.part, part.notes),
        "B": _described(part.model, []),
        "partScan": None,
        "registration": None if part.alignment is None else part.alignment.asDict(),
        "registrationByPoints": None,
        "before": None,
        "shape": None if part.shape is None else part.shape.asDict(),
        "errorBudget": None,
    }
    showing = part.surfaces is not None and bool(set(formats) & SHOWING_PICTURES)
    return partReport(case, facts, showing=showing, person=person, progress=progress)


def _described(mesh: TriangleMesh, notes: list[str]) -> dict:
    return {
        "file": mesh.name,
        "name": mesh.name,
        "format": "model of the scene",
        "unit": "mm",
        "unitSource": "scene",
        "warnings": notes,
        "points": len(mesh.points),
        "triangles": len(mesh.triangles),
        "closed": bool(mesh.isClosed),
        "sizeMm": [round(float(value), 4) for value in np.ptp(mesh.points, axis=0)],
    }


def _meshOf(node):
    part = partOfModel(node, None)
    return part.mesh if part.transform is None else moved(part.mesh, part.transform)


def _byPoints(onModel, onReference):
    """The motion that the marked points say; None where none are chosen."""
    if onModel is None and onReference is None:
        return None
    if onModel is None or onReference is None:
        raise M3DError("Points are marked on both models, the same ones in the same order; choose both lists or none.")
    if onModel is onReference:
        raise M3DError("Choose two lists of points: one on the model, one on the reference.")
    counts = [points.GetNumberOfControlPoints() for points in (onModel, onReference)]
    if counts[0] != counts[1]:
        raise M3DError(
            f"'{onModel.GetName()}' has {counts[0]} points and '{onReference.GetName()}' has {counts[1]}: each point "
            "of one belongs to the point of the same number of the other."
        )
    moving, fixed = (
        np.array([points.GetNthControlPointPositionWorld(number) for number in range(counts[0])]).reshape(-1, 3)
        * (-1, -1, 1)
        for points in (onModel, onReference)
    )
    return alignByPoints([onReference.GetNthControlPointLabel(number) for number in range(counts[0])], moving, fixed)


def _worldOf(modelNode, matrix: np.ndarray) -> np.ndarray:
    """The motion (LPS, of the model as it lies in the world) together with what the model is under already, RAS."""
    import vtk

    present = vtk.vtkMatrix4x4()
    transform = modelNode.GetParentTransformNode()
    if transform is not None:
        transform.GetMatrixTransformToWorld(present)
    return LPS_FROM_RAS @ matrix @ LPS_FROM_RAS @ arrayOfMatrix(present)
