"""A released model as a new instance: the same document, verified, with the unverified one as its predecessor."""

from __future__ import annotations

import copy
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ..Dicom.FileMeta import addFileMeta
from ..Dicom.Uid import newUid
from ..Errors import M3DError
from .DocumentReferences import EDITED, DocumentReference, addCommonInstanceReference, documentItems
from .EncapsulatedStlReader import readStlPayload

if TYPE_CHECKING:
    from pydicom import Dataset


def verifiedVersion(file: Path | str, madeAt: datetime | None = None, instanceNumber: int | None = None) -> Dataset:
    """An object that says of the same STL that it is verified (Verification Flag (0040,A493), PS3.3 C.24.2).

    An instance is never changed once it is stored: the new one has a UID and number of its own in the same series,
    names the unverified one as predecessor and as identical document, and repeats everything else.

    :param file: of the model that was confirmed.
    :param madeAt: when the new instance is made; None for now.
    :param instanceNumber: that no other instance of the series has; the next after the file's own when None.
    :return: data set with file meta information, not written yet.
    :raises M3DError: the file is no Encapsulated STL object, cannot be read, or is verified already.
    """
    payload, header, _warnings = readStlPayload(file)
    if str(header.get("VerificationFlag") or "").upper() == "VERIFIED":
        raise M3DError(f"'{file}' says already that its model is verified.")
    before = DocumentReference.toDocument(header, EDITED)
    same = DocumentReference.toDocument(header)
    dataset = copy.deepcopy(header)
    for keyword in ("EncapsulatedDocument", "EncapsulatedDocumentLength"):
        if keyword in dataset:
            del dataset[keyword]
    now = madeAt or datetime.now().astimezone()
    dataset.SOPInstanceUID = newUid()
    dataset.InstanceNumber = instanceNumber or int(header.get("InstanceNumber") or 0) + 1
    dataset.InstanceCreationDate = now.strftime("%Y%m%d")
    dataset.InstanceCreationTime = now.strftime("%H%M%S")
    dataset.VerificationFlag = "VERIFIED"
    dataset.PredecessorDocumentsSequence = documentItems([before])
    dataset.IdenticalDocumentsSequence = documentItems([same])
    addCommonInstanceReference(dataset, [before], str(dataset.StudyInstanceUID))
    stl = bytes(payload)
    dataset.EncapsulatedDocumentLength = len(stl)
    dataset.EncapsulatedDocument = stl
    addFileMeta(dataset)
    return dataset
