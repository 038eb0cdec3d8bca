"""Options of the report, shared by the commands that make one, and how its content is completed."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from .ReportFiles import FORMATS

if TYPE_CHECKING:
    from M3DValidationLib.Check import Case
    from M3DValidationLib.Report.Pictures import Picture


def addReportOptions(parser: argparse.ArgumentParser) -> None:
    """What the report is to say of patient and person."""
    group = parser.add_argument_group("report")
    group.add_argument(
        "--formats",
        default="json",
        metavar="LIST",
        help=f"what to write, separated by commas: {', '.join(FORMATS)}; the JSON is always written; "
        "sr is a DICOM measurement report in the patient's study, in the file-set DIR/dicom, "
        "with the PDF beside it if there is one "
        "(default: %(default)s)",
    )
    group.add_argument("--person", default="", metavar="TEXT", help="who is responsible for this run, for the report")
    group.add_argument(
        "--pseudonym",
        default="",
        metavar="TEXT",
        help="name the patient so in the report, and leave out everything else that identifies patient and study",
    )


def completeReport(
    data: dict, cases: Sequence[Case], arguments: argparse.Namespace, pictures: Sequence[Picture] = ()
) -> dict:
    """The whole content of the report.

    :param data: what the checks said, plain JSON values.
    """
    from M3DValidationLib.Report.ReportContent import reportContent

    files = [Path(file) for file in (arguments.segmentation, arguments.mesh) if file]
    return reportContent(
        data,
        cases,
        pseudonym=arguments.pseudonym.strip(),
        person=arguments.person.strip(),
        time=datetime.now().astimezone().isoformat(timespec="seconds"),
        files=files,
        pictures=[picture.asDict() for picture in pictures],
    )
