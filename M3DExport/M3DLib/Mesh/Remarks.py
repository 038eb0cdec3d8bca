"""What programs write into headers and comments of mesh files that have no place for it: unit and coordinates."""

from __future__ import annotations

import re

UNIT_MM = {"um": 0.001, "mm": 1.0, "cm": 10.0, "m": 1000.0, "in": 25.4, "ft": 304.8}
_UNIT_NAMES = {
    "micron": "um",
    "micrometer": "um",
    "micrometre": "um",
    "millimeter": "mm",
    "millimetre": "mm",
    "centimeter": "cm",
    "centimetre": "cm",
    "meter": "m",
    "metre": "m",
    "inch": "in",
    "inches": "in",
    "foot": "ft",
    "feet": "ft",
}
_REMARK = re.compile(rb"(?:\bunits?\s*[:=]\s*|^comment\s+units?\s+)([a-z]{1,12})\b", re.IGNORECASE | re.MULTILINE)


def unitNamed(word: str) -> str | None:
    """Key of ``UNIT_MM`` for a unit's symbol or name in the singular or plural; None for other words."""
    word = word.strip().lower()
    return word if word in UNIT_MM else _UNIT_NAMES.get(word) or _UNIT_NAMES.get(word.removesuffix("s"))


def remarkedUnit(start: bytes) -> str | None:
    """The unit in a header or comment such as ``UNITS=inch``, ``# Units: mm`` or ``comment unit meters``, or None.

    :param start: first bytes of the file.
    :return: a key of ``UNIT_MM``.
    """
    match = _REMARK.search(start)
    return unitNamed(match[1].decode("ascii")) if match else None


def remarkedSpace(start: bytes) -> str:
    """The coordinates that a header or comment names as Slicer does, "RAS" or "LPS"; "" where it names none."""
    text = start.upper()
    return next((space for space in ("RAS", "LPS") if f"SPACE={space}".encode() in text), "")
