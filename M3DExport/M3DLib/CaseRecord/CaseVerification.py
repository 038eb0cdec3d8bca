"""Is the record of a case whole, and are its files those that it speaks of?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ..Errors import M3DError, noProgress
from ..NumberText import plural
from .CaseFiles import fileHash, filesOf, folderHash
from .CaseState import CaseState, stateOf
from .CaseText import named
from .EventSignature import signatureProblem
from .RecordEvent import NO_EVENT, RecordEvent, sha256Of
from .RecordFile import REPAIRED, linkedEvent, readRecord


@dataclass
class CaseVerification:
    """What was found.

    :ivar events: those before the first broken link.
    :ivar state: of the case; None where the record is broken.
    :ivar problems: what is wrong, one sentence each, the first broken link first.
    :ivar remarks: what is worth knowing and proves nothing wrong.
    :ivar filesChecked, signaturesChecked: how many were looked at.
    :ivar head: SHA-256 of the last line: kept elsewhere, it tells whether the end of the record was cut off.
    """

    events: list[RecordEvent] = field(default_factory=list)
    state: CaseState | None = None
    problems: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    filesChecked: int = 0
    signaturesChecked: int = 0
    head: str = NO_EVENT

    @property
    def isWhole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def verifyCase(
    folder: Path, expectedHead: str = "", progress: Callable[[float, str], None] = noProgress
) -> CaseVerification:
    """Go through the chain, the signatures and all files of a case.

    :param expectedHead: SHA-256 of the last line as somebody has noted it, or "" when nobody has. A chain proves that
        nothing was changed before its end; that its end was not cut off only such a note can prove.
    :raises M3DError: there is no record to verify.
    """
    found = CaseVerification()
    content = readRecord(folder)
    before, heads = NO_EVENT, []
    for number, line in enumerate(content.lines, start=1):
        try:
            event = linkedEvent(line, number, before, folder)
        except M3DError as error:
            found.problems.extend(error.problems)
            break
        before = sha256Of(line)
        heads.append(before)
        found.events.append(event)
    found.head = before
    if content.torn:
        found.remarks.append("The last line was written in part; the next event that is added puts it right.")
    if found.problems:
        return found
    if expectedHead and expectedHead not in heads:
        found.problems.append(f"The record does not hold the event with the hash {expectedHead}: its end was cut off.")
    try:
        found.state = stateOf(found.events)
    except M3DError as error:
        found.problems.extend(error.problems)
        return found
    _checkEvents(found)
    _checkFiles(found, folder, progress)
    return found


def _checkEvents(found: CaseVerification) -> None:
    for event in found.events:
        if event.signature is not None:
            found.signaturesChecked += 1
            if problem := signatureProblem(event):
                found.problems.append(f"Event {event.sequence} ({event.event}, {event.person}): {problem}.")
        if "clock" in event.body:
            found.remarks.append(f"Event {event.sequence}: {event.body['clock']}")
        if event.event == REPAIRED:
            found.remarks.append(f"Event {event.sequence} notes a line that had been written in part.")


def _checkScans(found: CaseVerification, folder: Path, progress: Callable[[float, str], None]) -> list[str]:
    """Hold every series that lies in the case against what the record says; the folders they are in."""
    scans = {entry["folder"]: entry for entry in found.state.current.values() if "folder" in entry}
    for place, entry in scans.items():
        progress(0.5, f"Reading {place}")
        if not (folder / place).is_dir():
            found.problems.append(f"The {entry['kind']} in '{place}' is missing.")
            continue
        found.filesChecked += entry["instances"]
        if folderHash(folder / place) != entry["folderSha256"]:
            found.problems.append(
                f"The {entry['kind']} in '{place}' is not the one on record: a file was changed, added or removed."
            )
    return list(scans)


def _checkFiles(found: CaseVerification, folder: Path, progress: Callable[[float, str], None]) -> None:
    """Hold every file that the record speaks of against what it says, the newest entry of each."""
    known = {entry["path"]: entry for entry in found.state.current.values() if "path" in entry}
    replaced = {entry["path"] for entry in found.state.superseded if "path" in entry}
    for number, (place, entry) in enumerate(known.items()):
        progress(number / len(known), f"Reading {place}")
        file = folder / place
        if not file.is_file():
            found.problems.append(f"The {entry['kind']} '{place}' is missing.")
            continue
        found.filesChecked += 1
        if fileHash(file)[1] != entry["sha256"]:
            found.problems.append(
                f"The {entry['kind']} '{place}' is not the one on record: it was changed or replaced since."
            )
    scans = _checkScans(found, folder, progress)
    # A scan that stays in its archive is known by its UID; a file elsewhere by nothing but the record.
    outside = [
        entry for entry in found.state.current.values() if not {"path", "folder", "seriesInstanceUid"} & {*entry}
    ]
    if outside:
        shown = ", ".join(named(entry) for entry in outside[:5]) + (" ..." if len(outside) > 5 else "")
        found.remarks.append(
            f"Not looked at, for outside the folder of the case: {plural(len(outside), 'file')} on record ({shown})."
        )
    inScans = tuple(f"{place}/" for place in scans)
    strange = [
        place
        for place in filesOf(folder)
        if place not in known and place not in replaced and not place.startswith(inScans)
    ]
    if strange:
        shown = ", ".join(f"'{place}'" for place in strange[:5]) + (" ..." if len(strange) > 5 else "")
        found.remarks.append(f"The record does not speak of {len(strange)} files in the folder: {shown}.")
