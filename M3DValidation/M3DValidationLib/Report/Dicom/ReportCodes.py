"""Codes of the measurement report: DICOM's own where there is one, else in a scheme of the project's own."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from M3DLib.NumberText import rounded

if TYPE_CHECKING:
    from highdicom.sr import CodedConcept, Measurement, NumContentItem, QualitativeEvaluation, TrackingIdentifier
    from pydicom.sr.coding import Code

SCHEME = "99SLICERM3D"
VERDICTS = {
    "pass": "Pass",
    "warning": "Warning",
    "fail": "Fail",
    "notAssessable": "Not assessable",
    "information": "Information, not judged",
}
_UNITS = {
    "mm": "mm",
    "mm2": "mm2",
    "mm3": "mm3",
    "HU": "[hnsf'U]",
    "%": "%",
    "% of the anatomy": "%",
    "degrees": "deg",
    "days": "d",
    "MB": "MBy",
    "times": "1",
    "of the tolerance": "1",
    "": "1",
}
# What DICOM has a code of its own for.
_STANDARD = {"slice-thickness": ("112225", "DCM", "Slice Thickness")}


def ownCode(value: str, meaning: str) -> CodedConcept:
    """A code of the project's own."""
    from highdicom.sr import CodedConcept

    return CodedConcept(value, SCHEME, plainMeaning(meaning))


def quantityCode(requirement: str, quantity: str) -> CodedConcept:
    """What a requirement measures: DICOM's code where there is one, else the project's, by the requirement's id."""
    from highdicom.sr import CodedConcept

    if requirement in _STANDARD:
        value, scheme, meaning = _STANDARD[requirement]
        return CodedConcept(value, scheme, meaning)
    return ownCode(requirement, quantity)


def requirementId(requirement: str) -> str:
    """The id of a requirement as a code value: at most 64 characters, what a code may not have replaced."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", requirement)[:64] or "unnamed"


def plainText(text: str) -> str:
    """A text of any length without control characters."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def plainMeaning(text: str) -> str:
    """A code meaning (LO): at most 64 characters of one line, without the backslash that would part it."""
    text = "".join(character if character.isprintable() else " " for character in text.replace("\\", "/"))
    return " ".join(text.split())[:64].strip() or "unnamed"


def unitCode(text: str) -> CodedConcept:
    """UCUM code; what UCUM has no unit for becomes an annotation in braces, which counts as 1."""
    from highdicom.sr import CodedConcept

    plain = re.sub(r"[^\x21-\x7a|~]+", "_", text)[:60]
    code = _UNITS.get(text) or "{" + plain + "}"
    return CodedConcept(code, "UCUM", "no units" if code == "1" else code if code == "%" else plainMeaning(text))


def isNumber(value: object) -> bool:
    """Whether a JSON value is a number that can be measured: no truth value, not infinite."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def measurement(
    name: CodedConcept | Code,
    value: object,
    unit: str,
    *,
    uncertainty: float | None = None,
    limits: tuple = (),
    **more,
) -> list[Measurement]:
    """A measurement in a list, which is empty where there is no number.

    Its Numeric Value has the digits that people read; the number of the JSON stands beside it as Floating Point Value.

    :param uncertainty, limits: as for :func:`M3DLib.NumberText.rounded`.
    """
    from highdicom.sr import Measurement

    if not isNumber(value):
        return []
    made = Measurement(name=name, value=float(value), unit=unitCode(unit), **more)
    writeNumber(made[0], rounded(float(value), uncertainty, limits))
    return [made]


def writeNumber(item: NumContentItem, value: float) -> None:
    """Write a number as the Numeric Value of a NUM item, without digits that say nothing: a count is no 3.0."""
    from pydicom.valuerep import DS, format_number_as_ds

    plain = value == int(value) and abs(value) < 1e15
    item.MeasuredValueSequence[0].NumericValue = DS(str(int(value)) if plain else format_number_as_ds(value))


def verdictOf(name: CodedConcept, verdict: object) -> list[QualitativeEvaluation]:
    """A verdict in a list, which is empty where there is none."""
    from highdicom.sr import QualitativeEvaluation

    if verdict not in VERDICTS:
        return []
    return [QualitativeEvaluation(name=name, value=ownCode(verdict, VERDICTS[verdict]))]


def tracked(name: str) -> TrackingIdentifier:
    """The name of a group of measurements."""
    from highdicom.sr import TrackingIdentifier

    from M3DLib.Dicom.Uid import newUid

    return TrackingIdentifier(uid=newUid(), identifier=name)


def named(title: str, segment: str) -> str:
    """Title of a group with the segment that it is about, where there are several."""
    return f"{title}: {plainMeaning(segment)}" if segment else title
