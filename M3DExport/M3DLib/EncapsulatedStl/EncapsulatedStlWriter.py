"""Builds DICOM Encapsulated STL objects (PS3.3 A.85.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from ..Dicom import Codes
from ..Dicom.CieLab import encodeLab, labFromRgb
from ..Dicom.FileMeta import addFileMeta
from ..Dicom.HeaderCopy import copyModules, settleCharacterSet
from ..Dicom.Uid import newUid
from ..Errors import M3DError
from ..Identifying import namesPatient
from ..Mesh.StlFile import checkStl, stlBytes
from ..Mesh.SurfaceParameters import SurfaceParameters
from ..Software import softwareVersions
from ..Surface.SurfaceRecord import recordParameters
from .DocumentReferences import DocumentReference, addCommonInstanceReference, documentItems, sourceItems
from .ModelDescription import (
    PART_PARAMETER,
    RECEIVED_SURFACE,
    REPAIRS_PARAMETER,
    SEGMENTATION_PARAMETER,
    SURFACE_ALGORITHM,
    DerivationAlgorithm,
    ModelDescription,
)
from .ModelSources import ModelSources
from .SeriesPlacement import SeriesPlacement, newSeries

if TYPE_CHECKING:
    import numpy as np
    from pydicom import Dataset

    from ..Mesh.TriangleMesh import TriangleMesh

MIME_TYPE = "model/stl"
MODALITY = "M3D"

# Encapsulated Document is OB with a 32-bit length, all ones of which means "undefined".
MAXIMUM_STL_BYTES = 0xFFFFFFFE


def encapsulateMesh(
    mesh: TriangleMesh,
    description: ModelDescription,
    sources: ModelSources,
    surface: SurfaceParameters | None = None,
    placement: SeriesPlacement | None = None,
    *,
    stored: Sequence[Path] = (),
    **more,
) -> Dataset:
    """An Encapsulated STL object of a mesh in LPS mm; see :func:`buildEncapsulatedStl` for the rest.

    What the description does not say of name, color and opacity is taken from the mesh; the coordinates are written in
    the description's unit.

    :param stored: files of models that the place of storage holds already; those with the very same STL are named as
        identical documents.
    """
    from .EarlierModels import findIdentical

    description.requireValid()
    description = description.withDefaults(
        title=safeTitle(mesh.name, sources.header),
        color=mesh.color,
        opacity=mesh.opacity,
    )
    stl = stlBytes(mesh, description.units, description.unitMm)
    identical = [*more.pop("identical", ()), *findIdentical(stl, stored)]
    return buildEncapsulatedStl(
        stl, description, sources, surface, placement, identical=identical, checked=True, record=mesh.record, **more
    )


def buildEncapsulatedStl(
    stl: bytes,
    description: ModelDescription,
    sources: ModelSources,
    surface: SurfaceParameters | None = None,
    placement: SeriesPlacement | None = None,
    *,
    predecessors: Sequence[DocumentReference] = (),
    identical: Sequence[DocumentReference] = (),
    icon: np.ndarray | None = None,
    checked: bool = False,
    madeAt: datetime | None = None,
    record: dict | None = None,
) -> Dataset:
    """An Encapsulated STL object, ready to be written as explicit VR little endian.

    :param stl: binary STL in the coordinates of ``sources.frameOfReferenceUid``, in the unit of ``description``; stored
        byte for byte.
    :param surface: how the surface was made; None when that is unknown (an STL from elsewhere).
    :param placement: series and numbers; None for a new series.
    :param predecessors: earlier models this one was made from.
    :param identical: objects that hold the same document.
    :param icon: uint8 (rows, columns, 3) sRGB picture of the model, at most 64 x 64.
    :param checked: the STL is known to be strictly valid; it is checked otherwise.
    :param madeAt: when the object is made (Instance Creation); None for now.
    :param record: what was done to the surface since it was made of its segment (``TriangleMesh.record``).
    :return: dataset with file meta information; the STL itself is not copied.
    :raises M3DError: when the description or the STL is not valid.
    """
    from pydicom.config import disable_value_validation

    description.requireValid()
    stl = _documentOf(stl, checked)
    now = madeAt or datetime.now().astimezone()
    # What the source says is copied as it stands, also where it breaks a rule of its value representation; what the
    # user says has been checked above.
    with disable_value_validation():
        dataset, zone = _startFromSource(description, sources)
        started = _inZone(description.contentDateTime or now, zone)
        study = str(dataset.StudyInstanceUID)
        placement = placement or newSeries([sources.header], study)
        _addSeries(dataset, description, placement, started)
        _addEquipment(dataset, description)
        _addDocument(dataset, description, sources, placement, started)
        dataset.EncapsulatedDocumentLength = len(stl)
        dataset.EncapsulatedDocument = stl
        _addModel(dataset, description, surface, icon, record)
        _addSop(dataset, _inZone(now, zone))
        if sources.references:
            dataset.SourceInstanceSequence = sourceItems(sources.references)
        if predecessors:
            dataset.PredecessorDocumentsSequence = documentItems(predecessors)
        if identical:
            dataset.IdenticalDocumentsSequence = documentItems(identical)
        addCommonInstanceReference(dataset, [*sources.references, *predecessors, *identical], study)
        settleCharacterSet(sources.header, dataset)
        addFileMeta(dataset)
    return dataset


def _documentOf(stl: bytes, checked: bool) -> bytes:
    """The STL as it goes into the object; refuses one that is not valid or too long."""
    if not isinstance(stl, bytes):
        stl = bytes(stl)
    if not checked:
        checkStl(stl)
    if len(stl) > MAXIMUM_STL_BYTES:
        raise M3DError(
            f"The STL has {len(stl)} bytes; DICOM can hold {MAXIMUM_STL_BYTES}. Reduce the number of triangles.",
        )
    return stl


def _startFromSource(description: ModelDescription, sources: ModelSources) -> tuple[Dataset, timezone | None]:
    """A dataset with patient, study and frame of reference, and the time zone of its dates and times."""
    from pydicom import Dataset

    dataset = Dataset()
    copyModules(sources.header, dataset)
    if description.timezoneOffset:
        dataset.TimezoneOffsetFromUTC = description.timezoneOffset
    dataset.FrameOfReferenceUID = sources.frameOfReferenceUid
    dataset.PositionReferenceIndicator = _positionReference(sources)
    return dataset, _zone(str(dataset.get("TimezoneOffsetFromUTC") or ""))


def safeTitle(name: str, header: Dataset) -> str:
    """A name that may stand in the object by default: without one that holds the patient's name or ID.

    Title and description are in no de-identification profile (PS3.15 Table E.1-1), so nothing removes a patient's name
    from them later.
    """
    name = " ".join(name.split())
    return "3D model" if not name or namesPatient(name, [header]) else name


def _zone(offset: str) -> timezone | None:
    if not re.fullmatch(r"[+-]\d{4}", offset):
        return None
    minutes = int(offset[1:3]) * 60 + int(offset[3:5])
    if minutes >= 24 * 60:
        return None
    return timezone(timedelta(minutes=-minutes if offset[0] == "-" else minutes))


def _inZone(moment: datetime, zone: timezone | None) -> datetime:
    """The moment as clocks of the object's time zone show it; a naive one is what they show already."""
    return moment.astimezone(zone) if zone is not None and moment.tzinfo is not None else moment


def _positionReference(sources: ModelSources) -> str:
    """Position Reference Indicator belongs to the frame of reference: empty when the header is of another one."""
    sameFrame = str(sources.header.get("FrameOfReferenceUID") or "") == sources.frameOfReferenceUid
    return str(sources.header.get("PositionReferenceIndicator") or "") if sameFrame else ""


def _addSeries(dataset: Dataset, description: ModelDescription, placement: SeriesPlacement, moment: datetime) -> None:
    dataset.Modality = MODALITY
    dataset.SeriesInstanceUID = placement.seriesInstanceUid
    dataset.SeriesNumber = placement.seriesNumber
    continued = bool(placement.seriesDate or placement.seriesDescription)
    dataset.SeriesDate = placement.seriesDate if continued else moment.strftime("%Y%m%d")
    dataset.SeriesTime = placement.seriesTime if continued else moment.strftime("%H%M%S.%f")
    seriesDescription = placement.seriesDescription or description.seriesDescription
    dataset.SeriesDescription = seriesDescription or "3D models"


def _addEquipment(dataset: Dataset, description: ModelDescription) -> None:
    equipment = description.equipment
    dataset.Manufacturer = equipment.manufacturer
    dataset.ManufacturerModelName = equipment.modelName
    if equipment.institutionName:
        dataset.InstitutionName = equipment.institutionName
    dataset.DeviceSerialNumber = equipment.deviceSerialNumber
    dataset.SoftwareVersions = list(equipment.softwareVersions) or softwareVersions()


def _addDocument(
    dataset: Dataset,
    description: ModelDescription,
    sources: ModelSources,
    placement: SeriesPlacement,
    moment: datetime,
) -> None:
    dataset.InstanceNumber = placement.instanceNumber
    dataset.ContentDate = moment.strftime("%Y%m%d")
    dataset.ContentTime = moment.strftime("%H%M%S.%f")
    dataset.AcquisitionDateTime = sources.acquisitionDateTime
    dataset.BurnedInAnnotation = _yesNo(description.burnedInAnnotation)
    if description.recognizableVisualFeatures is not None:
        dataset.RecognizableVisualFeatures = _yesNo(description.recognizableVisualFeatures)
    if description.laterality:
        dataset.ImageLaterality = description.laterality
    if description.verified is not None:
        dataset.VerificationFlag = "VERIFIED" if description.verified else "UNVERIFIED"
    dataset.DocumentTitle = description.title
    titleCode = description.titleCode or titleOfModalities(sources.modalities)
    dataset.ConceptNameCodeSequence = [Codes.itemFromKeyword(Codes.DOCUMENT_TITLE, titleCode)] if titleCode else []
    dataset.MIMETypeOfEncapsulatedDocument = MIME_TYPE


def titleOfModalities(modalities: Iterable[str]) -> str:
    """Keyword of CID 7061 for a model made from these; "" when the group has none for it."""
    images = [modality for modality in dict.fromkeys(modalities) if modality and modality != "SEG"]
    if len(images) > 1:
        return Codes.MIXED_TITLE
    return Codes.TITLE_OF_MODALITY.get(images[0], "") if images else ""


def _addModel(
    dataset: Dataset,
    description: ModelDescription,
    surface: SurfaceParameters | None,
    icon: np.ndarray | None,
    record: dict | None,
) -> None:
    dataset.MeasurementUnitsCodeSequence = [Codes.itemFromUnit(description.units)]
    if description.modified is not None:
        dataset.ModelModification = _yesNo(description.modified)
    if description.mirrored is not None:
        dataset.ModelMirroring = _yesNo(description.mirrored)
    if description.usage:
        dataset.ModelUsageCodeSequence = [Codes.itemFromKeyword(Codes.USAGE, description.usage)]
    if description.contentDescription:
        dataset.ContentDescription = description.contentDescription
    if description.groupUid:
        dataset.ModelGroupUID = description.groupUid
    if description.color is not None:
        dataset.RecommendedDisplayCIELabValue = encodeLab(labFromRgb(description.color))
    if description.opacity is not None:
        dataset.RecommendedPresentationOpacity = float(description.opacity)
    algorithm = description.algorithm
    if surface is not None:
        algorithm = surfaceAlgorithm(
            surface, description.segmentation, description.repairs, record, part=description.part
        )
    elif (record or {}).get("refinement", {}).get("applied"):
        # The object has room for one algorithm: a model that was read keeps its own, with what was done to it.
        algorithm = algorithm or DerivationAlgorithm(RECEIVED_SURFACE)
        known = {name for name, _ in algorithm.parameters}
        more = tuple(pair for pair in recordParameters(record) if pair[0] not in known)
        algorithm = replace(algorithm, parameters=algorithm.parameters + more)
    if algorithm is not None:
        dataset.DerivationAlgorithmSequence = [algorithmItem(algorithm)]
    if icon is not None:
        from .Icon import iconItem

        dataset.IconImageSequence = [iconItem(icon)]


def surfaceAlgorithm(
    surface: SurfaceParameters, segmentation: str = "", repairs: str = "", record: dict | None = None, *, part: str = ""
) -> DerivationAlgorithm:
    """How the surface was made, as it is recorded in the object.

    :param record: of the mesh: what refining and simplifying did, in figures.
    """
    parameters = [(key, str(value)) for key, value in surface.asDict().items()]
    parameters += recordParameters(record or {})
    if segmentation:
        parameters.append((SEGMENTATION_PARAMETER, segmentation))
    if repairs:
        parameters.append((REPAIRS_PARAMETER, repairs))
    if part:
        parameters.append((PART_PARAMETER, part))
    return DerivationAlgorithm(SURFACE_ALGORITHM, parameters=tuple(parameters))


def algorithmItem(algorithm: DerivationAlgorithm) -> Dataset:
    """The one item of Derivation Algorithm Sequence (PS3.3 C.35.1)."""
    from highdicom import AlgorithmIdentificationSequence
    from pydicom.sr.codedict import codes

    return AlgorithmIdentificationSequence(
        name=algorithm.name,
        family=getattr(codes.cid7162, algorithm.family),
        version=algorithm.version,
        source=algorithm.source or None,
        parameters=dict(algorithm.parameters) or None,
    )[0]


def _addSop(dataset: Dataset, moment: datetime) -> None:
    from pydicom.uid import EncapsulatedSTLStorage

    dataset.SOPClassUID = EncapsulatedSTLStorage
    dataset.SOPInstanceUID = newUid()
    dataset.InstanceCreationDate = moment.strftime("%Y%m%d")
    dataset.InstanceCreationTime = moment.strftime("%H%M%S.%f")


def _yesNo(value: bool) -> str:
    return "YES" if value else "NO"
