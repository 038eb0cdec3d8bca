"""Objects that are to be sent: read from files, whole, each once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...Dicom.DicomFile import inspectStart, writeDicomFile
from ...Errors import M3DError
from ...NumberText import plural

if TYPE_CHECKING:
    from pydicom import Dataset

# Larger values stay in the file while its header is looked at.
_DEFER_BYTES = 1 << 10
_NEEDED = ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")
# What tells two objects with one UID apart, as servers answer it (large values are not among them).
_TELLING = (
    "SOPClassUID",
    "InstanceNumber",
    "NumberOfFrames",
    "ImagePositionPatient",
    "DocumentTitle",
    "ContentDate",
    "ContentTime",
    "EncapsulatedDocumentLength",
)
# Servers keep these at hand for images; for documents, which are few, all of the above is asked for.
_TELLING_OF_IMAGES = ("SOPClassUID", "InstanceNumber", "ImagePositionPatient", "NumberOfFrames")


@dataclass(frozen=True)
class Outgoing:
    """One object in a file with preamble and meta information.

    :ivar source: the file as the user named it; ``path`` may be a copy with what was missing.
    :ivar facts: values by keyword that tell it from another object with the same UID.
    :ivar size: of the file, bytes.
    """

    path: Path
    source: Path
    sopClassUid: str
    sopInstanceUid: str
    seriesInstanceUid: str
    studyInstanceUid: str
    transferSyntaxUid: str
    facts: dict[str, str]
    size: int

    @property
    def isDocument(self) -> bool:
        """Whether it is no image."""
        return "ImagePositionPatient" not in self.facts and "NumberOfFrames" not in self.facts

    @property
    def tellingKeywords(self) -> tuple[str, ...]:
        """What a server is asked for to see whether it has this object or another one with its UID."""
        return _TELLING if self.isDocument else _TELLING_OF_IMAGES


def outgoingFrom(paths: Sequence[Path], workFolder: Path) -> tuple[list[Outgoing], list[str]]:
    """The objects in files and folders.

    :param workFolder: for files that have to be completed before they can be sent.
    :return: the objects, and what was left out, one sentence each.
    :raises M3DError: a path does not exist, a DICOM file is damaged or lacks its UIDs, two files hold different objects
        with the same UID, or there is nothing to send; names every problem.
    """
    found: dict[str, Outgoing] = {}
    notes, problems = [], []
    skipped = 0
    for path in paths:
        if not path.exists():
            problems.append(f"'{path}' does not exist.")
            continue
        isFolder = path.is_dir()
        for file in _filesIn(path):
            if not _looksLikeDicom(file):
                skipped += 1
                if not isFolder:
                    problems.append(f"'{file}' is not a DICOM file; only DICOM objects are sent.")
                continue
            try:
                one = readOutgoing(file, workFolder)
            except M3DError as error:
                problems += error.problems
                continue
            if one is None:
                continue
            other = found.setdefault(one.sopInstanceUid, one)
            if other is not one and not sameFiles(one.path, other.path):
                problems.append(f"'{file}' and '{other.source}' are different objects with the same SOP Instance UID.")
    if problems:
        raise M3DError(problems)
    if not found:
        raise M3DError(f"There is nothing to send: no DICOM objects in {', '.join(map(str, paths))}.")
    if skipped:
        notes.append(f"Left out, since no DICOM object: {plural(skipped, 'file')}.")
    return list(found.values()), notes


def outgoingFromDatasets(datasets: Iterable[Dataset], workFolder: Path) -> list[Outgoing]:
    """Objects that are in memory, written into a folder.

    :raises M3DError: they cannot be written, or lack their UIDs.
    """
    made = []
    for number, dataset in enumerate(datasets):
        file = workFolder / f"{number}.dcm"
        writeDicomFile(dataset, file)
        one = readOutgoing(file, workFolder)
        if one is not None:
            made.append(one)
    return made


def readOutgoing(file: Path, workFolder: Path) -> Outgoing | None:
    """One file; None for a DICOMDIR, which lists others.

    :raises M3DError: it is no DICOM file, is damaged or truncated, or lacks a UID.
    """
    from pydicom.uid import ImplicitVRLittleEndian, MediaStorageDirectoryStorage

    dataset = readWhole(file)
    meta = getattr(dataset, "file_meta", None)
    if meta is not None and meta.get("MediaStorageSOPClassUID") == MediaStorageDirectoryStorage:
        return None
    missing = [keyword for keyword in _NEEDED if not dataset.get(keyword)]
    if missing:
        raise M3DError(f"'{file}' has no {missing[0]}; it cannot be sent.")
    path = file
    syntax = str((meta or {}).get("TransferSyntaxUID") or "")
    isComplete = bool(dataset.preamble) and syntax and meta.get("MediaStorageSOPClassUID")
    if not isComplete or meta.get("MediaStorageSOPInstanceUID") != dataset.SOPInstanceUID:
        path = _completed(file, workFolder)
        syntax = syntax or str(ImplicitVRLittleEndian)
    facts = {keyword: _fact(dataset, keyword) for keyword in _TELLING}
    return Outgoing(
        path=path,
        source=file,
        sopClassUid=str(dataset.SOPClassUID),
        sopInstanceUid=str(dataset.SOPInstanceUID),
        seriesInstanceUid=str(dataset.SeriesInstanceUID),
        studyInstanceUid=str(dataset.StudyInstanceUID),
        transferSyntaxUid=syntax,
        facts={keyword: value for keyword, value in facts.items() if value},
        size=path.stat().st_size,
    )


def readWhole(file: Path) -> Dataset:
    """The header of a file that is there to its end; large values stay in the file.

    :raises M3DError: it is no DICOM file, is damaged, or ends too early.
    """
    import warnings

    from pydicom import dcmread

    try:
        with file.open("rb") as stream:
            inspectStart(stream)
    except OSError as error:
        raise M3DError(f"'{file}' cannot be read: {error.strerror or error}.") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = dcmread(file, defer_size=_DEFER_BYTES, force=True)
    except Exception as error:
        raise M3DError(f"'{file}' is damaged: its DICOM structure cannot be read ({type(error).__name__}).") from error
    syntax = getattr(dataset.file_meta, "TransferSyntaxUID", None)
    if not (syntax and syntax.is_deflated) and dataset._dict:
        last = dataset._dict[max(dataset._dict)]
        length = getattr(last, "length", None)
        if isinstance(length, int) and length != 0xFFFFFFFF and last.value_tell + length > file.stat().st_size:
            raise M3DError(f"'{file}' is damaged: it ends before its last value does.")
    return dataset


def differences(facts: dict[str, str], answer: Dataset) -> list[str]:
    """Keywords in which a server's answer is of another object; what the server does not say is not compared."""
    found = []
    for keyword, mine in facts.items():
        theirs = _fact(answer, keyword)
        if theirs and theirs != mine and not _equalNumbers(theirs, mine):
            found.append(keyword)
    return found


def sameFiles(one: Path, other: Path) -> bool:
    """Whether two files hold the same object: the same bytes, or the same values however they are encoded."""
    import filecmp
    import warnings

    from pydicom import dcmread

    if filecmp.cmp(one, other, shallow=False):
        return True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return dcmread(one, force=True) == dcmread(other, force=True)
        except Exception:
            # What cannot be read is not known to be the same.
            return False


def factsOf(file: Path) -> dict[str, str]:
    """What tells the object of a file from another one with the same UID.

    :raises M3DError: the file is damaged.
    """
    dataset = readWhole(file)
    facts = {keyword: _fact(dataset, keyword) for keyword in ("SOPInstanceUID", *_TELLING)}
    return {keyword: value for keyword, value in facts.items() if value}


def _fact(dataset: Dataset, keyword: str) -> str:
    try:
        value = dataset.get(keyword)
    except Exception:
        # A value that pydicom cannot convert tells nothing.
        return ""
    if value is None:
        return ""
    many = value if type(value).__name__ in ("MultiValue", "list") else [value]
    return "\\".join(str(one).strip() for one in many)


def _equalNumbers(one: str, other: str) -> bool:
    """The same numbers, however they are written; servers round decimal strings."""
    try:
        first = [float(part) for part in one.split("\\")]
        second = [float(part) for part in other.split("\\")]
    except ValueError:
        return False
    return len(first) == len(second) and all(abs(a - b) < 1e-3 for a, b in zip(first, second, strict=True))


def _filesIn(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    # What is hidden is no finished work: parts of runs that are under way.
    files = [file for file in path.rglob("*") if file.is_file()]
    return sorted(file for file in files if not any(part.startswith(".") for part in file.relative_to(path).parts))


def _looksLikeDicom(file: Path) -> bool:
    with file.open("rb") as stream:
        start = stream.read(132)
    return start[128:132] == b"DICM" or start[:2] in (b"\x02\0", b"\x08\0")


def _completed(file: Path, workFolder: Path) -> Path:
    """A copy with preamble and meta information: files that were saved as they came over the network lack them."""
    from pydicom import dcmread
    from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

    dataset = dcmread(file, force=True)
    dataset.ensure_file_meta()
    if not dataset.file_meta.get("TransferSyntaxUID"):
        isImplicit, isLittle = dataset.original_encoding
        if not isLittle:
            raise M3DError(f"'{file}' has no meta information and is no little endian; it cannot be sent.")
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if isImplicit else ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    path = workFolder / f"completed-{len(list(workFolder.iterdir()))}.dcm"
    dataset.save_as(path, enforce_file_format=True)
    return path
