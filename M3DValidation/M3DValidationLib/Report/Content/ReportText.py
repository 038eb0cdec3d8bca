"""Values as they are written in a report: the same in HTML and PDF."""

from __future__ import annotations

import re

from ...CheckSupport import sidesText

MINUS = "−"


def number(value: object) -> str:
    """A number with four digits, or all that stand before the point; a dash for none; text stays as it is."""
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return (f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}").replace("-", MINUS)


def millimeters(value: float | None, signed: bool = False) -> str:
    """A length in mm to the micrometer, for nothing measured here is known any better."""
    if value is None:
        return "not measured"
    rounded = round(value, 3) + 0.0
    sign = "+" if signed and rounded > 0 else ""
    return f"{sign}{rounded:.3f} mm".replace("-", MINUS)


def percent(share: float | None) -> str:
    """A share (0 to 1) in percent; nothing is 0 or 100 % that is not exactly so."""
    if share is None:
        return "not measured"
    if share in (0, 1):
        return f"{100 * share:.0f} %"
    if share < 0.0001:
        return "< 0.01 %"
    if share > 0.9999:
        return "> 99.99 %"
    return f"{100 * share:.2f} %"


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
