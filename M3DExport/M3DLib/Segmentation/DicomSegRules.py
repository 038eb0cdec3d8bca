"""What a DICOM Segmentation must say before its voxels can be placed, asked in words that a user understands.

highdicom asks for the same with the words of its own code and of the database it keeps frames in.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..Dicom.ReadableValues import asWritten, readable, wholeNumber
from ..Errors import M3DError
from ..FileSize import inWords, requireRoom

if TYPE_CHECKING:
    from pydicom import Dataset

_INSTEAD = {
    "1.2.840.10008.5.1.4.1.1.481.3": "It is an RT Structure Set: contours in the planes of a scan, not voxels. Load it "
    "in Slicer with the extension SlicerRT (or convert it with dcmrtstruct2nii or Plastimatch), export it as a DICOM "
    "Segmentation or .seg.nrrd, and give that.",
    "1.2.840.10008.5.1.4.1.1.66.5": "It is a Surface Segmentation: a mesh, not voxels. Save its surface as STL and "
    "give it to m3d encapsulate.",
    "1.2.840.10008.5.1.4.1.1.104.3": "It is an Encapsulated STL: a finished model. Give it as the mesh.",
}


def requireClass(dataset: Dataset, file: Path, wanted: tuple[str, ...]) -> None:
    """Refuse other objects, with what to use instead.

    :raises M3DError: names the class.
    """
    uid = asWritten(dataset, "SOPClassUID")
    if uid in wanted:
        return
    from pydicom.uid import UID

    kind = UID(uid).name or "unknown"
    instead = _INSTEAD.get(uid, "Give a DICOM Segmentation, a .seg.nrrd file or a labelmap image.")
    raise M3DError(f"'{file.name}' is not a DICOM Segmentation but of the class '{kind}'. {instead}")


def requirePlace(dataset: Dataset, file: Path) -> None:
    """Refuse a segmentation that does not say where its frames lie and whose they are.

    :raises M3DError: names what is missing and what to do.
    """
    frames = readable(dataset, "PerFrameFunctionalGroupsSequence") or []
    shared = (readable(dataset, "SharedFunctionalGroupsSequence") or [None])[0]
    remedy = "Export it again from the program it comes from, or save it there as .seg.nrrd or NIfTI."
    if not readable(dataset, "SegmentSequence"):
        raise M3DError(f"'{file.name}' names no segment (Segment Sequence is missing or empty). {remedy}")
    if not frames:
        raise M3DError(
            f"'{file.name}' has no Per-frame Functional Groups, so nobody knows where its frames lie. {remedy}"
        )
    stated = asWritten(dataset, "NumberOfFrames")
    if stated != str(len(frames)):
        raise M3DError(
            f"'{file.name}' contradicts itself: Number of Frames says {stated or 'nothing'}, but there are places for "
            f"{len(frames)} (Per-frame Functional Groups). {remedy}"
        )
    _requireGeometry(frames, shared, file)
    if not asWritten(dataset, "FrameOfReferenceUID"):
        raise M3DError(
            f"'{file.name}' names no coordinate system (Frame of Reference UID is missing), so nobody knows to which "
            f"scan it belongs. {remedy}"
        )
    labelmap = asWritten(dataset, "SegmentationType").upper() == "LABELMAP"
    if not labelmap and not _everywhere(frames, shared, "SegmentIdentificationSequence"):
        raise M3DError(
            f"'{file.name}' does not say which segment its frames belong to (Segment Identification Sequence "
            f"(0062,000A) is missing). {remedy}"
        )
    strange = [] if labelmap else _undescribed(dataset, frames, shared)
    if strange:
        raise M3DError(
            f"'{file.name}' contradicts itself: it has frames of segment {', '.join(map(str, strange))}, which its "
            f"Segment Sequence does not describe. {remedy}"
        )
    if not readable(dataset, "DimensionIndexSequence"):
        raise M3DError(
            f"'{file.name}' does not say how its frames are ordered (Dimension Index Sequence (0020,9222), which DICOM "
            f"requires, is missing). {remedy}"
        )


def _requireGeometry(frames, shared, file: Path) -> None:
    for keyword, what in (
        ("PlanePositionSequence", "Plane Position Sequence"),
        ("PlaneOrientationSequence", "Plane Orientation Sequence"),
        ("PixelMeasuresSequence", "Pixel Measures Sequence"),
    ):
        if not _everywhere(frames, shared, keyword):
            raise M3DError(
                f"'{file.name}' does not say where its frames lie in space ({what} is missing): it was drawn on a "
                "picture without a place, such as a radiograph, and no volume can be made of it."
            )


def _undescribed(dataset: Dataset, frames, shared) -> list[int]:
    """Numbers of segments that frames belong to and that are not described."""
    described = {wholeNumber(item, "SegmentNumber") for item in readable(dataset, "SegmentSequence")}
    groups = [shared, *frames] if shared is not None else list(frames)
    named = {
        wholeNumber(item, "ReferencedSegmentNumber")
        for group in groups
        for item in readable(group, "SegmentIdentificationSequence") or []
    }
    return sorted(named - described)


def _everywhere(frames, shared, keyword: str) -> bool:
    if shared is not None and readable(shared, keyword):
        return True
    return all(readable(frame, keyword) for frame in frames)


def requirePixels(dataset: Dataset, file: Path) -> None:
    """Refuse a segmentation that promises more voxels than it or the memory holds.

    :raises M3DError: with the numbers.
    """
    from pydicom.uid import UID

    try:
        rows, columns = int(dataset.Rows), int(dataset.Columns)
        bits, frames = int(dataset.BitsAllocated), int(dataset.NumberOfFrames)
    except (AttributeError, TypeError, ValueError) as error:
        raise M3DError(f"'{file.name}' does not say how many voxels it has; it is damaged.") from error
    voxels = rows * columns * frames
    if "PixelData" not in dataset:
        raise M3DError(f"'{file.name}' holds no voxels (Pixel Data is missing).")
    syntax = UID(asWritten(dataset.file_meta, "TransferSyntaxUID")) if hasattr(dataset, "file_meta") else UID("")
    if syntax and not syntax.is_private and not syntax.is_transfer_syntax:
        raise M3DError(f"'{file.name}' says that it is encoded as '{syntax[:64]}', which is no transfer syntax.")
    promised = (voxels * bits + 7) // 8
    isPlain = not syntax or (not syntax.is_private and not syntax.is_compressed)
    if isPlain and len(dataset.PixelData) < promised:
        raise M3DError(
            f"'{file.name}' is cut short or damaged: it promises {columns} x {rows} x {frames} voxels "
            f"({inWords(promised)}) and holds {inWords(len(dataset.PixelData))} of them. Copy it again."
        )
    # A segment is unpacked to bytes, and highdicom holds the frames once more.
    requireRoom(2 * voxels, f"'{file.name}' ({columns} x {rows} x {frames} voxels)")


def wholeLabels(dataset: Dataset) -> None:
    """Decode the segments' labels so that no letter is lost, whatever character set the object declares or does not.

    Bytes that are none of the declared set are read as UTF-8 where they are that, and else as Latin-1.
    """
    from pydicom.charset import convert_encodings

    declared = readable(dataset, "SpecificCharacterSet")
    values = [declared] if declared is None or isinstance(declared, str) else list(declared)
    for item in readable(dataset, "SegmentSequence") or []:
        element = item.get_item("SegmentLabel") if "SegmentLabel" in item else None
        raw = getattr(element, "value", None)
        if not isinstance(raw, bytes) or raw.isascii() or b"\x1b" in raw:
            continue
        known = [convert_encodings(values)[0]] if any(values) else []
        for encoding in (*known, "utf-8", "latin-1"):
            try:
                item.SegmentLabel = raw.decode(encoding).strip(" \0")
                break
            except (UnicodeDecodeError, LookupError):
                continue
