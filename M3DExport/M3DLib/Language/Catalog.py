"""The catalogs of messages: one file in gettext's format (.po) for each language, English being the message itself.

They are read as they are, by Babel: what is reviewed is what is shown, from a checkout, a wheel and Slicer's extension
alike, and nothing has to be compiled or kept beside its source.
"""

from __future__ import annotations

import functools
from pathlib import Path

from .Languages import ENGLISH, requireLanguage

FOLDER = Path(__file__).parent / "Messages"


@functools.cache
def catalogOf(language: str) -> dict[str, str]:
    """Translations by English message; what is not translated, or marked as doubtful (fuzzy), is left out.

    :param language: code of :data:`~.Languages.LANGUAGES`.
    :raises M3DError: Babel is not installed.
    """
    if language == ENGLISH:
        return {}
    requireLanguage(language)
    from babel.messages.pofile import read_po

    with (FOLDER / f"{language}.po").open("rb") as stream:
        catalog = read_po(stream, locale=None)
    return {
        message.id: message.string
        for message in catalog
        if message.id and isinstance(message.id, str) and message.string and not message.fuzzy
    }
