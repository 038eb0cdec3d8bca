"""Whether headers can be of one patient."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from .ReadableValues import readable

if TYPE_CHECKING:
    from pydicom import Dataset

# Two objects that differ in one of these are of two patients; an empty value differs from nothing.
_KEYWORDS = ("PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate")


def patientOf(header: Dataset) -> Dataset:
    """Of a header only what it says of the patient."""
    from pydicom import Dataset

    patient = Dataset()
    for keyword in _KEYWORDS:
        if value := _text(header, keyword):
            setattr(patient, keyword, value)
    return patient


def differingAttributes(headers: Iterable[Dataset]) -> dict[str, list[str]]:
    """Attributes of the patient that headers fill in differently, by keyword, with the values as written."""
    headers = list(headers)
    found = {}
    for keyword in _KEYWORDS:
        values = {}
        for header in headers:
            if value := _text(header, keyword):
                values.setdefault(_plainName(value) if keyword == "PatientName" else value, value)
        if len(values) > 1:
            found[keyword] = list(values.values())
    return found


def patientConflicts(headers: Iterable[Dataset]) -> list[str]:
    """Why headers cannot be of one patient: one sentence with both values per attribute, none when they agree."""
    problems = []
    for keyword, values in differingAttributes(headers).items():
        listed = " and ".join(f"'{value}'" for value in values)
        problems.append(f"The sources are of different patients: {keyword} is {listed}.")
    return problems


def _text(header: Dataset, keyword: str) -> str:
    return str(readable(header, keyword) or "").strip()


def _plainName(name: str) -> str:
    """A person's name without the differences that systems make of it: case, empty components, spaces."""
    return " ".join(name.replace("^", " ").replace("=", " = ").casefold().split())
