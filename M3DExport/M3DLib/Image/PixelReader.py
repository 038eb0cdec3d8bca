"""Stored pixel values of DICOM files in any transfer syntax, frame by frame."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..Errors import M3DError

if TYPE_CHECKING:
    from pydicom import Dataset

    from .DicomSeries import DicomFile

_UNDEFINED_LENGTH = 0xFFFFFFFF
_FLOAT_TYPES = {"FloatPixelData": np.dtype("<f4"), "DoubleFloatPixelData": np.dtype("<f8")}


def checkPixelFormat(file: DicomFile) -> None:
    """Refuse what is no gray-value image.

    :raises M3DError: color, no pixels, an unknown bit depth; names the file.
    """
    header = file.header
    if not file.pixelKeyword:
        raise M3DError(f"{file.path} ends before its pixels: it is truncated or incomplete. Copy it again.")
    photometric = str(header.get("PhotometricInterpretation", "MONOCHROME2"))
    samples = int(header.get("SamplesPerPixel", 1) or 1)
    if samples != 1 or not photometric.startswith("MONOCHROME"):
        raise M3DError(
            f"{file.path} is not a gray-value image (Photometric Interpretation {photometric}, {samples} samples per "
            "pixel); choose the original CT or MR series."
        )
    for keyword in ("Rows", "Columns"):
        if not int(header.get(keyword, 0) or 0) > 0:
            raise M3DError(f"{file.path} does not say how many {keyword} it has.")
    if file.pixelKeyword == "PixelData" and header.get("BitsAllocated") not in (8, 16, 32):
        raise M3DError(
            f"{file.path} has {header.get('BitsAllocated')} bits allocated per pixel; 8, 16 and 32 are read."
        )


def storedType(file: DicomFile) -> np.dtype:
    """Type of the stored values in the byte order of this machine."""
    if file.pixelKeyword in _FLOAT_TYPES:
        return _FLOAT_TYPES[file.pixelKeyword].newbyteorder("=")
    kind = "i" if file.header.get("PixelRepresentation", 0) else "u"
    return np.dtype(f"{kind}{int(file.header.BitsAllocated) // 8}")


def storedBits(file: DicomFile) -> int:
    """Number of bits of a stored value that mean something."""
    return int(file.header.get("BitsStored", 0) or file.header.get("BitsAllocated", 16))


def readFrames(file: DicomFile) -> Iterator[np.ndarray]:
    """Stored values of every frame in the order of the file, each (rows, columns) of :func:`storedType`.

    :raises M3DError: the file is truncated, damaged, or compressed in a way that cannot be decoded.
    """
    checkPixelFormat(file)
    syntax = file.header.file_meta.get("TransferSyntaxUID")
    if syntax is not None and syntax.is_private is False and syntax.is_encapsulated:
        frames = _compressedFrames(file)
    elif syntax is not None and syntax.is_deflated:
        frames = _inflatedFrames(file)
    else:
        frames = _nativeFrames(file)
    wanted = int(file.header.get("NumberOfFrames", 1) or 1)
    count = 0
    for frame in frames:
        count += 1
        yield _meaningfulBits(frame, file)
    if count != wanted:
        raise M3DError(f"{file.path} holds {count} of the {wanted} frames its header announces; copy it again.")


def _meaningfulBits(values: np.ndarray, file: DicomFile) -> np.ndarray:
    """Drop the bits that are not part of the value (old overlays) and extend the sign (DICOM PS3.5, 8.1.1)."""
    if values.dtype.kind == "f":
        return values
    allocated = values.dtype.itemsize * 8
    stored = storedBits(file)
    high = int(file.header.get("HighBit", stored - 1))
    if stored >= allocated or not stored - 1 <= high < allocated:
        return values
    return (values << (allocated - 1 - high)) >> (allocated - stored)


def _frameShape(file: DicomFile) -> tuple[int, int]:
    return int(file.header.Rows), int(file.header.Columns)


def _truncated(file: DicomFile) -> M3DError:
    return M3DError(f"{file.path} is truncated: it holds fewer pixels than its header announces. Copy it again.")


def _split(file: DicomFile, values: np.ndarray) -> Iterator[np.ndarray]:
    yield from values.reshape(-1, *_frameShape(file))


def _nativeFrames(file: DicomFile) -> Iterator[np.ndarray]:
    """Uncompressed pixels straight from where they lie in the file, without parsing its header again."""
    implicit, little = file.header.original_encoding
    dtype = storedType(file).newbyteorder("<" if little else ">")
    rows, columns = _frameShape(file)
    count = rows * columns * int(file.header.get("NumberOfFrames", 1) or 1)
    with open(file.path, "rb") as stream:
        stream.seek(file.pixelOffset)
        head = stream.read(8 if implicit else 12)
        length = int.from_bytes(head[-4:], "little" if little else "big")
        if length == _UNDEFINED_LENGTH:
            raise M3DError(f"{file.path} holds compressed pixels but does not say how (no transfer syntax).")
        if length < count * dtype.itemsize:
            raise _truncated(file)
        values = np.fromfile(stream, dtype, count)
    if len(values) < count:
        raise _truncated(file)
    yield from _split(file, values.astype(dtype.newbyteorder("="), copy=False))


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
    count = rows * columns * int(file.header.get("NumberOfFrames", 1) or 1)
    content = _wholeDataset(file)[file.pixelKeyword].value
    if len(content) < count * dtype.itemsize:
        raise _truncated(file)
    yield from _split(file, np.frombuffer(content, dtype.newbyteorder("<"), count).astype(dtype))


def _compressedFrames(file: DicomFile) -> Iterator[np.ndarray]:
    from pydicom.encaps import generate_frames

    dataset = _wholeDataset(file)
    wanted = int(file.header.get("NumberOfFrames", 1) or 1)
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
        setattr(single, keyword, file.header.get(keyword, 0))
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
            values = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path), imageIO="GDCMImageIO"))
        except Exception as error:
            raise M3DError(
                f"The pixels of {file.path} cannot be decoded (transfer syntax {syntax.name}): the file is damaged, or "
                "this compression is not supported; save the series uncompressed."
            ) from error
    return values.reshape(values.shape[-2:]) if values.ndim == 3 and len(values) == 1 else values
