"""In what faces and in which language the panel writes reports.

The languages are written out here, because the library that knows them is not to be loaded when Slicer starts; a test
compares them with it.
"""

from M3DPanelLib.Choice import Choice
from M3DPanelLib.LibraryMessages import applicationLanguage
from M3DPanelLib.NeededPackages import ensureNeeded


class ReportLanguage(Choice):
    """What a report can be written in; each language by the name that it has for itself, in any application."""

    ENGLISH = "en", "English"
    GERMAN = "de", "Deutsch"
    FRENCH = "fr", "Français"
    SPANISH = "es", "Español"
    JAPANESE = "ja", "日本語"
    CHINESE = "zh", "简体中文"


def languageOfApplication():
    """The language of the application, English where there are no reports in it."""
    known = {language.value: language for language in ReportLanguage}
    return known.get(applicationLanguage(), ReportLanguage.ENGLISH)


def facesOf(parameters):
    """Names of the faces that are ticked."""
    return [name for name in ("html", "pdf") if getattr(parameters, name)]


def ensureFaces(faces, language):
    """Install what faces in a language need, when the user agrees.

    :param faces: of "html" and "pdf". :param language: a :class:`ReportLanguage`.
    :raises M3DError: the user does not agree, or it cannot be installed.
    """
    isTranslated = bool(faces) and language is not ReportLanguage.ENGLISH
    ensureNeeded([*faces, *(["language"] if isTranslated else [])], "M3DValidation")
