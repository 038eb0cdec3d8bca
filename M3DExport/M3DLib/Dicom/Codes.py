"""Coded concepts of the Encapsulated STL object, all taken from pydicom's dictionaries (PS3.16).

A concept is known in this project by its keyword there, "ImplantFabrication" for example.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from ..Errors import M3DError

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.sr.coding import Code

SOURCE_PURPOSE = 7060
DOCUMENT_TITLE = 7061
PREDECESSOR_PURPOSE = 7062
UNITS = 7063
USAGE = 7064
ALGORITHM_FAMILY = 7162

# pydicom lists the name of the concept "Source image" among the document titles, where PS3.16 does not have it.
_NOT_IN_GROUP = {(DOCUMENT_TITLE, "SourceImage")}

UNIT_MM = {"um": 0.001, "mm": 1.0, "cm": 10.0, "m": 1000.0}

# The title that fits a model made from images of one modality; a mixture has its own.
TITLE_OF_MODALITY = {"CT": "CT3DCAMModel", "MR": "MR3DCAMModel", "US": "US3DCAMModel"}
MIXED_TITLE = "MixedModality3DCAMModel"


def keywords(group: int) -> list[str]:
    """Keywords of a context group, sorted."""
    return sorted(_concepts(group))


@functools.cache
def _concepts(group: int) -> dict[str, Code]:
    from pydicom.sr.codedict import codes

    concepts = getattr(codes, f"cid{group}").concepts
    return {keyword: code for keyword, code in concepts.items() if (group, keyword) not in _NOT_IN_GROUP}


def _plain(text: str) -> str:
    return re.sub(r"[\s_-]", "", text).lower()


def findKeyword(group: int, text: str, what: str) -> str:
    """The keyword a person means: case, spaces, hyphens and underscores do not matter, a clear beginning is enough.

    :param what: name of the thing in the error message ("usage").
    :raises M3DError: when none or several fit; lists the choices.
    """
    known = keywords(group)
    wanted = _plain(text)
    exact = [keyword for keyword in known if _plain(keyword) == wanted]
    fitting = exact or [keyword for keyword in known if wanted and _plain(keyword).startswith(wanted)]
    if len(fitting) != 1:
        raise M3DError(f"The {what} '{text}' is unknown; choose one of {', '.join(known)}.")
    return fitting[0]


def codeItem(code: Code) -> Dataset:
    """An item of a code sequence (PS3.3 Table 8.8-1)."""
    from pydicom import Dataset

    item = Dataset()
    item.CodeValue = code.value
    item.CodingSchemeDesignator = code.scheme_designator
    if code.scheme_version:
        item.CodingSchemeVersion = code.scheme_version
    item.CodeMeaning = code.meaning[:64]
    return item


def itemFromKeyword(group: int, keyword: str) -> Dataset:
    """An item of a code sequence for a concept of a context group."""
    return codeItem(_concepts(group)[keyword])


def itemFromUnit(unit: str) -> Dataset:
    """An item of Measurement Units Code Sequence (CID 7063) for "um", "mm", "cm" or "m"."""
    return codeItem(next(code for code in _concepts(UNITS).values() if code.value == unit))


def keywordFromItem(group: int, item: Dataset) -> str:
    """The keyword of a code sequence item, "" when it is none of the group's.

    Decided by value and scheme alone: writers put all kinds of text into Code Meaning.
    """
    value, scheme = codeOfItem(item)
    for keyword, code in _concepts(group).items():
        if (code.value, code.scheme_designator) == (value, scheme):
            return keyword
    return ""


def codeOfItem(item: Dataset) -> tuple[str, str]:
    """Code value and coding scheme designator of a code sequence item, "" where absent."""
    value = item.get("CodeValue") or item.get("LongCodeValue") or item.get("URNCodeValue") or ""
    return str(value).strip(), str(item.get("CodingSchemeDesignator") or "").strip()
