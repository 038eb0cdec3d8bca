"""``m3d case``: the record of a case, from order to release."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from M3DLib.Errors import M3DError
from M3DLib.NumberText import plural
from M3DLib.Signature.KeyFile import KEY_PASSWORD, passwordFor

from ..CommandParser import HelpFormatter
from ..GeneralOptions import addGeneralOptions
from ..JsonFile import describeJsonFile
from ..Terminal import Terminal

if TYPE_CHECKING:
    from M3DLib.CaseRecord.RecordEvent import RecordEvent

CONFIRMABLE = ("data", "segmentation", "design", "print", "release")
KINDS = ("series", "image", "segmentation", "model", "printFile", "report", "part", "comparison", "other")


def addParser(subparsers) -> None:
    """Add the command and its actions to the parser."""
    parser = subparsers.add_parser(
        "case",
        help="keep the record of a case: order, data, models, confirmations, release",
        description="A case is a folder with one order: its models, reports and further files, and case.jsonl, a "
        "record to which events are only added. Every event names the SHA-256 of the one before, so nobody can change "
        "the past unseen. 'm3d case ACTION --help' explains an action.",
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", dest="action", required=True)
    _addOpen(actions)
    _addAdd(actions)
    _addChange(actions)
    _addConfirm(actions)
    _addShow(actions)
    _addDiff(actions)
    _addVerify(actions)
    for action in actions.choices.values():
        action.add_argument("--json", action="store_true", help="print the result as one JSON object")
        addGeneralOptions(action)
        action.formatter_class = HelpFormatter
        action.set_defaults(parser=action)
    describeJsonFile(actions)


def _addAction(actions, name: str, text: str, run: Callable, **more) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=text, **more)
    parser.add_argument("folder", metavar="DIR", help="folder of the case")
    parser.set_defaults(run=run)
    return parser


def _addPerson(parser: argparse.ArgumentParser, required: bool = False) -> None:
    parser.add_argument("--by", metavar="NAME", default="", required=required, help="who does this")
    parser.add_argument("--role", metavar="ROLE", default="", required=required, help="as what: surgeon, engineer, ...")


def _addOpen(actions) -> None:
    parser = _addAction(actions, "open", "begin a case with its order", _open)
    parser.add_argument("--order", metavar="NUMBER", required=True, help="number of the order")
    parser.add_argument(
        "--requirement", metavar="TEXT|FILE", required=True, help="what is ordered, in words or as a file that says it"
    )
    parser.add_argument("--valid-until", metavar="DATE", default="", help="last day of the order, as 2026-12-31")
    _addPerson(parser)


def _addAdd(actions) -> None:
    parser = _addAction(actions, "add", "put files or a scan on record", _add)
    parser.add_argument("files", metavar="PATH", nargs="+", help="files, or the folder of a DICOM series")
    parser.add_argument("--kind", choices=KINDS, metavar="KIND", required=True, help=f"one of {', '.join(KINDS)}")
    parser.add_argument("--verdict", metavar="TEXT", default="", help="what came of it, as the verdict of a report")
    _addPerson(parser)


def _addChange(actions) -> None:
    parser = _addAction(actions, "change", "record a change and why it is made", _change)
    parser.add_argument("--text", metavar="TEXT", required=True, help="what is to be another way from now on")
    parser.add_argument("--reason", metavar="TEXT", required=True, help="why")
    parser.add_argument(
        "--replaces", metavar="PLACE", action="append", default=[], help="a file of the case that will be replaced"
    )
    _addPerson(parser)


def _addConfirm(actions) -> None:
    parser = _addAction(
        actions,
        "confirm",
        "confirm what is on record",
        _confirm,
        description="Confirms exactly what is on record now, by its hashes; a later change makes the confirmation "
        "void. Confirming the release also writes, beside every DICOM model, a new instance that says it is verified.",
    )
    parser.add_argument("--what", choices=CONFIRMABLE, metavar="WHAT", required=True, help=", ".join(CONFIRMABLE))
    parser.add_argument(
        "--sign",
        metavar="KEY",
        default="",
        help=f"sign with the key and certificate in this file (PEM or PKCS#12; its password is taken from "
        f"{KEY_PASSWORD} or the keyring)",
    )
    _addPerson(parser, required=True)


def _addShow(actions) -> None:
    parser = _addAction(actions, "show", "show state, history and what is open", _show)
    parser.add_argument("--html", metavar="FILE", default="", help="also write a page with the timeline")


def _addDiff(actions) -> None:
    parser = _addAction(
        actions,
        "diff",
        "show how two versions of a model differ",
        _diff,
        description="Distance of the newer version from the older one, change of volume, and settings that differ. "
        "Nothing is aligned. A version is named by its place in the case, the number of its event or its SOP Instance "
        "UID.",
    )
    parser.add_argument("versions", metavar="VERSION", nargs="*", help="two versions (default: the last two)")
    parser.add_argument(
        "--output", metavar="DIR", default="", help="write the distance map: pictures, and a CSV of all points"
    )


def _addVerify(actions) -> None:
    parser = _addAction(
        actions,
        "verify",
        "check chain, files and signatures",
        _verify,
        description="Goes through the whole record, all files it speaks of and all signatures. Exit status: 0 all is "
        "whole, 1 something is not.",
    )
    parser.add_argument(
        "--head",
        metavar="SHA256",
        default="",
        help="hash of an event as it was noted elsewhere: tells whether the end of the record was cut off",
    )


def _open(arguments: argparse.Namespace, terminal: Terminal) -> int:
    from M3DLib.CaseRecord.CaseFolder import openCase

    requirement: str | Path = arguments.requirement
    # A text is longer than a name of a file may be; this asks the system without an error.
    if os.path.isfile(arguments.requirement):
        requirement = Path(arguments.requirement)
    event = openCase(
        Path(arguments.folder),
        arguments.order,
        requirement,
        validUntil=arguments.valid_until,
        person=arguments.by,
        role=arguments.role,
    )
    if arguments.valid_until and date.fromisoformat(arguments.valid_until) < date.today():
        terminal.warn(
            f"The order was valid until {arguments.valid_until}, which is past; look whether the date is right."
        )
    return _said(event, terminal)


def _add(arguments: argparse.Namespace, terminal: Terminal) -> int:
    from M3DLib.CaseRecord.CaseFiles import fileEntry
    from M3DLib.CaseRecord.CaseFolder import recordWork, requireCase

    from ..OnRecord.CaseInputs import seriesEntries

    folder = Path(arguments.folder)
    state = requireCase(folder)
    entries, acquisition = [], []
    for place in map(Path, arguments.files):
        if arguments.kind != "series":
            entries.append(fileEntry(place, folder, arguments.kind))
            continue
        found, acquired = seriesEntries(place, None, folder)
        entries += found
        acquisition += [{**one, "validUntil": state.validUntil or None} for one in acquired]
    result = {"verdict": arguments.verdict} if arguments.verdict else {}
    who = {"person": arguments.by, "role": arguments.role}
    event = recordWork(folder, "added", inputs=entries, result=result, acquisition=acquisition, **who)
    return _said(event, terminal)


def _change(arguments: argparse.Namespace, terminal: Terminal) -> int:
    from M3DLib.CaseRecord.CaseFolder import changeCase

    event = changeCase(
        Path(arguments.folder),
        arguments.text,
        arguments.reason,
        replaces=arguments.replaces,
        person=arguments.by,
        role=arguments.role,
    )
    return _said(event, terminal)


def _confirm(arguments: argparse.Namespace, terminal: Terminal) -> int:
    from M3DLib.CaseRecord.EventSignature import signer
    from M3DLib.Release.CaseRelease import confirm

    folder = Path(arguments.folder)
    sign = signer(Path(arguments.sign), passwordFor(arguments.sign)) if arguments.sign else None
    event, released, notes = confirm(folder, arguments.what, person=arguments.by, role=arguments.role, sign=sign)
    for note in notes:
        terminal.warn(note)
    for file in released:
        terminal.note(f"Written: {file}")
    return _said(event, terminal)


def _show(arguments: argparse.Namespace, terminal: Terminal) -> int:
    from M3DLib.CaseRecord.CasePage import casePage
    from M3DLib.CaseRecord.CaseText import caseFacts, caseText
    from M3DLib.CaseRecord.CaseVerification import verifyCase
    from M3DLib.Dicom.DicomFile import atomicWrite

    found = verifyCase(Path(arguments.folder), progress=terminal.progress)
    if found.state is None:
        raise M3DError(found.problems)
    for problem in found.problems:
        terminal.warn(problem)
    if arguments.html:
        page = casePage(found)
        with atomicWrite(Path(arguments.html)) as stream:
            stream.write(page.encode("utf-8"))
        terminal.note(f"Written: {arguments.html}")
    facts = {**caseFacts(found.state, found.events), "problems": found.problems, "remarks": found.remarks}
    terminal.result(facts, caseText(found.state, found.events))
    return 0


def _diff(arguments: argparse.Namespace, terminal: Terminal) -> int:
    from M3DLib.CaseRecord.RecordFile import readEvents
    from M3DLib.Dicom.DicomFile import atomicWrite
    from M3DLib.WritablePlace import requireWritableFolder
    from M3DValidationLib.Deviation.DeviationCsv import writePointsCsv

    from ..OnRecord.CaseDiff import difference, differenceText, distanceMap, versionsOf

    folder = Path(arguments.folder)
    output = Path(arguments.output) if arguments.output else None
    if output is not None:
        requireWritableFolder(output)
    older, newer = versionsOf(readEvents(folder), folder, arguments.versions)
    data, compared = difference(older, newer, folder, terminal.progress)
    text = differenceText(data)
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        data["files"] = [str(output / "distances.csv")]
        writePointsCsv(data["files"][0], {"newer": compared.forward, "older": compared.reverse})
        pictures, data["fullColorMm"] = distanceMap(compared)
        for name, content in pictures.items():
            with atomicWrite(output / name) as stream:
                stream.write(content)
            data["files"].append(str(output / name))
        text += (
            f"\nMap: blue where the newer is larger, orange where it is smaller, full at {data['fullColorMm']:.3f} mm"
        )
        text += "".join(f"\n  {file}" for file in data["files"])
    terminal.result(data, text)
    return 0


def _verify(arguments: argparse.Namespace, terminal: Terminal) -> int:
    from M3DLib.CaseRecord.CaseVerification import verifyCase

    found = verifyCase(Path(arguments.folder), arguments.head.strip().lower(), terminal.progress)
    facts = {
        "whole": found.isWhole,
        "problems": found.problems,
        "remarks": found.remarks,
        "events": len(found.events),
        "filesChecked": found.filesChecked,
        "signaturesChecked": found.signaturesChecked,
        "head": found.head,
    }
    files, signatures = plural(found.filesChecked, "file"), plural(found.signaturesChecked, "signature")
    counted = f"{plural(len(found.events), 'event')}, {files}, {signatures}"
    lines = [f"Whole: {counted}." if found.isWhole else f"NOT whole ({counted} looked at):"]
    lines += [f"  {problem}" for problem in found.problems]
    lines += [f"Remark: {remark}" for remark in found.remarks]
    terminal.result(facts, "\n".join([*lines, f"Last event: {found.head}"]))
    return 0 if found.isWhole else 1


def _said(event: RecordEvent, terminal: Terminal) -> int:
    """Print what was recorded; the exit status is 0."""
    from M3DLib.CaseRecord.CaseText import eventText
    from M3DLib.CaseRecord.RecordEvent import sha256Of

    hashed = sha256Of(event.line())
    terminal.result({**event.content(), "sha256": hashed}, f"Event {event.sequence}: {eventText(event)}\n{hashed}")
    return 0
