"""The catalogs of messages: up to date with the sources, with whole gaps, and verdicts that cannot be mistaken."""

import re
import subprocess
import sys

import pytest
from babel.messages.pofile import read_po

from M3DLib.Language.Catalog import FOLDER, catalogOf
from M3DLib.Language.Languages import ENGLISH, LANGUAGES
from M3DLib.Language.Translator import Translator
from M3DTestSupport.Project import ROOT
from M3DValidationLib.Profile import loadCatalogue, loadProfile, profileNames
from M3DValidationLib.Report.Content.ReportView import CONCLUSIONS, WORDS
from M3DValidationLib.Report.FirstPage.AnswerText import MODELS, SCAN, VERDICTS

OTHERS = [language for language in LANGUAGES if language != ENGLISH]
# So many of the messages are translated at the least; the rest is listed by Utilities/ExtractMessages.py.
LEAST_SHARE = 0.6


def gaps(text):
    return sorted(re.findall(r"\{\w*\}", text))


@pytest.fixture(scope="module")
def extracted():
    return subprocess.run(
        [sys.executable, ROOT / "Utilities" / "ExtractMessages.py", "--check"],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def test_catalogsAreUpToDateWithTheSources(extracted):
    assert extracted.returncode == 0, extracted.stdout + extracted.stderr


def test_whatIsMissingIsListedAndIsTheLesserPart(extracted):
    found = re.findall(r"^(\w\w): (\d+) of (\d+) messages translated$", extracted.stdout, re.MULTILINE)
    assert [language for language, _done, _all in found] == OTHERS
    for language, done, whole in found:
        assert int(done) >= LEAST_SHARE * int(whole), language


@pytest.mark.parametrize("language", OTHERS)
def test_everyTranslationHasTheGapsOfItsMessage(language):
    with (FOLDER / f"{language}.po").open("rb") as stream:
        messages = [message for message in read_po(stream) if message.id and message.string]
    assert len(messages) > 500
    for message in messages:
        assert gaps(message.string) == gaps(message.id), message.id
        assert message.string.strip() == message.string


@pytest.mark.parametrize("language", OTHERS)
def test_numbersOfAMessageAreThoseOfItsTranslation(language):
    for message, translation in catalogOf(language).items():
        # Three dimensions are written in characters, too.
        shown = re.sub("三次元|三维", "3D", translation)
        wanted, found = (sorted(re.findall(r"\d+", re.sub(r"\{\w+\}", "", text))) for text in (message, shown))
        assert found == wanted, message


@pytest.mark.parametrize("language", OTHERS)
def test_verdictsAreTranslatedAndDistinct(language):
    translator = Translator(language)
    for group in (WORDS, CONCLUSIONS, VERDICTS, MODELS, SCAN):
        words = [translator.word(text) for text in group.values()]
        assert len(set(words)) == len(words)
    known = catalogOf(language)
    for group in (WORDS, CONCLUSIONS, VERDICTS, MODELS, SCAN):
        assert [text for text in group.values() if text not in known] == []


@pytest.mark.parametrize("language", OTHERS)
def test_requirementsClausesAndProfilesAreTranslated(language):
    known = catalogOf(language)
    for requirement in loadCatalogue().values():
        texts = [requirement.title, requirement.clause, *([requirement.quantity] if requirement.quantity else [])]
        assert [text for text in texts if text not in known] == []
    for name in profileNames():
        assert loadProfile(name).title in known
    titles = [known[requirement.title] for requirement in loadCatalogue().values()]
    assert len(set(titles)) == len(titles)


def test_aDoubtfulTranslationIsNotUsed(tmp_path, monkeypatch):
    from M3DLib.Language import Catalog

    (tmp_path / "de.po").write_text(
        'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'
        '#, fuzzy\nmsgid "Pass"\nmsgstr "Fehler"\n\n'
        'msgid "Fail"\nmsgstr "Fehler"\n\nmsgid "Warning"\nmsgstr ""\n',
        encoding="utf-8",
    )
    monkeypatch.setattr(Catalog, "FOLDER", tmp_path)
    assert Catalog.catalogOf.__wrapped__("de") == {"Fail": "Fehler"}
