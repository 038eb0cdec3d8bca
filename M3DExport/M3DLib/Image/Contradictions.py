"""Where the headers of a scan contradict themselves: on which images they are, and where their pixels lie."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..Dicom.ReadableValues import asWritten, readable, wholeNumber
from ..Errors import M3DError
from ..NumberText import plural
from .SliceHeader import PLACING, SliceHeader

if TYPE_CHECKING:
    from pydicom import Dataset

    from .DicomSeries import DicomFile

# Rounding between two copies of a number is no contradiction.
_SHARE = 1e-3
# Of the attributes that a frame has for itself, those that a copy at the top level may name for the whole object.
_WHOLE = (
    "PixelSpacing",
    "SliceThickness",
    "ImageOrientationPatient",
    "RescaleSlope",
    "RescaleIntercept",
    "RescaleType",
)


def identityProblems(files: Sequence[DicomFile]) -> list[str]:
    """Why slices that may fit are not one image all the same: another patient, study or frame, one name for several."""
    problems = []
    for keyword, what in (
        ("PatientID", "patients (Patient ID)"),
        ("StudyInstanceUID", "studies (Study Instance UID)"),
        ("FrameOfReferenceUID", "frames of reference (Frame of Reference UID)"),
    ):
        values = {asWritten(file.header, keyword) for file in files}
        if len(values) > 1:
            problems.append(f"The slices come from {len(values)} different {what}: they are not one scan.")
    headers = [file.header for file in files]
    return problems + sharedNames(headers) + missingNames(headers)


def sharedNames(headers: Sequence[Dataset]) -> list[str]:
    """A sentence when images at different places have one SOP Instance UID, which names one instance in the world.

    A copy of a file has its place too, and is found as a duplicate.
    """
    places: dict[str, Counter] = {}
    for header in headers:
        uid = asWritten(header, "SOPInstanceUID")
        places.setdefault(uid, Counter())[asWritten(header, "ImagePositionPatient")] += 1
    places.pop("", None)
    shared = [counts for counts in places.values() if len(counts) > 1]
    problems = []
    if shared:
        several, uids = sum(sum(counts.values()) for counts in shared), plural(len(shared), "SOP Instance UID")
        problems.append(
            f"{several} of {len(headers)} images share {uids}, each of which should name one image: neither can a "
            "model refer to them, nor can an archive keep them apart. Get the series again from before it was changed "
            "(some de-identification does it)."
        )
    return problems


def missingNames(headers: Sequence[Dataset]) -> list[str]:
    """A sentence when images have no SOP Instance UID."""
    missing = sum(not asWritten(header, "SOPInstanceUID") for header in headers)
    text = f"{missing} of {len(headers)} images have no SOP Instance UID; no model can refer to them."
    return [text] if missing else []


def requireFrameCount(file: DicomFile) -> int:
    """Number of frames of a file.

    :raises M3DError: it is no number, or not the number of its per-frame functional groups; both are named.
    """
    header = file.header
    written = asWritten(header, "NumberOfFrames")
    try:
        stated = int(written or 1)
    except ValueError:
        raise M3DError(f"{file.path} has a Number of Frames that is no number ({written[:20]!r}).") from None
    groups = readable(header, "PerFrameFunctionalGroupsSequence")
    if groups is not None and written and len(groups) != stated:
        raise M3DError(
            f"{file.path} contradicts itself: Number of Frames says {stated}, but there are places for {len(groups)} "
            "(Per-frame Functional Groups). Get it again from the archive."
        )
    if stated < 1:
        raise M3DError(f"{file.path} says that it has {plural(stated, 'frame')}.")
    return stated


def surplusRemarks(files: Sequence[DicomFile]) -> list[str]:
    """A sentence when files hold a row of pixels or more that their headers do not announce.

    :param files: whose pixels have been read.
    """
    more = [file for file in files if file.surplusBytes >= max(16, 2 * wholeNumber(file.header, "Columns"))]
    if not more:
        return []
    text = (
        f"Pixel Data is longer than Rows, Columns and Number of Frames announce in {plural(len(more), 'file')}, by up "
        f"to {plural(max(file.surplusBytes for file in more), 'byte')}, which were left out: if one of these numbers "
        "is too small, a part of the image is missing."
    )
    return [text]


def groupProblems(slices: Sequence[SliceHeader]) -> list[str]:
    """Attributes that a multi-frame object gives twice with different values, for all frames and for single ones.

    The standard allows each functional group in one of the two places only (PS3.3 C.7.6.16.1), so nobody can tell which
    holds.
    """
    problems = []
    for keyword in PLACING:
        for header in slices:
            shared = _among(header.functionalGroups(shared=True), keyword)
            own = _among(header.functionalGroups(shared=False), keyword)
            if shared and own and not _equal(shared, own):
                problems.append(
                    f"The object contradicts itself: {keyword} is {shared} for all frames (Shared Functional Groups) "
                    f"and {own} for one of them (Per-frame Functional Groups)."
                )
                break
    return problems


def topLevelRemarks(slices: Sequence[SliceHeader]) -> list[str]:
    """Attributes of a multi-frame object whose copy outside the functional groups says something else."""
    remarks = []
    for keyword in _WHOLE:
        header = slices[0]
        copy, used = asWritten(header.dataset, keyword), header.text(keyword)
        if copy and used and not _equal(copy, used):
            remarks.append(
                f"{keyword} is {copy} at the top of the object and {used} in its functional groups; the latter, which "
                "the standard makes valid, was used."
            )
    return remarks


def _among(groups: list[tuple[str, Dataset]], keyword: str) -> str:
    return next((text for _, group in groups if (text := asWritten(group, keyword))), "")


def _equal(one: str, other: str) -> bool:
    """Whether two texts are the same numbers but for rounding, or else the same words."""
    try:
        numbers = [[float(part) for part in text.split("\\")] for text in (one, other)]
    except ValueError:
        return one.strip() == other.strip()
    if len(numbers[0]) != len(numbers[1]):
        return False
    return all(abs(a - b) <= _SHARE * max(1.0, abs(a), abs(b)) for a, b in zip(*numbers, strict=True))
