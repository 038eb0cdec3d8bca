"""Options of the report, shared by the commands that make one."""

from __future__ import annotations

import argparse

from M3DLib.Errors import M3DError
from M3DLib.Language.Languages import ENGLISH, LANGUAGES, languageOf, requireLanguage
from M3DValidationLib.Report.Content.ReportFormats import FORMATS

_LONGEST_NUMBER = 64


def addReportOptions(parser: argparse.ArgumentParser, formats: str = "json", pseudonym: bool = True) -> None:
    """What the report is to say of patient and person.

    :param formats: what is written when nothing is said.
    :param pseudonym: whether --pseudonym is added, which is about one patient.
    """
    group = parser.add_argument_group("report")
    group.add_argument(
        "--formats",
        default=formats,
        metavar="LIST",
        help=f"what to write, separated by commas: {', '.join(FORMATS)}; the JSON is always written; "
        "sr is a DICOM measurement report in the patient's study, in the file-set DIR/dicom, "
        "with the PDF beside it if there is one "
        "(default: %(default)s)",
    )
    group.add_argument("--person", default="", metavar="TEXT", help="who is responsible for this run, for the report")
    if pseudonym:
        group.add_argument(
            "--pseudonym",
            default="",
            metavar="TEXT",
            help="name the patient so in the report, and leave out everything else that identifies patient and study",
        )
    addLanguageOption(group)
    addInstitutionOption(group)
    addRevisionOptions(group)


def addLanguageOption(group) -> None:
    """--language: of the faces that people read."""
    group.add_argument(
        "--language",
        default=ENGLISH,
        metavar="CODE",
        help=f"language of HTML and PDF: {', '.join(LANGUAGES)}; what has no translation, and the JSON, are in English "
        "(default: %(default)s)",
    )


def languageFrom(arguments: argparse.Namespace) -> str:
    """The language that was asked for.

    :raises M3DError: there are no reports in it, or Babel is not installed.
    """
    language = languageOf(arguments.language)
    requireLanguage(language)
    return language


def addInstitutionOption(group) -> None:
    """--institution: of the report and of the model's object."""
    group.add_argument("--institution", default="", metavar="TEXT", help="name of the institution that makes the model")


def addRevisionOptions(group) -> None:
    """--revision and --replaces: which issue of a report this is."""
    group.add_argument(
        "--revision", type=int, metavar="N", help="which issue of the report this is, counted from 1 (default: 1)"
    )
    group.add_argument("--replaces", metavar="NUMBER", help="number of the report that this one stands in for")


def requireRevision(arguments: argparse.Namespace) -> None:
    """Refuse a revision or a number that can be none, before any work is done.

    :raises M3DError: says what is wrong.
    """
    if arguments.revision is not None and arguments.revision < 1:
        raise M3DError(f"--revision counts from 1; {arguments.revision} is none.")
    if arguments.replaces is not None:
        number = arguments.replaces.strip()
        if not number or len(number) > _LONGEST_NUMBER or not number.isprintable():
            raise M3DError(
                f"--replaces takes the number of a report (its document.number), 1 to {_LONGEST_NUMBER} characters."
            )


def issue(data: dict, arguments: argparse.Namespace) -> bool:
    """Write the revision and the number of the report it replaces into a report; whether either was given."""
    if arguments.revision is None and arguments.replaces is None:
        return False
    from M3DValidationLib.Report.Report import conclude

    known = data.get("document") or {}
    replaces = known.get("replaces", "") if arguments.replaces is None else arguments.replaces.strip()
    conclude(data, arguments.revision or known.get("revision", 1), replaces)
    return True
