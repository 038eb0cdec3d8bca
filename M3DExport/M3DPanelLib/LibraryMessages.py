"""Sentences of the libraries in the language of the application.

The libraries know no application, and write their messages as f-strings. What is translated is the sentence with
numbered gaps in the places of its values, "Volume '{0}' holds no image." for example; ``Utilities/ListMessages.py``
lists them all for the translators. A message is translated by finding the sentence that it was made of. Slicer's own
translations come first; what they lack is taken from the catalogs of the reports (``M3DLib/Language``), where Babel is
installed.
"""

import ast
import functools
import importlib.util
import re
from pathlib import Path

# Qt's context of these sentences, as they are listed for the translators.
CONTEXT = "M3DLib"
# Fewer letters than this make no sentence: a gap at whose sides nearly nothing stands would fit everything.
_LEAST_LETTERS = 12


def translatedMessage(text):
    """A message of the libraries in the language of the application, as it is where no translation is known.

    Where it names an option of the command line, the field of the panel is named instead.
    """
    import slicer
    from slicer.i18n import translate

    from .OptionWords import panelWords

    if not str(slicer.app.applicationLocaleName).startswith("en"):
        text = "\n".join(_translatedLine(line, translate) for line in text.split("\n"))
    return panelWords(text)


def applicationLanguage():
    """Code of the application's language, "de" where its locale is "de_DE"."""
    import slicer

    return re.split("[-_]", str(slicer.app.applicationLocaleName))[0].lower()


def _translatedLine(text, translate):
    for sentence, pattern in _patterns():
        found = pattern.fullmatch(text)
        if found is None:
            continue
        translated = translate(CONTEXT, sentence)
        if translated != sentence:
            return filled(translated, found.groups())
    return _fromCatalog(text)


def _fromCatalog(text):
    """A sentence as the reports of the library have it in the application's language, where they do."""
    translator = _translatorOf(applicationLanguage())
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
    sentences = sorted(set(sentencesOf(*libraryFolders())), key=lambda one: -len(re.sub(r"\{\d+\}", "", one)))
    return [(sentence, _patternOf(sentence)) for sentence in sentences]


def _patternOf(sentence):
    parts = re.split(r"(\{\d+\})", sentence)
    return re.compile("".join("(.*?)" if re.fullmatch(r"\{\d+\}", part) else re.escape(part) for part in parts), re.S)


def libraryFolders():
    """Folders of the libraries, wherever the application has them from."""
    specs = [importlib.util.find_spec(name) for name in ("M3DLib", "M3DValidationLib")]
    return [Path(folder) for spec in specs if spec is not None for folder in spec.submodule_search_locations]


def sentencesOf(*folders):
    """Sentences of the messages in the Python files of folders, with gaps numbered from 0 where values go."""
    for folder in folders:
        for file in sorted(folder.rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                sentence = _sentenceOf(node)
                if len(re.findall("[a-z]", re.sub(r"\{\d+\}", "", sentence))) >= _LEAST_LETTERS:
                    yield sentence


def _sentenceOf(node):
    """The sentence of a text or f-string that ends like one, "" of anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        parts = [node.value.replace("{", "{{").replace("}", "}}")] if "{" in node.value else [node.value]
    elif isinstance(node, ast.JoinedStr):
        parts, gaps = [], 0
        for part in node.values:
            if isinstance(part, ast.Constant):
                parts.append(str(part.value))
            else:
                parts.append(f"{{{gaps}}}")
                gaps += 1
    else:
        return ""
    sentence = "".join(parts)
    return sentence if sentence.endswith(".") and "\n" not in sentence and sentence[:1].strip() else ""
