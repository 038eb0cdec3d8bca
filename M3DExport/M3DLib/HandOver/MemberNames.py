"""Names of files in a package that may become files on any system: checked before anything is written."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?")
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]')
_LONGEST_PART, _LONGEST_NAME, _DEEPEST = 200, 1000, 32


def nameProblem(name: str) -> str:
    """Why a name in a package must not become a file; "" where it may.

    :param name: with slashes between folders.
    """
    if not name or len(name) > _LONGEST_NAME:
        return "is empty or too long"
    if name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name):
        return "is an absolute path"
    parts = name.split("/")
    if ".." in parts or "." in parts:
        return "leads out of its folder"
    if "" in parts:
        return "has an empty part"
    if len(parts) > _DEEPEST or any(len(part.encode("utf-8")) > _LONGEST_PART for part in parts):
        return "is too deep or too long"
    for part in parts:
        if _FORBIDDEN.search(part):
            return "has characters that no file name may have everywhere"
        if part[-1] in ". " or part[0] == " ":
            return "begins or ends with a space or ends with a dot"
        if _RESERVED.fullmatch(part):
            return "is reserved on Windows"
        if any(unicodedata.category(letter) in ("Cf", "Cs", "Co", "Cn") for letter in part):
            return "has invisible characters"
    return ""


def collisions(names: Iterable[str]) -> list[str]:
    """Names that would become one file on a system that knows no upper case, or a file and a folder at once."""
    seen: dict[str, str] = {}
    folders: set[str] = set()
    found = []
    for name in names:
        folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
        if folded in seen or folded in folders:
            found.append(name)
        seen[folded] = name
        parts = folded.split("/")[:-1]
        for length in range(1, len(parts) + 1):
            folder = "/".join(parts[:length])
            if folder in seen:
                found.append(name)
            folders.add(folder)
    return found
