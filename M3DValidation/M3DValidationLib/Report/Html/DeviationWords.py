"""What the 3D view of the page says of the place under the cursor, in the language of the report."""

from __future__ import annotations

from collections.abc import Iterable

from M3DLib.Language.Translator import Translator

# The views, by the side they are seen from.
SIDES = {
    "anterior": "Anterior",
    "posterior": "Posterior",
    "left": "Left",
    "right": "Right",
    "superior": "Superior",
    "inferior": "Inferior",
}
NO_SURFACE = "No surface here"
# The deviation, what it means, and where it is; and where nothing was measured.
MEASURED = "{0} mm ({1}) at {2} mm"
UNMEASURED = "not measured at {0} mm"


def spoken(placeTexts: Iterable[str], words: tuple[str, ...], translator: Translator) -> dict:
    """Settings of the view.

    :param placeTexts: what the report has of its own places.
    :param words: of the scale: for what is blue and for what is orange.
    """
    return {
        "placeTexts": [translator.text(text) for text in placeTexts],
        "decimal": translator.text("0.5")[1],
        "listing": "; " if translator.text("0.5")[1] == "," else ", ",
        "noSurface": translator.word(NO_SURFACE),
        "measured": translator.word(MEASURED),
        "unmeasured": translator.word(UNMEASURED),
        "negative": translator.text(words[0]),
        "positive": translator.text(words[1]),
    }
