"""What is to become a model, taken from nodes of the scene: segments with their voxels, or finished surfaces."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..Background import inBackground
from ..Errors import M3DError, noProgress
from ..Mesh.SurfaceParameters import SurfaceParameters
from ..Mesh.TriangleMesh import TriangleMesh
from ..Segmentation.DicomSegReader import imageSeriesOf, readSegHeader, segmentNumber
from ..Segmentation.Segment import Segment, SegmentSource
from ..Segmentation.SegmentFit import requireFit
from ..Segmentation.SegmentMerging import mergeSegments
from ..Segmentation.SlicerSegmentationReader import segmentsOfSegmentation, tagOf
from ..Surface.SurfaceMaking import makeSegmentSurfaces
from .SlicerImage import instanceUidsOf
from .SlicerTransforms import transformToVolume

if TYPE_CHECKING:
    import slicer

    from ..Image.ImageVolume import ImageVolume

# Attribute of a model node, tag of a segment: how its surface was moved to the edge of an image before, as JSON.
REFINEMENT = "M3D.Refinement"

_BINARY_LABELMAP = "Binary labelmap"
_CLOSED_SURFACE = "Closed surface"

# Segmentation Storage and Label Map Segmentation Storage (PS3.4 B.5). A segmentation can also have been loaded from a
# surface or a structure set, which are no images that a model is made from.
_DICOM_SEGMENTATIONS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")


@dataclass
class Part:
    """One model before it is described.

    :ivar mesh: LPS mm, in the frame of reference of the scan; None until :func:`makeMeshes` has made it of ``segment``.
    :ivar segment: voxels in the coordinates of the scan as they were drawn; None for a finished surface.
    :ivar transform: how it was moved against the scan, float64 (4, 4), LPS mm; None when it was not.
    :ivar opacity: as it is shown in 3D, 0 to 1; None when unknown.
    """

    name: str
    source: SegmentSource
    segment: Segment | None = None
    mesh: TriangleMesh | None = None
    transform: np.ndarray | None = None
    opacity: float | None = None

    @property
    def warnings(self) -> list[str]:
        """What is doubtful about the voxels it is made of, one sentence each."""
        return [] if self.segment is None else self.segment.warnings


def partsOfSegmentation(
    segmentationNode: slicer.vtkMRMLSegmentationNode,
    segmentIds: Sequence[str],
    volumeNode: slicer.vtkMRMLVolumeNode | None,
    database=None,
    merge: bool = False,
) -> list[Part]:
    """Segments of a segmentation node; the node is not changed.

    :param segmentIds: all segments when empty.
    :param volumeNode: the scan, whose own transform does not count; None when it is not in the scene.
    :param database: to look up the DICOM Segmentation that the node was loaded from; None when there is none.
    :param merge: one part of all the segments.
    :raises M3DError: unknown or no segments, a transform that is not linear, or segments that cannot be merged.
    """
    import slicer

    segmentation = segmentationNode.GetSegmentation()
    known = [segmentation.GetNthSegmentID(number) for number in range(segmentation.GetNumberOfSegments())]
    wanted = list(segmentIds) or known
    if not wanted:
        raise M3DError(f"Segmentation '{segmentationNode.GetName()}' has no segments.")
    if unknown := [segmentId for segmentId in wanted if segmentId not in known]:
        raise M3DError(
            f"Segmentation '{segmentationNode.GetName()}' has no segment with the ID '{unknown[0]}'; its IDs are "
            f"{', '.join(known) or 'none'}.",
        )
    transform = transformToVolume(segmentationNode, volumeNode)
    source = segmentationSource(segmentationNode, database)
    display = segmentationNode.GetDisplayNode()
    parts = []
    header = _segHeader(source, database)
    for segmentId in wanted:
        vtkSegment = segmentation.GetSegment(segmentId)
        ownSource = source if header is None else _segmentSource(source, header, vtkSegment.GetName())
        part = Part(vtkSegment.GetName(), ownSource, transform=transform)
        if display is not None:
            part.opacity = float(display.GetSegmentOpacity3D(segmentId)) * float(display.GetOpacity3D())
        if vtkSegment.GetRepresentation(_BINARY_LABELMAP) is not None and not _isDrawnAsSurface(segmentation):
            single = slicer.vtkSegmentation()
            single.SetSourceRepresentationName(_BINARY_LABELMAP)
            single.AddSegment(vtkSegment, segmentId)
            part.segment = segmentsOfSegmentation(single, ownSource)[0]
        else:
            polyData = vtkSegment.GetRepresentation(_CLOSED_SURFACE)
            if polyData is None:
                raise M3DError(
                    f"Segment '{part.name}' holds neither a binary labelmap nor a closed surface; convert it in the "
                    "Segmentations module (Representations).",
                )
            part.mesh = meshOfPolyData(polyData, part.name, tuple(vtkSegment.GetColor()))
            _refinedAs(part.mesh, tagOf(vtkSegment, REFINEMENT))
        parts.append(part)
    if merge and len(parts) > 1:
        return [_merged(parts, segmentationNode.GetName())]
    return parts


def _isDrawnAsSurface(segmentation: slicer.vtkSegmentation) -> bool:
    """Whether the closed surface is the original and the labelmap, if any, only made from it."""
    return segmentation.GetSourceRepresentationName() == _CLOSED_SURFACE


def _merged(parts: Sequence[Part], name: str) -> Part:
    if any(part.segment is None for part in parts):
        raise M3DError(
            "Segments that are surfaces (imported models) cannot be merged into one object without leaving walls "
            "inside; export one object per segment, or convert the segmentation's source to a binary labelmap.",
        )
    return replace(parts[0], name=name, segment=mergeSegments([part.segment for part in parts], name))


def partOfModel(modelNode: slicer.vtkMRMLModelNode, volumeNode: slicer.vtkMRMLVolumeNode | None) -> Part:
    """A model node's surface; triangulated, and facing outward where it is closed.

    :raises M3DError: the model is empty or is under a transform that is not linear.
    """
    polyData = modelNode.GetPolyData()
    if polyData is None or not polyData.GetNumberOfPolys() + polyData.GetNumberOfStrips():
        raise M3DError(f"Model '{modelNode.GetName()}' has no surface.")
    display = modelNode.GetDisplayNode()
    color = tuple(display.GetColor()) if display is not None else None
    mesh = meshOfPolyData(polyData, modelNode.GetName(), color)
    if display is not None:
        mesh.opacity = float(display.GetOpacity())
    _refinedAs(mesh, modelNode.GetAttribute(REFINEMENT))
    part = Part(modelNode.GetName(), SegmentSource("node", "model node"), mesh=mesh, opacity=mesh.opacity)
    part.transform = transformToVolume(modelNode, volumeNode)
    return part


def _refinedAs(mesh: TriangleMesh, refinement: str | None) -> None:
    """Let a surface be known as one that was moved to its image's edge, as the node says it was.

    Whatever is done to the node's surface afterwards, agreement with that image is no evidence, so that it stays known
    as one; a segment whose voxels are edited is made of those anew and is none.
    """
    if refinement:
        mesh.record["refinement"] = json.loads(refinement)


def meshOfPolyData(polyData, name: str, color: tuple[float, float, float] | None) -> TriangleMesh:
    """A surface in RAS mm as a mesh in LPS mm whose triangles share points and face outward.

    :raises M3DError: it has no triangles.
    """
    import vtk

    clean = vtk.vtkCleanPolyData()
    clean.SetInputData(polyData)
    clean.SetTolerance(0.0)
    clean.ConvertPolysToLinesOff()
    clean.ConvertStripsToPolysOff()
    clean.PointMergingOn()
    clean.Update()
    mesh = TriangleMesh.fromPolyData(clean.GetOutput(), name)
    if not len(mesh.triangles):
        raise M3DError(f"'{name}' has no triangles.")
    mesh = TriangleMesh(mesh.points * np.float32([-1, -1, 1]), mesh.triangles, name, color)
    return mesh.reversed() if mesh.isClosed and mesh.volumeMm3 < 0 else mesh


def polyDataOfMesh(mesh: TriangleMesh):
    """A vtkPolyData in RAS mm that owns its points."""
    import vtk

    moved = TriangleMesh(mesh.points * np.float32([-1, -1, 1]), mesh.triangles)
    result = vtk.vtkPolyData()
    result.DeepCopy(moved.toPolyData())
    return result


def makeMeshes(
    parts: Sequence[Part],
    image: ImageVolume,
    surface: SurfaceParameters,
    progress: Callable[[float, str], None] = noProgress,
) -> None:
    """Make the meshes that parts do not have yet, and move those that lie under a transform.

    :raises M3DError: the image is no regular grid, or a segment does not fit it or gives no surface.
    """
    image.requireRegular()
    for part in parts:
        if part.segment is not None:
            _requireFit(part, image)
    drawn = [part for part in parts if part.segment is not None]
    # Where they fit the scan: only there can a surface be moved to the image's edge.
    placed = [part if _fits(part.segment, image) else _brought(part) for part in drawn]
    segments = [part.segment for part in placed]
    # The application handles its events meanwhile.
    meshes = inBackground(lambda said: makeSegmentSurfaces(segments, surface, image, said), progress)
    for part, where, mesh in zip(drawn, placed, meshes, strict=True):
        mesh.opacity = part.opacity
        part.mesh = mesh if where.transform is None else moved(mesh, where.transform)
    for part in parts:
        if part.segment is None:
            part.mesh = part.mesh if part.transform is None else moved(part.mesh, part.transform)
            _requireOverlap(part.mesh, image)


def _requireFit(part: Part, image: ImageVolume) -> None:
    """A segment fits where it was drawn; one that was brought to the scan by its transform fits after it."""
    try:
        requireFit(part.segment, image)
    except M3DError:
        if part.transform is None:
            raise
        requireFit(_brought(part).segment, image)


def _fits(segment: Segment, image: ImageVolume) -> bool:
    try:
        requireFit(segment, image)
    except M3DError:
        return False
    return True


def _brought(part: Part) -> Part:
    """A part whose voxels lie where its transform brings them."""
    segment = replace(part.segment, ijkToLps=part.transform @ part.segment.ijkToLps)
    return replace(part, segment=segment, transform=None)


def _requireOverlap(mesh: TriangleMesh, image: ImageVolume) -> None:
    """Refuse a finished surface that lies wholly outside the scan: it is not of this patient, or not where it belongs.

    A part of it may lie outside, as that of a guide does.
    """
    index = image.lpsToIndex(mesh.points)
    inside = ((index >= -0.5) & (index <= np.array(image.dimensions) - 0.5)).all(axis=1)
    if not inside.any():
        raise M3DError(
            f"'{mesh.name}' lies wholly outside the scan, so it was hardly made from it; choose the scan it belongs "
            "to, or move it to its place.",
        )


def corrected(part: Part, correction: np.ndarray | None) -> Part:
    """A part in the coordinates of the scan, where those of the volume node differ (``SceneImage.correction``)."""
    if correction is None:
        return part
    part = replace(part)
    if part.segment is not None:
        part.segment = replace(part.segment, ijkToLps=correction @ part.segment.ijkToLps)
    if part.mesh is not None:
        part.mesh = moved(part.mesh, correction)
    if part.transform is not None:
        part.transform = correction @ part.transform @ np.linalg.inv(correction)
    return part


def moved(mesh: TriangleMesh, matrix: np.ndarray) -> TriangleMesh:
    """A mesh under a linear transform (LPS mm); a mirrored one is turned inside out again."""
    points = mesh.points.astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]
    result = TriangleMesh(points, mesh.triangles, mesh.name, mesh.color, mesh.opacity, record=mesh.record)
    return result.reversed() if np.linalg.det(matrix[:3, :3]) < 0 else result


def isMirrored(part: Part) -> bool:
    """Whether a part's transform mirrors it."""
    return part.transform is not None and np.linalg.det(part.transform[:3, :3]) < 0


def segmentationSource(segmentationNode: slicer.vtkMRMLSegmentationNode, database=None) -> SegmentSource:
    """Where a segmentation came from: the DICOM Segmentation in the database it was loaded from, or the scene."""
    for uid in instanceUidsOf(segmentationNode)[:1]:
        if database is not None and database.isOpen and database.fileForInstance(uid):
            values = [database.instanceValue(uid, tag) for tag in ("0008,0016", "0020,000E", "0020,000D")]
            if all(values) and values[0] in _DICOM_SEGMENTATIONS:
                sopClass, series, study = values
                return SegmentSource("seg", "DICOM Segmentation", None, sopClass, uid, series, study)
    return SegmentSource("node", "segmentation made in 3D Slicer")


def _segHeader(source: SegmentSource, database):
    """What the DICOM Segmentation of a source says of its segments; None when the source is none."""
    if not source.sopInstanceUid:
        return None
    return readSegHeader(database.fileForInstance(source.sopInstanceUid))


def _segmentSource(source: SegmentSource, header, name: str) -> SegmentSource:
    """The source of one segment; the scene keeps labels of DICOM Segmentations as names, but not their numbers."""
    return replace(source, segmentNumber=segmentNumber(header, name), imageSeriesUid=imageSeriesOf(header))
