"""What an object records of the validation of its model, as it is read back and shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .DocumentReferences import DocumentReference

_FAILED = "fail"
_WORDS = {
    "pass": "nothing fails",
    "warning": "nothing fails, with warnings",
    _FAILED: "something fails",
    "notAssessable": "nothing fails, but a required check could not be made",
}
# The classes of structured reports (PS3.4 B.5) and, among the encapsulated documents, PDF.
_REPORT_CLASSES = ("1.2.840.10008.5.1.4.1.1.88.", "1.2.840.10008.5.1.4.1.1.104.1")


@dataclass(frozen=True)
class RecordedValidation:
    """What an object records of the validation of its model; "" for what it does not.

    :ivar verdict: "pass", "warning", "fail" or "notAssessable".
    :ivar profile: name and version of the profile it was judged by.
    :ivar exportedAnyway: why it was exported although something fails.
    :ivar reports: SOP Instance UIDs of the reports that the object refers to.
    """

    verdict: str = ""
    profile: str = ""
    exportedAnyway: str = ""
    reports: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.verdict or self.reports)

    def sentence(self) -> str:
        """Verdict and profile in words."""
        if not self:
            return "none recorded"
        said = _WORDS.get(self.verdict, self.verdict) or "no verdict recorded"
        return f"{said} (profile {self.profile})" if self.profile else said

    def warnings(self) -> list[str]:
        """What whoever uses the model must know, one sentence each."""
        if self.exportedAnyway or self.verdict == _FAILED:
            reason = f" Reason given: {self.exportedAnyway}." if self.exportedAnyway else ""
            return [f"The model was exported although something fails in its validation.{reason}"]
        return []


def recordedValidation(parameters: Mapping[str, str], related: Iterable[DocumentReference]) -> RecordedValidation:
    """What an object records of its validation.

    :param parameters: of all the algorithms that it names.
    :param related: the documents that it refers to.
    """
    reports = [one.sopInstanceUid for one in related if one.sopClassUid.startswith(_REPORT_CLASSES)]
    names = ("validation", "profile", "exportedAnyway")
    return RecordedValidation(*(parameters.get(name, "") for name in names), reports=tuple(reports))
