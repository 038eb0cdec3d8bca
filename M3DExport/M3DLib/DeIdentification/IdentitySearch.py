"""The search through everything in a package for any value of the originals."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime, timezone
from pathlib import Path

from ..Errors import M3DError
from .FileTexts import textsOf
from .OriginalValues import plain
from .Replacements import Replacements

_UID = re.compile(r"(?<![\d.])[0-2](?:\.\d+){3,}(?!\d)")
_DATE = re.compile(
    r"(?<!\d)(?:(\d{4})([-./]?)(\d{2})\2(\d{2})(?!\d)|(\d{2})([./-])(\d{2})\6(\d{4})(?!\d)|(\d{8})\d{4,6}(?!\d))"
)
# In large files (coordinates as text, bytes) only what can hardly stand there by chance is looked for.
_LARGE = 1 << 22
_SHORTEST_IN_BYTES = 6
_MOST_PLACES = 20
_FOUND = (
    "Nothing was written, because values of the originals (names, numbers, dates, identifiers) were still found after "
    "de-identification, in:"
)


@dataclass
class IdentitySearch:
    """Looks for the originals' values.

    :ivar places: where something was found: the place, never the value.
    :ivar files: how many were searched. :ivar texts: how many texts and values in them.
    """

    replacements: Replacements
    places: list[str] = field(default_factory=list)
    files: int = 0
    texts: int = 0

    def __post_init__(self) -> None:
        words = self.replacements.words()
        self._words = re.compile("|".join(rf"(?<!\w){re.escape(one)}(?!\w)" for one in words) or r"(?!)")
        originals = self.replacements.originals
        # A package says when it was made: of a scan of the same day, the day cannot be looked for.
        self._dates = originals.dates - {date.today().strftime("%Y%m%d"), datetime.now(timezone.utc).strftime("%Y%m%d")}
        long = {one for one in (*words, *originals.uids) if len(one) >= _SHORTEST_IN_BYTES}
        forms = {one.encode(encoding, "ignore") for one in long for encoding in ("utf-8", "utf-16-le")}
        for name in originals.names | originals.texts:
            if plain(name) in long and not name.isascii():
                forms.update(name.casefold().encode(encoding, "ignore") for encoding in ("utf-8", "latin-1"))
        self._bytes = sorted(one for one in forms if len(one) >= _SHORTEST_IN_BYTES)

    def file(self, name: str, content: bytes) -> None:
        """Search a file and its name.

        :raises M3DError: it cannot be looked through, so nothing can be said of it.
        """
        self.files += 1
        kind = Path(name).suffix
        ofWhat = f"a file of the kind {kind}" if kind and not self._hits(kind) else "a file"
        self.text(f"the name of '{name}'" if not self._hits(name) else f"the name of {ofWhat}", name)
        for place, text in textsOf(content, f"'{name}'"):
            self.text(place, text)

    def text(self, place: str, text: str | bytes, *, dates: bool = True) -> None:
        """Search one text."""
        self.texts += 1
        if place not in self.places and self._hits(text, dates):
            self.places.append(place)

    def requireNothing(self) -> None:
        """Refuse when something was found.

        :raises M3DError: names the places.
        """
        if not self.places:
            return
        shown = [f"  {place}" for place in self.places[:_MOST_PLACES]]
        more = len(self.places) - len(shown)
        raise M3DError(
            [
                _FOUND,
                *shown,
                *([f"  and {more} more places"] if more > 0 else []),
            ]
        )

    def _hits(self, text: str | bytes, dates: bool = True) -> bool:
        if isinstance(text, bytes) or len(text) > _LARGE:
            content = (text if isinstance(text, bytes) else text.encode("utf-8", "ignore")).lower()
            return any(one in content for one in self._bytes)
        originals = self.replacements.originals
        if any(uid in originals.uids for uid in _UID.findall(text)):
            return True
        if dates and any(self._days(found) & self._dates for found in _DATE.finditer(text)):
            return True
        return self._words.search(plain(text)) is not None

    @staticmethod
    def _days(found: re.Match) -> set[str]:
        if found[9]:
            return {found[9]}
        if found[1]:
            return {found[1] + found[3] + found[4]}
        return {found[8] + found[7] + found[5], found[8] + found[5] + found[7]}
