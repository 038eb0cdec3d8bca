"""Two models of Slicer's scene compared: how far one lies from the other, as figures and as a map on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from M3DLib.Alignment.AnyPosition import alignFromAnywhere
from M3DLib.Alignment.Overlap import requireOverlap
from M3DLib.Distance.EvenComparison import compareEvenly
from M3DLib.Errors import M3DError, noProgress
from M3DLib.InSlicer.SlicerParts import moved, partOfModel

from ..Deviation.DeviationReport import surfaceFacts

if TYPE_CHECKING:
    import slicer

    from M3DLib.Alignment.RigidMotion import RigidMotion
    from M3DLib.Distance.DeviationMap import DeviationMap

_ALIGNING_SHARE = 0.6


@dataclass
class ModelComparison:
    """What came of it.

    :ivar facts: figures, as ``m3d compare`` gives them for the surface; None where the alignment is doubtful.
    :ivar map: distance of the reference at the points of the model, which lies where it was compared; None likewise.
    :ivar alignment: how the model was brought to the reference; None when it was compared where it lies.
    """

    facts: dict | None
    map: DeviationMap | None
    alignment: RigidMotion | None


def compareModels(
    modelNode: slicer.vtkMRMLModelNode,
    referenceNode: slicer.vtkMRMLModelNode,
    tolerance: float,
    align: bool = False,
    progress: Callable[[float, str], None] = noProgress,
) -> ModelComparison:
    """Compare a model with a reference, both where they lie in the world; the nodes are not changed.

    :param tolerance: mm. :param align: whether the model is brought to the reference first, from any position.
    :raises M3DError: both are one node, a model has no surface, or they lie apart and are not to be aligned.
    """
    if modelNode is referenceNode:
        raise M3DError("A model is compared with another one; choose two.")
    mesh, reference = (_meshOf(node) for node in (modelNode, referenceNode))
    if not align:
        requireOverlap(mesh, reference)
        comparison = compareEvenly(mesh, reference, "none: both models where they lie in the scene", progress)
        return ModelComparison(surfaceFacts(comparison, tolerance), comparison.forward, None)
    alignment = alignFromAnywhere(
        mesh, reference, tolerance=tolerance, progress=lambda done, text: progress(_ALIGNING_SHARE * done, text)
    )
    if alignment.doubtful:
        return ModelComparison(None, None, alignment)
    comparison = compareEvenly(
        alignment.apply(mesh),
        reference,
        alignment.text(),
        lambda done, text: progress(_ALIGNING_SHARE + (1 - _ALIGNING_SHARE) * done, text),
    )
    return ModelComparison(surfaceFacts(comparison, tolerance), comparison.forward, alignment)


def _meshOf(node):
    part = partOfModel(node, None)
    return part.mesh if part.transform is None else moved(part.mesh, part.transform)
