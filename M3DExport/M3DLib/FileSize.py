"""How much memory what a file holds may take: said by the user, else by how much is free.

A few kilobytes can stand for gigabytes, in an archive as in a header that promises voxels. So what a file says of its
size is added up before anything is unpacked or allocated.
"""

from __future__ import annotations

import contextlib
import re

from .Errors import M3DError
from .FreeMachine import freeMemory
from .NumberText import plural

# No mesh and no scan shrinks to a hundredth when it is compressed; what does, and is large, is made to do harm.
_LARGEST_RATIO = 100
_ALWAYS_ALLOWED = 1 << 27
# Beside the file's content there must be room for what is made of it.
_SHARE_OF_FREE = 0.5
_UNITS = {"": 1 << 20, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}

_chosen: int | None = None


@contextlib.contextmanager
def fileSizeLimit(size: int | None):
    """Refuse, inside the ``with`` block and in the whole process, what would take more than so many bytes of memory.

    :param size: None leaves the limit as it is.
    """
    global _chosen  # noqa: PLW0603  # one limit for the process, as the memory is
    before = _chosen
    _chosen = before if size is None else size
    try:
        yield
    finally:
        _chosen = before


def parseFileSize(text: str) -> int:
    """Bytes of a size as people write it: "800" or "800M" (megabytes), "2G", "1.5 GB".

    :raises M3DError: it is no such size.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:I?B)?\s*", text.upper())
    size = int(float(match[1]) * _UNITS[match[2]]) if match else 0
    if size <= 0:
        raise M3DError(f"'{text}' is no size; write megabytes, as in 800, or a unit, as in 800M or 2G.")
    return size


def requireRoom(size: int, what: str, packed: int | None = None) -> None:
    """Refuse what would take too much memory.

    :param size: bytes it takes once it is unpacked.
    :param what: what takes them, as the beginning of a sentence ("This archive").
    :param packed: bytes of the compressed file it comes from; None when it is not compressed.
    :raises M3DError: names size and limit, and how to allow more.
    """
    limit = int(_SHARE_OF_FREE * freeMemory()) if _chosen is None else _chosen
    if size > limit:
        why = "half of the memory that is free" if _chosen is None else "as told by --max-file-size"
        raise M3DError(
            f"{what} would take {inWords(size)} of memory; {inWords(limit)} are allowed ({why}). If the file is what "
            "it should be, allow more with --max-file-size, or use a smaller one."
        )
    if packed is not None and _chosen is None and size > max(_ALWAYS_ALLOWED, _LARGEST_RATIO * packed):
        raise M3DError(
            f"{what} would unpack from {inWords(packed)} to {inWords(size)}, more than {_LARGEST_RATIO} times as much: "
            "it is damaged or made to do harm. If you know better, allow it with --max-file-size."
        )


def inWords(size: int) -> str:
    """A number of bytes for a person."""
    for unit, length in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= length:
            return f"{size / length:.1f} {unit}"
    return plural(size, "byte")
