"""What the originals say that identifies: gathered from their headers, to be replaced and to be searched for."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from ..Software import VERSION
from .AnnexE import MAP, actionFor

if TYPE_CHECKING:
    from pydicom import Dataset

_TEXTS = {"LO", "SH", "ST", "LT", "UT", "UC", "AE", "UR"}
_DATES = {"DA", "DT"}
# What the standard itself has given out, and what names a kind of thing rather than a thing.
_STANDARD_UIDS = "1.2.840.10008."
_NOT_INSTANCES = ("ClassUID", "TransferSyntaxUID", "CodingSchemeUID", "ImplementationClassUID", "ContextUID")
_NOT_INSTANCES += ("MappingResourceUID", "ContextGroupExtensionCreatorUID")
# Shorter ones stand in many a text by chance; as values of attributes they are compared all the same.
SHORTEST_TEXT, SHORTEST_NUMBER, SHORTEST_NAME = 4, 5, 3
# Attributes that say who it is: their values are taken in any spelling.
IDENTIFIERS = ("PatientID", "OtherPatientIDs", "AccessionNumber", "StudyID", "PatientName", "PatientBirthDate")


@dataclass
class OriginalValues:
    """What is to be found nowhere in a package.

    :ivar names: whole names of persons as DICOM writes them.
    :ivar texts: numbers, institutions, descriptions and other texts.
    :ivar dates: days, as YYYYMMDD.
    :ivar uids: of instances, series, frames and the like.
    :ivar times: values of dates and times as they stand in attributes.
    """

    names: set[str] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)
    dates: set[str] = field(default_factory=set)
    uids: set[str] = field(default_factory=set)
    times: set[str] = field(default_factory=set)
    _seen: set[tuple[int, str]] = field(default_factory=set)

    def add(self, dataset: Dataset) -> None:
        """Take over what a data set says, sequences and private elements included."""
        for element in dataset:
            if element.VR == "SQ":
                for item in element.value or ():
                    self.add(item)
                continue
            if element.VR not in ("PN", "UI", "DA", "DT", "TM", *_TEXTS):
                continue
            for value in _values(element.value):
                key = (int(element.tag), value)
                if value and key not in self._seen:
                    self._seen.add(key)
                    self._take(element, value)

    def _take(self, element, value: str) -> None:
        vr, tag = element.VR, int(element.tag)
        if vr == "UI":
            if isInstanceUid(element.keyword, value):
                self.uids.add(value)
        elif vr == "PN":
            self.names.add(value)
        elif vr in ("DA", "DT", "TM"):
            self.times.add(value)
            if vr != "TM" and re.match(r"\d{8}", value):
                self.dates.add(value[:8])
        elif actionFor(tag) not in (None, MAP) and not element.tag.is_private and value != VERSION:
            self.texts.add(value)


def isInstanceUid(keyword: str, value: str) -> bool:
    """Whether a UID is of one thing, and not of a kind of things or of the standard."""
    return not (value.startswith(_STANDARD_UIDS) or keyword.endswith(_NOT_INSTANCES))


def _values(value: Any) -> list[str]:
    from pydicom.multival import MultiValue

    values = value if isinstance(value, (list, tuple, MultiValue)) else [value]
    return [str(one).strip() for one in values if one is not None]


def plain(text: str) -> str:
    """A text without accents, in small letters: as it is compared."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter)).casefold()


def nameParts(names: Iterable[str]) -> set[str]:
    """The single words of persons' names that are no common words, plain.

    Three letters at least, two of other scripts. "Pass" and "Head" are names, and words of every report: alone they are
    not looked for, only beside the other parts of the name.
    """
    found = set()
    for name in names:
        for part in re.split(r"[\^=\s,.]+", name):
            word = plain(part)
            if len(word) >= (SHORTEST_NAME if word.isascii() else 2) and word not in commonWords():
                found.add(word)
    return found


def wholeNames(names: Iterable[str]) -> set[str]:
    """Persons' names in the ways in which they are written, plain: in both orders, parted in all usual ways."""
    found = set()
    for name in names:
        for group in name.split("="):
            parts = [plain(part).strip() for part in group.split("^") if part.strip()]
            if not parts:
                continue
            found.add(plain(group))
            if len(parts) > 1:
                for first, second in ((parts[0], parts[1]), (parts[1], parts[0])):
                    found.update(f"{first}{between}{second}" for between in (" ", ", ", ",", "_", "-", ".", "^", ""))
    # A name of one common word alone is no name that can be looked for.
    return {name for name in found if len(name) >= SHORTEST_NAME + 1 and name not in commonWords()}


def searchable(text: str) -> bool:
    """Whether a text identifies where it stands alone: long enough, and more than common words."""
    word = plain(text)
    if re.fullmatch(r"[\d\s.,:-]+", word):
        return len(re.sub(r"\D", "", word)) >= SHORTEST_NUMBER
    if len(word) < SHORTEST_TEXT:
        return False
    words = [one for one in re.split(r"[\W_]+", word) if one]
    return any(one not in commonWords() and (not one.isdigit() or len(one) >= SHORTEST_TEXT) for one in words)


@cache
def commonWords() -> frozenset[str]:
    """Words of the standard's attributes and of reports, plain."""
    from pydicom._dicom_dict import DicomDictionary

    words = set()
    for entry in DicomDictionary.values():
        words.update(one.casefold() for one in re.split(r"[^A-Za-z]+", entry[2]))
    words.update(
        "pass fail warning information none unknown anonymous withheld removed black white green blue red brown gray "
        "long short small large thick thin best good wood stone bone skull mandible brain heart liver kidney vessel "
        "default standard routine adult child male female study series scan spiral helical axial sagittal coronal "
        "thorax abdomen pelvis spine neck chest hip knee ankle foot hand wrist elbow shoulder jaw tooth orbit skin "
        "slicerm3d model models test demo phantom".split()
    )
    return frozenset(words)
