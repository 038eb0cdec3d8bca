"""Every sentence that there is, filled with values and said in every language: as its translation, and all of it."""

import re

import pytest
from babel.messages.pofile import read_po

from M3DLib.Language.Catalog import FOLDER, catalogOf
from M3DLib.Language.Languages import ENGLISH, LANGUAGES, Writing
from M3DLib.Language.Translator import Translator
from M3DTestSupport.Project import ROOT

OTHERS = [language for language in LANGUAGES if language != ENGLISH]
GAP = re.compile(r"\{(\w+)\}")
# What no language has words for: units, codes, names of files and of attributes stay.
SAME = {"DICOM", "Functional", "Groups", "ORIGINAL", "PRIMARY", "STL", "UID", "RAS", "LPS", "HU", "MB"}


def filled(text):
    """A sentence with another number in each of its gaps."""
    parts = GAP.split(text)
    # What stands right behind a word is said besides, or not; here it is not.
    beside = {name for before, name in zip(parts[::2], parts[1::2], strict=False) if re.search(r"[\w.)]$", before)}
    beside |= {name for number, name in enumerate(parts[1::2]) if number and not parts[2 * number]}
    values = {name: "" if name in beside else f"{number}7" for number, name in enumerate(parts[1::2], start=1)}
    return GAP.sub(lambda gap: values[gap[1]], text), values


@pytest.mark.parametrize("language", OTHERS)
def test_everySentenceIsFoundAgainByItsValues(language):
    """A report in a language is made from sentences in English: each must be told from all others."""
    translator, writing = Translator(language), Writing.of(language)
    wrong = []
    for message, translation in catalogOf(language).items():
        if not re.search("[a-z]{2}", GAP.sub("", message)):
            continue
        text, values = filled(message)
        wanted = GAP.sub(lambda gap, values=values: values[gap[1]], translation)
        found = translator.text(text)
        if found not in (wanted, writing.numbers(wanted)):
            wrong.append((text, found))
    assert wrong == []


@pytest.mark.parametrize("language", OTHERS)
def test_nothingIsMissing(language):
    """Every message is translated; one that could not be would be named here, with its reason."""
    with (FOLDER / f"{language}.po").open("rb") as stream:
        missing = [message.id for message in read_po(stream) if message.id and (not message.string or message.fuzzy)]
    assert missing == []


@pytest.mark.parametrize("language", ["ja", "zh"])
def test_sentencesInOtherLettersHaveNoEnglishWords(language):
    """Where a translation has words in Latin letters, they are those of the message: attributes, units and options."""
    for message, translation in catalogOf(language).items():
        for word in re.findall(r"[A-Za-z]{3,}", GAP.sub("", translation)):
            assert word in message or word in SAME, (message, translation)


@pytest.mark.parametrize("language", ["de", "fr", "es"])
def test_noTranslationIsTheMessageItself(language):
    """But for names of attributes, formats and units, and words that both languages share."""
    same = [message for message, translation in catalogOf(language).items() if translation == message]
    words = [message for message in same if re.search(r"[a-z]{2,} [a-z]{2,} [a-z]{2,}", GAP.sub("", message))]
    assert words == []


def test_howFarTheTranslationsCanBeTrustedIsSaid():
    page = (ROOT / "Docs" / "Translations.md").read_text(encoding="utf-8")
    for language in OTHERS:
        head = (FOLDER / f"{language}.po").read_text(encoding="utf-8").split("\n\n")[0]
        review = re.search(r'"X-Review: (.*)\\n"', head)[1]
        assert review in page
