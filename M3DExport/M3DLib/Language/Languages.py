"""The languages a report can be in, and how each writes numbers and dates."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..Errors import M3DError

ENGLISH = "en"
# By the code of the catalog: what the language calls itself, and the locale of its numbers and dates.
LANGUAGES = {
    "en": ("English", "en"),
    "de": ("Deutsch", "de_DE"),
    "fr": ("Français", "fr_FR"),
    "es": ("Español", "es_ES"),
    "ja": ("日本語", "ja_JP"),
    "zh": ("简体中文", "zh_Hans_CN"),
}


def languageOf(text: str) -> str:
    """The code of a language that somebody named: "zh", "zh_CN", "ZH-Hans".

    :raises M3DError: there are no reports in it; names those that there are.
    """
    code = re.split(r"[-_.@]", text.strip().lower())[0]
    if code not in LANGUAGES:
        known = ", ".join(f"{one} ({name})" for one, (name, _locale) in LANGUAGES.items())
        raise M3DError(f"There is no report in '{text}'; the languages are {known}.")
    return code


def requireLanguage(language: str) -> None:
    """Refuse a language whose catalogs cannot be read here, before any work is done.

    :raises M3DError: Babel is not installed, which English does not need.
    """
    import importlib.util

    if language != ENGLISH and importlib.util.find_spec("babel") is None:
        raise M3DError(
            "A report in another language than English needs the Python package Babel; install it with: pip install "
            "SlicerM3D[report]"
        )


@dataclass(frozen=True)
class Writing:
    """How a language writes what is no word.

    :ivar decimal: between the whole and the parts of a number.
    :ivar listing: between numbers of one list, where the decimal sign does not allow a comma.
    :ivar between: what stands between two sentences.
    :ivar percent: what stands between a number and the percent sign.
    :ivar colon: between a name and what is said of it.
    :ivar items: what stands for the separators of lists, by the English ones.
    :ivar stop: the full stop.
    """

    decimal: str = "."
    listing: str = ", "
    between: str = " "
    percent: str = " "
    colon: str = ": "
    items: Mapping[str, str] = field(default_factory=dict)
    stop: str = "."

    @staticmethod
    def of(language: str) -> Writing:
        """Of a language by its code.

        :raises M3DError: Babel is not installed.
        """
        if language == ENGLISH:
            return Writing()
        requireLanguage(language)
        from babel import Locale
        from babel.numbers import get_decimal_symbol

        locale = Locale.parse(LANGUAGES[language][1])
        decimal = get_decimal_symbol(locale)
        narrow = language in ("ja", "zh")
        pattern = locale.percent_formats[None].pattern
        percent = "" if pattern.rstrip("%")[-1] in "0#" else "\N{NO-BREAK SPACE}"
        items = {"; ": "；", ", ": "、"} if narrow else {}
        colon = "：" if narrow else "\N{NO-BREAK SPACE}: " if language == "fr" else ": "
        return Writing(
            decimal,
            "; " if decimal == "," else ", ",
            "" if narrow else " ",
            percent,
            colon,
            items,
            "。" if narrow else ".",
        )

    def numbers(self, text: str) -> str:
        """A text of numbers, units and codes as the language writes them; the numbers stay what they are."""
        if self.decimal != ".":
            text = re.sub(r"(?<=\d)(\s?mm²?³?)?, (?=[\W_]*(?:[LRPASI] )?\d)", rf"\1{self.listing}", text)
            # One point with digits on both sides: no version, no UID, no date.
            text = re.sub(r"(?<![\d.])(\d+)\.(\d+)(?!\.?\d)", rf"\1{self.decimal}\2", text)
        return re.sub(r"(?<=\d) %", f"{self.percent}%", text)


def dateText(text: str, language: str) -> str:
    """A date as the language writes it.

    :param text: "2026-11-27"; other text stays as it is.
    """
    found = re.fullmatch(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(.*)", text, re.S)
    if language == ENGLISH or not found:
        return text
    from datetime import date

    from babel.dates import format_skeleton

    try:
        day = date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return text
    # Numbers only, in the order of the language: a month's name would be one more word to get wrong.
    return format_skeleton("yMMdd", day, locale=LANGUAGES[language][1]) + found[4]
