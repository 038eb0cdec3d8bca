"""Values as they are written in a report: the same in HTML and PDF."""

from __future__ import annotations

import re

from M3DLib.NumberText import MINUS, millimeters, number
from M3DLib.NumberText import shareInPercent as percent

from ...CheckSupport import sidesText

__all__ = ["MINUS", "date", "millimeters", "moment", "number", "percent", "personName", "place"]


def place(point: list[float]) -> str:
    """A point, LPS mm, to 0.1 mm, by the patient's sides; see :func:`~M3DValidationLib.CheckSupport.sidesText`."""
    return sidesText(point)


def date(text: str) -> str:
    """A date of DICOM (DA: YYYYMMDD) with hyphens; other text stays as it is."""
    found = re.fullmatch(r"([0-9]{4})([0-9]{2})([0-9]{2})", text)
    return "-".join(found.groups()) if found else text


def moment(text: str) -> str:
    """A time of ISO 8601 or a date and time of DICOM (DA TM), to be read by people; other text stays as it is."""
    found = re.fullmatch(r"([0-9]{8}) ([0-9]{2})([0-9]{2})([0-9]{2})(\.[0-9]+)?", text)
    if found:
        return f"{date(found[1])} {found[2]}:{found[3]}:{found[4]}"
    found = re.fullmatch(r"([0-9-]{10})T([0-9:]{8})(\.[0-9]+)?([+-][0-9:]{5}|Z)?", text)
    return " ".join(filter(None, (found[1], found[2], found[4]))) if found else text


def personName(text: str) -> str:
    """A name of DICOM (PN: family^given^middle^prefix^suffix, up to three scripts) as people write it.

    "Grünwald^Änne^Maria^Dr." becomes "Dr. Änne Maria Grünwald"; of several scripts, the others follow in brackets.
    Names of ideographic and phonetic groups keep the family name first. Text without "^" and "=" stays as it is.
    """
    groups = []
    for number_, group in enumerate(text.split("=")):
        parts = [part.strip() for part in group.split("^")] + [""] * 5
        family, given, middle, prefix, suffix = parts[:5]
        first = number_ > 0 or bool(re.search(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]", group))
        ordered = (prefix, family, given, middle) if first else (prefix, given, middle, family)
        more = [part for part in parts[5:] if part]
        written = " ".join(filter(None, (*ordered, *more)))
        groups.append(", ".join(filter(None, (written, suffix))))
    groups = list(dict.fromkeys(filter(None, groups)))
    return groups[0] + (f" ({', '.join(groups[1:])})" if len(groups) > 1 else "") if groups else ""
