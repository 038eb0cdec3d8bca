"""Names that say nothing about the patient: for files, folders and logs."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom import Dataset

_IDENTIFYING_KEYWORDS = (
    "PatientName",
    "PatientID",
    "OtherPatientIDs",
    "PatientBirthDate",
    "AccessionNumber",
    "StudyID",
    "ReferringPhysicianName",
)


def safeFileName(name: str, headers: Iterable[Dataset] = (), default: str = "model") -> str:
    """A file name of plain ASCII letters, digits, "-" and "_" made from a name a person typed.

    :param headers: headers whose patient the name must not give away: a name that holds one of the patient's
        identifiers is replaced by ``default`` as a whole.
    :return: 1 to 40 characters, never a name that Windows reserves.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", plain).strip("-_")[:40].strip("-_")
    reserved = re.fullmatch(r"(?i)con|prn|aux|nul|com\d|lpt\d", plain)
    if not plain or reserved or namesPatient(name, headers):
        return default
    return plain


def namesPatient(text: str, headers: Iterable[Dataset]) -> bool:
    """Whether a text holds the patient's name (a part of three letters, two of other scripts), number or birth date."""
    words = _squeezed(text)
    for header in headers:
        for keyword in _IDENTIFYING_KEYWORDS:
            value = str(header.get(keyword, "") or "")
            parts = re.split(r"[\^=\s,]+", value) if keyword.endswith("Name") else [value]
            for part in map(_squeezed, parts):
                # Two letters are in every word, but two ideographs are a whole name.
                if len(part) >= (3 if part.isascii() else 2) and part in words:
                    return True
    return False


def _squeezed(text: str) -> str:
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKD", text)).casefold()
