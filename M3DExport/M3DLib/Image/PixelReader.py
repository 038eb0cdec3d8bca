"""Stored pixel values of DICOM files in any transfer syntax, frame by frame."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..Dicom.ReadableValues import asWritten, wholeNumber
from ..Errors import M3DError
from ..ImageFiles.ItkReading import quietStandardError

if TYPE_CHECKING:
    from pydicom import Dataset

    from .DicomSeries import DicomFile

_UNDEFINED_LENGTH = 0xFFFFFFFF
# Value representations of pixels in explicit VR.
_PIXEL_KINDS = (b"OW", b"OB", b"OF", b"OD", b"UN")
_FLOAT_TYPES = {"FloatPixelData": np.dtype("<f4"), "DoubleFloatPixelData": np.dtype("<f8")}


def checkPixelFormat(file: DicomFile) -> None:
    """Refuse what is no gray-value image.

    :raises M3DError: color, no pixels, an unknown bit depth; names the file.
    """
    header = file.header
    if not file.pixelKeyword:
        raise M3DError(f"{file.path} ends before its pixels: it is truncated or incomplete. Copy it again.")
    photometric = asWritten(header, "PhotometricInterpretation") or "MONOCHROME2"
    samples = wholeNumber(header, "SamplesPerPixel", 1) or 1
    if samples != 1 or not photometric.startswith("MONOCHROME"):
        raise M3DError(
            f"{file.path} is not a gray-value image (Photometric Interpretation {photometric}, {samples} samples per "
            "pixel); choose the original CT or MR series."
        )
    for keyword in ("Rows", "Columns"):
        if not wholeNumber(header, keyword) > 0:
            raise M3DError(f"{file.path} does not say how many {keyword} it has.")
    if file.pixelKeyword == "PixelData" and wholeNumber(header, "BitsAllocated") not in (8, 16, 32):
        raise M3DError(
            f"{file.path} has {wholeNumber(header, 'BitsAllocated')} bits allocated per pixel; 8, 16 and 32 are read."
        )


def storedType(file: DicomFile) -> np.dtype:
    """Type of the stored values in the byte order of this machine."""
    if file.pixelKeyword in _FLOAT_TYPES:
        return _FLOAT_TYPES[file.pixelKeyword].newbyteorder("=")
    kind = "i" if wholeNumber(file.header, "PixelRepresentation") else "u"
    return np.dtype(f"{kind}{wholeNumber(file.header, 'BitsAllocated', 16) // 8}")


def storedBits(file: DicomFile) -> int:
    """Number of bits of a stored value that mean something."""
    return wholeNumber(file.header, "BitsStored") or wholeNumber(file.header, "BitsAllocated", 16)


def readFrames(file: DicomFile) -> Iterator[np.ndarray]:
    """Stored values of every frame in the order of the file, each (rows, columns) of :func:`storedType`.

    :raises M3DError: the file is truncated, damaged, or compressed in a way that cannot be decoded.
    """
    checkPixelFormat(file)
    syntax = _syntaxOf(file)
    if syntax is not None and syntax.is_encapsulated:
        frames = _compressedFrames(file)
    elif syntax is not None and syntax.is_deflated:
        frames = _inflatedFrames(file)
    else:
        frames = _nativeFrames(file)
    wanted = wholeNumber(file.header, "NumberOfFrames", 1) or 1
    count = 0
    for frame in frames:
        count += 1
        yield _meaningfulBits(frame, file)
    if count != wanted:
        raise M3DError(f"{file.path} holds {count} of the {wanted} frames its header announces; copy it again.")


def _syntaxOf(file: DicomFile):
    """The transfer syntax; None where the file states none, or a private one that may be anything.

    :raises M3DError: what it states is none.
    """
    from pydicom.uid import UID

    text = asWritten(file.header.file_meta, "TransferSyntaxUID")
    syntax = UID(text) if text else None
    if syntax is None or syntax.is_private:
        return None
    if not syntax.is_transfer_syntax:
        raise M3DError(
            f"{file.path} says that its pixels are encoded as '{text[:64]}', which is no transfer syntax. Get it again "
            "from the archive."
        )
    return syntax


def _meaningfulBits(values: np.ndarray, file: DicomFile) -> np.ndarray:
    """Drop the bits that are not part of the value (old overlays) and extend the sign (DICOM PS3.5, 8.1.1)."""
    if values.dtype.kind == "f":
        return values
    allocated = values.dtype.itemsize * 8
    stored = storedBits(file)
    high = wholeNumber(file.header, "HighBit", stored - 1)
    if stored >= allocated or not stored - 1 <= high < allocated:
        return values
    return (values << (allocated - 1 - high)) >> (allocated - stored)


def _frameShape(file: DicomFile) -> tuple[int, int]:
    return wholeNumber(file.header, "Rows"), wholeNumber(file.header, "Columns")


def _truncated(file: DicomFile) -> M3DError:
    return M3DError(f"{file.path} is truncated: it holds fewer pixels than its header announces. Copy it again.")


def _split(file: DicomFile, values: np.ndarray) -> Iterator[np.ndarray]:
    yield from values.reshape(-1, *_frameShape(file))


def _nativeFrames(file: DicomFile) -> Iterator[np.ndarray]:
    """Uncompressed pixels straight from where they lie in the file, without parsing its header again."""
    implicit, little = file.header.original_encoding
    dtype = storedType(file).newbyteorder("<" if little else ">")
    rows, columns = _frameShape(file)
    count = rows * columns * (wholeNumber(file.header, "NumberOfFrames", 1) or 1)
    with open(file.path, "rb") as stream:
        stream.seek(file.pixelOffset)
        head = stream.read(12)
        # Some files hold the other one of explicit and implicit VR than they say. In implicit VR the length stands
        # here, which is even, and the letters of these kinds are odd numbers.
        implicit = head[4:6] not in _PIXEL_KINDS if little else implicit
        stream.seek(file.pixelOffset + (8 if implicit else 12))
        head = head[: 8 if implicit else 12]
        length = int.from_bytes(head[-4:], "little" if little else "big")
        if length == _UNDEFINED_LENGTH:
            raise M3DError(f"{file.path} holds compressed pixels but does not say how (no transfer syntax).")
        left = file.path.stat().st_size - stream.tell()
        if min(length, left) < count * dtype.itemsize:
            raise _truncated(file)
        _noteSurplus(file, length, count * dtype.itemsize)
        isSwapped = not little and not implicit and dtype.itemsize == 1 and head[4:6] == b"OW"
        # Words of two bytes: the last pixel of an odd number shares one with the padding.
        values = np.fromfile(stream, dtype, count + count % 2 if isSwapped else count)
    if isSwapped:
        # OW in big endian holds two 8-bit pixels in a word with the second one first (PS3.5, 8.1.2 and annex D).
        values = values[: len(values) // 2 * 2].reshape(-1, 2)[:, ::-1].reshape(-1)[:count]
    if len(values) < count:
        raise _truncated(file)
    yield from _split(file, values.astype(dtype.newbyteorder("="), copy=False))


def _noteSurplus(file: DicomFile, length: int, announced: int) -> None:
    """Keep how many bytes there are beyond the announced pixels; a few fill up, and some writers append a preview.

    :raises M3DError: a picture as large as the announced one would fit in once more, so the header is wrong.
    """
    if length >= 2 * announced:
        raise M3DError(
            f"{file.path} holds {length} bytes of pixels and announces {announced}: its Rows, Columns, Bits Allocated "
            "or Number of Frames is wrong, and what would be read is a part of the image. Get it again from the "
            "archive."
        )
    file.surplusBytes = length - announced


def _wholeDataset(file: DicomFile) -> Dataset:
    """The data set with its pixels."""
    import pydicom

    try:
        dataset = pydicom.dcmread(file.path, force=True)
    except Exception as error:
        raise M3DError(f"{file.path} is damaged or truncated and cannot be read to its end. Copy it again.") from error
    if file.pixelKeyword not in dataset:
        raise _truncated(file)
    return dataset


def _inflatedFrames(file: DicomFile) -> Iterator[np.ndarray]:
    dtype = storedType(file)
    rows, columns = _frameShape(file)
    count = rows * columns * (wholeNumber(file.header, "NumberOfFrames", 1) or 1)
    content = _wholeDataset(file)[file.pixelKeyword].value
    if len(content) < count * dtype.itemsize:
        raise _truncated(file)
    _noteSurplus(file, len(content), count * dtype.itemsize)
    yield from _split(file, np.frombuffer(content, dtype.newbyteorder("<"), count).astype(dtype))


def _compressedFrames(file: DicomFile) -> Iterator[np.ndarray]:
    from pydicom.encaps import generate_frames

    dataset = _wholeDataset(file)
    wanted = wholeNumber(file.header, "NumberOfFrames", 1) or 1
    try:
        for compressed in generate_frames(dataset.PixelData, number_of_frames=wanted):
            yield _decode(file, compressed)
    except M3DError:
        raise
    except Exception as error:
        raise M3DError(
            f"The compressed pixels of {file.path} cannot be taken apart ({error}). Copy it again."
        ) from error


def _decode(file: DicomFile, compressed: bytes) -> np.ndarray:
    """One compressed frame: by pydicom and what it finds installed, else by GDCM inside SimpleITK."""
    from pydicom.pixels import get_decoder

    syntax = file.header.file_meta.TransferSyntaxUID
    single = _singleFrame(file, compressed)
    try:
        values, _ = get_decoder(syntax).as_array(single, raw=True)
    except Exception:
        # No decoder for this syntax, or one that knows only a part of it (Pillow: no 12 bit JPEG).
        values = _decodeWithSimpleItk(file, single)
    if values.shape != _frameShape(file):
        raise M3DError(f"The compressed pixels of {file.path} are {values.shape}, its header says {_frameShape(file)}.")
    if values.dtype.kind not in "iu":
        raise M3DError(f"The compressed pixels of {file.path} decode to {values.dtype}, not to integers.")
    return values.astype(storedType(file), copy=False)


def _singleFrame(file: DicomFile, compressed: bytes) -> Dataset:
    """A small data set with this frame alone and no rescale, so that every decoder gives stored values."""
    import pydicom
    from pydicom.encaps import encapsulate
    from pydicom.uid import SecondaryCaptureImageStorage, generate_uid

    single = pydicom.Dataset()
    single.file_meta = pydicom.dataset.FileMetaDataset()
    single.file_meta.TransferSyntaxUID = file.header.file_meta.TransferSyntaxUID
    single.SOPClassUID = SecondaryCaptureImageStorage
    single.SOPInstanceUID = generate_uid()
    single.SamplesPerPixel = 1
    single.PhotometricInterpretation = "MONOCHROME2"
    for keyword in ("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"):
        setattr(single, keyword, wholeNumber(file.header, keyword))
    single.PixelData = encapsulate([compressed])
    single["PixelData"].is_undefined_length = True
    single["PixelData"].VR = "OB"
    return single


def _decodeWithSimpleItk(file: DicomFile, single: Dataset) -> np.ndarray:
    import SimpleITK

    syntax = file.header.file_meta.TransferSyntaxUID
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "frame.dcm"
        try:
            single.save_as(path, enforce_file_format=True)
            with quietStandardError():
                values = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path), imageIO="GDCMImageIO"))
        except Exception as error:
            raise M3DError(
                f"The pixels of {file.path} cannot be decoded (transfer syntax {syntax.name}): the file is damaged, or "
                "this compression is not supported; save the series uncompressed."
            ) from error
    return values.reshape(values.shape[-2:]) if values.ndim == 3 and len(values) == 1 else values
