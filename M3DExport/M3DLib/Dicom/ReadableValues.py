"""Attributes of data sets that may hold what is no value of their kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydicom import Dataset


def readable(dataset: Dataset, keyword: str) -> Any:
    """An attribute's value; None where it is absent or its bytes are no value of its kind."""
    try:
        return dataset.get(keyword)
    except Exception:
        # pydicom reads values when they are first asked for, and raises what the conversion raises.
        return None


def asWritten(dataset: Dataset, keyword: str) -> str:
    """An attribute as text, whether or not it is a value of its kind; "" where it is absent or a sequence."""
    try:
        element = dataset.get_item(keyword)
    except (KeyError, ValueError):
        return ""
    value = getattr(element, "value", None)
    if isinstance(value, bytes):
        return value.decode("latin-1").strip(" \0")
    if value is None or getattr(element, "VR", "") == "SQ":
        return ""
    return "\\".join(map(str, value)) if not isinstance(value, str) and hasattr(value, "__iter__") else str(value)


def wholeNumber(dataset: Dataset, keyword: str, default: int = 0) -> int:
    """An attribute as one whole number; the default where it is absent, empty or anything else."""
    value = readable(dataset, keyword)
    try:
        return default if value is None or value == "" else int(value)
    except (TypeError, ValueError, OverflowError):
        return default


def unknownKinds(dataset: Dataset) -> list[str]:
    """Tags of elements whose value representation is none of DICOM's: changed bytes, after which all is shifted."""
    from pydicom.valuerep import VR

    known = {one.value for one in VR}
    found = []
    for tag in dataset.keys():
        # An element whose value was not read yet would be read, and so refused by pydicom, without this.
        kind = dataset.get_item(tag, keep_deferred=True).VR
        if kind is not None and str(kind) not in known:
            found.append(str(tag))
    return found
