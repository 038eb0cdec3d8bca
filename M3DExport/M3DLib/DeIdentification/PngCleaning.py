"""PNG pictures without text, dates and whatever else is not needed to show them."""

from __future__ import annotations

import zlib

from ..Errors import M3DError

PNG_START = b"\x89PNG\r\n\x1a\n"
# What is shown depends on these; all others (text, time, EXIF, unknown) are left out.
_KEPT = (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"sRGB", b"cHRM", b"pHYs", b"sBIT", b"bKGD")


def pngChunks(content: bytes):
    """Kind and content of each chunk.

    :raises M3DError: it is no PNG, or damaged.
    """
    if not content.startswith(PNG_START):
        raise M3DError("The picture is no PNG.")
    place = len(PNG_START)
    while place + 12 <= len(content):
        size = int.from_bytes(content[place : place + 4], "big")
        kind, data = content[place + 4 : place + 8], content[place + 8 : place + 8 + size]
        if len(data) != size:
            break
        yield kind, data
        place += 12 + size
        if kind == b"IEND":
            if place < len(content):
                yield b"rest", content[place:]
            return
    raise M3DError("The picture is damaged: it ends within a chunk.")


def cleanPng(content: bytes) -> bytes:
    """The same picture, with the chunks that show it and no others.

    :raises M3DError: it is no PNG, or damaged.
    """
    parts = [PNG_START]
    for kind, data in pngChunks(content):
        if kind in _KEPT:
            check = zlib.crc32(kind + data).to_bytes(4, "big")
            parts += [len(data).to_bytes(4, "big"), kind, data, check]
    return b"".join(parts)
