"""What is looked for in a PACS, and what was found; an answer that does not fit the question is not believed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from ...Errors import M3DError

if TYPE_CHECKING:
    from pydicom import Dataset

LEVELS = ("study", "series", "instance")
# What is asked for at each level besides what is looked for (PS3.4 C.6.2.1, PS3.18 10.6.3.3).
FIELDS = {
    "study": (
        "StudyInstanceUID",
        "PatientID",
        "PatientName",
        "StudyDate",
        "StudyDescription",
        "AccessionNumber",
        "ModalitiesInStudy",
        "NumberOfStudyRelatedSeries",
        "NumberOfStudyRelatedInstances",
    ),
    "series": (
        "StudyInstanceUID",
        "SeriesInstanceUID",
        "Modality",
        "SeriesNumber",
        "SeriesDescription",
        "NumberOfSeriesRelatedInstances",
    ),
    "instance": (
        "StudyInstanceUID",
        "SeriesInstanceUID",
        "SOPInstanceUID",
        "SOPClassUID",
        "InstanceNumber",
    ),
}
UID_OF = {"study": "StudyInstanceUID", "series": "SeriesInstanceUID", "instance": "SOPInstanceUID"}
_UID = re.compile(r"[0-9.]{1,64}")
_WILDCARD = re.compile(r"[*?]")


@dataclass(frozen=True)
class PacsQuery:
    """What is looked for; "" where it does not matter.

    :ivar patientName, patientId, accessionNumber: with the wildcards * and ?, which ``requireExact`` refuses.
    :ivar studyDate: YYYYMMDD, or a range YYYYMMDD-YYYYMMDD with an open end or beginning.
    """

    studyInstanceUid: str = ""
    seriesInstanceUid: str = ""
    accessionNumber: str = ""
    patientId: str = ""
    patientName: str = ""
    studyDate: str = ""
    modality: str = ""

    def __post_init__(self):
        for uid in (self.studyInstanceUid, self.seriesInstanceUid):
            if uid and not _UID.fullmatch(uid):
                raise M3DError(f"'{uid}' is no UID; it has digits and dots, at most 64.")
        for value in (self.accessionNumber, self.patientId, self.patientName, self.modality):
            # A backslash would ask for several values, another control character for who knows what.
            if re.search(r"[\\\x00-\x1f]", value):
                raise M3DError("What is looked for holds a backslash or a control character.")
        if self.studyDate and not re.fullmatch(r"\d{8}|\d{8}-(\d{8})?|-\d{8}", self.studyDate):
            raise M3DError(f"'{self.studyDate}' is no date or range of dates; write 20261127 or 20261101-20261130.")

    def requireExact(self) -> None:
        """Refuse what may name more than one patient or study by chance, before anything is fetched.

        :raises M3DError: nothing is named, or a wildcard is used.
        """
        if not (self.studyInstanceUid or self.accessionNumber or self.patientId):
            raise M3DError("Say what is to be fetched: --study UID, --accession N or --patient ID.")
        if any(_WILDCARD.search(value) for value in (self.accessionNumber, self.patientId)):
            raise M3DError("* and ? may fit several patients; what is fetched is named exactly.")

    def studyKeys(self) -> dict[str, str]:
        """Matching keys at the level of studies, by keyword."""
        keys = {
            "StudyInstanceUID": self.studyInstanceUid,
            "AccessionNumber": self.accessionNumber,
            "PatientID": self.patientId,
            "PatientName": self.patientName,
            "StudyDate": self.studyDate,
            "ModalitiesInStudy": self.modality,
        }
        return {keyword: value for keyword, value in keys.items() if value}

    def seriesKeys(self, study: str) -> dict[str, str]:
        """Matching keys at the level of the series of a study."""
        keys = {
            "StudyInstanceUID": study,
            "SeriesInstanceUID": self.seriesInstanceUid,
            "Modality": self.modality,
        }
        return {keyword: value for keyword, value in keys.items() if value}


def believed(answers: list[Dataset], level: str, keys: dict[str, str]) -> list[Dataset]:
    """The answers that fit the question, each once.

    A server that does not know a key leaves it out of the matching and answers with everything it has (PS3.4
    C.2.2.2.1.3 allows it for optional keys): taken at its word, another patient's scan would be fetched.

    :raises M3DError: answers do not show what was asked for, so that nobody can tell whose they are.
    """
    found: dict[str, Dataset] = {}
    silent = set()
    for answer in answers:
        unknown = [keyword for keyword in keys if not _values(answer, keyword)]
        silent.update(unknown)
        if unknown or not all(_fits(answer, keyword, value) for keyword, value in keys.items()):
            continue
        uid = text(answer, UID_OF[level])
        if _UID.fullmatch(uid):
            found[uid] = answer
    if silent and not found:
        raise M3DError(
            f"The server's answers do not say {' and '.join(sorted(silent))}, so nobody can tell whether they are what "
            "was asked for; ask by --study UID."
        )
    return list(found.values())


def text(dataset: Dataset, keyword: str) -> str:
    """A value as plain text, several joined by a backslash; "" when there is none."""
    return "\\".join(_values(dataset, keyword))


def number(dataset: Dataset, keyword: str) -> int | None:
    """A whole number, None when there is none."""
    value = text(dataset, keyword)
    return int(value) if re.fullmatch(r"\d{1,9}", value) else None


def _values(dataset: Dataset, keyword: str) -> list[str]:
    value = dataset.get(keyword)
    if value is None or value == "":
        return []
    many = value if isinstance(value, (list, tuple)) or type(value).__name__ == "MultiValue" else [value]
    return [str(one).strip().strip("\0") for one in many if str(one).strip()]


def _fits(answer: Dataset, keyword: str, wanted: str) -> bool:
    values = _values(answer, keyword)
    if keyword == "StudyDate":
        first, dash, last = wanted.partition("-")
        last = last or ("99999999" if dash else first)
        return any(first <= one <= last for one in values)
    if keyword == "PatientName":
        # One part of a name with several writings may be meant, and case does not matter (PS3.4 C.2.2.2.1.1).
        parts = [part for one in values for part in (one, *one.split("="))]
        return any(fnmatchcase(part.casefold(), _pattern(wanted.casefold())) for part in parts)
    return any(fnmatchcase(one, _pattern(wanted.strip())) for one in values)


def _pattern(wanted: str) -> str:
    return wanted.replace("[", "[[]")
