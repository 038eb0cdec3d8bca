"""Files of models without what they say beside their geometry, which stays byte for byte where the format allows."""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from collections.abc import Callable

from ..Errors import M3DError
from ..FileSize import requireRoom
from ..Mesh.StlFile import HEADER_SIZE, PREFIX_SIZE, TRIANGLE_TYPE, readStl, stlBytes, stlHeader
from .PngCleaning import PNG_START, cleanPng
from .Replacements import Replacements

# Metadata that say how to read the coordinates, with what they were made, and what they are an extract of.
_KEPT_METADATA = ("Application", "Coordinates", "ToPatientLps", "ModelUID", "Validation", "Verdict", "Software", "cad")
# Unit and coordinate system of a file from elsewhere are known to whoever made it, and not said here.
_SAYS_NOTHING = stlHeader().partition(b",")[0].ljust(HEADER_SIZE)
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)


def cleanModelFile(content: bytes, suffix: str, replacements: Replacements) -> bytes:
    """The same model without names, comments, metadata, thumbnails that carry text, and dates.

    :param suffix: of the file, as ".stl".
    :raises M3DError: the file cannot be read, or is of no kind that can be cleaned.
    """
    cleaners: dict[str, Callable[[bytes, Replacements], bytes]] = {
        ".stl": _stl,
        ".obj": _obj,
        ".mtl": _mtl,
        ".ply": _ply,
        ".3mf": _threeMf,
        ".amf": _amf,
        ".glb": cleanGlb,
    }
    if suffix not in cleaners:
        raise M3DError(f"Files that end with {suffix or 'nothing'} cannot be cleaned.")
    return cleaners[suffix](content, replacements)


def cleanStl(content: bytes) -> bytes:
    """An STL whose 80 bytes of header say nothing of anybody; the triangles stay byte for byte.

    :raises M3DError: it is no STL.
    """
    start = content[:HEADER_SIZE]
    if start.startswith(stlHeader("mm")[:10]) and re.fullmatch(
        rb"SlicerM3D [\d.]+ binary STL, LPS, unit [a-z]+ *", start
    ):
        return content
    count = int.from_bytes(content[HEADER_SIZE:PREFIX_SIZE], "little")
    expected = PREFIX_SIZE + count * TRIANGLE_TYPE.itemsize
    if len(content) >= PREFIX_SIZE and count and len(content) >= expected:
        # What follows the triangles is none of the model, and could be anything.
        return _SAYS_NOTHING + content[HEADER_SIZE:expected]
    return _SAYS_NOTHING + stlBytes(readStl(content, strict=False, name="model"))[HEADER_SIZE:]


def _stl(content: bytes, _replacements: Replacements) -> bytes:
    return cleanStl(content)


def _obj(content: bytes, _replacements: Replacements) -> bytes:
    names: dict[bytes, bytes] = {}
    kept = []
    for line in content.splitlines():
        word, _space, rest = line.strip().partition(b" ")
        if word in (b"v", b"vn", b"vt", b"f", b"l", b"p", b"s"):
            kept.append(line.partition(b"#")[0].rstrip())
        elif word in (b"o", b"g", b"usemtl"):
            kept.append(word + b" " + names.setdefault(rest.strip(), b"part-%d" % (len(names) + 1)))
    return b"\n".join(kept) + b"\n"


def _mtl(content: bytes, _replacements: Replacements) -> bytes:
    raise M3DError("Materials (MTL) name their objects; the model is written without them.")


def _ply(content: bytes, _replacements: Replacements) -> bytes:
    end = content.find(b"end_header")
    if not content.startswith(b"ply") or end < 0:
        raise M3DError("The PLY file has no header that can be read.")
    lines = [line for line in content[:end].splitlines() if not line.startswith((b"comment", b"obj_info"))]
    return b"\n".join(lines) + b"\n" + content[end:].replace(b"end_header\r\n", b"end_header\n", 1)


def _threeMf(content: bytes, replacements: Replacements) -> bytes:
    return _zipped(content, replacements, lambda name: name.endswith((".model", ".rels", ".xml")))


def _amf(content: bytes, replacements: Replacements) -> bytes:
    if content[:2] == b"PK":
        return _zipped(content, replacements, lambda name: name.endswith((".amf", ".xml")))
    return _xml(content, replacements)


def _zipped(content: bytes, replacements: Replacements, isKept: Callable[[str], bool]) -> bytes:
    stream = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(stream, "w") as target:
            requireRoom(2 * sum(entry.file_size for entry in source.infolist()), "This archive", len(content))
            for entry in source.infolist():
                inside = source.read(entry)
                if isKept(entry.filename):
                    inside = _xml(inside, replacements)
                elif inside.startswith(PNG_START):
                    inside = cleanPng(inside)
                else:
                    continue
                made = zipfile.ZipInfo(replacements.text(entry.filename), _ZIP_DATE)
                target.writestr(made, inside, zipfile.ZIP_DEFLATED, 1)
    except M3DError:
        raise
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, EOFError, NotImplementedError, RuntimeError) as error:
        raise M3DError(f"The archive cannot be read ({type(error).__name__}).") from error
    return stream.getvalue()


def _xml(content: bytes, replacements: Replacements) -> bytes:
    """The document without comments, without metadata that are not needed, and with neutral names of objects."""
    if re.search(rb"<!(DOCTYPE|ENTITY)", content[:4096]):
        raise M3DError("The file holds declarations (DOCTYPE), which no model needs.")
    numbers = iter(range(1, 1 << 30))

    def metadata(found: re.Match) -> bytes:
        name = re.search(rb"\b(?:name|type)\s*=\s*[\"']([^\"']*)", found[1])
        short = name[1].decode("utf-8", "replace").rpartition(":")[2] if name else ""
        if short not in _KEPT_METADATA or not found[2]:
            return b""
        text = replacements.text(found[2].decode("utf-8", "replace"))
        return b"<" + found[1] + b">" + text.encode("utf-8") + b"</metadata>"

    def named(found: re.Match) -> bytes:
        return found[1] + b"model-%d" % next(numbers) + found[3]

    changed = re.sub(rb"<!--.*?-->", b"", content, flags=re.DOTALL)
    changed = re.sub(rb"<(metadata\b[^>]*?)(?:/>|>(.*?)</metadata>)", metadata, changed, flags=re.DOTALL)
    changed = re.sub(rb"(<object\b[^>]*?\sname=\")([^\"]*)(\")", named, changed)
    return re.sub(rb"(<(?:object|item)\b[^>]*?)\spartnumber=\"[^\"]*\"", rb"\1", changed)


def cleanGlb(content: bytes, replacements: Replacements) -> bytes:
    """A binary glTF whose texts hold no value of the originals, without copyright and foreign extras.

    :raises M3DError: it is no GLB.
    """
    if content[:4] != b"glTF" or len(content) < 20:
        raise M3DError("The file is no GLB.")
    length = int.from_bytes(content[12:16], "little")
    try:
        document = json.loads(content[20 : 20 + length])
    except ValueError as error:
        raise M3DError("The GLB's description cannot be read.") from error

    def clean(value):
        if isinstance(value, dict):
            return {replacements.text(key): clean(item) for key, item in value.items() if key != "copyright"}
        if isinstance(value, list):
            return [clean(item) for item in value]
        return replacements.text(value) if isinstance(value, str) else value

    changed = clean(document)
    if changed == document:
        return content
    text = json.dumps(changed, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % 4)
    rest = content[20 + length :]
    size = (20 + len(text) + len(rest)).to_bytes(4, "little")
    return content[:8] + size + len(text).to_bytes(4, "little") + b"JSON" + text + rest
