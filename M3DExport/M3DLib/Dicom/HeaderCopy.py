"""Copies patient and study from a source image into a new object, and settles its character set."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from . import IodTable

if TYPE_CHECKING:
    from pydicom import DataElement, Dataset

UTF8 = "ISO_IR 192"

# What the table of the current edition no longer has, and scanners still write into the Patient module.
_FORMER_ATTRIBUTES = ("EthnicGroup",)
_TEXT_VRS = ("LO", "LT", "PN", "SH", "ST", "UC", "UT")


def copyModules(header: Dataset, dataset: Dataset) -> None:
    """Copy Patient, Study and Clinical Trial modules as they stand.

    Type 2 attributes that the header lacks are added empty. Private attributes and everything of other modules stay
    behind.
    """
    for module in _presentModules(header):
        for keyword, kind in IodTable.attributes(module).items():
            if keyword in header:
                dataset.add(copy.deepcopy(header[keyword]))
            elif kind == "2":
                setattr(dataset, keyword, None)
    for keyword in _FORMER_ATTRIBUTES:
        if keyword in header:
            dataset.add(copy.deepcopy(header[keyword]))
    # Dates are copied, so what qualifies them is copied with them.
    for keyword in ("TimezoneOffsetFromUTC", "LongitudinalTemporalInformationModified"):
        if header.get(keyword):
            dataset.add(copy.deepcopy(header[keyword]))


def missingInSource(header: Dataset) -> list[str]:
    """What a source lacks that its own modules require, one sentence each: it cannot be made up for the model."""
    return [
        f"The source image has no {keyword}, which DICOM requires; the model cannot have it either."
        for module in _presentModules(header)
        for keyword, kind in IodTable.attributes(module).items()
        if kind == "1" and (keyword not in header or header[keyword].is_empty)
    ]


def _presentModules(header: Dataset) -> list[str]:
    """The copied modules that are mandatory or of which the header has something."""
    return [
        module
        for module in IodTable.COPIED_MODULES
        if module in IodTable.mandatoryModules() or any(keyword in header for keyword in IodTable.attributes(module))
    ]


def settleCharacterSet(header: Dataset, dataset: Dataset) -> None:
    """Give the object the source's character set, or UTF-8 when some text in it cannot be written in that one."""
    declared = header.get("SpecificCharacterSet")
    charset = list(declared) if isinstance(declared, (list, tuple)) or _isMultiValue(declared) else [declared or ""]
    texts = list(_texts(dataset))
    if not any(charset) and all(text.isascii() for text in texts):
        return
    dataset.SpecificCharacterSet = charset if len(charset) > 1 else charset[0]
    if not any(charset) or not all(text.isascii() or _survives(text, charset) for text in texts):
        dataset.SpecificCharacterSet = UTF8


def _isMultiValue(value) -> bool:
    return hasattr(value, "__iter__") and not isinstance(value, str)


def _texts(dataset: Dataset):
    for element in dataset.iterall():
        if element.VR in _TEXT_VRS and element.value:
            yield from _values(element)


def _values(element: DataElement):
    values = element.value if element.VM > 1 else [element.value]
    for value in values:
        yield str(value)


def _survives(text: str, charset: list[str]) -> bool:
    """Whether text can be written in a character set and read back the same."""
    from pydicom import config
    from pydicom.charset import convert_encodings, decode_bytes, encode_string
    from pydicom.valuerep import TEXT_VR_DELIMS

    mode = config.settings.writing_validation_mode
    try:
        # Otherwise pydicom logs a warning and writes question marks where it cannot encode.
        config.settings.writing_validation_mode = config.RAISE
        encodings = convert_encodings(charset)
        return decode_bytes(encode_string(text, encodings), encodings, TEXT_VR_DELIMS) == text
    except (UnicodeError, LookupError):
        return False
    finally:
        config.settings.writing_validation_mode = mode
