"""What DICOMweb servers answer to searches: pages of it, whether it is an answer at all, and what they misread."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

_MOST_ANSWERS = 100_000
_TAG = re.compile(r"[0-9A-Fa-f]{8}")


def isDicomJson(answer: Any) -> bool:
    """Whether an answer is a list of data sets (PS3.18 Annex F): objects with a name for each tag."""
    return isinstance(answer, list) and all(
        isinstance(item, dict) and all(_TAG.fullmatch(name) for name in item) for item in answer
    )


def allPages(ask: Callable[[int | None], list], isOne: bool = False) -> list:
    """All answers: a server may give a part of them only, and some do not know the parameter that asks for the rest.

    :param isOne: whether one answer at most can come.
    """
    items, seen = [], set()
    page = ask(None)
    while page:
        new = [item for item in page if (mark := repr(sorted(item.items()))) not in seen and not seen.add(mark)]
        items += new
        if not new or isOne or len(items) > _MOST_ANSWERS:
            break
        page = ask(len(items))
    return items


def loosened(keyword: str, value: str) -> str:
    """A value to match, with a wildcard for each character that an address cannot hold as it is."""
    # Between UIDs a comma stands for "or" (PS3.18 8.3.4); in other values servers take it for that by mistake.
    others = r"[^A-Za-z0-9._~*?,-]+" if keyword.endswith("UID") else r"[^A-Za-z0-9._~*?-]+"
    # Servers may keep other letters than those of ASCII as two characters, or as none, and then no blank beside them.
    return re.sub(others, lambda match: "?" * len(match[0]) if match[0].isascii() else "*", value)
