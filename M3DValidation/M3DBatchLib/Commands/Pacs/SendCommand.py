"""``m3d send``: DICOM objects of files and folders to a PACS."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from M3DLib.NumberText import plural

from ...Options.CaseOptions import addCaseOptions
from ...Options.ServerOptions import addServerOptions, connectionFrom
from ...Terminal import Terminal

if TYPE_CHECKING:
    from M3DLib.Store.Pacs.Sending import SendResult


def addParser(subparsers) -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "send",
        help="send DICOM objects to a PACS, by DICOMweb or DIMSE",
        description="Sends the DICOM objects of files and folders as they are: models, reports, scans. What the server "
        "has already is not sent again, so the same command again goes on where a transfer was interrupted. Afterwards "
        "the server is asked whether it has everything: by storage commitment where it offers that, else by a search.",
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="DICOM files, or folders with some")
    addServerOptions(parser, receives=True)
    parser.add_argument(
        "--verify",
        choices=("auto", "query", "content"),
        default="auto",
        help="how to see that all has arrived: auto (storage commitment, else query), query (the server is searched), "
        "content (everything is fetched again and compared)",
    )
    addCaseOptions(parser)
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Send; the exit status is 0 when all has arrived, 2 when something did not, 3 when nobody can tell."""
    from M3DLib.Store.Pacs.Sending import sendPaths

    try:
        with connectionFrom(arguments) as connection:
            result = sendPaths(connection, arguments.paths, verify=arguments.verify, progress=terminal.progress)
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt(
            "Interrupted; what the server has taken is not sent again by the same command."
        ) from error
    for note in result.notes:
        terminal.warn(note)
    data = _data(result, connection.server.place)
    terminal.result(data, _text(data))
    if result.failures:
        terminal.error("\n".join(_problems(result, connection.server.place)))
        return 2
    if result.unverified:
        terminal.error(
            f"Taken: {plural(len(result.unverified), 'object')}, but nobody can tell whether {connection.server.place} "
            f"has kept what it took: {result.unverified[0].reason}."
        )
        return 3
    return 0


def _problems(result: SendResult, place: str) -> list[str]:
    lines = [] if result.problem is None else [str(result.problem)]
    for one in result.failures:
        if result.problem is None or not one.reason.startswith("the transfer ended"):
            lines.append(f"'{one.outgoing.source}' is not in {place}: {one.reason}.")
    left = len(result.failures)
    return [
        *lines,
        f"Not there: {left} of {plural(len(result.objects), 'object')}; the same command again sends only these.",
    ]


def _data(result: SendResult, place: str) -> dict:
    return {
        "server": place,
        "complete": not result.failures and not result.unverified,
        "sent": result.count("sent"),
        "alreadyThere": result.count("already there"),
        "failed": len(result.failures),
        "unverified": len(result.unverified),
        "bytes": sum(one.outgoing.size for one in result.objects if one.status == "sent"),
        "instances": [
            {
                "file": str(one.outgoing.source),
                "sopInstanceUid": one.outgoing.sopInstanceUid,
                "sopClassUid": one.outgoing.sopClassUid,
                "studyInstanceUid": one.outgoing.studyInstanceUid,
                "seriesInstanceUid": one.outgoing.seriesInstanceUid,
                "status": one.status,
                "verifiedBy": one.verifiedBy or None,
                "reason": one.reason or None,
            }
            for one in result.objects
        ],
        "problem": None if result.problem is None else str(result.problem),
        "notes": result.notes,
    }


def _text(data: dict) -> str:
    there = f", {data['alreadyThere']} were there already" if data["alreadyThere"] else ""
    failed = f", {data['failed']} FAILED" if data["failed"] else ""
    ways = sorted({one["verifiedBy"] for one in data["instances"] if one["verifiedBy"]})
    verified = f"; verified by {' and '.join(ways)}" if ways else ""
    return f"Sent {plural(data['sent'], 'object')} to {data['server']}{there}{failed}{verified}."
