"""Sentences of the libraries in the language of the application.

The libraries know no application, and write their messages as f-strings. What is translated is the sentence with
numbered gaps in the places of its values, "Volume '{0}' holds no image." for example; ``Utilities/ListMessages.py``
lists them all for the translators. A message is translated by finding the sentence that it was made of. Slicer's own
translations come first; what they lack is taken from the catalogs of the reports (``M3DLib/Language``), where Babel is
installed.
"""

import functools
import importlib.util
import re

# Qt's context of these sentences, as they are listed for the translators.
CONTEXT = "M3DLib"


def translatedMessage(text):
    """A message of the libraries in the language of the application, as it is where no translation is known.

    Where it names an option of the command line, the field of the panel is named instead.
    """
    import slicer
    from slicer.i18n import translate

    from .OptionWords import panelWords

    if not str(slicer.app.applicationLocaleName).startswith("en"):
        text = "\n".join(_translatedLine(line, translate, applicationLanguage()) for line in text.split("\n"))
    return panelWords(text)


def applicationLanguage():
    """Code of the application's language, "de" where its locale is "de_DE"."""
    import slicer

    return re.split("[-_]", str(slicer.app.applicationLocaleName))[0].lower()


@functools.lru_cache(maxsize=4096)
def _translatedLine(text, translate, language):
    for sentence, pattern in _patterns():
        found = pattern.fullmatch(text)
        if found is None:
            continue
        translated = translate(CONTEXT, sentence)
        if translated != sentence:
            return filled(translated, found.groups())
    return _fromCatalog(text, language)


def _fromCatalog(text, language):
    """A sentence as the reports of the library have it in a language, where they do."""
    translator = _translatorOf(language)
    return text if translator is None else translator.text(text)


@functools.cache
def _translatorOf(language):
    """The translator of a language; None where there is none, or Babel, which reads the catalogs, is not installed."""
    from M3DLib.Language.Languages import LANGUAGES
    from M3DLib.Language.Translator import Translator

    if language not in LANGUAGES or importlib.util.find_spec("babel") is None:
        return None
    return Translator(language)


def filled(sentence, values):
    """A sentence with values in its numbered gaps."""
    return re.sub(r"\{(\d+)\}", lambda gap: values[int(gap[1])], sentence)


@functools.cache
def _patterns():
    """Every sentence with the pattern of what can be made of it, those with the most text first."""
    from M3DLib.Language.SourceSentences import sentencesOfLibraries

    sentences = sorted(sentencesOfLibraries(), key=lambda one: -len(re.sub(r"\{\d+\}", "", one)))
    return [(sentence, _patternOf(sentence)) for sentence in sentences]


def _patternOf(sentence):
    parts = re.split(r"(\{\d+\})", sentence)
    return re.compile("".join("(.*?)" if re.fullmatch(r"\{\d+\}", part) else re.escape(part) for part in parts), re.S)
