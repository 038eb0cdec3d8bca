"""The bytes of a DICOM data set that a digital signature is about (PS3.3 C.12.1.1.3.1.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ..Errors import M3DError

if TYPE_CHECKING:
    from pydicom import Dataset

_ITEM = b"\xfe\xff\x00\xe0"
_SEQUENCE_END = b"\xfe\xff\xdd\xe0"
# Explicit VRs whose length has four bytes after two that are reserved (PS3.5 7.1.2).
_LONG = ("OB", "OD", "OF", "OL", "OV", "OW", "SV", "UC", "UN", "UR", "UT", "UV")
# Groups of which no element is ever signed, and what the signatures themselves are kept in.
MAC_PARAMETERS, SIGNATURES = 0x4FFE0001, 0xFFFAFFFA
_FIRST_GROUP = 0x0008


def signableTags(dataset: Dataset) -> list[int]:
    """All elements of a data set that a signature can be about, in order."""
    return [
        int(tag)
        for tag in sorted(dataset.keys())
        if tag.group >= _FIRST_GROUP and tag.element and tag not in (MAC_PARAMETERS, SIGNATURES) and tag.group < 0xFFFA
    ]


def macStream(dataset: Dataset, tags: Iterable[int]) -> Iterator[bytes]:
    """What is fed into the message authentication code, in explicit VR little endian.

    Tag, VR, length and value of each element; sequences and their items without lengths, an item begun by its tag and
    not ended, a sequence ended by its delimiter.

    :param dataset: as it was read from a file in little endian: values that nobody has touched are taken as they stand
        in the file.
    :raises M3DError: an element cannot be encoded.
    """
    for tag in tags:
        yield from _element(dataset, tag)


def _element(dataset: Dataset, tag: int) -> Iterator[bytes]:
    from pydicom.tag import Tag

    element = dataset.get_item(tag)
    name = Tag(tag).group.to_bytes(2, "little") + Tag(tag).element.to_bytes(2, "little")
    vr = element.VR
    if vr is None or vr == "SQ" or (element.is_raw and vr == "UN" and element.value is None):
        # Implicit VR does not say what an element is: the dictionary does.
        vr = dataset[tag].VR
    if vr == "SQ":
        yield name + b"SQ\0\0"
        for item in dataset[tag].value or ():
            yield _ITEM
            yield from macStream(item, [int(one) for one in sorted(item.keys()) if one.element])
        yield _SEQUENCE_END
        return
    value = element.value if element.is_raw else _encoded(dataset, tag)
    value = value or b""
    if len(value) % 2:
        value += b" " if vr not in ("UI", *_LONG) else b"\0"
    if vr in _LONG:
        yield name + vr.encode("ascii") + b"\0\0" + len(value).to_bytes(4, "little")
    else:
        yield name + vr.encode("ascii") + len(value).to_bytes(2, "little")
    yield value


def _encoded(dataset: Dataset, tag: int) -> bytes:
    """The value of an element that was decoded or set, as it would be written."""
    from pydicom import Dataset
    from pydicom.filebase import DicomBytesIO
    from pydicom.filewriter import write_data_element

    stream = DicomBytesIO()
    stream.is_little_endian, stream.is_implicit_VR = True, True
    try:
        write_data_element(stream, dataset[tag], getattr(dataset, "_character_set", None) or Dataset()._character_set)
    except Exception as error:
        raise M3DError(f"The element {dataset[tag].tag} cannot be encoded to be signed ({error}).") from error
    return stream.getvalue()[8:]
