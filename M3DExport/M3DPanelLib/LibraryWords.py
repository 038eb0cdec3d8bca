"""Words of the libraries in the language of the application; a test compares them with the libraries' own."""

from slicer.i18n import tr as _


def verdictWord(verdict):
    """Name of a verdict.

    :param verdict: "pass", "warning", "fail", "notAssessable" or "information".
    """
    return {
        "pass": _("Pass"),
        "warning": _("Warning"),
        "fail": _("Fail"),
        "notAssessable": _("Not assessable"),
        "information": _("Information"),
    }[verdict]


def conclusion(verdict):
    """What the verdict of a whole validation means, one sentence."""
    return {
        "pass": _("Nothing fails."),
        "warning": _("Nothing fails, but there are warnings."),
        "fail": _("At least one requirement fails."),
        "notAssessable": _("Nothing fails, but a check that the profile requires could not be made."),
    }[verdict]
