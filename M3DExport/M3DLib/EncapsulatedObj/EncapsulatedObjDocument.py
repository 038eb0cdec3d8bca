"""The documents of Encapsulated OBJ and MTL objects, whoever wrote them, and how an OBJ names its MTL."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..EncapsulatedStl.DescriptionReader import DescriptionReader
from ..Errors import M3DError

if TYPE_CHECKING:
    from pydicom import Dataset

    from ..Dicom.DicomFile import DicomContent

# PS3.4 B.5.
STL_CLASS, OBJ_CLASS, MTL_CLASS = (f"1.2.840.10008.5.1.4.1.1.104.{number}" for number in (3, 4, 5))
FORMAT_OF_CLASS = {STL_CLASS: "STL", OBJ_CLASS: "OBJ", MTL_CLASS: "MTL"}
OBJ_MIME_TYPES = ("model/obj", "application/x-tgif", "text/plain", "application/wavefront-obj")
MTL_MIME_TYPES = ("model/mtl", "text/plain")


@dataclass(frozen=True)
class MaterialReference:
    """An MTL object that an OBJ object refers to.

    :ivar name: by which the OBJ document names it, "" when the object does not say.
    """

    sopInstanceUid: str
    name: str = ""


def classOf(dataset: Dataset) -> str:
    """SOP Class UID, "" when there is none that can be read."""
    return DescriptionReader(dataset, []).text("SOPClassUID")


def textDocument(content: DicomContent, warnings: list[str], mimeTypes: tuple[str, ...]) -> bytes:
    """The document, cut to its stated length, or without the zero byte that DICOM added where none is stated.

    :raises M3DError: there is none.
    """
    payload = content.payload
    if payload is None or not len(payload):
        raise M3DError("The DICOM object has no Encapsulated Document, so there is no model in it.")
    reader = DescriptionReader(content.dataset, warnings)
    mimeType = reader.text("MIMETypeOfEncapsulatedDocument")
    if mimeType.lower() not in mimeTypes:
        warnings.append(f"The MIME type is '{mimeType}' instead of '{mimeTypes[0]}'.")
    document, stated = bytes(payload), reader.number("EncapsulatedDocumentLength")
    if stated is not None and int(stated) in (len(document), len(document) - 1):
        return document[: int(stated)]
    if stated is not None:
        warnings.append(f"Encapsulated Document Length says {int(stated)} bytes, but the document has {len(document)}.")
    return document.rstrip(b"\0")


def materialReferences(dataset: Dataset) -> list[MaterialReference]:
    """The MTL objects that an OBJ object refers to."""
    reader = DescriptionReader(dataset, [])
    return [
        MaterialReference(
            reader.text("ReferencedSOPInstanceUID", item),
            reader.text("RelativeURIReferenceWithinEncapsulatedDocument", item),
        )
        for item in reader.items("ReferencedInstanceSequence")
        if reader.text("ReferencedSOPClassUID", item) == MTL_CLASS
    ]


def materialWarnings(document: bytes, references: list[MaterialReference]) -> list[str]:
    """What does not fit between the materials that a document names and those that the object refers to."""
    named = {
        name.decode("utf-8", "replace").strip()
        for line in re.findall(rb"^[ \t]*mtllib[ \t]+([^\r\n]+)", document, re.MULTILINE)
        for name in ([line] if len(references) == 1 and line.count(b".mtl") == 1 else line.split())
    }
    known = {reference.name for reference in references}
    return [
        f"The OBJ takes its materials from '{name}', and the object does not say which DICOM object holds them."
        for name in sorted(named - known)
    ]
