"""The report's DICOM objects, for every store alike: the measurement report and the PDF."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from M3DLib.EncapsulatedStl.SeriesPlacement import newSeries

from .StructuredReport import measurementReport, requireNamed

if TYPE_CHECKING:
    from pydicom import Dataset


def reportObjects(
    data: Mapping,
    headers: Sequence[Dataset],
    models: Sequence[Dataset],
    neighbors: Sequence[Dataset] = (),
    pdf: bytes | None = None,
) -> list[Dataset]:
    """The report's DICOM objects, not stored yet: the measurement report and, where there is one, the PDF.

    :param neighbors: headers of what the place of storage holds already.
    """
    requireNamed(data, headers)
    known = [*headers, *models, *neighbors]
    placement = newSeries(known, str(headers[0].StudyInstanceUID))
    objects = [measurementReport(data, headers, models, placement=placement)]
    if pdf is not None:
        from .EncapsulatedPdf import encapsulatePdf

        # Another modality, so a series of its own.
        objects.append(encapsulatePdf(pdf, data, headers, newSeries([*known, objects[0]], objects[0].StudyInstanceUID)))
    return objects
