"""A package as it lies there, a ZIP file, an encrypted one or an unpacked folder, behind one face."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..Errors import M3DError
from ..Signature.CmsEnvelope import decryptWith, looksEncrypted, recipientsOf
from .BagFiles import BAG_FILE
from .SealedZip import openZip, readMember, sealProblem

_BLOCK = 1 << 20
_ZIP = b"PK\x03\x04"


class LockedPackage(M3DError):
    """The package is encrypted, and no key was given."""


@dataclass
class OpenedPackage:
    """The files of a bag, by their names in it.

    :ivar members: name in the bag to the name where it lies.
    :ivar problems: what is wrong with the container.
    :ivar isSealed: whether the container has a seal.
    """

    source: Any
    members: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    isSealed: bool = False
    isEncrypted: bool = False

    def chunks(self, name: str) -> Iterator[bytes]:
        """The content of a file, a megabyte at a time.

        :raises M3DError: it is damaged or cannot be read.
        """
        if not isinstance(self.source, Path):
            yield from readMember(self.source, self.members[name])
            return
        try:
            with (self.source / self.members[name]).open("rb") as stream:
                while block := stream.read(_BLOCK):
                    yield block
        except OSError as error:
            raise M3DError(f"'{name}' cannot be read: {error.strerror}.") from error

    def read(self, name: str) -> bytes:
        """The whole content of a file."""
        return b"".join(self.chunks(name))


@contextlib.contextmanager
def openPackage(place: Path, key: Any = None, certificates=(), allowed: int | None = None):
    """Open a package; yields an :class:`OpenedPackage`.

    :param key: private key for one that is encrypted; None for none.
    :param certificates: of the key.
    :param allowed: bytes that it may unpack to; None for what its size makes plausible.
    :raises LockedPackage: it is encrypted and there is no key.
    :raises M3DError: it is no package, or one that nothing may be unpacked from.
    """
    if place.is_dir():
        yield _openFolder(place)
        return
    try:
        stream = place.open("rb")
    except OSError as error:
        raise M3DError(f"'{place}' cannot be read: {error.strerror}.") from error
    with contextlib.ExitStack() as stack:
        stack.enter_context(stream)
        isEncrypted = looksEncrypted(stream.read(64))
        stream.seek(0)
        if isEncrypted:
            content = stream.read()
            if key is None:
                names = "; ".join(recipientsOf(content))
                raise LockedPackage(f"'{place}' is encrypted (for {names}); open it with --key KEY.")
            stream = io.BytesIO(decryptWith(content, key, certificates, _ZIP))
        package = OpenedPackage(None, isEncrypted=isEncrypted)
        problem, package.isSealed = sealProblem(stream)
        if problem:
            package.problems.append(f"The package was changed: {problem}.")
        opened = stack.enter_context(openZip(stream, allowed, f"'{place}'"))
        package.source = opened
        package.members = _inBag([entry.filename for entry in opened.infolist() if not entry.is_dir()])
        yield package


def isPackage(place: Path) -> bool:
    """Whether something may be a package: a folder with a bag, a ZIP file, or an encrypted one, damaged or not."""
    if place.is_dir():
        return (place / BAG_FILE).is_file()
    try:
        with place.open("rb") as stream:
            start = stream.read(64)
            stream.seek(-min(4096, stream.seek(0, 2)), 2)
            return start[:4] == _ZIP or looksEncrypted(start) or b"PK\x05\x06" in stream.read()
    except OSError as error:
        raise M3DError(f"'{place}' cannot be read: {error.strerror}.") from error


def _openFolder(place: Path) -> OpenedPackage:
    names = []
    for file in sorted(place.rglob("*")):
        if file.is_symlink():
            raise M3DError(f"'{file}' is a link; a package holds none.")
        if file.is_file():
            names.append(file.relative_to(place).as_posix())
    if BAG_FILE not in names:
        raise M3DError(f"'{place}' is no package: it holds no {BAG_FILE}.")
    return OpenedPackage(place, {name: name for name in names}, isSealed=True)


def _inBag(names: list[str]) -> dict[str, str]:
    """Names without the one folder that all lie in.

    :raises M3DError: it is no bag in one folder.
    """
    tops = {name.split("/", 1)[0] for name in names}
    if len(tops) == 1 and all("/" in name for name in names):
        names = {name.split("/", 1)[1]: name for name in names}
    else:
        names = {name: name for name in names}
    if BAG_FILE not in names:
        raise M3DError(f"The ZIP file is no package of this kind: it holds no {BAG_FILE}.")
    return names
