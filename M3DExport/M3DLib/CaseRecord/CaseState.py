"""What follows from the events of a case: what there is, which version holds, what is confirmed, what is open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from ..Errors import M3DError
from .RecordEvent import RecordEvent

OPENED, CHANGED, CONFIRMED, ADDED = "opened", "changed", "confirmed", "added"
# What can be confirmed, in the order of the work, and which kinds of files each confirmation is about.
CONFIRMABLE = {
    "data": ("series", "image"),
    "segmentation": ("segmentation",),
    "design": ("model", "printFile", "report"),
    "print": ("part", "comparison"),
    "release": ("series", "image", "segmentation", "model", "printFile", "report", "part", "comparison"),
}
# These need nothing to be on record for an order that has none of it: a model may be printed elsewhere, or be made of
# a threshold. Whether that is so is said by leaving the confirmation out, not by confirming nothing.
_REQUIRED = ("data", "design", "release")


@dataclass
class Confirmation:
    """One confirmation and whether it still holds.

    :ivar event: number of its event.
    :ivar subjects: the entries it is about, as the event has them.
    :ivar void: why it holds no more; empty while it does.
    """

    what: str
    event: int
    person: str
    role: str
    time: str
    subjects: list[dict[str, Any]]
    signed: bool
    void: str = ""


@dataclass
class CaseState:
    """A case after all of its events.

    :ivar order: number of the order; ``requirement`` what was ordered, in words or as the entry of a file.
    :ivar validUntil: last day of the order, ISO 8601; empty when none was set.
    :ivar current: the newest entry of every file and series by its key, in the order of their first mention.
    :ivar superseded: entries that a later event has replaced, oldest first.
    :ivar changes: the events of changes, with reason.
    :ivar confirmations: all of them, the newest of each kind last.
    :ivar acquisition: how each scan was made, by its Series Instance UID; with the accuracy of the newest report on it.
    """

    order: str
    requirement: dict[str, Any]
    validUntil: str
    opened: str
    current: dict[str, dict[str, Any]] = field(default_factory=dict)
    superseded: list[dict[str, Any]] = field(default_factory=list)
    changes: list[RecordEvent] = field(default_factory=list)
    confirmations: list[Confirmation] = field(default_factory=list)
    acquisition: dict[str, dict[str, Any]] = field(default_factory=dict)

    def subjects(self, what: str) -> list[dict[str, Any]]:
        """The entries that a confirmation made now would be about."""
        return [entry for entry in self.current.values() if entry["kind"] in CONFIRMABLE[what]]

    def holding(self, what: str) -> Confirmation | None:
        """The confirmation of this kind that holds, if one does."""
        held = [one for one in self.confirmations if one.what == what and not one.void]
        return held[-1] if held else None

    def open(self) -> list[str]:
        """What is still to be done before the case is released, in words."""
        missing = []
        for what in CONFIRMABLE:
            if self.holding(what) is not None:
                continue
            lapsed = [one for one in self.confirmations if one.what == what]
            if lapsed:
                missing.append(f"{what}: confirmed by {lapsed[-1].person}, but void: {lapsed[-1].void}")
            elif what in _REQUIRED or self.subjects(what):
                missing.append(f"{what}: not confirmed")
        return missing


def stateOf(events: Sequence[RecordEvent]) -> CaseState:
    """The state of a case.

    :param events: of a record whose chain is whole.
    :raises M3DError: the record does not begin with the opening of a case.
    """
    if not events or events[0].event != OPENED:
        raise M3DError("The record does not begin with the opening of a case.")
    first = events[0].body
    state = CaseState(first["order"], first["requirement"], first.get("validUntil", ""), events[0].time)
    held = _Held(state)
    for event in events:
        for entry in event.body.get("inputs", ()):
            # What work has read is on record already, under whatever name it was found this time; what is added is
            # added as what it is said to be.
            if event.event == ADDED or keyOf(entry) in state.current or not held.hashes[entry["sha256"]]:
                held.take(event, entry)
        for entry in event.body.get("outputs", ()):
            held.take(event, entry)
        for place in event.body.get("removed", ()):
            held.remove(event, place)
        for entry in event.body.get("acquisition", ()):
            known = state.acquisition.get(entry["seriesInstanceUid"], {})
            state.acquisition[entry["seriesInstanceUid"]] = {**known, **entry}
        if event.event == CHANGED:
            state.changes.append(event)
        if event.event == CONFIRMED:
            state.confirmations.append(
                Confirmation(
                    event.body["what"],
                    event.sequence,
                    event.person,
                    event.role,
                    event.time,
                    event.body["subjects"],
                    event.signature is not None,
                )
            )
    return state


def confirmationBody(state: CaseState, what: str, today: date) -> dict[str, Any]:
    """What the event of a confirmation says.

    :raises M3DError: there is nothing of this kind to confirm, something before it is not confirmed, or the order has
        expired.
    """
    if what not in CONFIRMABLE:
        raise M3DError(f"'{what}' cannot be confirmed; choose one of {', '.join(CONFIRMABLE)}.")
    subjects = state.subjects(what)
    if not subjects:
        kinds = " or ".join(CONFIRMABLE[what])
        raise M3DError(f"There is nothing to confirm as {what}: the case has no {kinds} on record yet.")
    if what in ("design", "release") and state.validUntil and today.isoformat() > state.validUntil:
        raise M3DError(f"The order was valid until {state.validUntil}; it is too late to confirm the {what}.")
    if what == "release" and (missing := [text for text in state.open() if not text.startswith("release")]):
        raise M3DError(["The case cannot be released yet.", *(f"Open: {text}." for text in missing)])
    return {"what": what, "subjects": subjects}


def keyOf(entry: dict[str, Any]) -> str:
    """What tells one thing of a case from another, over its versions.

    :raises M3DError: the entry names no file and no series.
    """
    for key in ("path", "seriesInstanceUid", "name"):
        if key in entry:
            return f"{entry['kind']}:{entry[key]}"
    raise M3DError("An entry of the record names no file and no series.")


def isSame(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two entries are of the same content, as far as both say it."""
    if "contentSha256" in one and "contentSha256" in other and one["contentSha256"] != other["contentSha256"]:
        return False
    return one["sha256"] == other["sha256"]


class _Held:
    """What is on record now, for quick questions.

    :ivar hashes: how many current entries have each hash.
    :ivar keys: of the current entries at each place in the case.
    """

    def __init__(self, state: CaseState):
        self.state = state
        self.hashes: Counter[str] = Counter()
        self.keys: dict[str, set[str]] = {}

    def take(self, event: RecordEvent, entry: dict[str, Any]) -> None:
        """Let an entry be the newest of its key; a confirmation of what it replaces is void from here on."""
        key = keyOf(entry)
        self._drop(event, [f"{entry['kind']}:{place}" for place in entry.get("replaces", ())])
        # A place holds one file, whatever it was called before.
        stale = [key, *(self.keys.get(entry["path"], ()) if "path" in entry else ())]
        current = self.state.current
        self._drop(event, [old for old in stale if old in current and not isSame(current[old], entry)])
        if key in self.state.current:
            self.state.current[key] |= entry
            return
        self.state.current[key] = dict(entry)
        self.hashes[entry["sha256"]] += 1
        if "path" in entry:
            self.keys.setdefault(entry["path"], set()).add(key)
        name = entry.get("path") or entry.get("name") or entry.get("seriesInstanceUid")
        self._void(entry["kind"], f"{entry['kind']} {name} is new or another one", event)

    def remove(self, event: RecordEvent, place: str) -> None:
        """Let what lay at a place be there no more."""
        for key in list(self.keys.get(place, ())):
            kind = self.state.current[key]["kind"]
            self._drop(event, [key])
            self._void(kind, f"{kind} {place} was removed", event)

    def _drop(self, event: RecordEvent, keys: Iterable[str]) -> None:
        for key in keys:
            before = self.state.current.pop(key, None)
            if before is None:
                continue
            self.state.superseded.append({**before, "supersededBy": event.sequence})
            self.hashes[before["sha256"]] -= 1
            self.keys.get(before.get("path", ""), set()).discard(key)

    def _void(self, kind: str, why: str, event: RecordEvent) -> None:
        for one in self.state.confirmations:
            if not one.void and kind in CONFIRMABLE[one.what]:
                one.void = f"{why} since event {event.sequence} ({event.event})"
