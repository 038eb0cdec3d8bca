"""ZIP files whose last words are the SHA-256 of everything before: no changed bit of the container goes unseen.

The manifests in a package tell which file was changed. What lies between the files (headers, times, padding bits of the
compression) they do not see; the seal does. It is no signature: whoever changes a package on purpose can seal it anew.
"""

from __future__ import annotations

import hashlib
import stat
import zipfile
from collections.abc import Iterator
from typing import BinaryIO

from ..Errors import M3DError
from ..FileSize import inWords
from .MemberNames import collisions, nameProblem

SEAL = b"M3D package. SHA-256 of all bytes before this sum: "
_SUM = 64
_END = b"PK\x05\x06"
_END_BYTES = 22
_BLOCK = 1 << 20
# No scan, mesh or report shrinks to a hundredth; what does, and is large, is made to do harm.
_LARGEST_RATIO, _ALWAYS_ALLOWED, _MOST_FILES = 100, 1 << 27, 100_000
# Every file gets the same time: when a file was last touched is nobody's business, and the same input makes the same.
_TIME = (1980, 1, 1, 0, 0, 0)
_FILE_MODE = 0o644


class SealedZip:
    """Writes a sealed ZIP; use in a ``with`` block."""

    def __init__(self, stream: BinaryIO):
        self._stream = stream
        self._zip = zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1)

    def __enter__(self) -> SealedZip:
        return self

    def __exit__(self, kind, *_more) -> None:
        if kind is not None:
            self._zip.close()
            return
        self._zip.comment = SEAL + b"0" * _SUM
        self._zip.close()
        self._stream.flush()
        self._stream.seek(0)
        size = self._stream.seek(0, 2)
        digest = _digest(self._stream, size - _SUM)
        self._stream.seek(size - _SUM)
        self._stream.write(digest.encode("ascii"))

    def add(self, name: str, content: bytes) -> None:
        """Add a file."""
        entry = zipfile.ZipInfo(name, _TIME)
        entry.external_attr = (stat.S_IFREG | _FILE_MODE) << 16
        entry.create_system = 3
        entry.compress_type = zipfile.ZIP_DEFLATED
        self._zip.writestr(entry, content, compresslevel=1)


def sealProblem(stream: BinaryIO) -> tuple[str, bool]:
    """What is wrong with the seal of a ZIP file, "" for nothing, and whether there is a seal.

    A ZIP file that ends with anything but its directory is wrong, sealed or not.
    """
    size = stream.seek(0, 2)
    tail = min(size, _END_BYTES + 65535)
    stream.seek(size - tail)
    content = stream.read(tail)
    place = content.rfind(_END)
    while place >= 0:
        length = int.from_bytes(content[place + 20 : place + 22], "little")
        if place + _END_BYTES + length == len(content):
            break
        place = content.rfind(_END, 0, place)
    if place < 0:
        return "its end is missing or does not fit: it was cut short, lengthened or damaged", False
    comment = content[place + _END_BYTES :]
    if not comment.startswith(SEAL) or len(comment) != len(SEAL) + _SUM:
        return "", False
    if _digest(stream, size - _SUM).encode("ascii") != comment[-_SUM:]:
        return "its bytes are not those it was sealed with", True
    return "", True


def openZip(stream: BinaryIO, allowed: int | None = None, name: str = "The package") -> zipfile.ZipFile:
    """A ZIP file all of whose members may be written to a folder.

    :param allowed: bytes that it may unpack to, where the user says so; None for what its size makes plausible.
    :param name: what it is called where it cannot be opened.
    :raises M3DError: it is damaged; has names that lead out of a folder, collide or are reserved, links, encrypted
        members; or would unpack to an absurd size.
    """
    size = stream.seek(0, 2)
    try:
        opened = zipfile.ZipFile(stream)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError, UnicodeDecodeError) as error:
        raise M3DError(f"{name} is cut short or damaged: its ZIP directory cannot be read. Get it again.") from error
    entries = opened.infolist()
    files = [entry for entry in entries if not entry.is_dir()]
    if len(entries) > _MOST_FILES:
        raise M3DError(f"The package holds {len(entries)} files; more than {_MOST_FILES} are not unpacked.")
    total = sum(entry.file_size for entry in files)
    limit = max(_ALWAYS_ALLOWED, _LARGEST_RATIO * size) if allowed is None else allowed
    if total > limit:
        raise M3DError(
            f"The package would unpack from {inWords(size)} to {inWords(total)}, which is not plausible: it is damaged "
            "or made to do harm. If you know better, allow it with --max-file-size."
        )
    for entry in entries:
        _requireHarmless(entry)
    twice = collisions(entry.filename for entry in files)
    if twice:
        raise M3DError(f"The package holds several files that would be one on some systems: '{twice[0]}'.")
    return opened


def _requireHarmless(entry: zipfile.ZipInfo) -> None:
    # zipfile cuts a name at a NUL, and turns other separators into slashes on Windows only.
    problem = nameProblem(entry.orig_filename.removesuffix("/"))
    if problem:
        raise M3DError(f"The package holds a file whose name {problem}: {entry.orig_filename!r}. Nothing was unpacked.")
    mode = entry.external_attr >> 16
    if mode and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or not stat.S_IFMT(mode)):
        raise M3DError(f"The package holds '{entry.filename}', which is a link or a device. Nothing was unpacked.")
    if entry.flag_bits & 1:
        raise M3DError(f"The package holds '{entry.filename}' encrypted with a ZIP password, which is not read here.")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise M3DError(f"The package holds '{entry.filename}' in a compression that is not read here.")


def readMember(opened: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    """The content of a member, a megabyte at a time, and never more than it says it holds.

    :raises M3DError: it is damaged.
    """
    left = opened.getinfo(name).file_size
    try:
        with opened.open(name) as stream:
            while block := stream.read(min(_BLOCK, left + 1)):
                left -= len(block)
                if left < 0:
                    raise M3DError(f"'{name}' is damaged: it is longer than it says.")
                yield block
    except M3DError:
        raise
    except Exception as error:
        # A damaged member makes zipfile raise nearly anything: BadZipFile, zlib.error, struct.error, EOFError ...
        raise M3DError(f"'{name}' is damaged ({type(error).__name__}).") from error
    if left:
        raise M3DError(f"'{name}' is damaged: it is shorter than it says.")


def _digest(stream: BinaryIO, size: int) -> str:
    digest = hashlib.sha256()
    stream.seek(0)
    while size > 0 and (block := stream.read(min(_BLOCK, size))):
        digest.update(block)
        size -= len(block)
    return digest.hexdigest()
