"""The append-only file of a case's record: written so that power loss costs no event, read without changing it."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..Errors import M3DError
from ..Software import NAME, VERSION
from .RecordEvent import NO_EVENT, RecordEvent, eventOf, sha256Of, timeNow
from .RecordLock import recordLock

RECORD_FILE = "case.jsonl"
# An event is written here first: what power loss tears off the record is finished from it by the next writer.
PENDING_FILE = "case.jsonl.pending"
LOCK_FILE = "case.jsonl.lock"
REPAIRED = "recordRepaired"


@dataclass(frozen=True)
class RecordContent:
    """What a record's file holds.

    :ivar lines: its whole lines, without line breaks.
    :ivar torn: bytes after the last line break: an event of which only a part was written.
    """

    lines: list[bytes]
    torn: bytes


def readRecord(folder: Path) -> RecordContent:
    """The record of a case as it lies there.

    :raises M3DError: there is none, or it cannot be read.
    """
    file = folder / RECORD_FILE
    try:
        content = file.read_bytes()
    except FileNotFoundError as error:
        raise M3DError(f"'{folder}' is no case: it has no {RECORD_FILE}. Open one with: m3d case open") from error
    except OSError as error:
        raise M3DError(f"The record '{file}' cannot be read: {error.strerror}.") from error
    *lines, torn = content.split(b"\n")
    return RecordContent(lines, torn)


def readEvents(folder: Path) -> list[RecordEvent]:
    """The events of a record whose chain is whole.

    :raises M3DError: no record, or its first broken link, by line number.
    """
    events: list[RecordEvent] = []
    before = NO_EVENT
    for number, line in enumerate(readRecord(folder).lines, start=1):
        event = linkedEvent(line, number, before, folder)
        before = sha256Of(line)
        events.append(event)
    return events


def linkedEvent(line: bytes, number: int, before: str, folder: Path) -> RecordEvent:
    """The event of a line that must follow from the one before.

    :param number: of the line, from 1.
    :param before: SHA-256 of the line before.
    :raises M3DError: it does not follow: a line was changed, removed, added or moved.
    """
    where = f"Line {number} of '{folder / RECORD_FILE}'"
    try:
        event = eventOf(line)
    except M3DError as error:
        raise M3DError(f"{where} {error}.") from error
    if event.previousSha256 != before:
        raise M3DError(
            f"{where} does not follow from the line before it: the line before was changed, or lines were removed, "
            "added or moved here."
        )
    if event.sequence != number:
        raise M3DError(f"{where} says that it is event {event.sequence}: lines were removed, added or moved.")
    return event


def appendEvent(
    folder: Path,
    event: str,
    body: dict[str, Any],
    *,
    person: str = "",
    role: str = "",
    sign: Callable[[bytes], dict[str, str]] | None = None,
) -> RecordEvent:
    """Add an event at the end of a record; the first one makes it.

    :param body: plain JSON values.
    :param sign: makes the signature of bytes.
    :return: the event as it was written.
    :raises M3DError: the record is broken, is locked for long, or cannot be written; nothing was added then.
    """
    file = folder / RECORD_FILE
    with recordLock(folder / LOCK_FILE):
        last = _settled(folder)
        written = _next(last, event, body, person, role)
        if sign is not None:
            written = replace(written, signature=sign(written.signedBytes()))
        try:
            _write(folder, written.line())
        except OSError as error:
            raise M3DError(f"The event cannot be added to '{file}': {error.strerror}.") from error
    return written


def requireWritableRecord(folder: Path) -> None:
    """Refuse a record to which no event can be added: to be asked before hours of work, not after.

    :raises M3DError: there is none, its chain is broken, it is locked for long, or it cannot be written.
    """
    readEvents(folder)
    with recordLock(folder / LOCK_FILE):
        _settled(folder)
        try:
            with (folder / RECORD_FILE).open("ab"):
                pass
        except OSError as error:
            raise M3DError(f"The record '{folder / RECORD_FILE}' cannot be written: {error.strerror}.") from error


def _next(
    last: tuple[bytes, RecordEvent] | None, event: str, body: dict, person: str = "", role: str = ""
) -> RecordEvent:
    """The event that follows the last one."""
    time = timeNow()
    if last is not None and time < last[1].time:
        # ISO times of one form sort as times do. The order of events is that of the lines, whatever the clock says.
        body = {**body, "clock": f"The clock shows an earlier time than at the event before ({last[1].time})."}
    return RecordEvent(
        sequence=last[1].sequence + 1 if last else 1,
        previousSha256=sha256Of(last[0]) if last else NO_EVENT,
        time=time,
        event=event,
        person=person,
        role=role,
        software=f"{NAME} {VERSION}",
        body=body,
    )


def _settled(folder: Path) -> tuple[bytes, RecordEvent] | None:
    """The last line and event of a record, once what a crash has left is finished; None for a record to be made.

    The whole chain is not gone through at every event: that is what verifying does.
    """
    file, pending = folder / RECORD_FILE, folder / PENDING_FILE
    if not file.exists():
        return None
    content = readRecord(folder)
    last = None
    if content.lines:
        line = content.lines[-1]
        before = sha256Of(content.lines[-2]) if len(content.lines) > 1 else NO_EVENT
        last = (line, linkedEvent(line, len(content.lines), before, folder))
    waiting = _waitingEvent(pending, last) or _wholeButForItsEnd(content.torn, last)
    if content.torn and waiting is None:
        waiting = _next(last, REPAIRED, {"torn": base64.b64encode(content.torn).decode("ascii")})
    if waiting is not None:
        with pending.open("wb") as stream:
            _toDisk(stream, waiting.line())
        with file.open("r+b") as stream:
            stream.truncate(sum(len(line) + 1 for line in content.lines))
        _write(folder, waiting.line())
        last = (waiting.line(), waiting)
    pending.unlink(missing_ok=True)
    return last


def _waitingEvent(pending: Path, last: tuple[bytes, RecordEvent] | None) -> RecordEvent | None:
    """The event that was to follow the last one when its writer was interrupted, if it was written down whole."""
    try:
        return _following(pending.read_bytes(), last)
    except OSError:
        # There is none: the last writer was not interrupted.
        return None


def _wholeButForItsEnd(torn: bytes, last: tuple[bytes, RecordEvent] | None) -> RecordEvent | None:
    """The event in a last line that lacks nothing but its line break."""
    return _following(torn, last) if torn else None


def _following(line: bytes, last: tuple[bytes, RecordEvent] | None) -> RecordEvent | None:
    """The event of a line if it is whole and follows the last one."""
    try:
        event = eventOf(line)
    except M3DError:
        return None
    return event if event.previousSha256 == (sha256Of(last[0]) if last else NO_EVENT) else None


def _write(folder: Path, line: bytes) -> None:
    """Write a line at the end of the record, after it has been written beside it."""
    pending = folder / PENDING_FILE
    with pending.open("wb") as stream:
        _toDisk(stream, line)
    with (folder / RECORD_FILE).open("ab") as stream:
        _toDisk(stream, line + b"\n")
    pending.unlink()


def _toDisk(stream, content: bytes) -> None:
    stream.write(content)
    stream.flush()
    os.fsync(stream.fileno())
