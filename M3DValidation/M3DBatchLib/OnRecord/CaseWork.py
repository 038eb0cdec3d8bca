"""``--case``: what a command does goes on the record of a case, by the command itself, whatever comes of it."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from M3DLib.Errors import M3DError

if TYPE_CHECKING:
    from ..Terminal import Terminal

# What the record calls the work of each command.
EVENTS = {
    "export": "exported",
    "validate": "validated",
    "run": "produced",
    "compare": "compared",
    "repair": "repaired",
    "encapsulate": "encapsulated",
    "batch": "batchDone",
    "send": "sent",
    "package": "packaged",
}
EXIT_INTERRUPTED, EXIT_WRONG_INPUT, EXIT_PROGRAM_ERROR = 130, 2, 70
# What is no setting of the work: who is asked, where it is said, and objects of the parser.
_NO_SETTINGS = {"run", "parser", "command", "notes", "optionsGiven", "case", "by", "role", "json", "log_file", "quiet"}
_NO_SETTINGS |= {"color", "progress", "config", "subject"}
_RESULT_KEYS = ("verdict", "exported", "sent", "groupUid", "override", "repairs", "sha256")


def onRecord(arguments: argparse.Namespace, terminal: Terminal, work: Callable[[], int]) -> int:
    """Do the work of a command; put it on record where ``--case`` asks for that.

    :return: the exit status of the work.
    :raises M3DError: the record cannot be written, before the work begins; or what the work raises. Work that is done
        and can no longer be put on record is an error that says both.
    """
    if not getattr(arguments, "case", "") or arguments.command not in EVENTS:
        return work()
    recorder = _Recorder(arguments, terminal)
    try:
        status = work()
    except BaseException as error:
        recorder.failed(error)
        raise
    recorder.done(status)
    return status


class _Recorder:
    """Looks before and after the work, and writes the event."""

    def __init__(self, arguments: argparse.Namespace, terminal: Terminal):
        from M3DLib.CaseRecord.RecordFile import requireWritableRecord

        from .CaseInputs import requireInputs
        from .CaseOutputs import Outputs

        self.arguments, self.terminal = arguments, terminal
        self.folder = Path(arguments.case)
        requireWritableRecord(self.folder)
        requireInputs(arguments)
        self.settings = settingsOf(arguments)
        self.outputs = Outputs(arguments, terminal.jsonFile)

    def done(self, status: int) -> None:
        try:
            event, digest = self._write({"exitStatus": status, **self._resultFacts()})
        except M3DError as error:
            done = (
                f"The work is done (exit status {status}) and its files are there, but it could not be put on the "
                f"record of the case '{self.folder}'; put its files on record with m3d case add."
            )
            raise M3DError([done, *error.problems]) from error
        self.terminal.note(f"Event {event.sequence} of the case '{self.folder}': {digest}")

    def failed(self, error: BaseException) -> None:
        """Put on record that the work failed; its own error is the one that is told."""
        result = {"exitStatus": _statusOf(error), "error": _sentence(error)}
        try:
            event, _digest = self._write(result)
        except M3DError as other:
            self.terminal.warn(f"That this failed could not be put on the record of the case: {other}")
            return
        self.terminal.note(f"Event {event.sequence} of the case '{self.folder}' says that this failed.")

    def _write(self, result: dict[str, Any]):
        from M3DLib.CaseRecord.CaseFolder import recordWork, requireCase
        from M3DLib.CaseRecord.RecordEvent import sha256Of
        from M3DLib.Software import softwareVersions

        inputs, acquisition = self._inputs(result)
        outputs, removed = self.outputs.changes()
        for entry in outputs:
            if entry["kind"] in ("report", "comparison") and "verdict" in result:
                entry["verdict"] = result["verdict"]
        for entry in acquisition:
            entry.update(self._accuracy(entry), validUntil=requireCase(self.folder).validUntil or None)
        event = recordWork(
            self.folder,
            EVENTS[self.arguments.command],
            inputs=inputs,
            outputs=outputs,
            settings={"command": self.arguments.command, **self.settings, "versions": list(softwareVersions())},
            result=result,
            acquisition=acquisition,
            removed=removed,
            person=self.arguments.by or getattr(self.arguments, "person", ""),
            role=self.arguments.role,
        )
        return event, sha256Of(event.line())

    def _inputs(self, result: dict[str, Any]) -> tuple[list[dict], list[dict]]:
        from .CaseInputs import inputEntries

        try:
            return inputEntries(self.arguments, self.folder)
        except M3DError as error:
            # What the work has refused cannot be described either; work that was done has read all of it.
            if "error" not in result:
                raise
            result["inputs"] = f"could not be read: {' '.join(error.problems)}"
            return [], []

    def _accuracy(self, entry: dict[str, Any]) -> dict[str, Any]:
        from M3DLib.CaseRecord.AcquisitionRecord import accuracyOf

        data = self.terminal.lastResult or {}
        ofScan = ((data.get("input") or {}).get("image") or {}).get("seriesInstanceUid")
        found = accuracyOf(data) if ofScan == entry["seriesInstanceUid"] else {}
        return {"accuracy": found} if found else {}

    def _resultFacts(self) -> dict[str, Any]:
        data = self.terminal.lastResult or {}
        facts = {key: data[key] for key in _RESULT_KEYS if data.get(key) not in (None, "", [])}
        models = [one["sopInstanceUid"] for one in data.get("models", ()) if isinstance(one, dict) and "file" in one]
        return facts | ({"models": models} if models else {})


def settingsOf(arguments: argparse.Namespace) -> dict[str, Any]:
    """Every option with the value that held, as plain JSON values; what was left empty is left out."""
    found = {}
    for name, value in sorted(vars(arguments).items()):
        if name in _NO_SETTINGS or callable(value) or value in (None, "", [], (), False):
            continue
        found[name.replace("_", "-")] = _plain(value)
    return found


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    # An address may hold a password, which no record is to keep.
    return re.sub(r"//[^/@\s]*@", "//", str(value))


def _statusOf(error: BaseException) -> int:
    if isinstance(error, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    return EXIT_WRONG_INPUT if isinstance(error, M3DError) else EXIT_PROGRAM_ERROR


def _sentence(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "Interrupted."
    if isinstance(error, M3DError):
        return " ".join(error.problems)
    return f"Error of the program ({type(error).__name__})."
