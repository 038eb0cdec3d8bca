"""DICOM objects as they go into a package: read, de-identified, their documents cleaned."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..DeIdentification.DicomDeIdentifier import deIdentify
from ..DeIdentification.ModelFileCleaning import cleanStl
from ..DeIdentification.Replacements import Replacements
from ..Errors import M3DError
from ..Software import NAME
from .BagFiles import sha256
from .PackageInput import IMAGE, MODEL, DicomFile

if TYPE_CHECKING:
    from pydicom import Dataset

# Pictures of these often have the patient's name in their pixels.
_OFTEN_BURNED_IN = ("US", "OT", "SC", "XC", "ES", "GM", "SM", "DOC", "IVUS", "RF", "OP")


class NotCleanable(Exception):
    """An object is left out; the text says why."""


def whyLeftOut(entry: DicomFile) -> str:
    """Why an object cannot be handed over without identity, judged by its header; "" when it can."""
    header = entry.header
    if entry.kind == IMAGE:
        burned = str(header.get("BurnedInAnnotation") or "").upper()
        types = [str(one).upper() for one in header.get("ImageType") or ()]
        if burned == "YES":
            return "it says that text is burned into its pixels"
        if burned != "NO" and (str(header.get("Modality") or "") in _OFTEN_BURNED_IN or "SECONDARY" in types):
            return "it does not say that no text is burned into its pixels, and images of its kind often have some"
    elif str(header.get("Modality") or "") == "SR" and str(header.get("Manufacturer") or "") != NAME:
        return "a structured report of another software has texts that nobody can clean"
    return ""


def cleanObject(entry: DicomFile, replacements: Replacements, pdfOf: Callable[[str], bytes | None]) -> Dataset:
    """An object of the package, ready to be written.

    :param pdfOf: the PDF that was made anew for one with this SHA-256; None where there is none.
    :raises NotCleanable: its document cannot be cleaned.
    :raises M3DError: it is damaged.
    """
    dataset = readWhole(entry)
    document = bytes(dataset.EncapsulatedDocument) if "EncapsulatedDocument" in dataset else None
    if document is not None:
        # DICOM adds a byte to a document of odd length.
        stated = int(dataset.get("EncapsulatedDocumentLength") or len(document))
        document = document[:stated] if stated in (len(document), len(document) - 1) else document
    deIdentify(dataset, replacements)
    if document is not None:
        cleaned = _document(dataset, entry, document, replacements, pdfOf)
        replacements.hashes[sha256(document)] = sha256(cleaned)
        dataset.EncapsulatedDocumentLength = len(cleaned)
        dataset.EncapsulatedDocument = cleaned + b"\0" * (len(cleaned) % 2)
    if entry.kind == MODEL:
        _toExplicit(dataset)
    return dataset


def readWhole(entry: DicomFile) -> Dataset:
    """The whole object.

    :raises M3DError: it is damaged.
    """
    from pydicom import dcmread

    try:
        return dcmread(entry.file, force=True)
    except Exception as error:
        raise M3DError(f"'{entry.file}' cannot be read ({type(error).__name__}).") from error


def encoded(dataset: Dataset) -> bytes:
    """A data set as the bytes of a file."""
    from pydicom import dcmwrite
    from pydicom.config import disable_value_validation

    stream = io.BytesIO()
    # What the source says is copied as it stands, also where it breaks a rule of its value representation.
    with disable_value_validation():
        dcmwrite(stream, dataset, enforce_file_format=True)
    return stream.getvalue()


def _toExplicit(dataset: Dataset) -> None:
    from pydicom.uid import ExplicitVRLittleEndian

    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian


def _document(dataset, entry: DicomFile, document: bytes, replacements, pdfOf) -> bytes:
    kind = str(dataset.get("MIMETypeOfEncapsulatedDocument") or "")
    if entry.kind == MODEL:
        if kind in ("model/obj", "model/mtl"):
            return _lines(document, replacements)
        return cleanStl(document)
    made = pdfOf(sha256(document))
    if made is None:
        raise NotCleanable("its document cannot be cleaned: no report was given from whose JSON it could be made anew")
    return made


def _lines(document: bytes, replacements: Replacements) -> bytes:
    """OBJ or MTL without comments, and with the originals' values replaced in its names."""
    kept = []
    for line in document.splitlines():
        if line.lstrip().startswith(b"#"):
            continue
        if re.match(rb"\s*(v[nt]?|f|l|p|s|K[ades]|d|Tr|Ns|Ni|illum)\s", line):
            kept.append(line)
        else:
            kept.append(replacements.text(line.decode("utf-8", "replace")).encode("utf-8"))
    return b"\n".join(kept) + b"\n"
