"""Earlier models that a new one refers to: what it was made from, what it is the same as, whose series it continues."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..Dicom.DicomFile import openDicom, payloadChunks
from ..Dicom.OnePatient import patientConflicts
from ..Errors import M3DError
from .DocumentReferences import COMPONENT, EDITED, DocumentReference
from .EncapsulatedStlReader import readStlPayload, requireEncapsulatedStl

if TYPE_CHECKING:
    from pydicom import Dataset

    from ..Store.FileSetDirectory import FileSetDirectory


@dataclass
class EarlierModels:
    """References of a new model to earlier ones.

    :ivar continued: header of the model whose series the new one goes to, None for a new series.
    :ivar headers: header of every earlier model.
    """

    predecessors: list[DocumentReference] = field(default_factory=list)
    continued: Dataset | None = None
    headers: list[Dataset] = field(default_factory=list)

    def requireSamePatient(self, header: Dataset) -> None:
        """Raise :class:`M3DError` with both values when an earlier model is of another patient than a source image."""
        if problems := patientConflicts([header, *self.headers]):
            raise M3DError(problems)

    def warnings(self, frameOfReferenceUid: str) -> list[str]:
        """What is doubtful about the earlier models, given the new one's frame of reference."""
        if all(str(header.get("FrameOfReferenceUID") or "") == frameOfReferenceUid for header in self.headers):
            return []
        return ["An earlier model is in another frame of reference than this one: they do not lie over each other."]


def readModelHeader(file: Path | str) -> Dataset:
    """Everything of an Encapsulated STL object but the STL.

    :raises M3DError: when it is none.
    """
    with openDicom(file) as content:
        requireEncapsulatedStl(content.dataset)
        return content.dataset


def readEarlierModels(
    edited: Sequence[Path | str] = (),
    components: Sequence[Path | str] = (),
    sameSeries: bool = False,
) -> EarlierModels:
    """References to the models in these files.

    :param edited: models of which the new one is a new version.
    :param components: models that are parts of the new one.
    :param sameSeries: the new version goes to the series of the first of ``edited``.
    :raises M3DError: a file is no Encapsulated STL object, or there is no series to continue.
    """
    earlier = EarlierModels()
    for purpose, files in ((EDITED, edited), (COMPONENT, components)):
        for file in files:
            header = readModelHeader(file)
            earlier.headers.append(header)
            earlier.predecessors.append(DocumentReference.toDocument(header, purpose))
    if sameSeries:
        if not edited:
            raise M3DError("There is no series to continue: name the earlier version of the model too.")
        earlier.continued = earlier.headers[0]
    return earlier


def storedModels(directory: FileSetDirectory, root: Path) -> list[Path]:
    """Files of the Encapsulated STL objects that a file-set lists."""
    from pydicom.uid import EncapsulatedSTLStorage

    paths = directory.paths(root)
    return [
        paths[str(header.SOPInstanceUID)]
        for header in directory.headers()
        if header.get("SOPClassUID") == EncapsulatedSTLStorage
    ]


def findIdentical(stl: bytes, files: Iterable[Path]) -> list[DocumentReference]:
    """References to the Encapsulated STL objects among ``files`` that hold the same document, byte for byte."""
    found = []
    for file in files:
        try:
            payload, header, _warnings = readStlPayload(file)
        except M3DError:
            continue  # an image, or another kind of document: what is not a model is not the same model
        same = len(payload) == len(stl)
        start = 0
        for part in payloadChunks(payload) if same else ():
            same = same and part == stl[start : start + len(part)]
            start += len(part)
        if same:
            found.append(DocumentReference.toDocument(header))
    return found
