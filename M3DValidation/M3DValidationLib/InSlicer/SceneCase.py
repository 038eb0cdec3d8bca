"""From nodes of Slicer's scene to what the checks are given; scene and database are arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from M3DLib.Errors import M3DError, noProgress
from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.InSlicer.SlicerImage import SceneImage, imageOfVolumeNode, voxelsOfVolumeNode
from M3DLib.InSlicer.SlicerParts import corrected, makeMeshes, moved, partOfModel, partsOfSegmentation
from M3DLib.InSlicer.SlicerTransforms import ijkToLpsOfVolume
from M3DLib.InSlicer.VoxelOrigin import DerivedVolume
from M3DLib.Mesh.SurfaceParameters import SurfaceParameters

from ..CaseBuilding import addSurfaces, fittingSegments
from ..Check import Case
from ..ControlSeries import requireControl
from .MarkupReferences import referenceOfLine

if TYPE_CHECKING:
    import slicer

    from M3DLib.InSlicer.SlicerParts import Part
    from M3DLib.Segmentation.Segment import Segment

    from ..Profile import Profile


@dataclass
class SceneCases:
    """What is to be checked.

    :ivar cases: one per segment; one for a model or for the scan alone.
    :ivar warnings: what a user should know of how the scan was taken from the scene, one sentence each.
    """

    cases: list[Case]
    warnings: list[str] = field(default_factory=list)


def casesOfNodes(
    profile: Profile,
    volumeNode: slicer.vtkMRMLScalarVolumeNode | None = None,
    node: slicer.vtkMRMLSegmentationNode | slicer.vtkMRMLModelNode | None = None,
    segmentIds: Sequence[str] = (),
    *,
    database=None,
    surface: SurfaceParameters | None = None,
    lineNodes: Sequence[slicer.vtkMRMLMarkupsLineNode] = (),
    options: dict | None = None,
    partReason: str = "",
    controlNode: slicer.vtkMRMLScalarVolumeNode | None = None,
    progress: Callable[[float, str], None] = noProgress,
) -> SceneCases:
    """Cases of a scan, a segmentation's segments or a model, or both; the nodes are not changed.

    :param segmentIds: of the segmentation; all its segments when empty. The others count as neighbors.
    :param database: ctkDICOMDatabase with the scan's files; without it, or for a volume that is not their image any
        more, the scan has no headers, and the checks that need them are not assessable.
    :param surface: how surfaces are made of segments; the defaults when None.
    :param lineNodes: reference distances.
    :param options: of :class:`~..Check.Case`.
    :param partReason: why the model is meant to be a part of the anatomy only; "" when it is not.
    :param controlNode: another series of the scan's frame of reference, by which the model is judged too; it says
        nothing without a scan.
    :raises M3DError: nothing to check, or nodes that do not belong together.
    """
    if volumeNode is None and node is None:
        raise M3DError("There is nothing to validate: choose a volume, a segmentation or a model.")
    options = {name: value for name, value in (options or {}).items() if value is not None}
    scan = _scanOf(volumeNode, database, progress) if volumeNode is not None else None
    known = {
        "references": [referenceOfLine(line, volumeNode, scan and scan.correction) for line in lineNodes],
        "options": options,
        "part": " ".join(partReason.split()),
    }
    image, warnings = (scan.image, scan.warnings) if scan is not None else (None, [])
    if controlNode is not None and image is not None:
        known["control"] = imageOfVolumeNode(controlNode, database).image
        requireControl(known["control"], image, controlNode.GetName())
    if node is None:
        return SceneCases([Case(profile, image, **known)], warnings)
    if not node.IsA("vtkMRMLSegmentationNode"):
        part = partOfModel(node, volumeNode)
        part = _moved(corrected(part, scan.correction) if scan is not None else part)
        return SceneCases([Case(profile, image, mesh=part.mesh, **known)], warnings)
    if image is None:
        raise M3DError(
            f"Segmentation '{node.GetName()}' can be validated only with the scan it was drawn on; choose its volume."
        )
    parts = [corrected(part, scan.correction) for part in partsOfSegmentation(node, (), volumeNode, database)]
    chosen = set(segmentIds) or set(_segmentIds(node))
    if unknown := chosen - set(_segmentIds(node)):
        raise M3DError(f"Segmentation '{node.GetName()}' has no segment with the ID '{sorted(unknown)[0]}'.")
    wanted = [part for part, segmentId in zip(parts, _segmentIds(node), strict=True) if segmentId in chosen]
    surface = surface or SurfaceParameters()
    if not image.geometryProblems:
        # Made as M3D Export makes them, so that the surface that is validated is the one that is exported.
        makeMeshes([part for part in wanted if part.segment is not None], image, surface, progress)
    cases = []
    for part in wanted:
        others = [_moved(other).segment for other in parts if other is not part and other.segment is not None]
        own = {**known, "options": dict(options)}
        cases.append(_caseOf(Case(profile, image, **own), part, others, surface))
    return SceneCases(cases, warnings)


def _segmentIds(node: slicer.vtkMRMLSegmentationNode) -> list[str]:
    segmentation = node.GetSegmentation()
    return [segmentation.GetNthSegmentID(number) for number in range(segmentation.GetNumberOfSegments())]


def _caseOf(case: Case, part: Part, others: Sequence[Segment], surface: SurfaceParameters) -> Case:
    """The case of a scan with a part of its segmentation and the mesh of that."""
    image = case.image
    if part.segment is None:
        # A segment that was drawn or imported as a surface has no voxels of its own.
        case.mesh = _moved(part).mesh
        return case
    if image.geometryProblems:
        segments, case.missing = fittingSegments([_moved(part).segment], image)
        if segments:
            case.segment = segments[0]
            addSurfaces([case], surface)
        return case
    case.mesh, case.surfaceParameters = part.mesh, surface
    segment = _moved(replace(part, mesh=None)).segment
    if _fits(segment, image):
        case.segment = segment
        # Neighbors only matter for overlaps; one of another scan overlaps with nothing here.
        case.otherSegments = [other for other in others if _fits(other, image)]
    else:
        case.missing["segment"] = f"'{part.name}' is under a transform, and its voxels are not those of the scan."
    return case


def _fits(segment, image: ImageVolume) -> bool:
    try:
        fittingSegments([segment], image)
    except M3DError:
        return False
    return True


def _moved(part: Part) -> Part:
    """A part where its transform brings it."""
    if part.transform is None:
        return part
    part = replace(part)
    if part.segment is not None:
        part.segment = replace(part.segment, ijkToLps=part.transform @ part.segment.ijkToLps)
    if part.mesh is not None:
        part.mesh = moved(part.mesh, part.transform)
    return part


def _scanOf(volumeNode: slicer.vtkMRMLScalarVolumeNode, database, progress) -> SceneImage:
    """The scan with its headers, or, where the node is no image of the database, its voxels alone and why."""
    array = voxelsOfVolumeNode(volumeNode)
    try:
        return imageOfVolumeNode(volumeNode, database, lambda done, text: progress(0.5 * done, text))
    except M3DError as error:
        reason = f"What the DICOM headers say of the scan is not known: {error}"
        derived = str(error) if isinstance(error, DerivedVolume) else ""
    image = ImageVolume(array, ijkToLpsOfVolume(volumeNode), name=volumeNode.GetName(), derived=derived)
    return SceneImage(image, [reason])
