"""Codes of the measurement report: DICOM's own where there is one, else in a scheme of the project's own."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from highdicom.sr import CodedConcept, Measurement, QualitativeEvaluation, TrackingIdentifier
    from pydicom.sr.coding import Code

SCHEME = "99SLICERM3D"
VERDICTS = {
    "pass": "Pass",
    "warning": "Warning",
    "fail": "Fail",
    "notAssessable": "Not assessable",
    "information": "Information, not judged",
}
_UNITS = {"mm": "mm", "mm2": "mm2", "mm3": "mm3", "HU": "[hnsf'U]", "%": "%", "degrees": "deg", "days": "d", "": "1"}


def ownCode(value: str, meaning: str) -> CodedConcept:
    """A code of the project's own."""
    from highdicom.sr import CodedConcept

    return CodedConcept(value, SCHEME, plainMeaning(meaning))


def plainMeaning(text: str) -> str:
    """A code meaning (LO): at most 64 characters of one line, without the backslash that would part it."""
    text = "".join(character if character.isprintable() else " " for character in text.replace("\\", "/"))
    return " ".join(text.split())[:64].strip() or "unnamed"


def unitCode(text: str) -> CodedConcept:
    """UCUM code; what UCUM has no unit for becomes an annotation in braces, which counts as 1."""
    from highdicom.sr import CodedConcept

    plain = re.sub(r"[^\x21-\x7a|~]+", "_", text)[:60]
    code = _UNITS.get(text) or "{" + plain + "}"
    return CodedConcept(code, "UCUM", "no units" if code == "1" else plainMeaning(text))


def isNumber(value: object) -> bool:
    """Whether a JSON value is a number that can be measured: no truth value, not infinite."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def measurement(name: CodedConcept | Code, value: object, unit: str, **more) -> list[Measurement]:
    """A measurement in a list, which is empty where there is no number."""
    from highdicom.sr import Measurement

    return [Measurement(name=name, value=float(value), unit=unitCode(unit), **more)] if isNumber(value) else []


def verdictOf(name: CodedConcept, verdict: object) -> list[QualitativeEvaluation]:
    """A verdict in a list, which is empty where there is none."""
    from highdicom.sr import QualitativeEvaluation

    if verdict not in VERDICTS:
        return []
    return [QualitativeEvaluation(name=name, value=ownCode(verdict, VERDICTS[verdict]))]


def tracked(name: str) -> TrackingIdentifier:
    """The name of a group of measurements."""
    from highdicom.sr import TrackingIdentifier

    from M3DLib.EncapsulatedStl.SeriesPlacement import newUid

    return TrackingIdentifier(uid=newUid(), identifier=name)
