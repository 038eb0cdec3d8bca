"""From segments of a scan to DICOM objects: the one way that the panel, the console and the command line go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from .EncapsulatedStlWriter import encapsulateMesh
from .Errors import M3DError, noProgress
from .ModelDescription import DerivationAlgorithm, ModelDescription
from .ModelSources import sourcesFromImages
from .SegmentFit import requireFit
from .SegmentSurface import makeSurface
from .SeriesPlacement import SeriesPlacement, newSeries
from .SurfaceParameters import SurfaceParameters

if TYPE_CHECKING:
    from pydicom import Dataset

    from .DocumentReferences import DocumentReference
    from .ImageVolume import ImageVolume
    from .Segment import Segment
    from .TriangleMesh import TriangleMesh


@dataclass
class Model:
    """A model and the object that holds it.

    :ivar mesh: LPS mm.
    :ivar dataset: Encapsulated STL object; its Encapsulated Document is the STL, byte for byte.
    """

    mesh: TriangleMesh
    dataset: Dataset


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
    meshes = []
    for number, segment in enumerate(segments):
        progress(number / len(segments), f"Making the surface of {len(segments)} segments")
        meshes.append(makeSurface(segment, surface))
    return meshes


def makeModels(
    image: ImageVolume,
    segments: Sequence[Segment],
    meshes: Sequence[TriangleMesh],
    surface: SurfaceParameters,
    description: ModelDescription,
    *,
    neighbors: Iterable[Dataset] = (),
    placement: SeriesPlacement | None = None,
    predecessors: Sequence[DocumentReference] = (),
    icons: Sequence | None = None,
    started: datetime | None = None,
) -> list[Model]:
    """Encapsulated STL objects of segments' surfaces, all in one series, numbered from one.

    :param segments, meshes: of the same length; ``meshes`` as :func:`makeSurfaces` made them with ``surface``.
    :param description: with several segments, each object's title is the given one followed by the segment's name.
    :param neighbors: headers of what the place of storage holds already, so that no number is given twice.
    :param placement: series and first instance number; a new series when None.
    :param started: when the making of the models began; now when None.
    :raises M3DError: the image has no DICOM headers, or the description is not valid.
    """
    if not image.headers:
        raise M3DError(
            "The image has no DICOM headers, so the model's patient and study are unknown; give the DICOM series that "
            "the image was made from.",
        )
    description.requireValid()
    if started is not None:
        description = description.withDefaults(contentDateTime=started)
    models = []
    for number, (segment, mesh) in enumerate(zip(segments, meshes, strict=True)):
        sources = sourcesFromImages([image.headers], [segment.source])
        if placement is None:
            study = str(sources.header.StudyInstanceUID)
            placement = newSeries([*image.headers, *neighbors], study)
        ownDescription = description
        if description.title and len(segments) > 1:
            ownDescription = replace(description, title=f"{description.title}, {segment.name}")
        if (step := _segmentationStep(segment)) is not None:
            ownDescription = replace(ownDescription, algorithms=(*ownDescription.algorithms, step))
        dataset = encapsulateMesh(
            mesh,
            ownDescription,
            sources,
            surface,
            replace(placement, instanceNumber=placement.instanceNumber + number),
            predecessors=predecessors,
            icon=icons[number] if icons else None,
        )
        models.append(Model(mesh, dataset))
    return models


def _segmentationStep(segment: Segment) -> DerivationAlgorithm | None:
    """How the segment was made, where it was made here; a file does not say with what it was drawn."""
    if segment.source.kind != "threshold":
        return None
    return DerivationAlgorithm(
        "Threshold",
        family="HistogramAnalysis",
        parameters=(("range", segment.source.description),),
    )
