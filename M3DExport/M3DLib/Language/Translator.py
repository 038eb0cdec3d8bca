"""Sentences that were written in English, said in another language.

The checks write finished sentences, and the JSON of a report keeps them, so that it reads the same everywhere and a
report in any language can be made from it later. A sentence is translated by finding the message that it was made of,
with gaps where its values stood ("The surface lies within {0}."), and putting the same values into the message's
translation. So a translation has the very numbers of its sentence.

What cannot be translated as a whole stays English: a text that fits no message, one that fits two with different
outcomes, and one with a word in it, be it in the smallest gap, that is not known.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Collection, Mapping

from .Catalog import catalogOf
from .Languages import ENGLISH, Writing, dateText

_GAP = re.compile(r"\{([A-Za-z0-9_]+)\}")
# What stands between these is somebody's name and stays as it is.
_QUOTES = ("'", "'")
# No words: units, coordinate systems and kinds of file; codes in capital letters are none either.
_SYMBOLS = {"mm", "cm", "ml", "kB", "kV", "mA", "HU", "px", "GHz", "Hz", "min", "deg", "um", "kg", "LPS", "RAS"}
_SUPERSCRIPTS = dict.fromkeys(map(ord, "²³"))
_SENTENCE_END, _COLON = re.compile(r"(?<=[.!?]) "), re.compile(": ")
# What may stand in a gap: brackets are not torn apart.
_ANYTHING = r"(?:[^()]|\((?:[^()]|\([^()]*\))*\))+?"
# Gaps with names that hold a list, or what somebody wrote; all others hold one value.
_LISTS = {"reasons", "reason", "part", "name", "title"}
_UNITS = "mm|mm²|mm³|cm³|HU|%|degrees|MB|slices|days|parts"
# A sentence among others, its reasons, one of them, its limit, the number in that and its unit.
_DEEPEST = 6


class Verbatim(str):
    """A text that is nobody's message: a name, a path, what a user wrote. It is never translated."""

    __slots__ = ()


class Translator:
    """Says texts in one language.

    :ivar language: code of :data:`~.Languages.LANGUAGES`.
    """

    def __init__(self, language: str = ENGLISH, messages: Mapping[str, str] | None = None, names: Collection[str] = ()):
        """Read the catalog of a language.

        :param messages: translations by English message, instead of the catalog's.
        :param names: texts that stay as they are, alone and in the gaps of others.
        :raises M3DError: Babel is not installed.
        """
        self.language = language
        self._messages = catalogOf(language) if messages is None else messages
        self._writing = Writing.of(language)
        self._names = frozenset(names)
        self._patterns = [
            _Pattern(message, self._messages[message]) for message in self._messages if _GAP.search(message)
        ]
        self._texts = functools.lru_cache(maxsize=None)(self._translated)

    def text(self, text: str) -> str:
        """A text in the language, or as it is where it cannot be translated as a whole."""
        if self.language == ENGLISH or isinstance(text, Verbatim) or not text.strip():
            return text
        found = self._texts(text, 0)
        return text if found is None else found

    def word(self, message: str, **values: object) -> str:
        """A message of the templates with named gaps in the language; gaps are filled as they are given."""
        return self._messages.get(message, message).format(**values) if values else self._messages.get(message, message)

    def _translated(self, text: str, depth: int, inGap: bool = False) -> str | None:
        """The translation; None where there is none that is sure and whole.

        :param inGap: whether the text stands in a gap that holds one value: no list and no sentences, for their ends
            could belong to what stands around the gap.
        """
        if text in self._names or text.removesuffix(".") in self._names:
            return text
        if text in self._messages:
            return self._messages[text]
        if not _hasWord(text):
            return dateText(self._writing.numbers(text), self.language)
        if depth > _DEEPEST:
            return None
        # Sentences come first: a gap of one must not swallow those before it.
        ways = (self._bySentences, self._byPattern, self._byColon, self._withoutStop, self._byItems)
        if inGap:
            return self._byPattern(text, depth)
        return next((found for way in ways if (found := way(text, depth)) is not None), None)

    def _withoutStop(self, text: str, depth: int) -> str | None:
        """What was put together before its full stop."""
        found = self._texts(text[:-1], depth + 1) if text.endswith(".") and not text.endswith("..") else None
        return None if found is None else f"{found}{self._writing.stop}"

    def _byPattern(self, text: str, depth: int) -> str | None:
        outcomes = set()
        for pattern in self._patterns:
            values = pattern.valuesIn(text)
            filled = (
                None
                if values is None
                else pattern.filled(values, functools.partial(self._gap, depth + 1), self._writing)
            )
            if filled is not None:
                outcomes.add((pattern.own, filled))
        if not outcomes:
            return None
        # The message with the most text of its own; where two say the same much, nobody knows which it was.
        most = max(own for own, _filled in outcomes)
        best = {filled for own, filled in outcomes if own == most}
        return best.pop() if len(best) == 1 else None

    def _gap(self, depth: int, value: str, isOneValue: bool) -> str | None:
        return self._texts(value, depth, isOneValue)

    def _bySentences(self, text: str, depth: int) -> str | None:
        """Sentence after sentence, each of them whole."""
        return self._inTwo(text, _SENTENCE_END, self._writing.between, depth)

    def _byColon(self, text: str, depth: int) -> str | None:
        """What stands before and behind a colon, each of them whole."""
        return self._inTwo(text, _COLON, self._writing.colon, depth)

    def _inTwo(self, text: str, border: re.Pattern, between: str, depth: int) -> str | None:
        for found in border.finditer(text):
            first = self._texts(text[: found.start()], depth + 1)
            rest = self._texts(text[found.end() :], depth) if first is not None else None
            if first is not None and rest is not None:
                return f"{first}{between}{rest}"
        return None

    def _byItems(self, text: str, depth: int) -> str | None:
        """The items of a list, each of them whole."""
        for separator in ("; ", ", "):
            items = text.split(separator)
            if len(items) > 1 and all(item.count("(") == item.count(")") for item in items):
                found = [self._texts(item, depth + 1) for item in items]
                if None not in found:
                    return self._writing.items.get(separator, separator).join(found)
        return None


def _hasWord(text: str) -> bool:
    """Whether there is a word in a text, and not only numbers, units and codes."""
    if re.search(r"[^\W\d_]", text) is None:
        return False
    words = re.findall(r"[^\W\d_]+", text.translate(_SUPERSCRIPTS))
    return any(len(word) > 1 and word not in _SYMBOLS and not word.isupper() for word in words)


class _Pattern:
    """A message with gaps and its translation."""

    def __init__(self, message: str, translation: str):
        self.translation = translation
        parts = _GAP.split(message)
        self._literals = parts[::2]
        self._names = parts[1::2]
        letters = sum(len(re.sub(r"[\W\d_]", "", part)) for part in self._literals)
        self.own = (letters, sum(map(len, self._literals)))
        self._longest = max(self._literals, key=len)
        body, seen = [], set()
        for number, literal in enumerate(self._literals):
            body.append(re.escape(literal))
            if number < len(self._names):
                name = self._names[number]
                # A gap right behind a word or a gap holds what may be said besides: " at the left", or nothing.
                besides = literal[-1:].isalpha() or literal.endswith((".", ")")) or (number and not literal)
                said = f"(?:,? {_ANYTHING})?" if besides else _ANYTHING
                if (literal[-1:], self._literals[number + 1][:1]) == _QUOTES:
                    said = ".+?"
                if number + 1 < len(self._names) and not self._literals[number + 1].strip():
                    # In front of another gap stands a word, or a number with its unit.
                    said = rf"(?:less than )?\S+(?: (?:{_UNITS}))?"
                body.append(f"(?P=_{name})" if name in seen else f"(?P<_{name}>{said})")
                seen.add(name)
        self._regex = re.compile("".join(body), re.S)
        self._forSentences = {
            name
            for number, name in enumerate(self._names)
            if (not self._literals[number + 1] and re.search(r"(?:[.:] |\.)$", self._literals[number]))
            or (number == 0 and not self._literals[0] and re.match(" [A-Z]", self._literals[1]))
        }
        # Gaps with names are filled by the first page, which knows what it puts there; others hold one value each.
        self._oneValue = {
            name
            for number, name in enumerate(self._names)
            if name.isdigit() and name not in self._forSentences and not self._literals[number].endswith(": ")
        }
        # What is joined by semicolons is a list, whose items belong to what stands around the gap.
        self._noLists = self._oneValue | {
            name for name in self._names if not name.isdigit() and name not in _LISTS | self._forSentences
        }
        self._quoted = {
            name
            for number, name in enumerate(self._names)
            if (self._literals[number][-1:], self._literals[number + 1][:1]) == _QUOTES
        }

    def valuesIn(self, text: str) -> dict[str, str] | None:
        """What stands in the gaps, by their names; None where the text was not made of this message."""
        if self._longest not in text:
            return None
        found = self._regex.fullmatch(text)
        if found is None:
            return None
        values = {key[1:]: value for key, value in found.groupdict().items()}
        # A sentence stands in a gap only where the message leaves room for one.
        forbidden = set(values) - self._forSentences - self._quoted
        if any(_SENTENCE_END.search(values[name]) for name in forbidden):
            return None
        return None if any("; " in values[name] for name in self._noLists - self._quoted) else values

    def filled(
        self, values: Mapping[str, str], translated: Callable[[str, bool], str | None], writing: Writing
    ) -> str | None:
        """The translation with the values in its gaps; None where one of them is not known."""
        said = {}
        for name, value in values.items():
            keeps = name in self._quoted or not value
            joint = next((one for one in (", ", " ") if value.startswith(one)), "")
            found = value if keeps else translated(value.removeprefix(joint), name in self._oneValue)
            if found is None:
                return None
            before = writing.between if joint == " " else writing.items.get(joint, joint)
            said[name] = found if keeps or not joint else before + found
        return _GAP.sub(lambda gap: said[gap[1]], self.translation)
