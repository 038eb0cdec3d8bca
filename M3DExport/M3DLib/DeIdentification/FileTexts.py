"""Every text in a file, however it is packed there: what a search for identity goes through."""

from __future__ import annotations

import base64
import binascii
import contextlib
import html
import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from ..Errors import M3DError
from .PngCleaning import PNG_START, pngChunks

# Archives in archives, pictures in pages in archives.
_DEEPEST = 6
_LARGEST_INFLATED = 256 << 20
_DATA_URI = re.compile(rb"data:[\w.+/-]*(?:;[\w=.-]+)*?(;base64)?,([A-Za-z0-9+/=%_.~-]{16,})")
# Longer ones are pixels, coordinates or fonts; they are searched as bytes.
_LONGEST_BINARY_TEXT = 1 << 16
_DICOM_TEXTS = {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT"}
_PIXELS = (0x7FE00008, 0x7FE00009, 0x7FE00010)


def textsOf(content: bytes, place: str, depth: int = 0) -> Iterator[tuple[str, str | bytes]]:
    """Places and texts of a file; bytes where it is large and binary, or text in an unknown encoding.

    :param place: what to call the file.
    :raises M3DError: it cannot be looked through, so nothing can be said of it.
    """
    if depth > _DEEPEST:
        raise M3DError(f"{place} is packed too deep to be looked through.")
    if content[128:132] == b"DICM":
        yield from _dicom(content, place, depth)
    elif content.startswith(b"PK\x03\x04"):
        yield from _zip(content, place, depth)
    elif content.startswith(PNG_START):
        yield from _png(content, place)
    elif content.startswith(b"%PDF"):
        yield from _pdf(content, place, depth)
    elif content.startswith(b"\x1f\x8b"):
        yield from textsOf(_inflated(content, place, 31), f"{place}, unpacked", depth + 1)
    elif content.startswith(b"glTF"):
        length = int.from_bytes(content[12:16], "little")
        yield f"{place}, description", content[20 : 20 + length].decode("utf-8", "replace")
        yield f"{place}, values", content[20 + length :]
    else:
        yield from _plain(content, place, depth)


def _plain(content: bytes, place: str, depth: int) -> Iterator[tuple[str, str | bytes]]:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        yield place, content.decode("utf-16", "replace")
        return
    if b"\0" in content[:4096]:
        # An STL, or something unknown: its beginning as text, the whole as bytes.
        yield f"{place}, header", content[:256].decode("latin-1")
        yield f"{place}, content", content
        return
    found = list(_DATA_URI.finditer(content))
    for number, uri in enumerate(found, start=1):
        inside = f"{place}, embedded file {number}"
        try:
            data = base64.b64decode(uri[2], validate=False) if uri[1] else unquote_to_bytes(uri[2])
        except (binascii.Error, ValueError) as error:
            raise M3DError(f"{inside} cannot be looked through.") from error
        yield from textsOf(data, inside, depth + 1)
    if found:
        content = _DATA_URI.sub(b"data:", content)
    text = _decoded(content)
    if text.lstrip()[:1] in ("{", "["):
        with contextlib.suppress(ValueError, RecursionError):
            # Letters may be written as escapes there.
            yield f"{place}, values", json.dumps(json.loads(text), ensure_ascii=False)
            return
    yield place, text
    if "&" in text and "<" in text:
        yield f"{place}, text", html.unescape(re.sub(r"<[^<>]*>", " ", text))


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _zip(content: bytes, place: str, depth: int) -> Iterator[tuple[str, str | bytes]]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > 8 * _LARGEST_INFLATED:
                raise M3DError(f"{place} unpacks to too much to be looked through.")
            yield f"{place}, remarks", archive.comment.decode("latin-1")
            for entry in archive.infolist():
                yield f"{place}, name of a file in it", f"{entry.filename} {entry.comment.decode('latin-1')}"
                yield f"{place}, extra values", entry.extra.decode("latin-1")
                yield from textsOf(archive.read(entry), f"{place}, a file in it", depth + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise M3DError(f"{place} is an archive that cannot be looked through ({type(error).__name__}).") from error


def _png(content: bytes, place: str) -> Iterator[tuple[str, str | bytes]]:
    for kind, data in pngChunks(content):
        if kind in (b"IDAT", b"IHDR", b"PLTE", b"IEND"):
            continue
        where = f"{place}, chunk {kind.decode('latin-1')}"
        yield where, data.decode("latin-1")
        yield where, data.decode("utf-8", "replace")
        if kind in (b"zTXt", b"iTXt", b"iCCP"):
            start = data.find(b"x", data.find(b"\0"))
            for begin in {start, data.find(b"\0") + 2, data.rfind(b"\0") + 1}:
                with contextlib.suppress(zlib.error):
                    if begin > 0:
                        yield where, _decoded(zlib.decompressobj().decompress(data[begin:], 1 << 20))


def _dicom(content: bytes, place: str, depth: int) -> Iterator[tuple[str, str | bytes]]:
    from pydicom import dcmread

    try:
        dataset = dcmread(io.BytesIO(content))
        yield f"{place}, preamble", content[:128].decode("latin-1")
        yield from _elements(dataset.file_meta, place, depth)
        yield from _elements(dataset, place, depth)
    except M3DError:
        raise
    except Exception as error:
        raise M3DError(f"{place} is a DICOM object that cannot be looked through ({type(error).__name__}).") from error


def _elements(dataset, place: str, depth: int) -> Iterator[tuple[str, str | bytes]]:
    for tag in list(dataset.keys()):
        if tag in _PIXELS:
            continue
        element = dataset[tag]
        where = f"{place}, element {element.tag} {element.keyword}".rstrip()
        value = element.value
        if element.VR == "SQ":
            for item in value or ():
                yield from _elements(item, where if len(where) < 200 else place, depth)
        elif element.VR in _DICOM_TEXTS:
            values = value if not isinstance(value, str) and hasattr(value, "__iter__") else [value]
            yield where, "\n".join(str(one) for one in values if one is not None)
        elif isinstance(value, (bytes, bytearray)) and value:
            if element.keyword == "EncapsulatedDocument":
                yield from textsOf(bytes(value), f"{place}, its document", depth + 1)
            elif len(value) <= _LONGEST_BINARY_TEXT:
                yield where, bytes(value).decode("latin-1")
            else:
                yield where, bytes(value)


def _pdf(content: bytes, place: str, depth: int) -> Iterator[tuple[str, str | bytes]]:
    try:
        import pypdf
    except ImportError as error:
        raise M3DError(
            "PDF files are searched with the Python package pypdf: pip install SlicerM3D[handover]"
        ) from error
    try:
        reader = pypdf.PdfReader(io.BytesIO(content))
        for number, page in enumerate(reader.pages, start=1):
            yield f"{place}, page {number}", page.extract_text()
        yield f"{place}, properties", "\n".join(f"{key} {value}" for key, value in (reader.metadata or {}).items())
        for name, files in (reader.attachments or {}).items():
            yield f"{place}, name of an attachment", name
            for data in files:
                yield from textsOf(bytes(data), f"{place}, attachment", depth + 1)
        for data in _pdfStreams(reader):
            yield f"{place}, a stream in it", data
    except M3DError:
        raise
    except Exception as error:
        raise M3DError(f"{place} is a PDF that cannot be looked through ({type(error).__name__}).") from error
    yield f"{place}, content", content


def _pdfStreams(reader) -> Iterator[str]:
    """What the streams of a PDF hold, but for pictures and fonts: metadata (XMP), attachments, contents of pages."""
    from pypdf.generic import StreamObject

    for number in range(1, int(reader.trailer["/Size"])):
        try:
            found = reader.get_object(number)
        except Exception:
            # Numbers that are free or damaged hold nothing that a reader shows.
            continue
        if not isinstance(found, StreamObject):
            yield str(found)
        elif found.get("/Subtype") != "/Image" and not any(f"/Length{one}" in found for one in (1, 2, 3)):
            yield _decoded(found.get_data())


def _inflated(content: bytes, place: str, bits: int) -> bytes:
    inflater = zlib.decompressobj(bits)
    try:
        data = inflater.decompress(content, _LARGEST_INFLATED)
    except zlib.error as error:
        raise M3DError(f"{place} is compressed and damaged.") from error
    if inflater.unconsumed_tail:
        raise M3DError(f"{place} unpacks to too much to be looked through.")
    return data
