"""``m3d fetch``: series from a PACS into a folder."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from M3DLib.NumberText import plural

from ...Options.ServerOptions import addServerOptions, connectionFrom, queryFrom
from ...Terminal import Terminal

if TYPE_CHECKING:
    from M3DLib.Store.Pacs.Fetching import FetchResult


def addParser(subparsers) -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "fetch",
        help="fetch a study or a series from a PACS, by DICOMweb or DIMSE",
        description="Fetches series from a PACS into a folder, as they are stored there. A series appears in the "
        "folder when all of it has arrived and was looked through; the same command again goes on where a fetch was "
        "interrupted. A file that is there is never replaced by another object with its UID. By DIMSE, C-GET is used "
        "where the server offers it, else C-MOVE to this computer (--listen, --move-destination).",
    )
    group = parser.add_argument_group("what is fetched", "named exactly; m3d query shows what there is")
    group.add_argument("--study", default="", metavar="UID", help="Study Instance UID")
    group.add_argument("--accession", default="", metavar="NUMBER", help="Accession Number")
    group.add_argument("--patient", default="", metavar="ID", help="Patient ID: every study of the patient")
    group.add_argument("--series", default="", metavar="UID", help="only this series of what is named")
    group.add_argument("--modality", default="", metavar="CT", help="only series of this modality")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="folder for the files")
    addServerOptions(parser, receives=True)
    parser.add_argument(
        "--retrieve",
        choices=("auto", "get", "move"),
        default="auto",
        help="how DIMSE fetches: auto is C-GET, else C-MOVE",
    )
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Fetch; the exit status is 0 when all is there, 2 when something is missing."""
    from M3DLib.Store.Pacs.Fetching import fetch

    query = queryFrom(arguments)
    query.requireExact()
    try:
        with connectionFrom(arguments) as connection:
            result = fetch(connection, query, arguments.output, progress=terminal.progress)
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt(
            "Interrupted; what has arrived is kept, and the same command again goes on from there."
        ) from error
    data = _data(result, connection.server.place, arguments.output)
    terminal.result(data, _text(data))
    if not result.problems:
        return 0
    kept = [] if result.waiting is None else ["What has arrived is kept; the same command again goes on from there."]
    terminal.error(" ".join([*result.problems, *kept]))
    return 2


def _data(result: FetchResult, place: str, output: Path) -> dict:
    return {
        "server": place,
        "output": str(output),
        "complete": not result.problems,
        "studies": result.studies,
        "series": [
            {
                "studyInstanceUid": one.studyInstanceUid,
                "seriesInstanceUid": one.seriesInstanceUid,
                "modality": one.modality,
                "description": one.description,
                "folder": None if one.folder is None else str(one.folder),
                "instances": {
                    "onServer": one.onServer,
                    "fetched": one.fetched,
                    "alreadyThere": one.alreadyThere,
                    "missing": one.missing,
                },
                "bytes": one.bytes,
            }
            for one in result.series
        ],
        "problems": result.problems,
    }


def _text(data: dict) -> str:
    lines = []
    for one in data["series"]:
        counts = one["instances"]
        there = f", {counts['alreadyThere']} there before" if counts["alreadyThere"] else ""
        what = " ".join(filter(None, [one["modality"], f"'{one['description']}'" if one["description"] else ""]))
        place = one["folder"] or "NOT complete"
        lines.append(
            f"{what or 'series'}: {counts['fetched']} of {plural(counts['onServer'], 'object')} fetched{there}: {place}"
        )
    return "\n".join(lines) or "Nothing was fetched."
