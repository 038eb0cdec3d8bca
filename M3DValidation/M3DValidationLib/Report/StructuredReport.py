"""The report as DICOM SR: a measurement report (PS3.16 TID 1500) in a Comprehensive 3D SR, beside the scan.

Numbers are those of the JSON, as far as the sixteen characters of a DICOM decimal go. Concepts that DICOM has no code
for are coded in a scheme of the project's own; of users' texts, only the title of a finding and the name of a segment
go into it, cut to what DICOM allows.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from M3DLib.Dicom.FileMeta import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from M3DLib.Dicom.HeaderCopy import copyModules, settleCharacterSet
from M3DLib.EncapsulatedStl.SeriesPlacement import SeriesPlacement, newSeries, newUid
from M3DLib.Errors import M3DError
from M3DLib.Software import NAME, VERSION

from .ReportContent import deviationsBySegment

if TYPE_CHECKING:
    from pydicom import Dataset

SCHEME = "99SLICERM3D"
_DERIVED = {
    "meanSigned": "Mean",
    "sd": "StandardDeviation",
    "rms": "RootMeanSquare",
    "median": "Median",
    "minSigned": "Minimum",
    "maxSigned": "Maximum",
}
_LENGTHS = {
    "meanAbsolute": "Mean absolute surface deviation",
    "p5": "5th percentile of surface deviation",
    "p25": "25th percentile of surface deviation",
    "p75": "75th percentile of surface deviation",
    "p95Absolute": "95th percentile of absolute surface deviation",
    "p99Absolute": "99th percentile of absolute surface deviation",
    "uncertainty95": "Half width of 95 % interval of one distance",
    "tolerance": "Tolerance of surface deviation",
}
_SHARES = {
    "coverage": "Share of the surface that was measured",
    "withinTolerance": "Share of the measured surface within tolerance",
}
_VOLUMES = {"segmentVolumeMm3": "Volume of the segment", "meshVolumeMm3": "Volume of the mesh"}
_UNITS = {"mm": "mm", "mm2": "mm2", "mm3": "mm3", "HU": "[hnsf'U]", "%": "%", "degrees": "deg", "days": "d", "": "1"}
_KINDS = {"image": "Mesh against scan", "segmentation": "Mesh against segment", "surface": "Mesh against mesh"}
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
    :param models: Encapsulated STL objects, or their headers, that the report is about.
    :param placement: series and numbers; a new series when None.
    :param madeAt: now when None.
    :raises M3DError: the scan has no DICOM headers, or the report is pseudonymized.
    """
    from highdicom.sr import Comprehensive3DSR, MeasurementReport
    from pydicom.config import disable_value_validation
    from pydicom.sr.codedict import codes

    requireNamed(report, headers)
    header = headers[0]
    placement = placement or newSeries(headers, str(header.StudyInstanceUID))
    now = madeAt or datetime.now().astimezone()
    with disable_value_validation(), warnings.catch_warnings():
        # Names are copied as the scan has them; highdicom would print those it finds odd.
        warnings.simplefilter("ignore")
        groups = [*_deviationGroups(report, headers, models), *_findingGroup(report)]
        content = MeasurementReport(
            observation_context=_context(report),
            procedure_reported=_procedure(header),
            imaging_measurements=groups,
            title=codes.DCM.ImagingMeasurementReport,
        )
        dataset = Comprehensive3DSR(
            evidence=[*_distinct(headers), *models],
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
            series_description="3D model validation",
            content_date=now.date(),
            content_time=now.time(),
        )
        _nameScheme(dataset)
        copyModules(header, dataset)
        settleCharacterSet(header, dataset)
    dataset.file_meta.ImplementationClassUID = IMPLEMENTATION_CLASS_UID
    dataset.file_meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    return dataset


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


def _code(value: str, meaning: str):
    from highdicom.sr import CodedConcept

    return CodedConcept(value, SCHEME, plainMeaning(meaning))


def plainMeaning(text: str) -> str:
    """A code meaning (LO): at most 64 characters of one line, without the backslash that would part it."""
    text = "".join(character if character.isprintable() else " " for character in text.replace("\\", "/"))
    return " ".join(text.split())[:64].strip() or "unnamed"


def _unit(text: str):
    """UCUM code; what UCUM has no unit for becomes an annotation in braces, which counts as 1."""
    from highdicom.sr import CodedConcept

    plain = re.sub(r"[^\x21-\x7a|~]+", "_", text)[:60]
    code = _UNITS.get(text) or "{" + plain + "}"
    return CodedConcept(code, "UCUM", "no units" if code == "1" else plainMeaning(text))


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


def _deviationGroups(report, headers, models) -> list:
    from highdicom.sr import MeasurementsAndQualitativeEvaluations, SourceImageForMeasurementGroup, TrackingIdentifier

    named = deviationsBySegment(report)
    groups = []
    for segment, block in named.items():
        for kind, title in _KINDS.items():
            facts = (block or {}).get(kind)
            if not facts:
                continue
            name = f"{title}: {plainMeaning(segment)}" if segment else title
            images = []
            if kind == "image":
                images = [
                    SourceImageForMeasurementGroup(str(header.SOPClassUID), str(header.SOPInstanceUID))
                    for header in _distinct(headers)
                ]
            group = MeasurementsAndQualitativeEvaluations(
                tracking_identifier=TrackingIdentifier(uid=newUid(), identifier=name),
                finding_type=_code("SurfaceDeviation", "Deviation between surfaces"),
                measurements=_deviationMeasurements(facts),
                source_images=images or None,
            )
            for model in models:
                _addSource(group, model)
            groups.append(group)
    return groups


def _addSource(group, model) -> None:
    """Refer to the model that was measured (TID 1501 is extensible)."""
    from highdicom.sr import CodedConcept, CompositeContentItem, RelationshipTypeValues

    group[0].ContentSequence.append(
        CompositeContentItem(
            name=CodedConcept("121112", "DCM", "Source of Measurement"),
            referenced_sop_class_uid=str(model.SOPClassUID),
            referenced_sop_instance_uid=str(model.SOPInstanceUID),
            relationship_type=RelationshipTypeValues.CONTAINS,
        )
    )


def _deviationMeasurements(facts) -> list:
    from highdicom.sr import Measurement
    from pydicom.sr.codedict import codes

    found = []
    for key, derivation in _DERIVED.items():
        if facts.get(key) is not None:
            found.append(
                Measurement(
                    name=_code("SignedDeviation", "Signed surface deviation, positive: mesh too small"),
                    value=float(facts[key]),
                    unit=_unit("mm"),
                    derivation=getattr(codes.cid7464, derivation),
                )
            )
    plain = ((_LENGTHS, "mm"), (_SHARES, ""), (_VOLUMES, "mm3"), ({"areaMm2": "Area of the mesh"}, "mm2"))
    for names, unit in plain:
        for key, meaning in names.items():
            if facts.get(key) is not None:
                found.append(Measurement(name=_code(key, meaning), value=float(facts[key]), unit=_unit(unit)))
    return found


def _findingGroup(report) -> list:
    """Every finding: its verdict, and its number where it has one."""
    from highdicom.sr import (
        Measurement,
        MeasurementsAndQualitativeEvaluations,
        QualitativeEvaluation,
        TrackingIdentifier,
    )

    words = {"pass": "Pass", "warning": "Warning", "fail": "Fail", "notAssessable": "Not assessable"}
    overall = QualitativeEvaluation(
        name=_code("verdict", "Verdict of the validation"),
        value=_code(report["verdict"], words[report["verdict"]]),
    )
    evaluations, measurements = [overall], []
    for finding in report["findings"]:
        identifier = re.sub(r"[^A-Za-z0-9._-]+", "-", finding["requirement"])[:64] or "unnamed"
        name = _code(identifier, finding["title"])
        evaluations.append(QualitativeEvaluation(name=name, value=_code(finding["verdict"], words[finding["verdict"]])))
        value = finding["measured"]
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            measurements.append(Measurement(name=name, value=float(value), unit=_unit(finding["unit"])))
    return [
        MeasurementsAndQualitativeEvaluations(
            tracking_identifier=TrackingIdentifier(uid=newUid(), identifier="Findings"),
            finding_type=_code("ValidationFindings", "Findings of the validation"),
            measurements=measurements or None,
            qualitative_evaluations=evaluations,
        )
    ]
