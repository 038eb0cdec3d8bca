"""From segments of a scan to DICOM objects: the one way that the panel, the console and the command line go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ..Errors import M3DError, noProgress
from ..Mesh.SurfaceParameters import SurfaceParameters
from ..Segmentation.SegmentFit import requireFit
from ..Segmentation.SegmentOrigin import otherSeriesRemarks
from ..Surface.SurfaceMaking import makeSegmentSurfaces
from .EncapsulatedStlWriter import encapsulateMesh, safeTitle
from .ModelDescription import ModelDescription
from .ModelSources import ModelSources, sourcesFromImages
from .OpenQuestions import openQuestions
from .SeriesPlacement import SeriesPlacement, placementFor

if TYPE_CHECKING:
    from pydicom import Dataset

    from ..Image.ImageVolume import ImageVolume
    from ..Mesh.TriangleMesh import TriangleMesh
    from ..Segmentation.Segment import Segment
    from .EarlierModels import EarlierModels


@dataclass
class Model:
    """A model and the object that holds it.

    :ivar mesh: LPS mm.
    :ivar dataset: Encapsulated STL object; its Encapsulated Document is the STL, byte for byte.
    :ivar warnings: what was assumed or ought to be said by somebody, one sentence each.
    """

    mesh: TriangleMesh
    dataset: Dataset
    warnings: list[str] = field(default_factory=list)


def makeSurfaces(
    image: ImageVolume,
    segments: Sequence[Segment],
    surface: SurfaceParameters,
    progress: Callable[[float, str], None] = noProgress,
) -> list[TriangleMesh]:
    """Surfaces of segments that were drawn on an image.

    :raises M3DError: the image is no regular grid, or a segment does not fit it or gives no surface.
    """
    image.requireRegular()
    for segment in segments:
        requireFit(segment, image)
    return makeSegmentSurfaces(segments, surface, image, progress)


@dataclass(frozen=True)
class Surroundings:
    """What is there already where models go.

    :ivar neighbors: headers of what the place of storage holds, so that no number is given twice.
    :ivar placement: series and first instance number; when None, the series of the earlier model that is continued,
        else a new one.
    :ivar earlier: models that the new ones are new versions or assemblies of.
    :ivar stored: files of models that the place of storage holds, among which identical ones are looked for.
    """

    neighbors: Sequence[Dataset] = ()
    placement: SeriesPlacement | None = None
    earlier: EarlierModels | None = None
    stored: Sequence[Path] = ()


def makeModels(
    image: ImageVolume,
    segments: Sequence[Segment],
    meshes: Sequence[TriangleMesh],
    surface: SurfaceParameters,
    description: ModelDescription,
    *,
    around: Surroundings = Surroundings(),
    icons: Sequence | None = None,
    otherImages: Sequence[Sequence[Dataset]] = (),
    repairs: Sequence[str] = (),
    started: datetime | None = None,
) -> list[Model]:
    """Encapsulated STL objects of segments' surfaces, all in one series, numbered from one.

    :param segments, meshes: of the same length; ``meshes`` as :func:`makeSurfaces` made them with ``surface``.
    :param description: with several segments, each object's title is the given one followed by the segment's name.
    :param icons: of each mesh a small picture or None; None for none.
    :param otherImages: headers of further series that the segments were made from (fused or registered images);
        patient, study and frame of reference stay those of ``image``.
    :param repairs: of each mesh what was repaired after its surface was made, in words, "" for nothing; empty when no
        mesh was. A repaired model is a modified one.
    :param started: when the making of the models began; now when None.
    :raises M3DError: the image has no DICOM headers, or the description is not valid.
    """
    frame = _requireTraceable(image, otherImages)
    description.requireValid()
    if started is not None:
        description = description.withDefaults(contentDateTime=started)
    study = str(image.headers[0].get("StudyInstanceUID") or "")
    placement, models = around.placement, []
    for number, (segment, mesh) in enumerate(zip(segments, meshes, strict=True)):
        sources = sourcesFromImages([image.headers, *otherImages], [segment.source], study, frame)
        if around.earlier is not None:
            around.earlier.requireSamePatient(sources.header)
        placement = placement or placementFor(sources, [*image.headers, *around.neighbors], around.earlier)
        ownDescription = _descriptionOf(
            segment, description, sources, len(segments), repairs[number] if repairs else ""
        )
        ownDescription = _withDoubts(ownDescription, image, segment)
        dataset = encapsulateMesh(
            mesh,
            ownDescription,
            sources,
            surface,
            replace(placement, instanceNumber=placement.instanceNumber + number),
            predecessors=around.earlier.predecessors if around.earlier else (),
            icon=icons[number] if icons else None,
            stored=around.stored,
        )
        warnings = [*sources.warnings, *_doubts(image, segment), *openQuestions(ownDescription, image.headers)]
        if around.earlier is not None:
            warnings += around.earlier.warnings(sources.frameOfReferenceUid)
        models.append(Model(mesh, dataset, warnings))
    return models


def _requireTraceable(image: ImageVolume, otherImages: Sequence[Sequence[Dataset]]) -> str:
    """The image's frame of reference; refuses an image that no model can be traced to."""
    if not image.headers:
        raise M3DError(
            "The image has no DICOM headers, so the model's patient and study are unknown; give the DICOM series that "
            "the image was made from.",
        )
    frame = str(image.headers[0].get("FrameOfReferenceUID") or "")
    if otherImages and not frame:
        raise M3DError("The scan has no frame of reference, so other series cannot be related to it; leave them out.")
    return frame


def _descriptionOf(
    segment: Segment, description: ModelDescription, sources: ModelSources, count: int, repairs: str
) -> ModelDescription:
    """The description of one of several segments' models: with its name, its segmentation and its repairs."""
    if description.title and count > 1:
        description = replace(description, title=f"{description.title}, {safeTitle(segment.name, sources.header)}")
    # A file does not say how it was segmented; what was done here is known.
    if segment.source.kind == "threshold":
        description = description.withDefaults(segmentation=f"threshold {segment.source.description}")
    if repairs:
        description = replace(description.withDefaults(modified=True), repairs=repairs)
    return description


def _doubts(image: ImageVolume, segment: Segment) -> list[str]:
    """What is doubtful about the voxels a model is made from."""
    return [*image.warnings, *segment.warnings, *otherSeriesRemarks(segment, image)]


def _withDoubts(description: ModelDescription, image: ImageVolume, segment: Segment) -> ModelDescription:
    """The description with what is doubtful about scan and segment, so that the object says it too."""
    # Commas and equals signs part the algorithm's parameters from each other (PS3.3 10.16).
    doubts = " ".join(_doubts(image, segment)).replace(",", ";").replace("=", ":")
    if not doubts:
        return description
    made = description.segmentation
    return replace(description, segmentation=f"{made}. {doubts}" if made else doubts)
