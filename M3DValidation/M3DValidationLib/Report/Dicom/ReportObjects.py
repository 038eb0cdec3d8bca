"""The report's DICOM objects, for every store alike: the measurement report and the PDF."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from M3DLib.EncapsulatedStl.DocumentReferences import DocumentReference, addReferencedInstances
from M3DLib.EncapsulatedStl.SeriesPlacement import newSeries

from .StructuredReport import measurementReport, requireNamed

if TYPE_CHECKING:
    from pydicom import Dataset


def reportObjects(
    data: Mapping,
    headers: Sequence[Dataset],
    models: Sequence[Dataset] = (),
    neighbors: Sequence[Dataset] = (),
    pdf: bytes | None = None,
) -> list[Dataset]:
    """The report's DICOM objects, not stored yet: the measurement report and, where there is one, the PDF.

    :param data: content that follows ``Report.schema.json``; what it names in ``dicomReferences`` is referred to.
    :param headers: of the scan's slices.
    :param models: further Encapsulated STL objects, or their headers, that the report is about.
    :param neighbors: headers of what the place of storage holds already (``FileSetDirectory.headers``,
        ``SlicerDatabase.studyHeaders``), so that no series number is given twice.
    :raises M3DError: the scan has no DICOM headers, the report is pseudonymized, or a model is of another patient.
    """
    requireNamed(data, headers)
    known = [*headers, *models, *neighbors]
    study = str(headers[0].StudyInstanceUID)
    objects = [measurementReport(data, headers, models, placement=newSeries(known, study))]
    if pdf is not None:
        from .EncapsulatedPdf import encapsulatePdf

        # Another modality, so a series of its own.
        placement = newSeries([*known, *objects], study)
        objects.append(encapsulatePdf(pdf, data, headers, placement, related=[*models, *objects]))
    return objects


def modelsAndReport(
    data: Mapping,
    headers: Sequence[Dataset],
    models: Sequence[Dataset],
    neighbors: Sequence[Dataset] = (),
    pdf: bytes | None = None,
) -> list[Dataset]:
    """New models and the report on them, which refer to each other, in one list for a store to take all or none.

    :param models: Encapsulated STL objects that are not stored yet; the reference to the report is added to them.
        Models that are stored stay as they are: they are for :func:`reportObjects`, which only refers to them.
    :param data, headers, neighbors, pdf: as for :func:`reportObjects`.
    """
    objects = reportObjects(data, headers, models, neighbors, pdf)
    references = [DocumentReference.toDocument(one) for one in objects]
    for model in models:
        addReferencedInstances(model, references)
    return [*models, *objects]
