"""Options of the report, shared by the commands that make one."""

from __future__ import annotations

import argparse

from M3DValidationLib.Report.Content.ReportFormats import FORMATS


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
    addInstitutionOption(group)


def addInstitutionOption(group) -> None:
    """--institution: of the report and of the model's object."""
    group.add_argument("--institution", default="", metavar="TEXT", help="name of the institution that makes the model")
