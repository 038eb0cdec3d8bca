"""From nodes of the scene to DICOM objects, for the panel, the console and the DICOM plugin alike.

Scene, nodes and database are arguments, so all of this runs without the application too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from ..EncapsulatedStl.Icon import renderIcon
from ..EncapsulatedStl.ModelDescription import DerivationAlgorithm, ModelDescription
from ..EncapsulatedStl.ModelExport import Model, Surroundings, makeModels
from ..EncapsulatedStl.SeriesPlacement import SeriesPlacement, newSeries
from ..Errors import M3DError, noProgress
from ..Mesh.SurfaceParameters import SurfaceParameters
from .SlicerImage import SceneImage, imageOfInstances, imageOfVolumeNode, requireOpen
from .SlicerParts import Part, corrected, isMirrored, makeMeshes
from .SlicerTransforms import describeTransform, ijkToLpsOfVolume

if TYPE_CHECKING:
    import slicer
    from pydicom import Dataset

    from ..EncapsulatedStl.EarlierModels import EarlierModels

SOURCE_VOLUME_ROLE = "M3DExport.sourceVolumeRef"
_REFERENCED_INSTANCE_UIDS = "DICOM.ReferencedInstanceUIDs"
# How far from the center of a voxel the center of another may lie to be the same one, in voxels.
_ON_GRID = 0.01


@dataclass
class SceneSource:
    """The scan a node's model belongs to.

    :ivar volumeNode: None when the scan is not in the scene but its instances are in the database.
    :ivar instanceUids: of the scan, when it is not in the scene.
    """

    volumeNode: slicer.vtkMRMLScalarVolumeNode | None = None
    instanceUids: list[str] = field(default_factory=list)


def findSource(node: slicer.vtkMRMLNode, scene: slicer.vtkMRMLScene, database) -> SceneSource | None:
    """The scan that a segmentation or model was made from, as far as the scene tells.

    In this order: the volume chosen before in the panel, the volume that gave a segmentation its geometry, the images
    that a node loaded from DICOM refers to, the only DICOM volume in the node's study, the only one in the scene. Where
    a segmentation has its geometry from a volume that was not loaded from DICOM, the last of these only when that
    volume is a part of it (cropped without interpolation): any other may be of another patient.

    :return: None when nothing or nothing unambiguous is found.
    """
    import slicer

    roles = [SOURCE_VOLUME_ROLE]
    if node.IsA("vtkMRMLSegmentationNode"):
        roles.append(slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole())
    for role in roles:
        volume = node.GetNodeReference(role)
        if volume is not None and volume.GetAttribute("DICOM.instanceUIDs"):
            return SceneSource(volume)
    volumes = dicomVolumes(scene)
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    item = hierarchy.GetItemByDataNode(node)
    referenced = (hierarchy.GetItemAttribute(item, _REFERENCED_INSTANCE_UIDS) or "").split() if item else []
    if referenced:
        for volume in volumes:
            if set(referenced) & set(volume.GetAttribute("DICOM.instanceUIDs").split()):
                return SceneSource(volume)
        images = [uid for uid in referenced if database is not None and database.isOpen and _isImage(database, uid)]
        if images:
            return SceneSource(None, images)
    parent = hierarchy.GetItemParent(item) if item else 0
    study = [volume for volume in volumes if item and _isBelow(hierarchy, hierarchy.GetItemByDataNode(volume), parent)]
    if len(study) == 1:
        return SceneSource(study[0])
    drawnOn = node.GetNodeReference(roles[-1]) if len(roles) > 1 else None
    if len(volumes) == 1 and (drawnOn is None or _isPart(drawnOn, volumes[0])):
        return SceneSource(volumes[0])
    return None


def _isPart(volume: slicer.vtkMRMLVolumeNode, whole: slicer.vtkMRMLScalarVolumeNode) -> bool:
    """Whether the voxels of a volume lie on some of those of another."""
    if volume.GetImageData() is None or whole.GetImageData() is None:
        return False
    toWhole = np.linalg.inv(ijkToLpsOfVolume(whole)) @ ijkToLpsOfVolume(volume)
    corners = [np.array(node.GetImageData().GetDimensions()) - 1 for node in (volume, whole)]
    places = np.array([[0, 0, 0, 1], [*corners[0], 1]]) @ toWhole.T
    isOnGrid = np.allclose(toWhole, np.round(toWhole), rtol=0, atol=_ON_GRID)
    return bool(isOnGrid and (places[:, :3] > -_ON_GRID).all() and (places[:, :3] < corners[1] + _ON_GRID).all())


def _isBelow(hierarchy, item: int, study: int) -> bool:
    return bool(item) and hierarchy.IsItemLevel(study, "Study") and hierarchy.GetItemParent(item) == study


def _isImage(database, uid: str) -> bool:
    return bool(database.fileForInstance(uid)) and database.instanceValue(uid, "0008,0060") not in ("SEG", "M3D", "SR")


def dicomVolumes(scene: slicer.vtkMRMLScene) -> list[slicer.vtkMRMLScalarVolumeNode]:
    """Scalar volumes of the scene that were loaded from DICOM."""
    className = "vtkMRMLScalarVolumeNode"
    found = [scene.GetNthNodeByClass(number, className) for number in range(scene.GetNumberOfNodesByClass(className))]
    return [node for node in found if node.GetAttribute("DICOM.instanceUIDs")]


def requireSource(node: slicer.vtkMRMLNode, scene: slicer.vtkMRMLScene, database) -> SceneSource:
    """Like :func:`findSource`, but says what to do when there is none."""
    source = findSource(node, scene, database)
    if source is None:
        raise M3DError(
            f"It is not known from which scan '{node.GetName()}' was made, and a model without patient and study is "
            "not exported. Choose the source volume in the M3D Export module, or load the scan from the DICOM "
            "database.",
        )
    return source


def imageOfSource(
    source: SceneSource,
    database,
    progress: Callable[[float, str], None] = noProgress,
) -> SceneImage:
    """The scan of a source; raises as the functions of ``SlicerImage`` do."""
    if source.volumeNode is not None:
        return imageOfVolumeNode(source.volumeNode, database, progress)
    return imageOfInstances(source.instanceUids, database, progress)


def makeModelsOfParts(
    parts: Sequence[Part],
    scan: SceneImage,
    database,
    surface: SurfaceParameters | None = None,
    description: ModelDescription | None = None,
    *,
    earlier: EarlierModels | None = None,
    neighbors: Iterable[Dataset] | None = None,
    seriesNumber: int | None = None,
    withIcons: bool = False,
    progress: Callable[[float, str], None] = noProgress,
) -> list[Model]:
    """Encapsulated STL objects of parts, all in one series.

    :param scan: as :func:`imageOfSource` gives it.
    :param database: asked for the series numbers in use.
    :param description: what is not said in it comes from the parts: name, color, opacity, laterality.
    :param neighbors: headers of what is in the place of storage; those of the source's study in the database when None.
    :param seriesNumber: of the new series; the next free one when None.
    :param withIcons: whether each object gets a small picture of its model, where pictures can be made.
    :raises M3DError: whatever keeps a part from becoming a traceable model.
    """
    from .SlicerDatabase import studyHeaders

    requireOpen(database)
    started = datetime.now().astimezone()
    surface = surface or SurfaceParameters()
    description = description or ModelDescription()
    description.requireValid()
    if not parts:
        raise M3DError("There is nothing to export: choose a segment or a model.")
    image = scan.image
    parts = [corrected(part, scan.correction) for part in parts]
    makeMeshes(parts, image, surface, lambda done, text: progress(0.8 * done, text))
    study = str(image.headers[0].get("StudyInstanceUID") or "")
    if neighbors is None:
        neighbors = studyHeaders(database, study)
    neighbors = [*image.headers, *neighbors]
    placement = _newPlacement(neighbors, study, earlier, seriesNumber)
    models: list[Model] = []
    for number, part in enumerate(parts):
        progress(0.8 + 0.2 * number / len(parts), f"Describing '{part.name}'")
        models += makeModels(
            image,
            [part],
            [part.mesh],
            surface if part.segment is not None else None,
            _descriptionOf(part, description, len(parts)),
            around=Surroundings(
                [*neighbors, *(model.dataset for model in models)],
                placement and replace(placement, instanceNumber=number + 1),
                earlier,
            ),
            icons=[renderIcon(part.mesh)] if withIcons else None,
            started=started,
        )
    return models


def _newPlacement(
    neighbors: list[Dataset], study: str, earlier: EarlierModels | None, seriesNumber: int | None
) -> SeriesPlacement | None:
    """A new series, with the number that is asked for; None where an earlier model's series is continued."""
    if earlier is not None and earlier.continued is not None:
        return None
    placement = newSeries(neighbors, study)
    return placement if seriesNumber is None else replace(placement, seriesNumber=seriesNumber)


def _descriptionOf(part: Part, description: ModelDescription, count: int) -> ModelDescription:
    """The description of one of several parts: what its segment and its transform say is filled in."""
    if description.title and count > 1:
        description = replace(description, title=f"{description.title}, {part.name}")
    description = description.withDefaults(laterality=lateralityOf(part))
    if part.transform is None:
        return description
    # What was moved on purpose is no longer the patient's anatomy where it is, whatever the user said before.
    description = replace(description, modified=True)
    if isMirrored(part):
        description = replace(description, mirrored=True)
    words = describeTransform(part.transform)
    if part.segment is not None:
        said = f"{description.segmentation}; {words}" if description.segmentation else words
        return replace(description, segmentation=said)
    algorithm = DerivationAlgorithm("Linear transform", family="ManualProcessing", parameters=(("transform", words),))
    return description.withDefaults(algorithm=algorithm)


def lateralityOf(part: Part) -> str:
    """Laterality that the segment's terminology says: "L", "R", "B", or "" when it says none."""
    if part.segment is None:
        return ""
    known = {"7771000": "L", "24028007": "R", "51440002": "B"}
    for code in (part.segment.coding.typeModifier, part.segment.coding.regionModifier):
        if code is not None and code.scheme_designator == "SCT" and code.value in known:
            return known[code.value]
    return ""
