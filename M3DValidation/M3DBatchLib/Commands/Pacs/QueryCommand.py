"""``m3d query``: what a PACS has, as a table to choose from."""

from __future__ import annotations

import argparse
import unicodedata
from typing import TYPE_CHECKING

from M3DLib.Errors import M3DError

from ...Options.ServerOptions import addServerOptions, connectionFrom, queryFrom
from ...Terminal import Terminal

if TYPE_CHECKING:
    from pydicom import Dataset

# JSON key, keyword and heading of the columns at each level.
_COLUMNS = {
    "study": (
        ("patientId", "PatientID", "Patient ID"),
        ("patientName", "PatientName", "Name"),
        ("studyDate", "StudyDate", "Date"),
        ("accessionNumber", "AccessionNumber", "Accession"),
        ("modalities", "ModalitiesInStudy", "Modalities"),
        ("description", "StudyDescription", "Description"),
        ("instances", "NumberOfStudyRelatedInstances", "Objects"),
        ("studyInstanceUid", "StudyInstanceUID", "Study Instance UID (--study)"),
    ),
    "series": (
        ("number", "SeriesNumber", "No."),
        ("modality", "Modality", "Modality"),
        ("description", "SeriesDescription", "Description"),
        ("instances", "NumberOfSeriesRelatedInstances", "Objects"),
        ("seriesInstanceUid", "SeriesInstanceUID", "Series Instance UID (--series)"),
    ),
    "instance": (
        ("number", "InstanceNumber", "No."),
        ("sopClass", "SOPClassUID", "Kind"),
        ("seriesInstanceUid", "SeriesInstanceUID", "Series Instance UID (--series)"),
        ("sopInstanceUid", "SOPInstanceUID", "SOP Instance UID"),
    ),
}
_WHOLE_NUMBERS = ("number", "instances")


def addParser(subparsers) -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "query",
        help="show what a PACS has, by DICOMweb or DIMSE",
        description="Shows studies, series or objects of a PACS as a table to choose from for m3d fetch. With "
        "--source-series, the models and other objects that were made from a series.",
    )
    group = parser.add_argument_group("what is looked for", "* and ? stand for any characters in names and numbers")
    group.add_argument("--study", default="", metavar="UID", help="Study Instance UID: shows its series")
    group.add_argument(
        "--series", default="", metavar="UID", help="Series Instance UID, with --study: shows its objects"
    )
    group.add_argument("--accession", default="", metavar="NUMBER", help="Accession Number")
    group.add_argument("--patient", default="", metavar="ID", help="Patient ID")
    group.add_argument("--name", default="", metavar="NAME", help="patient's name, as Doe* or Doe^Jane")
    group.add_argument("--date", default="", metavar="DATE", help="of the study: 20261127, or 20261101-20261130")
    group.add_argument("--modality", default="", metavar="CT", help="studies and series with this modality")
    group.add_argument(
        "--source-series",
        default="",
        metavar="UID",
        help="objects that refer to this series, as models do to their scan",
    )
    group.add_argument("--level", choices=tuple(_COLUMNS), help="what is listed (by what is given)")
    addServerOptions(parser)
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Search; the exit status is 0, also when nothing is found."""
    from M3DLib.Store.Pacs.Finding import find, findBySource

    query = queryFrom(arguments)
    level = arguments.level or ("instance" if arguments.series else "series" if arguments.study else "study")
    if arguments.source_series:
        level = "instance"
    elif not any(vars(query).values()):
        raise M3DError(
            "Say what is looked for: --patient ID, --accession N, --study UID, --date, --name or --modality."
        )
    with connectionFrom(arguments) as connection:
        if arguments.source_series:
            found = findBySource(connection, arguments.source_series, query, terminal.progress)
        else:
            found = find(connection, query, level, terminal.progress)
    rows = [_row(answer, level) for answer in found]
    data = {"server": connection.server.place, "level": level, "count": len(rows), "found": rows}
    terminal.result(data, _table(rows, level))
    return 0


def _row(answer: Dataset, level: str) -> dict:
    from M3DLib.Store.Pacs.PacsQuery import number, text

    row = {
        key: number(answer, keyword) if key in _WHOLE_NUMBERS else text(answer, keyword)
        for key, keyword, _heading in _COLUMNS[level]
    }
    row["studyInstanceUid"] = text(answer, "StudyInstanceUID")
    if level == "study":
        row["modalities"] = [one for one in row["modalities"].split("\\") if one]
    if level == "instance":
        row["sopClassUid"] = row.pop("sopClass")
    return row


def _table(rows: list[dict], level: str) -> str:
    if not rows:
        return "Nothing was found."
    columns = _COLUMNS[level]
    cells = [["", *(heading for _key, _keyword, heading in columns)]]
    for number, row in enumerate(rows, 1):
        cells.append([str(number), *(_cell(row, key) for key, _keyword, _heading in columns)])
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    lines = []
    for row in cells:
        padded = [cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def _cell(row: dict, key: str) -> str:
    if key == "sopClass":
        from pydicom.uid import UID

        return UID(row["sopClassUid"]).name.removesuffix(" Storage")
    value = row[key]
    text = "" if value is None else "/".join(value) if isinstance(value, list) else str(value)
    # What a server answers is shown, not obeyed: a terminal takes control characters for orders.
    return "".join(one if unicodedata.category(one)[0] != "C" else " " for one in text)


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text)
