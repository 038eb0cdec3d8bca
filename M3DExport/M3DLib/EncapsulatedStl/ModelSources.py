"""What a model was made from: the images, and the patient, study and frame of reference that it shares with them."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..Dicom.HeaderCopy import missingInSource
from ..Dicom.OnePatient import patientConflicts
from ..Dicom.Uid import newUid
from ..Errors import M3DError
from ..Image.Contradictions import sharedNames

if TYPE_CHECKING:
    from pydicom import Dataset

    from ..Segmentation.Segment import SegmentSource

_UID = re.compile(r"[0-9.]{1,64}")
_DATE_TIME = re.compile(r"\d{4}(\d\d){0,5}(\.\d{1,6})?([+-]\d{4})?")


@dataclass(frozen=True)
class SourceReference:
    """One instance a model was made from.

    :ivar purpose: keyword of CID 7060, "" when another one or none was given.
    :ivar seriesInstanceUid, studyInstanceUid, modality: "" when the object that refers to it does not say.
    """

    sopClassUid: str
    sopInstanceUid: str
    seriesInstanceUid: str = ""
    studyInstanceUid: str = ""
    purpose: str = "SourceImage"
    modality: str = ""


@dataclass
class ModelSources:
    """All sources of one model.

    :ivar header: header of an image whose patient and study the model takes over.
    :ivar references: every source instance once, in the order given.
    :ivar frameOfReferenceUid: of the STL's coordinates.
    :ivar modalities: of the source images, each once.
    :ivar acquisitionDateTime: the earliest one said in the images of the frame of reference, DICOM DT, or "".
    :ivar warnings: what had to be assumed, one sentence each.
    """

    header: Dataset
    references: list[SourceReference]
    frameOfReferenceUid: str
    modalities: list[str]
    acquisitionDateTime: str = ""
    warnings: list[str] = field(default_factory=list)


def sourcesFromImages(
    images: Sequence[Sequence[Dataset]],
    segmentSources: Iterable[SegmentSource] = (),
    studyInstanceUid: str = "",
    frameOfReferenceUid: str = "",
    ownCoordinates: bool = False,
) -> ModelSources:
    """Gather what a model was made from and refuse what does not belong together.

    :param images: for every source image the headers of its slices (``ImageVolume.headers``); the first image that is
        in the model's study and frame of reference gives patient and study.
    :param segmentSources: where the segments came from; DICOM segmentations become references too.
    :param studyInstanceUid: the study the model goes to; needed when the images are of several studies.
    :param frameOfReferenceUid: the one the STL's coordinates are in; needed when the images have several.
    :param ownCoordinates: the STL's coordinates are those of no image; it gets a frame of reference of its own.
    :raises M3DError: no header at all, two patients, two studies or frames of reference without a choice (both values
        are named), or a header that lacks its UIDs.
    """
    images = [list(headers) for headers in images if len(headers)]
    if not images:
        raise M3DError(
            "The model has no DICOM source: patient and study are unknown. Give the DICOM series it was made from.",
        )
    everyHeader = [header for headers in images for header in headers]
    references, problems = _references(everyHeader)
    problems += [text for headers in images for text in sharedNames(headers)]
    problems += patientConflicts(everyHeader)
    study, studyProblem = _choose(everyHeader, "StudyInstanceUID", studyInstanceUid, "studies", "study")
    frame, frameProblem = newUid(), []
    if not ownCoordinates:
        words = ("frames of reference", "frame of reference")
        frame, frameProblem = _choose(everyHeader, "FrameOfReferenceUID", frameOfReferenceUid, *words)
    problems += studyProblem + frameProblem
    if problems:
        raise M3DError(problems)
    main = [headers for headers in images if _text(headers[0], "StudyInstanceUID") == study]
    inFrame = [headers for headers in main if not frame or _text(headers[0], "FrameOfReferenceUID") == frame]
    header = (inFrame or main)[0][0]
    warnings = missingInSource(header)
    if not frame:
        frame = derivedFrameOfReference(_text(header, "SeriesInstanceUID"))
        warnings.append(
            "The images have no Frame of Reference UID; the model got one that is always the same for this series.",
        )
    references += _segmentationReferences(segmentSources)
    return ModelSources(
        header=header,
        references=list({reference.sopInstanceUid: reference for reference in references}.values()),
        frameOfReferenceUid=frame,
        modalities=list(dict.fromkeys(_text(header, "Modality") for header in everyHeader)),
        acquisitionDateTime=_earliestAcquisition((inFrame or main)[0]),
        warnings=warnings,
    )


def derivedFrameOfReference(seriesInstanceUid: str) -> str:
    """A UID for the coordinates of a series that has none, the same every time (name-based UUID under 2.25)."""
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, seriesInstanceUid + ' frame of reference').int}"


def _text(header: Dataset, keyword: str) -> str:
    value = header.get(keyword)
    return "" if value is None else str(value).strip()


def _references(headers: list[Dataset]) -> tuple[list[SourceReference], list[str]]:
    references, problems = [], []
    for header in headers:
        uids = {
            name: _text(header, name)
            for name in ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")
        }
        for name, uid in uids.items():
            # Digits and dots are enough: UIDs of real scanners break finer rules, and are referred to as they stand.
            if not _UID.fullmatch(uid):
                problems.append(f"A source image has no valid {name} ('{uid}'), so a model cannot refer to it.")
        references.append(SourceReference(*uids.values(), modality=_text(header, "Modality")))
    return references, list(dict.fromkeys(problems))


def _choose(headers: list[Dataset], keyword: str, wanted: str, plural: str, singular: str) -> tuple[str, list[str]]:
    values = list(dict.fromkeys(value for header in headers if (value := _text(header, keyword))))
    if wanted:
        if wanted not in values:
            return "", [f"No source image is in the {singular} {wanted}; they are in {' and '.join(values) or 'none'}."]
        return wanted, []
    if len(values) > 1:
        return "", [f"The sources are of different {plural}: {' and '.join(values)}. Say which one the model is in."]
    return (values or [""])[0], []


def _segmentationReferences(segmentSources: Iterable[SegmentSource]) -> list[SourceReference]:
    references = []
    for source in segmentSources:
        if source.sopInstanceUid:
            if not source.seriesInstanceUid or not source.studyInstanceUid:
                raise M3DError("The DICOM segmentation does not say which series and study it is in.")
            # A segmentation is an image in DICOM's sense, and CID 7060 has no nearer purpose.
            references.append(
                SourceReference(
                    source.sopClassUid,
                    source.sopInstanceUid,
                    source.seriesInstanceUid,
                    source.studyInstanceUid,
                    modality="SEG",
                ),
            )
    return references


def _earliestAcquisition(headers: list[Dataset]) -> str:
    times = []
    for header in headers:
        if moment := _text(header, "AcquisitionDateTime"):
            times.append(moment)
        elif date := _text(header, "AcquisitionDate"):
            # Old writers put dots and colons into dates and times.
            times.append(re.sub(r"[.:]", "", date) + _text(header, "AcquisitionTime").replace(":", ""))
    return min((moment for moment in times if _DATE_TIME.fullmatch(moment)), default="")
