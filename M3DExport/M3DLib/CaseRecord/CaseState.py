"""What follows from the events of a case: what there is, which version holds, what is confirmed, what is open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from ..Errors import M3DError
from .RecordEvent import RecordEvent

OPENED, CHANGED, CONFIRMED = "opened", "changed", "confirmed"
# What can be confirmed, in the order of the work, and which kinds of files each confirmation is about.
CONFIRMABLE = {
    "data": ("series", "image"),
    "segmentation": ("segmentation",),
    "design": ("model", "report"),
    "print": ("part", "comparison"),
    "release": ("series", "image", "segmentation", "model", "report", "part", "comparison"),
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
    """

    order: str
    requirement: dict[str, Any]
    validUntil: str
    opened: str
    current: dict[str, dict[str, Any]] = field(default_factory=dict)
    superseded: list[dict[str, Any]] = field(default_factory=list)
    changes: list[RecordEvent] = field(default_factory=list)
    confirmations: list[Confirmation] = field(default_factory=list)

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
    for event in events:
        for entry in [*event.body.get("inputs", ()), *event.body.get("outputs", ())]:
            _take(state, event, entry)
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
    """What tells one thing of a case from another, over its versions."""
    for key in ("path", "seriesInstanceUid", "name"):
        if key in entry:
            return f"{entry['kind']}:{entry[key]}"
    raise M3DError("An entry of the record names no file and no series.")


def _take(state: CaseState, event: RecordEvent, entry: dict[str, Any]) -> None:
    """Let an entry be the newest of its key; a confirmation of what it replaces is void from here on."""
    key = keyOf(entry)
    replaced = [key, *(f"{entry['kind']}:{place}" for place in entry.get("replaces", ()))]
    for old in replaced:
        before = state.current.get(old)
        if before is None or (old == key and before["sha256"] == entry["sha256"]):
            continue
        state.superseded.append({**before, "supersededBy": event.sequence})
        del state.current[old]
    isNew = key not in state.current
    state.current[key] = entry
    if not isNew:
        return
    for one in state.confirmations:
        if not one.void and entry["kind"] in CONFIRMABLE[one.what]:
            name = entry.get("path") or entry.get("name") or entry.get("seriesInstanceUid")
            one.void = f"{entry['kind']} {name} is new or another one since event {event.sequence} ({event.event})"
