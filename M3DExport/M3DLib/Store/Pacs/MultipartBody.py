"""Multipart bodies of DICOMweb, sent from and received into files without being held in memory."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

from .Outgoing import Outgoing

_CHUNK = 1 << 20
# What follows the last part: CRLF, two hyphens, the boundary (70 characters at most, RFC 2046) and what servers add.
_END_BYTES = 1 << 10


class MultipartBody:
    """The body of a STOW-RS request (PS3.18 10.5): files one after the other, read while they are sent.

    :param notify: called with the bytes sent so far.
    """

    def __init__(self, parts: Sequence[Outgoing], notify: Callable[[int], None]):
        self._boundary = f"m3d-{uuid.uuid4().hex}"
        self.contentType = f'multipart/related; type="application/dicom"; boundary="{self._boundary}"'
        self._head = f"--{self._boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        self._tail = f"--{self._boundary}--\r\n".encode()
        self._length = sum(len(self._head) + part.size + 2 for part in parts) + len(self._tail)
        self._notify = notify
        self._pieces = self._generate([part.path for part in parts])
        self._rest = b""
        self._sent = 0

    def __len__(self) -> int:
        return self._length

    def read(self, size: int = -1) -> bytes:
        """The next bytes, as requests asks for them."""
        if size is None or size < 0:
            size = self._length
        pieces = [self._rest] if self._rest else []
        have = len(self._rest)
        while have < size and (piece := next(self._pieces, None)) is not None:
            pieces.append(piece)
            have += len(piece)
        data = b"".join(pieces)
        data, self._rest = data[:size], data[size:]
        self._sent += len(data)
        self._notify(self._sent)
        return data

    def _generate(self, files: Iterable[Path]):
        for path in files:
            yield self._head
            with path.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    yield chunk
            yield b"\r\n"
        yield self._tail


def receiveSinglePart(chunks: Iterable[bytes], boundary: str, file: BinaryIO) -> bool:
    """Write the one part of a multipart body into a file (PS3.18 8.7.1).

    :param boundary: "" for a body that is the object itself, as some servers send it.
    :param file: open for reading and writing, empty.
    :return: whether the body was there to its end.
    """
    if not boundary:
        for chunk in chunks:
            file.write(chunk)
        return file.tell() > 0
    start = b""
    isBody = False
    for chunk in chunks:
        if isBody:
            file.write(chunk)
            continue
        start += chunk
        _head, found, rest = start.partition(b"\r\n\r\n")
        if found:
            isBody = True
            file.write(rest)
        elif len(start) > _CHUNK:
            return False
    size = file.tell()
    file.seek(max(0, size - _END_BYTES))
    end = file.read()
    place = end.rfind(f"\r\n--{boundary}--".encode())
    if not isBody or place < 0:
        return False
    file.truncate(max(0, size - _END_BYTES) + place)
    return True
