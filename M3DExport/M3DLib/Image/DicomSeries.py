"""Finds the DICOM files of a folder, groups them into series and chooses the one that is the image."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ..Dicom.DicomFile import inspectStart
from ..Dicom.ReadableValues import asWritten, readable, unknownKinds
from ..Errors import M3DError, noProgress
from .ImageVolume import SkippedFile

if TYPE_CHECKING:
    from pydicom import Dataset

PIXEL_KEYWORDS = {0x7FE00010: "PixelData", 0x7FE00008: "FloatPixelData", 0x7FE00009: "DoubleFloatPixelData"}

# Pixel-bearing classes with positions that are derived from an image and are not the image.
_DERIVED_CLASSES = (
    "SegmentationStorage",
    "LabelMapSegmentationStorage",
    "RTDoseStorage",
    "ParametricMapStorage",
    "RTImageStorage",
)
_IMAGE_CLASSES = (
    "CTImageStorage",
    "EnhancedCTImageStorage",
    "LegacyConvertedEnhancedCTImageStorage",
    "MRImageStorage",
    "EnhancedMRImageStorage",
    "LegacyConvertedEnhancedMRImageStorage",
    "PositronEmissionTomographyImageStorage",
    "EnhancedPETImageStorage",
    "LegacyConvertedEnhancedPETImageStorage",
    "XRay3DAngiographicImageStorage",
    "XRay3DCraniofacialImageStorage",
)


_ARCHIVES = {b"PK\x03\x04": "ZIP", b"\x1f\x8b": "gzip", b"7z\xbc\xaf\x27\x1c": "7z", b"Rar!": "RAR", b"BZh": "bzip2"}


@dataclass
class DicomFile:
    """A DICOM file and its header.

    :ivar header: everything before the pixels.
    :ivar pixelKeyword: keyword of the pixel element that ends the header, "" when the file has none.
    :ivar pixelOffset: where that element begins in the file, bytes; meaningless in a deflated file.
    :ivar surplusBytes: bytes of pixels that the header does not announce, known when they have been read.
    """

    path: Path
    header: Dataset
    pixelKeyword: str
    pixelOffset: int
    surplusBytes: int = 0

    @property
    def seriesUid(self) -> str:
        """Series Instance UID, "" when missing."""
        return asWritten(self.header, "SeriesInstanceUID")

    @property
    def className(self) -> str:
        """Name of the SOP class in words, the UID where pydicom does not know it."""
        from pydicom.uid import UID

        return UID(asWritten(self.header, "SOPClassUID")).name or "unknown class"

    @property
    def isImage(self) -> bool:
        """Whether the file is (a slice of) a cross-sectional image: by class, else by having pixels with a place."""
        import pydicom.uid

        # A truncated file may know its class only from its file meta information.
        uids = {asWritten(self.header, "SOPClassUID"), asWritten(self.header.file_meta, "MediaStorageSOPClassUID")}
        if uids & {getattr(pydicom.uid, name) for name in _IMAGE_CLASSES if hasattr(pydicom.uid, name)}:
            return True
        if uids & {getattr(pydicom.uid, name) for name in _DERIVED_CLASSES if hasattr(pydicom.uid, name)}:
            return False
        placed = "ImagePositionPatient" in self.header or "PerFrameFunctionalGroupsSequence" in self.header
        return bool(self.pixelKeyword) and placed and readable(self.header, "SamplesPerPixel") in (1, None)

    @property
    def isStructureSet(self) -> bool:
        """Whether the file is an RT Structure Set."""
        from pydicom.uid import RTStructureSetStorage

        return asWritten(self.header, "SOPClassUID") == RTStructureSetStorage

    @property
    def isLocalizer(self) -> bool:
        """Whether Image Type says that this is a scout view."""
        return "LOCALIZER" in asWritten(self.header, "ImageType").upper().split("\\")


def _looksLikeDicom(start: bytes) -> bool:
    """Whether a file may be DICOM: the prefix of PS3.10, or a data set that begins with group 0002 or 0008."""
    if start[128:132] == b"DICM":
        return True
    # Without preamble: group number of the first element, little or big endian, and an even, small element number.
    return len(start) > 16 and start[:4] in {
        bytes(order)
        for group in (0x02, 0x08)
        for element in (0x00, 0x01, 0x02, 0x05, 0x08, 0x12, 0x16, 0x18)
        for order in ((group, 0, element, 0), (0, group, 0, element))
    }


def readHeader(path: Path) -> DicomFile | SkippedFile:
    """Header of one file, or why it is not one of an image.

    :raises M3DError: when the file is DICOM but its header cannot be read, or the file cannot be opened.
    """
    try:
        # A pipe or a device among the files would never end, or never begin.
        if not stat.S_ISREG(os.stat(path).st_mode):
            return SkippedFile(path, "no regular file")
        with open(path, "rb") as stream:
            start = stream.read(132)
            if not start:
                return SkippedFile(path, "empty file")
            archive = next((name for mark, name in _ARCHIVES.items() if start.startswith(mark)), "")
            if archive:
                return SkippedFile(path, f"{archive} archive, which must be unpacked first")
            if not _looksLikeDicom(start):
                return SkippedFile(path, "not a DICOM file")
            stream.seek(0)
            inspectStart(stream)
            return _parseHeader(path, stream, start[128:132] == b"DICM")
    except M3DError as error:
        raise M3DError(
            [problem if str(path) in problem else f"{path}: {problem}" for problem in error.problems]
        ) from error
    except OSError as error:
        raise M3DError(f"{path} cannot be read: {error.strerror or error}.") from error


def _parseHeader(path: Path, stream: BinaryIO, hasPrefix: bool) -> DicomFile | SkippedFile:
    import pydicom
    from pydicom.uid import MediaStorageDirectoryStorage

    pixelKeyword = ""

    def atPixels(tag, vr, length):
        nonlocal pixelKeyword
        if int(tag) in PIXEL_KEYWORDS:
            pixelKeyword = PIXEL_KEYWORDS[int(tag)]
        return bool(pixelKeyword)

    try:
        header = pydicom.filereader.read_partial(stream, atPixels, force=True)
        if not header:
            if hasPrefix and header.file_meta.get("MediaStorageSOPClassUID") != MediaStorageDirectoryStorage:
                raise M3DError(f"{path} is a DICOM file that ends within its header; copy it again or remove it.")
            return SkippedFile(path, "no DICOM data set")
        if header.file_meta.get("MediaStorageSOPClassUID") == MediaStorageDirectoryStorage:
            return SkippedFile(path, "DICOM directory (DICOMDIR)")
        known = "SOPClassUID" in header
    except M3DError:
        raise
    except OSError:
        raise
    except Exception as error:
        # pydicom raises whatever the broken bytes lead it to (EOFError, struct.error, UnicodeDecodeError ...).
        if hasPrefix:
            raise M3DError(
                f"{path} is a DICOM file whose header cannot be read ({type(error).__name__}): it is damaged or "
                "truncated. Copy it again, or remove it if it is not part of the scan."
            ) from error
        return SkippedFile(path, "not a DICOM file")
    if not known:
        if hasPrefix and not pixelKeyword and "DirectoryRecordSequence" not in header:
            raise M3DError(f"{path} is a DICOM file that ends before its SOP Class UID; copy it again or remove it.")
        return SkippedFile(path, "DICOM file without a SOP Class UID")
    damaged = unknownKinds(header)
    if damaged:
        raise M3DError(
            f"{path} is damaged: its header has values of a kind that DICOM does not know ({damaged[0]}). Copy it "
            "again, or remove it if it is not part of the scan."
        )
    header.buffer = None  # of a deflated file pydicom keeps the whole inflated data set, pixels included
    return DicomFile(path, header, pixelKeyword, stream.tell())


def findFiles(path: Path) -> list[Path]:
    """The file itself, or every file of the folder and its subfolders, sorted by name.

    :raises M3DError: when there is no such file or folder, or it cannot be listed.
    """
    path = Path(path)
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise M3DError(f"{path} does not exist; give the folder of the scan or an image file.")

    def refuse(error: OSError):
        raise M3DError(f"Folder {error.filename} cannot be listed: {error.strerror}.") from error

    found, visited = [], set()
    for folder, subfolders, names in os.walk(path, onerror=refuse, followlinks=True):
        # A link may lead back to a folder above it.
        if os.path.realpath(folder) in visited:
            subfolders.clear()
            continue
        visited.add(os.path.realpath(folder))
        found += [Path(folder) / name for name in names]
    # A link to a file that is there anyway is no copy of it.
    real = {os.path.realpath(file) for file in found if not file.is_symlink()}
    return sorted(file for file in found if not file.is_symlink() or os.path.realpath(file) not in real)


BROKEN = "damaged or truncated DICOM file"


def scanFiles(
    paths: list[Path], progress: Callable[[float, str], None] = noProgress
) -> tuple[list[DicomFile], list[SkippedFile]]:
    """Read every file's header once.

    :return: the DICOM files, and the other files with the reason why they are none. A broken one may have been a slice:
        between others its gap is found, at an end of the scan nothing but its entry here tells.
    """
    found: list[DicomFile] = []
    skipped: list[SkippedFile] = []
    for index, path in enumerate(paths):
        if index % 16 == 0:
            progress(index / len(paths), "Reading headers")
        try:
            result = readHeader(path)
        except M3DError as error:
            # Of several files one that is broken does not keep the others from being read; a file alone is asked for.
            if len(paths) == 1:
                raise
            closed = isinstance(error.__cause__, OSError)
            result = SkippedFile(path, "file that cannot be opened" if closed else BROKEN, broken=True)
        (found if isinstance(result, DicomFile) else skipped).append(result)
    return found, skipped


def describeSeries(files: list[DicomFile]) -> str:
    """One line that tells a series from others: number, description, modality, number of slices, UID."""
    header = files[0].header
    slices = sum(_frames(file) for file in files)
    description = str(readable(header, "SeriesDescription") or "") or asWritten(header, "SeriesDescription")
    return (
        f"series {asWritten(header, 'SeriesNumber') or '(no number)'}: "
        f"'{description or 'no description'}', {asWritten(header, 'Modality') or 'no modality'}, "
        f"{slices} slice{'s' if slices != 1 else ''}, UID {files[0].seriesUid or '(none)'}"
    )


def chooseSeries(files: list[DicomFile], series: str | None, where: Path) -> tuple[list[DicomFile], list[SkippedFile]]:
    """The files of the one image series.

    :param series: Series Instance UID or Series Number; None when the folder holds only one image series. Series of
        scout views alone count only when they are asked for.
    :return: files of the series, and the others with the reason why they were left out.
    :raises M3DError: no image series, several of them, an unknown or ambiguous choice; lists what there is.
    """
    groups: dict[str, list[DicomFile]] = {}
    for file in files:
        if file.isImage:
            groups.setdefault(file.seriesUid, []).append(file)
    if not groups:
        raise M3DError(f"{where} holds no CT or MR image series{_otherClasses(files)}; choose the folder of the scan.")
    for group in groups.values():
        if not any(file.pixelKeyword for file in group):
            raise M3DError(
                f"{group[0].path} is an image without pixels: it is truncated or incomplete. Copy it again, or remove "
                "it if it is not part of the scan."
            )
    listing = [describeSeries(group) for group in sorted(groups.values(), key=_seriesNumber)]
    if series is not None:
        wanted = str(series).strip()
        chosen = [uid for uid, group in groups.items() if wanted in (uid, asWritten(group[0].header, "SeriesNumber"))]
        if wanted in groups:
            chosen = [wanted]
        if not chosen:
            raise M3DError([f"{where} holds no image series '{wanted}'; it holds", *listing])
        if len(chosen) > 1:
            raise M3DError(
                [
                    f"Series number {wanted} stands for {len(chosen)} series; choose one by its UID with --series.",
                    *listing,
                ]
            )
    else:
        chosen = [uid for uid, group in groups.items() if not all(file.isLocalizer for file in group)] or list(groups)
        if len(chosen) > 1:
            raise M3DError(
                [f"{where} holds {len(chosen)} image series; choose one with --series UID or number.", *listing]
            )
    uid = chosen[0]
    skipped = []
    for file in files:
        if file.isImage and file.seriesUid == uid:
            continue
        if not file.isImage:
            reason = f"{file.className}, not a slice of an image"
        elif file.isLocalizer:
            reason = "localizer (scout view) of another series"
        else:
            reason = "image of another series"
        skipped.append(SkippedFile(file.path, reason))
    return groups[uid], skipped


def _seriesNumber(files: list[DicomFile]) -> float:
    try:
        return float(asWritten(files[0].header, "SeriesNumber"))
    except ValueError:
        return float("inf")


def _frames(file: DicomFile) -> int:
    try:
        return int(asWritten(file.header, "NumberOfFrames") or 1)
    except ValueError:
        return 1


def _otherClasses(files: list[DicomFile]) -> str:
    """What the folder holds instead of images, in words."""
    counts = Counter(file.className for file in files)
    if not counts:
        return ""
    held = f" (but {', '.join(f'{count} x {name}' for name, count in counts.most_common())})"
    if any(file.isStructureSet for file in files):
        held += "; a structure set holds contours, which belong to a scan in another folder or file"
    return held
