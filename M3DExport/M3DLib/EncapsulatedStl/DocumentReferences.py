"""References from a model to other instances: sources, predecessors, identical documents (PS3.3 C.24.2, C.12.2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..Dicom import Codes
from ..Errors import M3DError
from .ModelSources import SourceReference

if TYPE_CHECKING:
    from pydicom import Dataset

EDITED = "EditedModel"
COMPONENT = "ComponentModel"


@dataclass(frozen=True)
class DocumentReference:
    """Another document: a model that this one comes from or is the same as, or the report on this one.

    :ivar purpose: keyword of CID 7062 ("EditedModel": this one is a new version of it; "ComponentModel": it is a part
        of this one); "" for identical documents or when not said.
    """

    sopClassUid: str
    sopInstanceUid: str
    seriesInstanceUid: str
    studyInstanceUid: str
    purpose: str = ""

    @classmethod
    def toDocument(cls, header: Dataset, purpose: str = "") -> DocumentReference:
        """A reference to the object with this header.

        :raises M3DError: when the header lacks a UID or the purpose is unknown.
        """
        uids = [str(header.get(name) or "") for name in ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID")]
        uids.append(str(header.get("StudyInstanceUID") or ""))
        if not all(uids):
            raise M3DError("The document cannot be referred to: it lacks an identifier of instance, series or study.")
        if purpose and purpose not in Codes.keywords(Codes.PREDECESSOR_PURPOSE):
            raise M3DError(f"'{purpose}' is no reason to refer to an earlier model.")
        return cls(*uids, purpose)


def sourceItems(references: Iterable[SourceReference]) -> list[Dataset]:
    """Items of Source Instance Sequence."""
    items = []
    for reference in references:
        item = _instanceItem(reference)
        if reference.purpose:
            item.PurposeOfReferenceCodeSequence = [Codes.itemFromKeyword(Codes.SOURCE_PURPOSE, reference.purpose)]
        items.append(item)
    return items


def documentItems(references: Iterable[DocumentReference]) -> list[Dataset]:
    """Items of Predecessor or Identical Documents Sequence: studies, in them series, in them instances."""
    from pydicom import Dataset

    items = []
    for study, ofStudy in _grouped(references, "studyInstanceUid").items():
        item = Dataset()
        item.StudyInstanceUID = study
        item.ReferencedSeriesSequence = []
        for series, ofSeries in _grouped(ofStudy, "seriesInstanceUid").items():
            seriesItem = Dataset()
            seriesItem.SeriesInstanceUID = series
            seriesItem.ReferencedSOPSequence = []
            for reference in ofSeries:
                instance = _instanceItem(reference)
                if reference.purpose:
                    code = Codes.itemFromKeyword(Codes.PREDECESSOR_PURPOSE, reference.purpose)
                    instance.PurposeOfReferenceCodeSequence = [code]
                seriesItem.ReferencedSOPSequence.append(instance)
            item.ReferencedSeriesSequence.append(seriesItem)
        items.append(item)
    return items


def addCommonInstanceReference(
    dataset: Dataset,
    references: Sequence[SourceReference | DocumentReference],
    studyInstanceUid: str,
) -> None:
    """Add to the Common Instance Reference Module: every instance referred to, those of other studies apart."""
    from pydicom import Dataset

    unique = {reference.sopInstanceUid: reference for reference in references}.values()
    for study, ofStudy in _grouped(unique, "studyInstanceUid").items():
        holder = dataset
        if study != studyInstanceUid:
            others = list(dataset.get("StudiesContainingOtherReferencedInstancesSequence") or [])
            holder = next((item for item in others if item.StudyInstanceUID == study), None)
            if holder is None:
                holder = Dataset()
                holder.StudyInstanceUID = study
                dataset.StudiesContainingOtherReferencedInstancesSequence = [*others, holder]
        for uid, ofSeries in _grouped(ofStudy, "seriesInstanceUid").items():
            known = list(holder.get("ReferencedSeriesSequence") or [])
            item = next((one for one in known if one.SeriesInstanceUID == uid), None)
            if item is None:
                item = Dataset()
                item.SeriesInstanceUID = uid
                item.ReferencedInstanceSequence = []
                holder.ReferencedSeriesSequence = [*known, item]
            item.ReferencedInstanceSequence.extend(_instanceItem(reference) for reference in ofSeries)


def addReferencedInstances(dataset: Dataset, references: Iterable[DocumentReference]) -> None:
    """Let an object refer to further instances that are no images: the report on it, for example.

    They go to Referenced Instance Sequence (PS3.3 C.24.2, type 3) and Common Instance Reference, beside what is there;
    an instance that is referred to already is left out. The object may be complete, but not written yet.
    """
    known = {str(item.ReferencedSOPInstanceUID) for item in dataset.get("ReferencedInstanceSequence") or []}
    new = {one.sopInstanceUid: one for one in references if one.sopInstanceUid not in known}.values()
    if not new:
        return
    items = [_instanceItem(reference) for reference in new]
    dataset.ReferencedInstanceSequence = [*(dataset.get("ReferencedInstanceSequence") or []), *items]
    addCommonInstanceReference(dataset, list(new), str(dataset.StudyInstanceUID))


def _instanceItem(reference: SourceReference | DocumentReference) -> Dataset:
    from pydicom import Dataset

    item = Dataset()
    item.ReferencedSOPClassUID = reference.sopClassUid
    item.ReferencedSOPInstanceUID = reference.sopInstanceUid
    return item


def _grouped(references: Iterable, attribute: str) -> dict[str, list]:
    groups: dict[str, list] = {}
    for reference in references:
        groups.setdefault(getattr(reference, attribute), []).append(reference)
    return groups
