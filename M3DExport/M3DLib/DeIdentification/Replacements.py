"""One replacement for each value of the originals, the same in every header, report, file and name of a package."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field

from ..Errors import M3DError
from .OriginalValues import OriginalValues, nameParts, plain, searchable, wholeNames

WITHHELD = "(withheld)"
REMOVED = "REMOVED"
_UID = re.compile(r"(?<![\d.])[0-2](?:\.\d+){3,}(?![\d])")
_DATE = re.compile(r"(?<!\d)(\d{4})([-./]?)(\d{2})\2(\d{2})(?!\d)|(?<!\d)(\d{2})([./-])(\d{2})\6(\d{4})(?!\d)")
_DAY_MINUTE = re.compile(r"(?<!\d)(\d{8})\d{4,6}(?:\.\d+)?(?!\d)")
_PSEUDONYM = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}")


def requirePseudonym(pseudonym: str) -> str:
    """The pseudonym, checked to be one that every header, text and name may hold.

    :raises M3DError: says what it must be.
    """
    text = pseudonym.strip()
    if not _PSEUDONYM.fullmatch(text):
        raise M3DError(
            "A pseudonym is 1 to 64 letters, digits, spaces, dots, hyphens or underscores and begins with a letter or "
            "digit."
        )
    return text


def requireNoOriginal(pseudonym: str, originals: OriginalValues) -> None:
    """Refuse a pseudonym in which something of the originals stands: it would be written everywhere, and found nowhere.

    :raises M3DError: says so without saying what.
    """
    text = plain(pseudonym)
    words = set(re.split(r"[\W_]+", text))
    joined = re.sub(r"[\W_]+", "", text)
    names = wholeNames(originals.names) | {one for one in map(plain, originals.texts) if searchable(one)}
    spoken = {re.sub(r"[\W_]+", "", one) for one in names} | originals.dates
    if words & nameParts(originals.names) or any(one and one in joined for one in spoken):
        raise M3DError(
            "The pseudonym holds a part of a name, a number or another text that the originals hold, and would lead "
            "back to the patient. Choose another one."
        )


@dataclass
class Replacements:
    """What stands in for the originals' values.

    :ivar pseudonym: of the patient.
    :ivar secret: from which the new UIDs are made; without it and the table nobody can tell which were the old ones.
    :ivar uids: new UID by old.
    :ivar hashes: SHA-256 of a file as it is in the package by that of the original.
    """

    pseudonym: str
    originals: OriginalValues
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    uids: dict[str, str] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)
    _pattern: re.Pattern | None = None

    def uid(self, old: str) -> str:
        """The new UID for an old one: 2.25. and a number (PS3.5 B.2)."""
        new = self.uids.get(old)
        if new is None:
            digest = bytearray(hmac.new(self.secret, old.encode("utf-8"), hashlib.sha256).digest()[:16])
            # A random UUID (RFC 4122, version 4), as the standard asks of 2.25.
            digest[6] = digest[6] & 0x0F | 0x40
            digest[8] = digest[8] & 0x3F | 0x80
            new = self.uids[old] = f"2.25.{int.from_bytes(digest, 'big')}"
        return new

    def text(self, text: str) -> str:
        """A text with every value of the originals in it replaced."""
        if not text:
            return text
        if text in self.hashes:
            return self.hashes[text]
        changed = _UID.sub(self._uidIn, text)
        changed = _DAY_MINUTE.sub(self._momentIn, changed)
        changed = _DATE.sub(self._dateIn, changed)
        return self._withoutNames(changed)

    def _uidIn(self, found: re.Match) -> str:
        return self.uid(found[0]) if found[0] in self.originals.uids else found[0]

    def _momentIn(self, found: re.Match) -> str:
        return WITHHELD if found[1] in self.originals.dates else found[0]

    def _dateIn(self, found: re.Match) -> str:
        day = found[1] + found[3] + found[4] if found[1] else found[8] + found[7] + found[5]
        other = day if found[1] else found[8] + found[5] + found[7]
        return WITHHELD if {day, other} & self.originals.dates else found[0]

    def _withoutNames(self, text: str) -> str:
        if self._pattern is None:
            self._pattern = re.compile("|".join(map(_asWord, self.words())) or r"(?!)")
        # Letters with accents are one character in both forms only when composed; the plain text may be shorter.
        simple = plain(text)
        if not self._pattern.search(simple):
            return text
        if len(simple) != len(text):
            return self._pattern.sub(WITHHELD, simple)
        parts, last = [], 0
        for found in self._pattern.finditer(simple):
            parts += [text[last : found.start()], WITHHELD]
            last = found.end()
        return "".join([*parts, text[last:]])

    def words(self) -> list[str]:
        """Names and texts to be replaced and to be found nowhere, plain, the longest first."""
        texts = {plain(one) for one in self.originals.texts if searchable(one)}
        found = texts | wholeNames(self.originals.names) | nameParts(self.originals.names)
        return sorted((one for one in found if one not in plain(self.pseudonym)), key=len, reverse=True)


def _asWord(text: str) -> str:
    return rf"(?<!\w){re.escape(text)}(?!\w)"
