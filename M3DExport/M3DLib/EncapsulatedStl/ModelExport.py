"""From segments of a scan to DICOM objects: the one way that the panel, the console and the command line go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ..Errors import M3DError, noProgress
from ..Mesh.SegmentSurface import makeSurface
from ..Mesh.SurfaceParameters import SurfaceParameters
from ..Segmentation.SegmentFit import requireFit
from .EncapsulatedStlWriter import encapsulateMesh, safeTitle
from .ModelDescription import ModelDescription
from .ModelSources import ModelSources, sourcesFromImages
from .OpenQuestions import openQuestions
from .SeriesPlacement import SeriesPlacement, newSeries, sameSeries

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
    earlier: EarlierModels | None = None,
    icons: Sequence | None = None,
    otherImages: Sequence[Sequence[Dataset]] = (),
    stored: Sequence[Path] = (),
    repairs: Sequence[str] = (),
    started: datetime | None = None,
) -> list[Model]:
    """Encapsulated STL objects of segments' surfaces, all in one series, numbered from one.

    :param segments, meshes: of the same length; ``meshes`` as :func:`makeSurfaces` made them with ``surface``.
    :param description: with several segments, each object's title is the given one followed by the segment's name.
    :param neighbors: headers of what the place of storage holds already, so that no number is given twice.
    :param placement: series and first instance number; when None, the series of the earlier model that is continued,
        else a new one.
    :param earlier: models that these are new versions or assemblies of.
    :param otherImages: headers of further series that the segments were made from (fused or registered images);
        patient, study and frame of reference stay those of ``image``.
    :param stored: files of models that the place of storage holds already, among which identical ones are looked for.
    :param repairs: of each mesh what was repaired after its surface was made, in words, "" for nothing; empty when no
        mesh was. A repaired model is a modified one.
    :param started: when the making of the models began; now when None.
    :raises M3DError: the image has no DICOM headers, or the description is not valid.
    """
    if not image.headers:
        raise M3DError(
            "The image has no DICOM headers, so the model's patient and study are unknown; give the DICOM series that "
            "the image was made from.",
        )
    frame = str(image.headers[0].get("FrameOfReferenceUID") or "")
    if otherImages and not frame:
        raise M3DError("The scan has no frame of reference, so other series cannot be related to it; leave them out.")
    description.requireValid()
    if started is not None:
        description = description.withDefaults(contentDateTime=started)
    models = []
    for number, (segment, mesh) in enumerate(zip(segments, meshes, strict=True)):
        sources = sourcesFromImages(
            [image.headers, *otherImages],
            [segment.source],
            str(image.headers[0].get("StudyInstanceUID") or ""),
            frame,
        )
        if earlier is not None:
            earlier.requireSamePatient(sources.header)
        if placement is None:
            placement = _placement(sources, [*image.headers, *neighbors], earlier)
        ownDescription = description
        if description.title and len(segments) > 1:
            ownDescription = replace(
                description, title=f"{description.title}, {safeTitle(segment.name, sources.header)}"
            )
        # A file does not say how it was segmented; what was done here is known.
        if segment.source.kind == "threshold":
            ownDescription = ownDescription.withDefaults(segmentation=f"threshold {segment.source.description}")
        if repairs and repairs[number]:
            ownDescription = replace(ownDescription.withDefaults(modified=True), repairs=repairs[number])
        dataset = encapsulateMesh(
            mesh,
            ownDescription,
            sources,
            surface,
            replace(placement, instanceNumber=placement.instanceNumber + number),
            predecessors=earlier.predecessors if earlier else (),
            icon=icons[number] if icons else None,
            stored=stored,
        )
        warnings = [*sources.warnings, *openQuestions(ownDescription, image.headers)]
        if earlier is not None:
            warnings += earlier.warnings(sources.frameOfReferenceUid)
        models.append(Model(mesh, dataset, warnings))
    return models


def _placement(sources: ModelSources, neighbors: list[Dataset], earlier: EarlierModels | None) -> SeriesPlacement:
    study = str(sources.header.StudyInstanceUID)
    if earlier is not None and earlier.continued is not None:
        return sameSeries(earlier.continued, neighbors, study)
    return newSeries(neighbors, study)
