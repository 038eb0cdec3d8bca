"""The DICOM objects that a report is about, as plain JSON values, so that it can be made again with its references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from M3DLib.Dicom.OnePatient import patientConflicts
from M3DLib.Errors import M3DError

if TYPE_CHECKING:
    from pydicom import Dataset

    from ...Check import Case

KEY = "dicomReferences"
KINDS = ("segmentations", "models")
_UIDS = {
    "sopClassUid": "SOPClassUID",
    "sopInstanceUid": "SOPInstanceUID",
    "seriesInstanceUid": "SeriesInstanceUID",
    "studyInstanceUid": "StudyInstanceUID",
}


def segmentationReferences(cases: Sequence[Case]) -> dict:
    """The block ``dicomReferences`` of a report: the DICOM Segmentations of its segments, and no models yet.

    A segment that came from no DICOM Segmentation has no entry.
    """
    entries = []
    for case in cases:
        source = case.segment.source if case.segment is not None else None
        if source is None or not source.sopInstanceUid:
            continue
        uids = {key: str(getattr(source, key)) for key in _UIDS}
        if not all(uids.values()):
            # What does not say which series it is in cannot be referred to.
            continue
        entries.append(
            {
                "segment": case.segment.name,
                **uids,
                "segmentNumber": int(source.segmentNumber) or None,
                "imageSeriesUid": source.imageSeriesUid,
            }
        )
    return {"segmentations": entries, "models": []}


def referToModels(data: dict, models: Sequence[Dataset], segments: Sequence[str] = ()) -> None:
    """Add Encapsulated STL objects to the report's content, each once; a pseudonymized report names none.

    :param segments: name of the segment that each model was made of; none where that is not known.
    """
    if data["case"]["pseudonymized"]:
        return
    block = data.setdefault(KEY, {"segmentations": [], "models": []})
    known = {entry["sopInstanceUid"] for entry in block["models"]}
    for number, model in enumerate(models):
        entry = {key: str(model.get(keyword) or "") for key, keyword in _UIDS.items()}
        if not all(entry.values()):
            raise M3DError("The model cannot be referred to: it lacks an identifier of instance, series or study.")
        if entry["sopInstanceUid"] not in known:
            known.add(entry["sopInstanceUid"])
            block["models"].append({"segment": segments[number] if segments else "", **entry})


def requireOnePatient(headers: Sequence[Dataset], models: Sequence[Dataset]) -> None:
    """Refuse models of another patient than the scan.

    :raises M3DError: names both values.
    """
    if headers and models and (problems := patientConflicts([headers[0], *models])):
        raise M3DError(problems)


def referred(report: Mapping, kind: str, segment: str | None = None) -> list[dict]:
    """Entries of "segmentations" or "models" in a report.

    :param segment: only those of the segment with this name, and those that belong to no segment in particular; all
        when None.
    """
    entries = (report.get(KEY) or {}).get(kind) or []
    return [entry for entry in entries if segment is None or entry["segment"] in ("", segment)]


def asHeader(entry: Mapping) -> Dataset:
    """A header with the identifiers of an entry, for what needs no more of an instance."""
    from pydicom import Dataset

    header = Dataset()
    for key, keyword in _UIDS.items():
        setattr(header, keyword, entry[key])
    return header
