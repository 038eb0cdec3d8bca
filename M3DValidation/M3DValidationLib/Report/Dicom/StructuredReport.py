"""The report as DICOM SR: a measurement report (PS3.16 TID 1500) in a Comprehensive 3D SR, beside the scan.

Numbers are those of the JSON (Floating Point Value), written with the digits that people read (Numeric Value). Concepts
that DICOM has no code for are coded in a scheme of the project's own (``Docs/ReportCodes.md``). Of users' texts, only
names of segments, distances and objects, titles, sources and units of the requirements and the reason of an override go
into it, cut to what DICOM allows.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from M3DLib.Dicom.FileMeta import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from M3DLib.Dicom.HeaderCopy import copyModules, settleCharacterSet
from M3DLib.Dicom.Uid import newUid
from M3DLib.EncapsulatedStl.SeriesPlacement import SeriesPlacement, newSeries
from M3DLib.Errors import M3DError
from M3DLib.Software import NAME, VERSION

from ..Content.ReportReferences import KEY, KINDS, asHeader, referred, referToModels, requireOnePatient
from .DeviationGroups import deviationGroups
from .DistanceGroups import distanceGroups
from .FindingGroups import findingGroups
from .MeasurementGroups import modelGroups, segmentGroups
from .ReportCodes import SCHEME, plainMeaning, plainText
from .ReportConclusion import conclusionOf

if TYPE_CHECKING:
    from pydicom import Dataset

_TAKEN_OVER = (
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
)
# Reports that have no number.
SERIES_DESCRIPTION = "3D model validation"
_PROCEDURES = {"CT": "77477000", "MR": "113091000"}


def measurementReport(
    report: Mapping,
    headers: Sequence[Dataset],
    models: Sequence[Dataset] = (),
    *,
    placement: SeriesPlacement | None = None,
    madeAt: datetime | None = None,
) -> Dataset:
    """A Comprehensive 3D SR of the report, ready to be stored.

    :param report: content that follows ``Report.schema.json``.
    :param headers: of the scan's slices (``ImageVolume.headers``); patient and study are taken from the first.
    :param models: further Encapsulated STL objects, or their headers, that the report is about, beside those that it
        names itself (``dicomReferences``).
    :param placement: series and numbers; a new series when None.
    :param madeAt: now when None.
    :raises M3DError: the scan has no DICOM headers, the report is pseudonymized, or a model is of another patient.
    """
    from pydicom.config import disable_value_validation

    requireNamed(report, headers)
    requireOnePatient(headers, models)
    report = {**report, KEY: {kind: list(referred(report, kind)) for kind in KINDS}}
    referToModels(report, models)
    header, images = headers[0], _distinct(headers)
    evidence = [*images, *(asHeader(entry) for kind in KINDS for entry in referred(report, kind))]
    placement = placement or newSeries(headers, str(header.StudyInstanceUID))
    with disable_value_validation(), warnings.catch_warnings():
        # Names are copied as the scan has them; highdicom would print those it finds odd.
        warnings.simplefilter("ignore")
        content = _content(report, header, images)
        dataset = _reportOf(content, header, evidence, placement, madeAt or datetime.now().astimezone())
        dataset.SeriesDescription = seriesDescriptionOf(report)
        dataset.pop("SpecificCharacterSet", None)
        _listEvidence(dataset, evidence)
        _nameScheme(dataset)
        copyModules(header, dataset)
        settleCharacterSet(header, dataset)
    dataset.file_meta.ImplementationClassUID = IMPLEMENTATION_CLASS_UID
    dataset.file_meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    return dataset


def seriesDescriptionOf(report: Mapping) -> str:
    """What a list of series shows of the measurement report: with its number and revision, so that two of one report
    are seen to be two, and which is which.
    """
    document = report.get("document") or {}
    if not document.get("number"):
        return SERIES_DESCRIPTION
    return f"{SERIES_DESCRIPTION} {document['number']}, revision {document['revision']}"


def _content(report: Mapping, header: Dataset, images: Sequence[Dataset]):
    """The content tree (TID 1500)."""
    from highdicom.sr import MeasurementReport
    from pydicom.sr.codedict import codes

    groups = [
        *findingGroups(report),
        *deviationGroups(report, images),
        *modelGroups(report),
        *segmentGroups(report),
        *distanceGroups(report, str(header.get("FrameOfReferenceUID") or "")),
    ]
    content = MeasurementReport(
        observation_context=_context(report),
        procedure_reported=_procedure(header),
        imaging_measurements=groups,
        title=codes.DCM.ImagingMeasurementReport,
    )
    _putConclusionFirst(content[0], conclusionOf(report))
    return content


def _putConclusionFirst(root, conclusion: str) -> None:
    """The conclusion as text, before everything that was measured (TID 1500 is extensible)."""
    from highdicom.sr import ContainerContentItem, ContentSequence, RelationshipTypeValues, TextContentItem
    from pydicom.sr.codedict import codes

    container = ContainerContentItem(codes.DCM.Conclusions, relationship_type=RelationshipTypeValues.CONTAINS)
    container.ContentSequence = ContentSequence(
        [TextContentItem(codes.DCM.Conclusion, plainText(conclusion), RelationshipTypeValues.CONTAINS)]
    )
    context = [item for item in root.ContentSequence if item.relationship_type != RelationshipTypeValues.CONTAINS]
    contained = [item for item in root.ContentSequence if item.relationship_type == RelationshipTypeValues.CONTAINS]
    root.ContentSequence = ContentSequence([*context, container, *contained])


def _reportOf(
    content, header: Dataset, evidence: Sequence[Dataset], placement: SeriesPlacement, madeAt: datetime
) -> Dataset:
    """The object that holds the content, without patient and study."""
    from highdicom.sr import Comprehensive3DSR

    return Comprehensive3DSR(
        evidence=[_plainHeader(header), *evidence],
        content=content[0],
        series_instance_uid=placement.seriesInstanceUid,
        series_number=placement.seriesNumber,
        sop_instance_uid=newUid(),
        instance_number=placement.instanceNumber,
        manufacturer=NAME,
        manufacturer_model_name="M3D Validation",
        software_versions=f"{NAME} {VERSION}",
        device_serial_number=VERSION,
        is_complete=True,
        is_final=True,
        content_date=madeAt.date(),
        content_time=madeAt.time(),
    )


def _plainHeader(header: Dataset) -> Dataset:
    """A header for highdicom to begin with: patient, study and character set are taken over by :func:`copyModules`.

    highdicom refuses character sets that DICOM allows (an empty first value, as Japanese scanners write) and headers
    that lack an attribute of type 2.
    """
    from pydicom import Dataset

    plain = Dataset()
    for element in header:
        # An element is shared with the header, so it must not be changed here.
        if element.keyword not in ("SpecificCharacterSet", *_TAKEN_OVER):
            plain[element.tag] = element
    for keyword in _TAKEN_OVER:
        setattr(plain, keyword, None)
    return plain


def _listEvidence(dataset: Dataset, evidence: Iterable[Dataset]) -> None:
    """List what the report is about: of its own study as evidence, of other studies as pertinent (PS3.3 C.17.2)."""
    from pydicom import Dataset

    studies: dict[str, dict[str, list[Dataset]]] = {}
    for one in _distinct(evidence):
        item = Dataset()
        item.ReferencedSOPClassUID = one.SOPClassUID
        item.ReferencedSOPInstanceUID = one.SOPInstanceUID
        series = studies.setdefault(str(one.StudyInstanceUID), {})
        series.setdefault(str(one.SeriesInstanceUID), []).append(item)
    own = str(dataset.StudyInstanceUID)
    for keyword, chosen in (
        ("CurrentRequestedProcedureEvidenceSequence", [study for study in studies if study == own]),
        ("PertinentOtherEvidenceSequence", [study for study in studies if study != own]),
    ):
        if keyword in dataset:
            delattr(dataset, keyword)
        items = []
        for study in chosen:
            items.append(Dataset())
            items[-1].StudyInstanceUID = study
            items[-1].ReferencedSeriesSequence = []
            for uid, instances in studies[study].items():
                seriesItem = Dataset()
                seriesItem.SeriesInstanceUID = uid
                seriesItem.ReferencedSOPSequence = instances
                items[-1].ReferencedSeriesSequence.append(seriesItem)
        if items:
            setattr(dataset, keyword, items)


def _nameScheme(dataset: Dataset) -> None:
    """Say what the project's own codes are (Coding Scheme Identification)."""
    from pydicom import Dataset

    item = Dataset()
    item.CodingSchemeDesignator = SCHEME
    item.CodingSchemeName = "SlicerM3D validation concepts"
    item.CodingSchemeVersion = "1"
    item.CodingSchemeResponsibleOrganization = NAME
    dataset.CodingSchemeIdentificationSequence = [item]


def requireNamed(report: Mapping, headers: Sequence[Dataset]) -> None:
    """Refuse a report that belongs to no patient's study.

    :raises M3DError: the scan has no DICOM headers, or the report is pseudonymized.
    """
    if report["case"]["pseudonymized"]:
        raise M3DError("A pseudonymized report has no place in the patient's study; leave --pseudonym out for DICOM.")
    if not headers:
        raise M3DError("A DICOM report needs the patient and study of a scan; give the DICOM series of the model.")


def _distinct(headers: Iterable[Dataset]) -> list[Dataset]:
    return list({str(header.SOPInstanceUID): header for header in headers}.values())


def _context(report):
    from highdicom.sr import (
        DeviceObserverIdentifyingAttributes,
        ObservationContext,
        ObserverContext,
        PersonObserverIdentifyingAttributes,
    )
    from pydicom.sr.codedict import codes

    device = ObserverContext(
        observer_type=codes.DCM.Device,
        observer_identifying_attributes=DeviceObserverIdentifyingAttributes(
            uid=IMPLEMENTATION_CLASS_UID, manufacturer_name=NAME, model_name="M3D Validation", serial_number=VERSION
        ),
    )
    person = plainMeaning(report["made"]["person"]) if report["made"]["person"] else ""
    observer = None
    if person:
        observer = ObserverContext(
            observer_type=codes.DCM.Person,
            observer_identifying_attributes=PersonObserverIdentifyingAttributes(
                name=person if "^" in person else f"{person}^"
            ),
        )
    return ObservationContext(observer_person_context=observer, observer_device_context=device)


def _procedure(header):
    from highdicom.sr import CodedConcept

    modality = str(header.get("Modality") or "")
    meanings = {"CT": "Computed tomography", "MR": "Magnetic resonance imaging"}
    return CodedConcept(_PROCEDURES.get(modality, "363679005"), "SCT", meanings.get(modality, "Imaging"))
