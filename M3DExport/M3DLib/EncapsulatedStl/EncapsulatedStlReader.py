"""Reads DICOM Encapsulated STL objects, also those of other writers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from ..Dicom import Codes
from ..Dicom.DicomFile import DicomContent, openDicom
from ..Errors import M3DError
from ..Mesh.StlFile import PREFIX_SIZE, TRIANGLE_TYPE, readStl
from .DescriptionReader import DescriptionReader
from .RecordedValidation import RecordedValidation
from .StatedUnit import headerDoubts

if TYPE_CHECKING:
    from pydicom import Dataset

    from ..Mesh.SurfaceParameters import SurfaceParameters
    from ..Mesh.TriangleMesh import TriangleMesh
    from .DocumentReferences import DocumentReference
    from .ModelDescription import ModelDescription
    from .ModelSources import SourceReference

# The types that writers have used for binary STL; the first is the one DICOM asks for.
MIME_TYPES = ("model/stl", "model/x.stl-binary", "application/sla")

# Largest extent that a model of a part of a body can plausibly have, mm. A whole skeleton is accepted when its unit is
# millimeters; with another unit such a size is more likely a wrong unit.
SMALLEST_MM, LARGEST_MM, LARGEST_MM_OTHER_UNIT = 1.0, 2500.0, 1000.0


@dataclass
class EncapsulatedModel:
    """An Encapsulated STL object, understood.

    :ivar mesh: in LPS mm, with name, color and opacity.
    :ivar stl: uint8 (n,), the document byte for byte; may be a read-only map of the file. Of an Encapsulated OBJ object
        it is the OBJ.
    :ivar dataset: everything else.
    :ivar unit: "um", "mm", "cm" or "m" as stated.
    :ivar surface: how the surface was made, when this software made it.
    :ivar related: further documents that it refers to, the report of its validation for example.
    :ivar validation: what it records of its validation.
    :ivar warnings: everything doubtful, one sentence each.
    """

    mesh: TriangleMesh
    stl: np.ndarray
    dataset: Dataset
    unit: str
    description: ModelDescription
    surface: SurfaceParameters | None = None
    sources: list[SourceReference] = field(default_factory=list)
    predecessors: list[DocumentReference] = field(default_factory=list)
    identical: list[DocumentReference] = field(default_factory=list)
    related: list[DocumentReference] = field(default_factory=list)
    validation: RecordedValidation = field(default_factory=RecordedValidation)
    warnings: list[str] = field(default_factory=list)

    @property
    def sopInstanceUid(self) -> str:
        """SOP Instance UID, "" when the object has none."""
        return DescriptionReader(self.dataset, []).text("SOPInstanceUID")

    @property
    def frameOfReferenceUid(self) -> str:
        """Frame of Reference UID of the coordinates, "" when the object has none."""
        return DescriptionReader(self.dataset, []).text("FrameOfReferenceUID")


def readEncapsulatedStl(source: Path | str | bytes | BinaryIO | Dataset) -> EncapsulatedModel:
    """Read an object of this or another writer.

    What is wrong with an object, and what becomes of it (the STL itself: see ``readStl``, tolerant):

    =================================================  =============================================
    the object                                         result
    =================================================  =============================================
    is not DICOM, or damaged                           error
    is of another SOP class (OBJ and MTL included)     error that names the class
    has no Encapsulated Document                       error
    has a unit that DICOM does not allow here          error that names it
    says no unit                                       warning, read as mm
    unit code without coding scheme                    warning
    several units, or another meaning than the code    warning, the first code is used
    header of the STL with another unit, or RAS        warning, as the object says
    extent under 1 mm or over 2.5 m (1 m: not in mm)   warning with both readings, scaled as stated
    MIME type other than the known ones                warning
    stated length other than the document's            warning
    no frame of reference, no sources                  warning
    an attribute that cannot be read                   warning, as if it were not there
    =================================================  =============================================

    :raises M3DError: see the tables.
    """
    with openDicom(source) as content:
        return modelOfContent(content)


def readStlPayload(source: Path | str | bytes | BinaryIO | Dataset) -> tuple[np.ndarray, Dataset, list[str]]:
    """The document as it was before it was encapsulated, without looking into it.

    :return: uint8 (n,) (may be a map of the file), the rest of the object, and warnings.
    :raises M3DError: when it is not an Encapsulated STL object or has no document.
    """
    with openDicom(source) as content:
        warnings: list[str] = []
        requireEncapsulatedStl(content.dataset)
        return _document(content, warnings), content.dataset, warnings


def requireEncapsulatedStl(dataset: Dataset) -> None:
    """Raise :class:`M3DError` that names the SOP class when a dataset is not an Encapsulated STL."""
    from pydicom.uid import UID, EncapsulatedSTLStorage

    try:
        uid = UID(str(dataset.get("SOPClassUID") or ""))
    except Exception as error:
        raise M3DError("The DICOM object is damaged: its SOP Class UID cannot be read.") from error
    if uid != EncapsulatedSTLStorage:
        what = f"of the class {uid.name or uid}" if uid else "without an SOP class"
        raise M3DError(f"The DICOM object is {what}, not an Encapsulated STL.")


def _document(content: DicomContent, warnings: list[str]) -> np.ndarray:
    """The payload, cut to its stated length where that makes sense."""
    payload = content.payload
    if payload is None or not len(payload):
        raise M3DError("The DICOM object has no Encapsulated Document, so there is no model in it.")
    reader = DescriptionReader(content.dataset, warnings)
    stated = reader.number("EncapsulatedDocumentLength")
    if stated is None or stated == len(payload):
        return payload
    stated = int(stated)
    if stated == len(payload) - 1:
        return payload[:stated]
    warnings.append(
        f"Encapsulated Document Length says {stated} bytes, but the document has {len(payload)}.",
    )
    if 0 < stated < len(payload) and not _fitsItsCount(payload) and _fitsItsCount(payload[:stated]):
        return payload[:stated]
    return payload


def _fitsItsCount(payload: np.ndarray) -> bool:
    if len(payload) < PREFIX_SIZE:
        return False
    count = int.from_bytes(payload[PREFIX_SIZE - 4 : PREFIX_SIZE].tobytes(), "little")
    return len(payload) == PREFIX_SIZE + TRIANGLE_TYPE.itemsize * count


def modelOfContent(content: DicomContent) -> EncapsulatedModel:
    """The model of an Encapsulated STL object that is open; see :func:`readEncapsulatedStl`."""
    requireEncapsulatedStl(content.dataset)
    warnings: list[str] = []
    stl = _document(content, warnings)
    mimeType = DescriptionReader(content.dataset, warnings).text("MIMETypeOfEncapsulatedDocument")
    if mimeType.lower() not in MIME_TYPES:
        warnings.append(f"The MIME type is '{mimeType}' instead of '{MIME_TYPES[0]}'.")
    model = describedModel(content.dataset, stl, lambda said: readStl(stl, strict=False, warnings=said), warnings)
    model.warnings += headerDoubts(stl, model.unit)
    return model


def describedModel(
    dataset: Dataset, document: np.ndarray, read: Callable[[list[str]], TriangleMesh], warnings: list[str]
) -> EncapsulatedModel:
    """A document that was understood, with everything that its object says of it.

    :param read: makes the mesh, in the object's unit, and adds to the warnings it is given.
    :param warnings: that there are already; the list gets the others.
    :raises M3DError: the object's unit is none that DICOM allows here, or what ``read`` raises.
    """
    reader = DescriptionReader(dataset, warnings)
    unit = reader.unit()
    description = reader.description(unit)
    mesh = read(warnings)
    warnings += _implausibleSize(mesh, unit)
    _scale(mesh, Codes.UNIT_MM[unit])
    mesh.name, mesh.color, mesh.opacity = reader.name(), description.color, description.opacity
    if not reader.text("FrameOfReferenceUID"):
        warnings.append("The object has no frame of reference: its place relative to any image is unknown.")
    sources = reader.sources()
    if not sources:
        warnings.append("The object does not say what the model was made from.")
    if refinement := reader.refinement():
        series = sorted({source.seriesInstanceUid for source in sources} - {""})
        mesh.record["refinement"] = {**refinement, "sourceSeries": series}
    if simplification := reader.simplification():
        mesh.record["simplification"] = simplification
    validation = reader.validation()
    warnings += validation.warnings()
    return EncapsulatedModel(
        mesh=mesh,
        stl=document,
        dataset=dataset,
        unit=unit,
        description=description,
        surface=reader.surface(),
        sources=sources,
        predecessors=reader.documents("PredecessorDocumentsSequence"),
        identical=reader.documents("IdenticalDocumentsSequence"),
        related=reader.referencedInstances(),
        validation=validation,
        warnings=list(dict.fromkeys(warnings)),
    )


def _scale(mesh: TriangleMesh, unitMm: float) -> None:
    if unitMm == 1.0:
        return
    with np.errstate(over="ignore"):
        mesh.points *= np.float32(unitMm)
        if mesh.precise is not None:
            mesh.precise = mesh.precise * unitMm
    if not np.isfinite(mesh.points).all():
        raise M3DError("The model's coordinates are too large to be millimeters; its unit is wrong.")


def _implausibleSize(mesh: TriangleMesh, unit: str) -> list[str]:
    """A warning when the stated unit makes the model too small or too large for a part of a body."""
    bounds = mesh.boundsLps
    extent = max(bounds[1] - bounds[0], bounds[3] - bounds[2], bounds[5] - bounds[4])
    stated = extent * Codes.UNIT_MM[unit]
    if SMALLEST_MM <= stated <= (LARGEST_MM if unit == "mm" else LARGEST_MM_OTHER_UNIT):
        return []
    other = "mm" if unit != "mm" else "m" if stated < SMALLEST_MM else "um"
    warning = (
        f"The model is {stated:.4g} mm large with the stated unit {unit}, which is not plausible; if its coordinates "
        f"were in {other}, it would be {extent * Codes.UNIT_MM[other]:.4g} mm. The stated unit was used."
    )
    return [warning]
