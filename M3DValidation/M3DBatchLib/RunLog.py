"""The log of ``--log-file``: one JSON object per line, in which nobody is named.

Texts that are made while the program runs may hold a patient's name, a path or a UID. None of them is written: an event
is told by its kind, by the place in the program, by figures, and by the constant words of the sentence there.
"""

from __future__ import annotations

import ast
import json
import linecache
import os
import traceback
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from M3DLib.Errors import M3DError
from M3DLib.Software import softwareVersions

# Of a result only what is a figure or a word of the program's own.
_OF_RESULT = ("verdict", "exitStatus", "counts", "seconds", "peakMemoryMb")
_LEFT_OUT = "..."


class RunLog:
    """Appends events to a file; each line is complete in itself, so several runs may share one file.

    :raises M3DError: the file cannot be written.
    """

    def __init__(self, file: str | Path, command: str):
        self._command = command
        try:
            self._file = open(file, "a", encoding="ascii")
        except OSError as error:
            raise M3DError(f"The log file '{file}' cannot be written: {error.strerror}.") from error

    def write(self, event: str, **values: Any) -> None:
        """Append one event, with time, process and command."""
        entry = {
            "time": datetime.now().astimezone().isoformat(timespec="milliseconds"),
            "process": os.getpid(),
            "command": self._command,
            "event": event,
            **values,
        }
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()

    def start(self, options: list[str]) -> None:
        """What was asked for: the names of the options, never their values."""
        self.write("start", options=options, software=softwareVersions())

    def result(self, data: Mapping[str, Any]) -> None:
        """The figures of a result, and which requirements did not pass."""
        values = {key: data[key] for key in _OF_RESULT if key in data}
        findings = data.get("findings")
        if findings:
            values["notPassed"] = [
                {"requirement": one["requirement"], "verdict": one["verdict"]}
                for one in findings
                if one["verdict"] != "pass"
            ]
        self.write("result", software=softwareVersions(), **values)

    def error(self, error: BaseException) -> None:
        """What kind of error it was, where in the program, and the constant words of its sentence."""
        self.write("error", kind=type(error).__name__, **placeOf(error))

    def close(self, status: int) -> None:
        """Write the exit status, and end the log."""
        self.write("end", exitStatus=status)
        self._file.close()


def placeOf(error: BaseException) -> dict[str, str]:
    """Where an error was raised, and the words of its sentence that stand in the program itself."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return {}
    last = frames[-1]
    place = {"where": f"{Path(last.filename).name}:{last.lineno}"}
    words = _constantWords(last.filename, last.lineno)
    return {**place, "words": words} if words else place


def _constantWords(file: str, line: int) -> str:
    """The sentence of the ``raise`` statement at a line, with "..." for everything that is filled in."""
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except SyntaxError:
        return ""
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and node.lineno <= line <= node.end_lineno and isinstance(node.exc, ast.Call):
            return " ".join(filter(None, (_words(argument) for argument in node.exc.args)))
    return ""


def _words(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_words(part) if isinstance(part, ast.Constant) else _LEFT_OUT for part in node.values)
    return ""
