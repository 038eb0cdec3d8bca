"""The report's PDF in a DICOM Encapsulated PDF object (PS3.3 A.45.1), in the study of the scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from M3DLib.Dicom.FileMeta import addFileMeta
from M3DLib.Dicom.HeaderCopy import copyModules, settleCharacterSet
from M3DLib.EncapsulatedStl.SeriesPlacement import SeriesPlacement, newUid
from M3DLib.Software import NAME, VERSION

from .StructuredReport import requireNamed

if TYPE_CHECKING:
    from pydicom import Dataset

TITLE = "Validation of a 3D model"


def encapsulatePdf(
    pdf: bytes,
    report: Mapping,
    headers: Sequence[Dataset],
    placement: SeriesPlacement,
    madeAt: datetime | None = None,
) -> Dataset:
    """An Encapsulated PDF object, ready to be stored.

    :param pdf: stored byte for byte, with one zero more where its length is odd.
    :param report: content that the PDF shows.
    :param headers: of the scan's slices; patient and study are taken from the first.
    :param placement: series and numbers.
    :raises M3DError: the scan has no DICOM headers, or the report is pseudonymized.
    """
    from pydicom import Dataset
    from pydicom.config import disable_value_validation
    from pydicom.uid import EncapsulatedPDFStorage

    requireNamed(report, headers)
    now = madeAt or datetime.now().astimezone()
    dataset = Dataset()
    with disable_value_validation():
        copyModules(headers[0], dataset)
        dataset.SOPClassUID = EncapsulatedPDFStorage
        dataset.SOPInstanceUID = newUid()
        dataset.InstanceCreationDate = dataset.ContentDate = now.strftime("%Y%m%d")
        dataset.InstanceCreationTime = dataset.ContentTime = now.strftime("%H%M%S.%f")
        dataset.AcquisitionDateTime = ""
        dataset.Modality = "DOC"
        dataset.ConversionType = "WSD"
        dataset.SeriesInstanceUID = placement.seriesInstanceUid
        dataset.SeriesNumber = placement.seriesNumber
        dataset.InstanceNumber = placement.instanceNumber
        dataset.SeriesDescription = "3D model validation report"
        dataset.Manufacturer = NAME
        dataset.ManufacturerModelName = "M3D Validation"
        dataset.DeviceSerialNumber = dataset.SoftwareVersions = VERSION
        dataset.BurnedInAnnotation = "YES"
        dataset.DocumentTitle = TITLE
        dataset.ConceptNameCodeSequence = [_titleCode()]
        dataset.SourceInstanceSequence = [_reference(header) for header in headers]
        dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
        dataset.EncapsulatedDocumentLength = len(pdf)
        dataset.EncapsulatedDocument = pdf
        settleCharacterSet(headers[0], dataset)
    addFileMeta(dataset)
    return dataset


def _titleCode() -> Dataset:
    from pydicom import Dataset
    from pydicom.sr.codedict import codes

    code = codes.DCM.ImagingMeasurementReport
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code.value, code.scheme_designator, code.meaning
    return item


def _reference(header: Dataset) -> Dataset:
    from pydicom import Dataset

    item = Dataset()
    item.ReferencedSOPClassUID = header.SOPClassUID
    item.ReferencedSOPInstanceUID = header.SOPInstanceUID
    return item
