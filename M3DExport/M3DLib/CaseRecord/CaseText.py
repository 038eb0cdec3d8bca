"""A case in words: what a person reads in a terminal, in a panel or on the page of the case."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .AcquisitionRecord import acquisitionText
from .CaseState import CHANGED, CONFIRMED, OPENED, CaseState
from .RecordEvent import RecordEvent
from .RecordFile import REPAIRED

_MOST_NAMED = 8
# What comes along with what matters.
BESIDE = ("other", "picture", "directory", "copy")
_WORDS = {"batchDone": "Batch", "produced": "Validated and exported"}


def caseFacts(state: CaseState, events: Sequence[RecordEvent]) -> dict[str, Any]:
    """State and history as plain JSON values."""
    return {
        "order": state.order,
        "requirement": state.requirement,
        "validUntil": state.validUntil,
        "opened": state.opened,
        "released": state.holding("release") is not None,
        "open": state.open(),
        "current": list(state.current.values()),
        "superseded": state.superseded,
        "acquisition": list(state.acquisition.values()),
        "confirmations": [vars(one) for one in state.confirmations],
        "events": [
            {
                "sequence": event.sequence,
                "time": event.time,
                "event": event.event,
                "person": event.person,
                "role": event.role,
                "text": eventText(event),
            }
            for event in events
        ],
    }


def eventText(event: RecordEvent) -> str:
    """What an event says, in one line without time and person."""
    body = event.body
    if event.event == OPENED:
        valid = f", valid until {body['validUntil']}" if body.get("validUntil") else ""
        return f"Order {body['order']}: {requirementText(body['requirement'])}{valid}"
    if event.event == CHANGED:
        about = f" (replaces {', '.join(body['replaces'])})" if body.get("replaces") else ""
        return f"Change: {body['text']}{about}. Reason: {body['reason']}"
    if event.event == CONFIRMED:
        signed = ", signed" if event.signature is not None else ""
        return f"Confirmed: {body['what']} ({', '.join(named(entry) for entry in body['subjects'])}){signed}"
    if event.event == REPAIRED:
        return "A line that had been written in part was put right"
    entries = body.get("outputs") or body.get("inputs") or []
    main = [named(entry) for entry in entries if entry["kind"] not in BESIDE] or [named(one) for one in entries]
    shown = main[:_MOST_NAMED]
    if len(entries) > len(shown):
        shown.append(f"and {len(entries) - len(shown)} more")
    result = body.get("result", {})
    said = f"{_WORDS.get(event.event, event.event.capitalize())}: {', '.join(shown) or 'nothing'}"
    if result.get("error"):
        said = f"{_WORDS.get(event.event, event.event.capitalize())}: failed. {result['error']}"
    if result.get("verdict"):
        said += f"; verdict {result['verdict']}"
    return said


def requirementText(requirement: dict[str, Any]) -> str:
    """The requirement in words, or the name of the file that says it."""
    return requirement.get("text") or f"see {requirement.get('path') or requirement.get('name')}"


def named(entry: dict[str, Any]) -> str:
    """An entry of the record by what a person calls it."""
    return f"{entry['kind']} {placeOf(entry)}"


def placeOf(entry: dict[str, Any]) -> str:
    """Where an entry of the record lies: in the case, elsewhere by its name, or as a series by its UID."""
    return entry.get("path") or entry.get("name") or entry["seriesInstanceUid"]


def caseText(state: CaseState, events: Sequence[RecordEvent]) -> str:
    """State, what is open, and the history, as lines."""
    lines = [f"Order {state.order}: {requirementText(state.requirement)}"]
    if state.validUntil:
        lines.append(f"Valid until {state.validUntil}")
    lines += ["", "On record:", *(f"  {named(entry)}  {entry['sha256'][:12]}" for entry in state.current.values())]
    if state.acquisition:
        lines += ["", "Acquisition:", *(f"  {acquisitionText(one)}" for one in state.acquisition.values())]
    lines += ["", "Confirmations:" if state.confirmations else "Confirmations: none"]
    for one in state.confirmations:
        held = f"VOID: {one.void}" if one.void else "holds"
        lines.append(f"  {one.what} by {one.person} ({one.role}), {one.time[:10]}{', signed' * one.signed}: {held}")
    still = state.open()
    lines += [
        "",
        *(["Open:", *(f"  {text}" for text in still)] if still else ["Nothing is open: the case is released."]),
    ]
    lines += ["", "History:"]
    for event in events:
        who = f" by {event.person}" if event.person else ""
        lines.append(f"  {event.sequence:3d}  {event.time[:16].replace('T', ' ')} UTC{who}  {eventText(event)}")
    return "\n".join(lines)
