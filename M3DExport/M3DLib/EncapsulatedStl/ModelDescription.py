"""What a user can say about a model: the one value object behind the panel, the console and the command line."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import datetime

from ..Dicom import Codes
from ..Errors import M3DError
from ..Software import NAME, VERSION

LATERALITIES = ("L", "R", "B", "U")

# Name of the step that this software records when it makes a surface from a segment.
SURFACE_ALGORITHM = "Closed surface from binary labelmap"
# And when it was brought along, and is known to have been moved to its image's edge.
RECEIVED_SURFACE = "Surface as received"
SEGMENTATION_PARAMETER = "segmentation"
REPAIRS_PARAMETER = "repairs"
PART_PARAMETER = "part"
_UID = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))+")
_OFFSET = re.compile(r"[+-](0\d|1[0-4])[0-5]\d")


@dataclass(frozen=True)
class Equipment:
    """What made the object (Enhanced General Equipment, PS3.3 C.7.5.2; none may be empty).

    Software has no serial number of its own: unless a site gives one (of the workstation, of a license), the version
    stands in for it.

    :ivar softwareVersions: empty for those of the running software.
    :ivar institutionName: that makes the model; "" when nobody has said.
    """

    manufacturer: str = NAME
    modelName: str = "M3D Export"
    deviceSerialNumber: str = VERSION
    softwareVersions: tuple[str, ...] = ()
    institutionName: str = ""


@dataclass(frozen=True)
class DerivationAlgorithm:
    """The software that made the model (Derivation Algorithm Sequence, which holds a single item: PS3.3 C.35.1).

    :ivar family: keyword of CID 7162.
    :ivar parameters: name and value pairs, text.
    """

    name: str
    version: str = VERSION
    family: str = "EdgeDetection"
    parameters: tuple[tuple[str, str], ...] = ()
    source: str = NAME


@dataclass(frozen=True)
class ModelDescription:
    """What the user says; what is "" or None is not said and left out of the object.

    :ivar title: Document Title, the model's name. Must not identify the patient.
    :ivar titleCode: keyword of CID 7061; "" for the one that fits the modality of the source images.
    :ivar contentDescription: Content Description, at most 64 characters.
    :ivar usage: keyword of CID 7064; DICOM has room for one.
    :ivar units: "um", "mm", "cm" or "m": what one unit of the STL's coordinates is.
    :ivar modified: whether the model differs from the patient's anatomy on purpose (Model Modification).
    :ivar mirrored: whether it was made by mirroring (Model Mirroring).
    :ivar laterality: where the printed object is meant to go: "L", "R", "B" (both), "U" (unpaired).
    :ivar burnedInAnnotation: whether identifying text is embossed or engraved on the model.
    :ivar recognizableVisualFeatures: whether the patient could be recognized from the model's shape; None when nobody
        has said.
    :ivar verified: Verification Flag.
    :ivar groupUid: Model Group UID, common to the parts of an assembly.
    :ivar color: sRGB, each 0 to 1; None for the mesh's own.
    :ivar opacity: 0 to 1; None for the mesh's own.
    :ivar seriesDescription: at most 64 characters.
    :ivar algorithm: what made the model where that was not the surface conversion of this software.
    :ivar segmentation: how the anatomy was segmented, in words; recorded among the algorithm's parameters, for DICOM
        has room for one algorithm only.
    :ivar repairs: what was repaired on the surface, in words; recorded beside ``segmentation``, and a modification.
    :ivar part: why the model is meant to be a part of the anatomy only, in words; recorded beside ``segmentation``.
    :ivar contentDateTime: when the making of the model began, as clocks of the object's time zone show it unless it
        names one of its own; None for now.
    :ivar timezoneOffset: "+0100", for example, valid for all dates and times in the object; "" for the source's own.
    """

    title: str = ""
    titleCode: str = ""
    contentDescription: str = ""
    usage: str = ""
    units: str = "mm"
    modified: bool | None = None
    mirrored: bool | None = None
    laterality: str = ""
    burnedInAnnotation: bool = False
    recognizableVisualFeatures: bool | None = None
    verified: bool | None = None
    groupUid: str = ""
    color: tuple[float, float, float] | None = None
    opacity: float | None = None
    seriesDescription: str = ""
    algorithm: DerivationAlgorithm | None = None
    segmentation: str = ""
    repairs: str = ""
    part: str = ""
    contentDateTime: datetime | None = None
    timezoneOffset: str = ""
    equipment: Equipment = field(default_factory=Equipment)

    @property
    def unitMm(self) -> float:
        """Length of one unit of the STL's coordinates, mm."""
        return Codes.UNIT_MM[self.units]

    def withDefaults(self, **values) -> ModelDescription:
        """A copy in which what was not said is filled from ``values``."""
        unsaid = {key: value for key, value in values.items() if getattr(self, key) in ("", None, ())}
        return replace(self, **unsaid)

    def problems(self) -> list[str]:
        """Everything that DICOM does not allow, one sentence each."""
        found = []
        found += _textProblems("title", self.title, 1024, multiline=True)
        found += _textProblems("content description", self.contentDescription, 64)
        found += _textProblems("series description", self.seriesDescription, 64)
        for name in ("manufacturer", "modelName", "deviceSerialNumber"):
            value = getattr(self.equipment, name)
            found += _textProblems(name, value, 64)
            if not value.strip():
                found.append(f"The equipment's {name} must not be empty.")
        found += _textProblems("institution", self.equipment.institutionName, 64)
        for version in self.equipment.softwareVersions:
            found += _textProblems("software version", version, 64)
        if self.titleCode and self.titleCode not in Codes.keywords(Codes.DOCUMENT_TITLE):
            found.append(_unknown("title code", self.titleCode, Codes.DOCUMENT_TITLE))
        if self.usage and self.usage not in Codes.keywords(Codes.USAGE):
            found.append(_unknown("usage", self.usage, Codes.USAGE))
        if self.units not in Codes.UNIT_MM:
            found.append(f"The unit '{self.units}' is not one DICOM allows; choose {', '.join(Codes.UNIT_MM)}.")
        if self.laterality and self.laterality not in LATERALITIES:
            found.append(f"The laterality '{self.laterality}' is unknown; choose one of {', '.join(LATERALITIES)}.")
        if self.groupUid and not isUid(self.groupUid):
            found.append(f"The model group '{self.groupUid}' is not a UID.")
        if self.color is not None and not (len(self.color) == 3 and all(0 <= part <= 1 for part in self.color)):
            found.append(f"The color must be three numbers between 0 and 1, not {self.color}.")
        if self.opacity is not None and not 0 <= self.opacity <= 1:
            found.append(f"The opacity must be between 0 and 1, not {self.opacity}.")
        if self.timezoneOffset and not _OFFSET.fullmatch(self.timezoneOffset):
            found.append(f"The time zone must look like +0100 or -0500, not '{self.timezoneOffset}'.")
        if self.algorithm is not None:
            found += _algorithmProblems(self.algorithm)
        if not _isParameter(self.segmentation):
            found.append(f"The segmentation '{self.segmentation}' must have no comma, equals sign or line break.")
        if not _isParameter(self.repairs):
            found.append(f"The repairs '{self.repairs}' must have no comma, equals sign or line break.")
        if not _isParameter(self.part):
            found.append(f"The declared part '{self.part}' must have no comma, equals sign or line break.")
        if self.repairs and self.modified is False:
            found.append(
                f"The model was repaired ({self.repairs}), so it cannot be recorded as not modified; leave out that it "
                "is not modified, or the repair."
            )
        return found

    def requireValid(self) -> None:
        """Raise :class:`M3DError` with all :meth:`problems`."""
        if problems := self.problems():
            raise M3DError(problems)


def parameterText(text: str, most: int = 400) -> str:
    """A text as it can stand in Algorithm Parameters, a list of name=value pairs parted by commas, of at most so many
    letters.
    """
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return plain.replace(",", ";").replace("=", ":").replace("\\", "/").strip()[:most].strip()


def isUid(text: str) -> bool:
    """Whether a text is a UID in DICOM's sense (PS3.5 section 9.1)."""
    return len(text) <= 64 and _UID.fullmatch(text) is not None


def _textProblems(name: str, text: str, limit: int, multiline: bool = False) -> list[str]:
    found = []
    if len(text) > limit:
        found.append(f"The {name} has {len(text)} characters; DICOM allows {limit}.")
    if any(ord(character) < 32 and not (multiline and character in "\r\n") for character in text):
        found.append(f"The {name} has control characters or line breaks.")
    if "\\" in text and not multiline:
        found.append(f"The {name} has a backslash, which separates values in DICOM.")
    if text != text.strip():
        found.append(f"The {name} begins or ends with a space, which DICOM does not keep.")
    return found


def _algorithmProblems(algorithm: DerivationAlgorithm) -> list[str]:
    found = []
    for name, text in (("name", algorithm.name), ("version", algorithm.version), ("source", algorithm.source)):
        found += _textProblems(f"algorithm's {name}", text, 64)
    if not algorithm.name or not algorithm.version:
        found.append("An algorithm needs a name and a version.")
    if algorithm.family not in Codes.keywords(Codes.ALGORITHM_FAMILY):
        found.append(_unknown("algorithm family", algorithm.family, Codes.ALGORITHM_FAMILY))
    for key, value in algorithm.parameters:
        if not key or not _isParameter(key + value):
            found.append(f"The algorithm parameter '{key}' must have no comma, equals sign or line break.")
    return found


def _isParameter(text: str) -> bool:
    """Whether a text can stand in Algorithm Parameters: names and values of which highdicom makes one text."""
    return text == text.strip() and not any(character in text for character in ",=\r\n")


def _unknown(what: str, keyword: str, group: int) -> str:
    return f"The {what} '{keyword}' is unknown; choose one of {', '.join(Codes.keywords(group))}."
