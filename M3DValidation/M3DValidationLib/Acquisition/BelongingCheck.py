"""Do scan, segmentation and model belong together, by what they say of themselves? (ISO/IEC 3532-1, 6.1)"""

from __future__ import annotations

from typing import TYPE_CHECKING

from M3DLib.Dicom.OnePatient import differingAttributes
from M3DLib.Dicom.ReadableValues import asWritten, readable
from M3DLib.Image.SliceHeader import sourceInstances
from M3DLib.Segmentation.SegmentFit import frameOfReferenceUid
from M3DLib.Segmentation.SegmentOrigin import otherSeriesRemarks

from ..Check import Case
from ..Requirement import Finding, Verdict
from .ImageCheck import ImageCheck

if TYPE_CHECKING:
    from pydicom import Dataset

_WORDS = {
    "PatientID": "Patient ID",
    "IssuerOfPatientID": "Issuer of Patient ID",
    "PatientName": "Patient's Name",
    "PatientBirthDate": "Patient's Birth Date",
}


class BelongingCheck(ImageCheck):
    """Whether a model or a segmentation that is a DICOM object is of this scan.

    A surface of another patient can agree with a scan well enough to pass every measurement. A file of another format
    says nothing of whose it is, and there is nothing to look at.
    """

    requirementIds = ("belong-together",)

    def canRun(self, case: Case) -> bool:
        """Whether there is a scan, and something that says to what it belongs or whose place was assumed."""
        segment, notes = case.segment, case.meshNotes
        if case.image is None:
            return False
        known = bool(case.image.headers) and segment is not None and segment.source.header is not None
        model = bool(case.image.headers) and notes is not None and notes.header is not None
        return known or model or (segment is not None and bool(segment.warnings))

    def findings(self, held, case, progress):
        """See :class:`ImageCheck`."""
        requirement, image = held["belong-together"], case.image
        # A segmentation of another patient or frame of reference was refused when it was read.
        segment = case.segment
        doubts = [] if segment is None else [*segment.warnings, *otherSeriesRemarks(segment, image)]
        wrong, unknown = [], []
        if image.headers and case.meshNotes is not None and case.meshNotes.header is not None:
            header = case.meshNotes.header
            wrong = _otherPatient(header, image.headers[0])
            frame, scanFrame = asWritten(header, "FrameOfReferenceUID"), frameOfReferenceUid(image)
            if frame and scanFrame and frame != scanFrame:
                wrong.append(
                    "The model's coordinates are in another frame of reference than the scan's, so where it lies in "
                    "this scan means nothing."
                )
            named = _sources(header)
            if named and not named & {instance for _, instance in sourceInstances(image)}:
                doubts.append("The model names other images as its source, and none of this scan.")
            elif not named and not (frame and scanFrame):
                unknown.append("The model's object names neither source images nor the scan's frame of reference.")
        if wrong:
            yield requirement.stated(False, len(wrong), " ".join([*wrong, *doubts]))
        elif doubts:
            yield Finding(requirement, requirement.worst(Verdict.WARNING), len(doubts), " ".join(doubts))
        elif unknown:
            yield requirement.notAssessable(" ".join(unknown))
        else:
            yield requirement.stated(True, 0, "What they say of patient, coordinate system and source agrees.")


def _otherPatient(model: Dataset, scan: Dataset) -> list[str]:
    """A sentence when the model names another patient; the values are identifying and not said."""
    differing = ", ".join(_WORDS[keyword] for keyword in differingAttributes([scan, model]))
    return [f"The model's object is of another patient than the scan (not the same: {differing})."] if differing else []


def _sources(header: Dataset) -> set[str]:
    """SOP Instance UIDs of what a model says it was made from; those of a segmentation are not the scan's."""
    items = list(readable(header, "SourceInstanceSequence") or [])
    for series in readable(header, "ReferencedSeriesSequence") or []:
        items += readable(series, "ReferencedInstanceSequence") or []
    return {asWritten(item, "ReferencedSOPInstanceUID") for item in items} - {""}


CHECKS = (BelongingCheck,)
