"""DICOM files: written so that they are there whole or not at all, read without holding a large payload twice."""

from __future__ import annotations

import contextlib
import copy
import io
import os
import uuid
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from ..Errors import M3DError

if TYPE_CHECKING:
    from pydicom import Dataset

PAYLOAD_TAG = 0x00420011

# A payload larger than this stays in the file and is mapped into memory.
DEFER_BYTES = 1 << 20
_CHUNK = 1 << 20

# Deflated models shrink to a third or so; this much smaller, and larger than this, none is.
_INFLATED_BYTES = 1 << 27
_INFLATED_RATIO = 100


@contextlib.contextmanager
def atomicWrite(path: Path | str):
    """Open a temporary file beside ``path`` for writing; it takes the name ``path`` when all went well.

    Flushed to the disk before it is renamed. When anything is raised, nothing stays behind.

    :raises M3DError: when the system refuses (no such folder, no permission, disk full).
    """
    path = Path(path)
    temporary = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        try:
            with open(temporary, "xb", buffering=_CHUNK) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except OSError as error:
            raise M3DError(f"Cannot write '{path}': {error.strerror or error}.") from error
        syncFolder(path.parent)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def syncFolder(folder: Path) -> None:
    """Make the new name itself durable; not every system can open a folder, and then it does so by itself."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def writeDicomFile(dataset: Dataset, path: Path | str) -> None:
    """Write a dataset as a DICOM file: under a temporary name, read back and compared, then renamed.

    :param dataset: with file meta information; an Encapsulated Document in it is written without being copied.
    :raises M3DError: when the file cannot be written, or does not read back as what was written.
    """
    pieces = _encode(dataset)
    with atomicWrite(path) as file:
        for piece in pieces:
            file.write(piece)
        file.flush()
        _requireSame(dataset, pieces, Path(file.name))


def _encode(dataset: Dataset) -> list[bytes]:
    """What a file of this dataset consists of, in order; a large document is one of the pieces as it is."""
    from pydicom import DataElement, dcmread, dcmwrite
    from pydicom.config import disable_value_validation

    payload = dataset.get("EncapsulatedDocument")
    syntax = dataset.file_meta.TransferSyntaxUID
    isSpliced = isinstance(payload, bytes) and len(payload) > 0 and not syntax.is_deflated
    written = dataset
    if isSpliced:
        # pydicom copies a value several times while it writes it. So it writes the object with an empty document, and
        # the real one is put in its place. The copy of the dataset is shallow: it shares every element but this one.
        written = copy.copy(dataset)
        written._dict = dict(dataset._dict)
        written[PAYLOAD_TAG] = DataElement(PAYLOAD_TAG, "OB", b"")
    stream = io.BytesIO()
    # What the source says is copied as it stands, also where it breaks a rule of its value representation.
    with disable_value_validation():
        dcmwrite(stream, written, enforce_file_format=True)
        encoded = stream.getvalue()
        if not isSpliced:
            return [encoded]
        place = dict(dcmread(io.BytesIO(encoded)).items())[PAYLOAD_TAG].value_tell
    padded = len(payload) + len(payload) % 2
    length = padded.to_bytes(4, "little" if syntax.is_little_endian else "big")
    return [encoded[: place - 4], length, payload, b"\0" * (padded - len(payload)), encoded[place:]]


def _requireSame(dataset: Dataset, pieces: list[bytes], path: Path) -> None:
    same = True
    with open(path, "rb") as file:
        for piece in pieces:
            for start in range(0, len(piece), _CHUNK):
                part = piece[start : start + _CHUNK]
                same = same and file.read(len(part)) == part
        same = same and not file.read(1)
    if same:
        with openDicom(path) as content:
            same = content.dataset.get("SOPInstanceUID") == dataset.get("SOPInstanceUID")
            same = same and set(content.dataset.keys()) == set(dataset.keys()) - {PAYLOAD_TAG}
    if not same:
        raise M3DError(f"What was written to '{path.parent}' does not read back as it should; the disk may be failing.")


@dataclass
class DicomContent:
    """A DICOM file's dataset and, apart from it, its Encapsulated Document.

    :ivar payload: uint8 (n,), as it stands in the file; may be a read-only map of the file. None when there is none.
    """

    dataset: Dataset
    payload: np.ndarray | None


@contextlib.contextmanager
def openDicom(source: Path | str | bytes | BinaryIO | Dataset):
    """Read a DICOM file, any transfer syntax; yields :class:`DicomContent`.

    A payload over 1 MB is mapped from the file, not read, where the transfer syntax allows it; the map is let go at the
    end of the ``with`` block unless somebody still holds it.

    :raises M3DError: when it is not a DICOM file, cannot be opened or is damaged beyond reading.
    """
    from pydicom import Dataset

    with warnings.catch_warnings():
        # pydicom's remarks on odd values are for programmers, and come when a value is first looked at: inside the
        # ``with`` block. What matters to a user is said by whoever reads there.
        warnings.simplefilter("ignore")
        if isinstance(source, Dataset):
            yield DicomContent(source, _asArray(source.get("EncapsulatedDocument")))
        else:
            yield _read(source)


def payloadChunks(payload: np.ndarray) -> Iterator[bytes]:
    """The bytes of a payload, a megabyte at a time.

    What is mapped from a file is read from it instead: that is faster than to have the system bring in page by page
    what is used only once, and holds no more than one piece in memory.
    """
    if isinstance(payload, np.memmap) and payload.filename is not None and len(payload):
        # Payloads are only ever cut at their end, so the map's offset is theirs.
        with open(payload.filename, "rb") as file:
            file.seek(payload.offset)
            for start in range(0, len(payload), _CHUNK):
                yield file.read(min(_CHUNK, len(payload) - start))
    else:
        for start in range(0, len(payload), _CHUNK):
            yield payload[start : start + _CHUNK].tobytes()


def _asArray(value) -> np.ndarray | None:
    if value is None:
        return None
    if isinstance(value, io.BytesIO):
        value = value.getvalue()
    return np.frombuffer(value, dtype=np.uint8) if len(value) else np.empty(0, np.uint8)


def _read(source: Path | str | bytes | BinaryIO) -> DicomContent:
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    path = Path(source) if isinstance(source, (str, os.PathLike)) else None
    name = f"'{source}'" if path else "The data"
    try:
        if path is not None:
            with open(path, "rb") as file:
                isDeflated, isBare = inspectStart(file)
            stream = path
        else:
            stream = io.BytesIO(source if isinstance(source, (bytes, bytearray, memoryview)) else source.read())
            isDeflated, isBare = inspectStart(stream)
        # Places in inflated data are no places in the file, so nothing can be left in it.
        deferred = path is not None and not isDeflated
        dataset = dcmread(stream, defer_size=DEFER_BYTES if deferred else None, force=isBare)
        return DicomContent(dataset, _takePayload(dataset, path if deferred else None))
    except M3DError:
        raise
    except InvalidDicomError as error:
        raise M3DError(f"{name} is not a DICOM file.") from error
    except OSError as error:
        raise M3DError(f"{name} cannot be read: {error.strerror or error}.") from error
    except Exception as error:
        # A damaged file makes pydicom raise nearly anything: struct.error, KeyError, zlib.error ...
        raise M3DError(f"{name} is damaged: its DICOM structure cannot be read ({type(error).__name__}).") from error


def inspectStart(file: BinaryIO) -> tuple[bool, bool]:
    """Whether a file's data set is deflated, and whether it is a data set without preamble and meta information.

    Called before pydicom reads a file, which inflates whatever there is.

    :raises M3DError: it would inflate out of all proportion.
    """
    start = file.read(1024)
    file.seek(0)
    # Groups 0002 and 0008 in little endian: what a data set begins with that was saved as it came over the network.
    isBare = start[128:132] != b"DICM" and start[:2] in (b"\x02\0", b"\x08\0")
    isDeflated = b"1.2.840.10008.1.2.1.99" in start and start[132:138] == b"\x02\0\0\0UL"
    if isDeflated:
        file.seek(144 + int.from_bytes(start[140:144], "little"))
        _refuseEndless(file)
        file.seek(0)
    return isDeflated, isBare


def _refuseEndless(file: BinaryIO) -> None:
    """Inflate without keeping anything, and refuse what nobody would write: a few bytes that stand for gigabytes."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    taken = made = 0
    while data := file.read(_CHUNK):
        taken += len(data)
        while data and not inflater.eof:
            made += len(inflater.decompress(data, _CHUNK))
            data = inflater.unconsumed_tail
            if made > _INFLATED_BYTES and made > _INFLATED_RATIO * taken:
                raise M3DError("The DICOM object would inflate to an absurd size; it is damaged or made to do harm.")


def _takePayload(dataset: Dataset, path: Path | None) -> np.ndarray | None:
    """Take Encapsulated Document out of a dataset that was just read."""
    if PAYLOAD_TAG not in dataset:
        return None
    # Every other way of getting an element reads what was left in the file.
    element = dict(dataset.items())[PAYLOAD_TAG]
    del dataset[PAYLOAD_TAG]
    if element.is_raw and element.value is None and element.length and path is not None:
        available = max(0, min(element.length, path.stat().st_size - element.value_tell))
        if not available:
            return np.empty(0, np.uint8)
        return np.memmap(path, dtype=np.uint8, mode="r", offset=element.value_tell, shape=(available,))
    value = element.value
    return _asArray(value if isinstance(value, (bytes, bytearray)) else b"")
