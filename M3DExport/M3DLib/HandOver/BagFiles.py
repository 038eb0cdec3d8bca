"""The files that make a folder a BagIt bag (RFC 8493): written, and read.

The Python package ``bagit`` writes version 0.97 and changes the working directory of the whole process, which an
application with threads cannot have; it is used to verify what was unpacked, and in the tests.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import date

from ..Errors import M3DError
from ..Software import NAME, VERSION

BAG_FILE, INFO_FILE = "bagit.txt", "bag-info.txt"
MANIFEST, TAG_MANIFEST = "manifest-sha256.txt", "tagmanifest-sha256.txt"
SIGNATURE_SUFFIX, TIME_STAMP_SUFFIX = ".p7s", ".tsr"
PAYLOAD = "data/"
DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
PROFILE = "https://github.com/SlicerM3D/SlicerM3D package 1"
# These cannot stand in the tag manifest: they are about it.
ABOUT_TAG_MANIFEST = (
    TAG_MANIFEST,
    TAG_MANIFEST + SIGNATURE_SUFFIX,
    TAG_MANIFEST + TIME_STAMP_SUFFIX,
    TAG_MANIFEST + SIGNATURE_SUFFIX + TIME_STAMP_SUFFIX,
)
_LINE = re.compile(r"([0-9A-Fa-f]{64})[ \t]+\*?(.+)")


def manifestBytes(hashes: Mapping[str, str]) -> bytes:
    """A manifest: SHA-256 by name of the file, sorted by name."""
    return "".join(f"{hashes[name]}  {_escaped(name)}\n" for name in sorted(hashes)).encode("utf-8")


def readManifest(content: bytes, name: str) -> dict[str, str]:
    """SHA-256 by name of the file.

    :param name: of the manifest, for messages.
    :raises M3DError: it cannot be read.
    """
    try:
        lines = content.decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise M3DError(f"{name} is damaged: it is no text in UTF-8.") from error
    found: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise M3DError(f"{name} is damaged: line {number} is no SHA-256 with a name.")
        place = _unescaped(match[2])
        if place in found:
            raise M3DError(f"{name} is damaged: it names '{place}' twice.")
        found[place] = match[1].lower()
    return found


def infoBytes(payload: Mapping[str, int], more: Mapping[str, str]) -> bytes:
    """bag-info.txt.

    :param payload: bytes by name.
    :param more: further lines; of each value only one line is written.
    """
    values = {
        "Bag-Software-Agent": f"{NAME} {VERSION}",
        "Bagging-Date": date.today().isoformat(),
        "BagIt-Profile-Identifier": PROFILE,
        "Payload-Oxum": f"{sum(payload.values())}.{len(payload)}",
        **more,
    }
    return "".join(f"{key}: {' '.join(str(value).split())}\n" for key, value in values.items()).encode("utf-8")


def readInfo(content: bytes) -> dict[str, str]:
    """What bag-info.txt says, as far as it can be read."""
    found = {}
    for line in content.decode("utf-8", "replace").splitlines():
        key, colon, value = line.partition(":")
        if colon and not line.startswith((" ", "\t")):
            found[key.strip()] = value.strip()
    return found


def sha256(content: bytes) -> str:
    """SHA-256 of some bytes, hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def _escaped(name: str) -> str:
    return name.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _unescaped(name: str) -> str:
    return re.sub("(?i)%0a|%0d|%25", lambda found: {"%0a": "\n", "%0d": "\r", "%25": "%"}[found[0].lower()], name)
