"""What the headers of an encapsulated model say before it is loaded: name, tooltip, warnings, references."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..Errors import M3DError
from ..NumberText import plural

if TYPE_CHECKING:
    from pydicom import Dataset

# Values longer than this are skipped in the file until somebody asks for them, and nobody asks for the payload here.
_DEFER_BYTES = 4096
_USAGE_WORDS = {
    "DiagnosticIntent": "diagnosis",
    "EducationalIntent": "education",
    "ImplantFabrication": "implant fabrication",
    "PlanningIntent": "planning",
    "ProstheticFabrication": "prosthetic fabrication",
    "QualityControlIntent": "quality control",
    "SimulationIntent": "simulation",
    "ToolFabrication": "tool fabrication",
}
_NOT_IMAGES = ("M3D", "SEG", "SR", "PR", "KO", "DOC", "RTSTRUCT", "RTPLAN", "REG", "FID", "OT")


@dataclass
class ExaminedModel:
    """What the user is told about a model before it is loaded.

    :ivar warning: everything doubtful that the headers show, "" when there is nothing.
    :ivar referencedInstanceUids: of the images it was made from.
    :ivar materialUids: of the Encapsulated MTL objects that an OBJ refers to.
    """

    name: str
    tooltip: str
    warning: str = ""
    referencedInstanceUids: list[str] = field(default_factory=list)
    materialUids: list[str] = field(default_factory=list)


def readHeaders(file: Path | str) -> Dataset:
    """Everything of a DICOM file but long values, the payload among them.

    :raises M3DError: the file cannot be read.
    """
    import warnings

    import pydicom

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return pydicom.dcmread(file, defer_size=_DEFER_BYTES)
    except OSError as error:
        raise M3DError(f"The DICOM file cannot be read: {error.strerror or error}.") from error
    except Exception as error:
        # A damaged file makes pydicom raise nearly anything: struct.error, KeyError, zlib.error ...
        raise M3DError(f"The DICOM file is damaged ({type(error).__name__}).") from error


def examineModel(file: Path | str, database=None) -> ExaminedModel:
    """Look at the headers of an Encapsulated STL or OBJ object.

    :param database: to compare the frame of reference with that of the images; None to leave that out.
    :raises M3DError: the file cannot be read.
    """
    from ..EncapsulatedObj.EncapsulatedObjDocument import OBJ_CLASS, OBJ_MIME_TYPES, classOf, materialReferences
    from ..EncapsulatedStl.DescriptionReader import DescriptionReader
    from ..EncapsulatedStl.EncapsulatedStlReader import MIME_TYPES

    header = readHeaders(file)
    isObj = classOf(header) == OBJ_CLASS
    mimeTypes = OBJ_MIME_TYPES if isObj else MIME_TYPES
    warnings: list[str] = []
    reader = DescriptionReader(header, warnings)
    name = reader.name()
    try:
        unit = reader.unit()
    except M3DError as error:
        unit = ""
        warnings.append(str(error))
    if unit and unit != "mm":
        warnings.append(f"The coordinates are in {unit}, which is unusual; they are converted to mm.")
    mimeType = reader.text("MIMETypeOfEncapsulatedDocument")
    if mimeType.lower() not in mimeTypes:
        warnings.append(f"The MIME type is '{mimeType}' instead of '{mimeTypes[0]}'.")
    length = reader.number("EncapsulatedDocumentLength")
    triangles = 0 if isObj else _trianglesOf(length, warnings)
    sources = [source.sopInstanceUid for source in reader.sources()]
    warnings += _frameWarnings(reader.text("FrameOfReferenceUID"), reader.text("StudyInstanceUID"), sources, database)
    validation = reader.validation()
    warnings += validation.warnings()
    lines = [f"{name} (OBJ)" if isObj else name]
    if usage := reader.description(unit or "mm").usage:
        lines.append("for " + _USAGE_WORDS.get(usage, usage))
    lines.append(f"{triangles} triangles" if triangles else "number of triangles not stated")
    lines.append(f"unit {unit}" if unit else "unit unknown")
    lines.append(f"made from {_sourceWords(sources, database)}" if sources else "does not say what it was made from")
    lines.append(f"validation: {validation.sentence()}")
    if validation.reports and database is not None and database.isOpen:
        present = all(database.fileForInstance(uid) for uid in validation.reports)
        lines.append(f"its report is {'' if present else 'not '}in the database")
    materials = [one.sopInstanceUid for one in materialReferences(header)] if isObj else []
    return ExaminedModel(name, "\n".join(lines), "\n".join(dict.fromkeys(warnings)), sources, materials)


def _trianglesOf(length: float | None, warnings: list[str]) -> int:
    """Number of triangles that a document of this length can hold, 0 when it cannot be told."""
    if length is None:
        return 0
    count, rest = divmod(int(length) - 84, 50)
    if count < 1 or rest:
        warnings.append(f"The stated length of {int(length)} bytes is not that of a binary STL (84 + 50 n).")
        return 0
    return count


def _sourceWords(sources: list[str], database) -> str:
    if database is not None and database.isOpen:
        modality = database.instanceValue(sources[0], "0008,0060")
        if modality:
            return plural(len(sources), f"{modality} image")
    return f"{plural(len(sources), 'image')} not in the database"


def _frameWarnings(frame: str, study: str, sources: list[str], database) -> list[str]:
    if not frame:
        return ["The model has no frame of reference: its place relative to the images is unknown."]
    if database is None or not database.isOpen:
        return []
    frames = {database.instanceValue(uid, "0020,0052") for uid in sources[:1]} - {""}
    if not frames:
        for series in database.seriesForStudy(study):
            files = list(database.filesForSeries(series, 1))
            if files and database.fileValue(files[0], "0008,0060") not in _NOT_IMAGES:
                frames.add(database.fileValue(files[0], "0020,0052"))
        frames -= {""}
    if frames and frame not in frames:
        warning = "The model is in another frame of reference than the images of its study: it may lie elsewhere."
        return [warning]
    return []
