"""A look into a 3MF archive before the 3MF library opens it: true sizes, and what would never come to an end.

The library reads whatever an entry unpacks to, whatever the archive says of its size, and follows components that hold
each other twice as often at every level until it is killed.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..Errors import M3DError
from ..FileSize import requireRoom
from ..NumberText import plural
from .PrintProject import isPrintSettings, otherMeshesOfCura, otherParts, refuseOtherParts

_CHUNK = 1 << 20
_LONGEST_TAG = 1 << 16
_MOST_INSTANCES = 1_000_000
_TAG = re.compile(rb"<(?:[\w.-]+:)?(model|object|component|item)\b([^>]*)>")
_ATTRIBUTE = re.compile(rb"(?:^|\s)(?:([\w.-]+):)?([\w.-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")


# Attributes that the core specification gives these elements; those of extensions have a prefix.
_KNOWN = {
    b"object": {"id", "type", "thumbnail", "partnumber", "name", "pid", "pindex"},
    b"component": {"objectid", "transform"},
    b"item": {"objectid", "transform", "partnumber"},
}


@dataclass
class ThreeMfPackage:
    """:ivar unit: of the root model as it stands, None where it states none.
    :ivar hidden: number of build items that a program has marked as not to be printed (3MF knows no such mark).
    :ivar unknown: attributes that 3MF does not know, with the number of times.
    :ivar otherParts: kinds of parts that are not the model, in the words of a printer's program.
    """

    unit: str | None = None
    hidden: int = 0
    unknown: Counter = field(default_factory=Counter)
    otherParts: set[str] = field(default_factory=set)
    _components: dict[tuple[str, str], list[tuple[str, str]]] = field(default_factory=dict)
    _items: list[tuple[str, str]] = field(default_factory=list)
    _current: tuple[str, str] = ("", "")

    def note(self, part: str, kind: bytes, attributes: dict[str, str]) -> None:
        """Take up a tag of a part of the archive."""
        if kind == b"model":
            if self.unit is None or part.lower() == "/3d/3dmodel.model":
                self.unit = attributes.get("unit", self.unit)
            return
        for name in set(attributes) - _KNOWN[kind]:
            if ":" not in name and name not in ("xmlns", "printable"):
                self.unknown[f"{kind.decode()}/{name}"] += 1
        if kind == b"object":
            self._current = (part, attributes.get("id", ""))
            self._components.setdefault(self._current, [])
            return
        place = next((value for name, value in attributes.items() if name.endswith(":path")), part)
        target = (place, attributes.get("objectid", ""))
        if kind == b"component":
            self._components.setdefault(self._current, []).append(target)
        else:
            self._items.append(target)
            self.hidden += attributes.get("printable") in ("0", "false")

    def warnings(self) -> list[str]:
        """What others may read otherwise, one sentence each."""
        said = []
        if self.hidden:
            said.append(f"{plural(self.hidden, 'item')} of the build marked as not to be printed; read all the same.")
        if self.unknown:
            named = ", ".join(f"'{name}'" for name in list(self.unknown)[:5])
            said.append(f"The 3MF file uses attributes that 3MF does not know ({named}); they were ignored.")
        return said

    def refuseEndless(self) -> None:
        """Count the instances that the build asks for, each object once.

        :raises M3DError: objects that hold themselves, or absurdly many instances.
        """
        counts: dict[tuple[str, str], int] = {}
        for item in self._items:
            self._count(item, counts)
        if sum(counts[item] for item in self._items) > _MOST_INSTANCES:
            raise M3DError(
                f"This 3MF file puts more than {_MOST_INSTANCES} objects together out of {len(self._components)}; it "
                "is damaged or made to do harm."
            )

    def _count(self, start: tuple[str, str], counts: dict[tuple[str, str], int]) -> None:
        """Fill in the number of instances under an object; without recursion, for chains longer than Python's stack."""
        waiting, begun = [(start, False)], set()
        while waiting:
            key, ready = waiting.pop()
            inner = self._components.get(key, [])
            if ready:
                begun.discard(key)
                counts[key] = min(1 + sum(counts[other] for other in inner), 10 * _MOST_INSTANCES)
            elif key in begun:
                raise M3DError("This 3MF file has components that hold themselves; it is damaged.")
            elif key not in counts:
                begun.add(key)
                waiting.append((key, True))
                waiting.extend((other, False) for other in inner if other not in counts)


def inspectPackage(path: Path) -> ThreeMfPackage:
    """Unpack every entry once without keeping it, and read the few tags that say how objects are put together.

    :raises M3DError: not a ZIP archive, damaged, too large, entities of its own, too many instances, or parts that are
        not the model.
    """
    package = ThreeMfPackage()
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            requireRoom(sum(entry.file_size for entry in entries), "This 3MF archive", path.stat().st_size)
            for entry in entries:
                with archive.open(entry) as stream:
                    if isPrintSettings(entry.filename):
                        package.otherParts |= otherParts(stream.read())
                        continue
                    isModel = entry.filename.lower().endswith(".model")
                    for kind, attributes in _tags(stream, isModel, package):
                        package.note("/" + entry.filename.lstrip("/"), kind, attributes)
    except M3DError:
        raise
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError, OSError, ValueError, zlib.error) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        raise M3DError(
            f"This 3MF file cannot be read: it is no archive that can be unpacked ({error}). Save it again."
        ) from error
    package.refuseEndless()
    refuseOtherParts(package.otherParts)
    return package


def _tags(stream, isModel: bool, package: ThreeMfPackage) -> Iterator[tuple[bytes, dict[str, str]]]:
    """Read a stream to its end (the archive's checksum is compared there), with the tags of a model part."""
    rest = b""
    while chunk := stream.read(_CHUNK):
        if not isModel:
            continue
        text = rest + chunk
        if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
            raise M3DError("This 3MF file defines entities of its own, which no model needs; they are not followed.")
        package.otherParts |= otherMeshesOfCura(text)
        end = 0
        for match in _TAG.finditer(text):
            end = match.end()
            values = {
                (space + b":" + name if space else name).decode("latin-1"): (one or two).decode("utf-8", "replace")
                for space, name, one, two in _ATTRIBUTE.findall(match[2])
            }
            yield match[1], values
        # A tag may be cut by the end of the chunk.
        rest = text[max(end, text.rfind(b"<"), len(text) - _LONGEST_TAG) :]
