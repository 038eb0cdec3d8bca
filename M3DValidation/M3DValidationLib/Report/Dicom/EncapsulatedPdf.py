"""The report's PDF in a DICOM Encapsulated PDF object (PS3.3 A.45.1), in the study of the scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from M3DLib.Dicom.FileMeta import addFileMeta
from M3DLib.Dicom.HeaderCopy import copyModules, settleCharacterSet
from M3DLib.Dicom.Uid import newUid
from M3DLib.EncapsulatedStl.SeriesPlacement import SeriesPlacement
from M3DLib.Software import NAME, VERSION

from ..Content.ReportReferences import asHeader, referred
from .StructuredReport import requireNamed

if TYPE_CHECKING:
    from pydicom import Dataset

TITLE = "Validation of a 3D model"


def encapsulatePdf(
    pdf: bytes,
    report: Mapping,
    headers: Sequence[Dataset],
    placement: SeriesPlacement,
    *,
    related: Sequence[Dataset] = (),
    madeAt: datetime | None = None,
) -> Dataset:
    """An Encapsulated PDF object, ready to be stored.

    :param pdf: stored byte for byte, with one zero more where its length is odd.
    :param report: content that the PDF shows.
    :param headers: of the scan's slices; patient and study are taken from the first.
    :param placement: series and numbers.
    :param related: further objects that it is about or says the same as: models, the measurement report. Those that
        the report names itself (``dicomReferences``) need not be given.
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
        segmentations = [asHeader(entry) for entry in referred(report, "segmentations")]
        distinct = {str(one.SOPInstanceUID): one for one in [*headers, *segmentations]}
        dataset.SourceInstanceSequence = [_reference(one) for one in distinct.values()]
        others = [*(asHeader(entry) for entry in referred(report, "models")), *related]
        distinct = {str(one.SOPInstanceUID): one for one in others}
        if distinct:
            dataset.ReferencedInstanceSequence = [_reference(one) for one in distinct.values()]
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
