"""Opening a case and adding to it: the only ways by which its record grows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from ..Errors import M3DError
from .CaseFiles import fileEntry
from .CaseState import CHANGED, CONFIRMED, OPENED, CaseState, confirmationBody, stateOf
from .RecordEvent import RecordEvent
from .RecordFile import RECORD_FILE, appendEvent, readEvents

# What work writes into the record, by the command or button that does it.
WORK = (
    "exported",
    "validated",
    "produced",
    "compared",
    "repaired",
    "encapsulated",
    "batchDone",
    "sent",
    "packaged",
    "released",
    "added",
)


def openCase(
    folder: Path,
    order: str,
    requirement: str | Path,
    *,
    validUntil: str = "",
    person: str = "",
    role: str = "",
) -> RecordEvent:
    """Begin the record of a case: one folder, one order.

    :param folder: is made if it is not there.
    :param order: the number of the order.
    :param requirement: what is ordered, in words, or a file that says it.
    :param validUntil: last day of the order, ISO 8601 (2026-12-31).
    :raises M3DError: the folder is a case already, or an argument says nothing.
    """
    if not order.strip():
        raise M3DError("A case needs the number of its order.")
    if isinstance(requirement, str) and not requirement.strip():
        raise M3DError("A case needs a requirement: what is ordered, in words or as a file.")
    if validUntil:
        _requireDate(validUntil)
    if (folder / RECORD_FILE).exists():
        known = stateOf(readEvents(folder)).order
        raise M3DError(f"'{folder}' is a case already, of the order {known}; every order gets a folder of its own.")
    body: dict[str, Any] = {"order": order.strip(), "validUntil": validUntil}
    if isinstance(requirement, Path):
        body["requirement"] = fileEntry(requirement, folder, "requirement")
    else:
        body["requirement"] = {"text": requirement.strip()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise M3DError(f"The folder '{folder}' cannot be made: {error.strerror}.") from error
    return appendEvent(folder, OPENED, body, person=person, role=role)


def recordWork(
    folder: Path,
    event: str,
    *,
    inputs: Sequence[dict] = (),
    outputs: Sequence[dict] = (),
    settings: dict[str, Any] | None = None,
    result: dict[str, Any] | None = None,
    acquisition: Sequence[dict] = (),
    removed: Sequence[str] = (),
    person: str = "",
    role: str = "",
) -> RecordEvent:
    """Record what was done for a case, or what came of the attempt.

    :param event: one of ``WORK``.
    :param inputs, outputs: entries of files and series (:mod:`M3DLib.CaseRecord.CaseFiles`).
    :param settings: what decided the result, plain JSON values.
    :param result: what came of it: exit status, verdict, and the error of work that failed.
    :param removed: places of files in the case that the work has taken away.
    :param acquisition: how the scans were made (:mod:`M3DLib.CaseRecord.AcquisitionRecord`).
    :raises M3DError: the work is of no kind that is recorded, or the record is broken or cannot be written.
    """
    if event not in WORK:
        raise M3DError(f"'{event}' is no kind of work that a case records; it is one of {', '.join(WORK)}.")
    requireCase(folder)
    body = {"inputs": list(inputs), "outputs": list(outputs), "settings": settings or {}, "result": result or {}}
    if removed:
        body["removed"] = list(removed)
    if acquisition:
        body["acquisition"] = list(acquisition)
    return appendEvent(folder, event, body, person=person, role=role)


def changeCase(
    folder: Path, text: str, reason: str, *, replaces: Sequence[str] = (), person: str = "", role: str = ""
) -> RecordEvent:
    """Record a change: what is to be another way from now on, why, and which files it is about.

    :param replaces: places of files in the case that will be replaced by new versions.
    :raises M3DError: nothing is said, or a file is not on record.
    """
    if not text.strip() or not reason.strip():
        raise M3DError("A change needs its text and its reason.")
    known = {entry.get("path") for entry in requireCase(folder).current.values()}
    if missing := [place for place in replaces if place not in known]:
        raise M3DError(f"The case has no '{missing[0]}' on record that could be replaced.")
    body = {"text": text.strip(), "reason": reason.strip(), "replaces": list(replaces)}
    return appendEvent(folder, CHANGED, body, person=person, role=role)


def confirmCase(
    folder: Path,
    what: str,
    *,
    person: str,
    role: str,
    sign: Callable[[bytes], dict[str, str]] | None = None,
    today: date | None = None,
) -> RecordEvent:
    """Record that a person confirms what is on record now; a later change of it makes the confirmation void.

    :param what: one of ``CaseState.CONFIRMABLE``.
    :param sign: makes a signature of the event.
    :raises M3DError: nobody is named, or there is nothing to confirm, or it is too late.
    """
    if not person.strip() or not role.strip():
        raise M3DError("A confirmation needs the name and the role of who confirms.")
    body = confirmationBody(requireCase(folder), what, today or date.today())
    return appendEvent(folder, CONFIRMED, body, person=person.strip(), role=role.strip(), sign=sign)


def requireCase(folder: Path) -> CaseState:
    """The state of a case whose chain is whole.

    :raises M3DError: there is none, or its record is broken.
    """
    return stateOf(readEvents(folder))


def _requireDate(text: str) -> None:
    try:
        date.fromisoformat(text)
    except ValueError as error:
        raise M3DError(f"'{text}' is no date; write it as 2026-12-31.") from error
