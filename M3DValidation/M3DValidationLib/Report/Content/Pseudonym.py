"""Takes out of a report what would say who the patient is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from M3DLib.Identifying import namesPatient

if TYPE_CHECKING:
    from pydicom import Dataset

WITHHELD = "(withheld)"
_UIDS = (
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
    "SOPInstanceUID",
)

# Words of the report's own, which no patient's name may change: a Mr. Pass is no reason to lose the verdicts.
_OWN = {
    "verdict",
    "requirement",
    "sense",
    "unit",
    "clause",
    "source",
    "step",
    "sha256",
    "signConvention",
    "limitsOfMethod",
    "schemaVersion",
    "intendedUse",
    "profile",
    "case",
    "counts",
    "keyword",
    "attribute",
    "kind",
}


def withheld(content: dict, headers: Sequence[Dataset]) -> dict:
    """The report with every text replaced that holds an identifier of the patient, the study or a series.

    :param headers: of the image, whose values are identifiers.
    """
    secrets = {str(header.get(keyword) or "") for header in headers for keyword in _UIDS}
    secrets = {value for value in secrets if len(value) > 8}
    distinct = list({_identity(header): header for header in headers}.values())

    def unsafe(text: str) -> bool:
        return namesPatient(text, distinct) or _holds(text, secrets)

    def clean(value, key=""):
        if key in _OWN:
            return value
        if isinstance(value, dict):
            named = key == "segments"
            return {
                f"segment {number}" if named and unsafe(name) else name: clean(item, name)
                for number, (name, item) in enumerate(value.items(), start=1)
            }
        if isinstance(value, list):
            return [clean(item, key) for item in value]
        return WITHHELD if isinstance(value, str) and unsafe(value) else value

    return clean(content)


def _identity(header: Dataset) -> tuple[str, ...]:
    return tuple(str(header.get(name) or "") for name in ("PatientName", "PatientID", "AccessionNumber", "StudyID"))


def _holds(text: str, secrets: set[str]) -> bool:
    return any(uid.strip(".") in secrets for uid in re.findall(r"[0-9.]{9,}", text))
