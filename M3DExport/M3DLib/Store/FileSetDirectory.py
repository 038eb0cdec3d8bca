"""The directory of a DICOM file-set (DICOMDIR, PS3.3 Annex F) in memory: read, added to, written whole.

pydicom's FileSet moves files to names of its own and rewrites the DICOMDIR in place, so that a killed run can leave
neither the old nor the new file-set. Here the directory is a value that is written to a new file; pydicom's record
definitions (``DIRECTORY_RECORDERS``) say what each record holds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from ..Dicom.ReadableValues import readable
from ..Errors import M3DError
from ..NumberText import plural

if TYPE_CHECKING:
    from pydicom import Dataset

_FILE_NAME = "DICOMDIR"
_WHOLE_NUMBERS = ("SeriesNumber", "InstanceNumber")
_LEVELS = ("PATIENT", "STUDY", "SERIES")
_KEYS = {"PATIENT": "PatientID", "STUDY": "StudyInstanceUID", "SERIES": "SeriesInstanceUID"}

# What the records are made of (PS3.3 F.5); nothing else of a header is needed.
HEADER_KEYWORDS = (
    "SpecificCharacterSet",
    "SOPClassUID",
    "SOPInstanceUID",
    "PatientName",
    "PatientID",
    "StudyDate",
    "StudyTime",
    "StudyDescription",
    "StudyInstanceUID",
    "StudyID",
    "AccessionNumber",
    "Modality",
    "SeriesInstanceUID",
    "SeriesNumber",
    "SeriesDate",
    "AcquisitionDate",
    "ContentDate",
    "ContentTime",
    "InstanceNumber",
    "DocumentTitle",
    "ConceptNameCodeSequence",
    "MIMETypeOfEncapsulatedDocument",
)


@dataclass
class _Node:
    record: Dataset
    children: list[_Node] = field(default_factory=list)
    byKey: dict[str, _Node] = field(default_factory=dict)


class FileSetDirectory:
    """Patients, studies, series and instances of a file-set, and the files that hold them."""

    def __init__(self, identification: Dataset, top: _Node, instances: dict[str, tuple[str, ...]]):
        self._identification = identification
        self._top = top
        self._instances = instances

    @classmethod
    def empty(cls) -> FileSetDirectory:
        """The directory of a file-set that is yet to be made."""
        from pydicom import Dataset
        from pydicom.dataset import FileMetaDataset
        from pydicom.uid import ExplicitVRLittleEndian, MediaStorageDirectoryStorage, generate_uid

        identification = Dataset()
        identification.file_meta = FileMetaDataset()
        identification.file_meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
        identification.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        identification.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        identification.FileSetID = "M3D"
        return cls(identification, _Node(Dataset()), {})

    @classmethod
    def read(cls, root: Path) -> FileSetDirectory:
        """The directory of the file-set in a folder; an empty one when the folder has no DICOMDIR.

        :raises M3DError: the DICOMDIR is damaged, or a file it lists is missing.
        """
        import pydicom
        from pydicom.uid import MediaStorageDirectoryStorage

        file = root / _FILE_NAME
        if not file.exists():
            return cls.empty()
        try:
            dataset = pydicom.dcmread(file)
            records = dataset.get("DirectoryRecordSequence") or []
        except Exception as error:
            # A damaged file makes pydicom raise nearly anything.
            raise M3DError(f"'{file}' cannot be read as a DICOMDIR ({error}); choose another output folder.") from error
        if dataset.file_meta.get("MediaStorageSOPClassUID") != MediaStorageDirectoryStorage:
            raise M3DError(f"'{file}' is not a DICOMDIR; choose another output folder.")
        if "DirectoryRecordSequence" not in dataset:
            raise M3DError(f"The DICOMDIR '{file}' is damaged or cut off; choose another output folder.")
        byOffset = {record.seq_item_tell: record for record in records}
        directory = cls.empty()
        directory._identification.file_meta.MediaStorageSOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID
        for element in dataset:
            if element.tag < 0x00041200 or element.tag > 0x00041220:
                directory._identification[element.tag] = element
        first = dataset.get("OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity", 0)
        directory._readLevel(directory._top, first, byOffset, set())
        missing = [path for path in directory.paths(root).values() if not path.exists()]
        if missing:
            raise M3DError(
                f"The DICOMDIR in '{root}' lists {plural(len(missing), 'file')} not found there, the first being "
                f"'{missing[0].relative_to(root)}'; choose another output folder.",
            )
        return directory

    def _readLevel(self, parent: _Node, offset: int, byOffset: dict[int, Dataset], seen: set[int]) -> None:
        while offset:
            if offset in seen or offset not in byOffset:
                raise M3DError(
                    "The DICOMDIR is damaged: a directory record points to no record; choose another folder."
                )
            seen.add(offset)
            record = byOffset[offset]
            if record.get("RecordInUseFlag", 0xFFFF) != 0:
                node = self._append(parent, record)
                self._readLevel(node, record.OffsetOfReferencedLowerLevelDirectoryEntity, byOffset, seen)
            offset = record.OffsetOfTheNextDirectoryRecord

    def _append(self, parent: _Node, record: Dataset) -> _Node:
        node = _Node(record)
        parent.children.append(node)
        key = _keyOf(record)
        if key is not None:
            parent.byKey.setdefault(key, node)
        fileId = record.get("ReferencedFileID")
        if fileId:
            components = (fileId,) if isinstance(fileId, str) else tuple(fileId)
            self._instances[str(record.get("ReferencedSOPInstanceUIDInFile", "/".join(components)))] = components
        return node

    def __contains__(self, sopInstanceUid: str) -> bool:
        return sopInstanceUid in self._instances

    def __len__(self) -> int:
        return len(self._instances)

    def paths(self, root: Path) -> dict[str, Path]:
        """File of every instance by SOP Instance UID, below ``root``."""
        return {uid: root.joinpath(*components) for uid, components in self._instances.items()}

    def headers(self) -> list[Dataset]:
        """Study, series and instance identification of every instance, as far as the records hold it."""
        from pydicom import Dataset

        found = []
        for patient in self._top.children:
            for study in patient.children:
                for series in study.children:
                    for leaf in series.children:
                        header = Dataset()
                        for record in (patient.record, study.record, series.record, leaf.record):
                            header.update({e.tag: e for e in record if e.keyword in HEADER_KEYWORDS})
                        if "ReferencedSOPInstanceUIDInFile" in leaf.record:
                            header.SOPInstanceUID = leaf.record.ReferencedSOPInstanceUIDInFile
                            header.SOPClassUID = leaf.record.ReferencedSOPClassUIDInFile
                            found.append(header)
        return found

    def add(self, header: Dataset, fileId: tuple[str, ...], transferSyntaxUid: str) -> None:
        """List an instance.

        :param header: at least the attributes in ``HEADER_KEYWORDS`` that the instance has.
        :param fileId: File ID components (PS3.10 8.2), the place of its file below the root.
        """
        from pydicom.fileset import DIRECTORY_RECORDERS

        filled = _withMandatoryValues(header)
        leafType = "ENCAP DOC" if "MIMETypeOfEncapsulatedDocument" in header else "IMAGE"
        parent = self._top
        for recordType in (*_LEVELS, leafType):
            record = DIRECTORY_RECORDERS[recordType](filled)
            record.OffsetOfTheNextDirectoryRecord = 0
            record.RecordInUseFlag = 0xFFFF
            record.OffsetOfReferencedLowerLevelDirectoryEntity = 0
            record.DirectoryRecordType = recordType
            if "SpecificCharacterSet" in header:
                record.SpecificCharacterSet = header.SpecificCharacterSet
            if recordType == leafType:
                record.ReferencedFileID = list(fileId)
                record.ReferencedSOPClassUIDInFile = header.SOPClassUID
                record.ReferencedSOPInstanceUIDInFile = header.SOPInstanceUID
                record.ReferencedTransferSyntaxUIDInFile = transferSyntaxUid
                self._append(parent, record)
            else:
                parent = parent.byKey.get(_keyOf(record)) or self._append(parent, record)

    def write(self, file: Path) -> None:
        """Write the DICOMDIR.

        Records point to each other by byte offsets, which are known only once they are written: it is encoded with
        zeros, the positions are read back, and the offsets filled in.
        """
        import os
        from io import BytesIO

        import pydicom

        nodes = list(_depthFirst(self._top))
        dataset = self._identification
        dataset.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity = 0
        dataset.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity = 0
        dataset.FileSetConsistencyFlag = 0
        dataset.DirectoryRecordSequence = [node.record for node in nodes]
        draft = BytesIO()
        dataset.save_as(draft, enforce_file_format=True, implicit_vr=False, little_endian=True)
        draft.seek(0)
        positions = [record.seq_item_tell for record in pydicom.dcmread(draft).DirectoryRecordSequence]
        offsets = {id(node): position for node, position in zip(nodes, positions, strict=True)}
        for node in [self._top, *nodes]:
            for child, following in zip_longest(node.children, node.children[1:]):
                child.record.OffsetOfTheNextDirectoryRecord = offsets[id(following)] if following else 0
            if node is not self._top:
                lower = offsets[id(node.children[0])] if node.children else 0
                node.record.OffsetOfReferencedLowerLevelDirectoryEntity = lower
        if self._top.children:
            dataset.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity = offsets[id(self._top.children[0])]
            dataset.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity = offsets[id(self._top.children[-1])]
        with file.open("wb") as stream:
            dataset.save_as(stream, enforce_file_format=True, implicit_vr=False, little_endian=True)
            stream.flush()
            os.fsync(stream.fileno())


def _depthFirst(node: _Node):
    for child in node.children:
        yield child
        yield from _depthFirst(child)


def _keyOf(record: Dataset) -> str | None:
    """What tells records of one level apart; a patient is told by number and name, as Slicer's database does."""
    recordType = record.get("DirectoryRecordType")
    if recordType not in _KEYS:
        return None
    key = str(record.get(_KEYS[recordType], ""))
    return f"{key}\\{record.get('PatientName', '')}" if recordType == "PATIENT" else key


def _isWhole(value) -> bool:
    try:
        return str(value) == "" or int(str(value)) is not None
    except ValueError:
        return False


def _withMandatoryValues(header: Dataset) -> Dataset:
    """A copy with values for what a DICOMDIR must hold (type 1) but an instance may leave empty (type 2)."""
    from pydicom import Dataset

    filled = Dataset()
    for keyword in HEADER_KEYWORDS:
        # What is there and no value of its kind ("A7" for a number) is as good as empty for the directory.
        value = readable(header, keyword)
        if value is not None and not (keyword in _WHOLE_NUMBERS and not _isWhole(value)):
            filled[keyword] = header[keyword]
    dates = (readable(header, keyword) for keyword in ("SeriesDate", "AcquisitionDate", "ContentDate"))
    substitutes = {
        # Two patients without a number must not become one.
        "PatientID": str(header.StudyInstanceUID)[-16:],
        "StudyDate": next((date for date in dates if date), "19000101"),
        "StudyTime": "000000",
        "StudyID": str(header.StudyInstanceUID)[-16:],
        "Modality": "OT",
        "SeriesNumber": "0",
        "InstanceNumber": "0",
    }
    for keyword, value in substitutes.items():
        if filled.get(keyword) in (None, ""):
            setattr(filled, keyword, value)
    return filled
