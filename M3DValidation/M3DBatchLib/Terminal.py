"""What a command says: results on stdout, progress and messages on stderr, and all of it without names in a log."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from M3DLib.Errors import M3DError

from .JsonFile import requireJsonPlace, writeJsonFile
from .ProgressLine import ProgressLine
from .RunLog import RunLog
from .Settings import Setting

_RED, _GREEN, _YELLOW, _BLUE = 31, 32, 33, 34
# Words of a verdict at the beginning of a line of the result.
_VERDICTS = {"FAIL": _RED, "WARNING": _YELLOW, "not assessable": _BLUE, "pass": _GREEN}
_VERDICT = re.compile(rf"^( *)({'|'.join(_VERDICTS)})(?=\s|$)", re.MULTILINE)


class Terminal:
    """Output of one command.

    With ``json`` set, stdout gets exactly one JSON object; everything meant for a person goes to stderr.

    :ivar jsonFile: where the JSON object goes instead, and the text for a person to stdout; None for none.
    """

    def __init__(self, json: bool = False):
        self.jsonWanted = json
        self.jsonFile: Path | None = None
        self.quiet = self.verbose = False
        if sys.stderr is None:
            # Closed by whoever started the program; print() would take stdout in its place.
            sys.stderr = open(os.devnull, "w", encoding="utf-8")
        self._isUnicode = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") == "utf8"
        if not self._isUnicode and hasattr(sys.stdout, "reconfigure"):
            # Names in a script that the terminal does not have are shown with question marks, not refused.
            sys.stdout.reconfigure(errors="replace")
        self._color = "auto"
        # Where something of the command lies already that stays.
        self._place = ""
        self._bar = ProgressLine(self._say) if _isTerminal(sys.stderr) else None
        self._lastText: str | None = None
        # What the command had to say at its end, for the record of a case.
        self.lastResult: dict | None = None
        self._log: RunLog | None = None

    def begin(self, arguments: argparse.Namespace, settings: Sequence[Setting] = ()) -> None:
        """Take over what the command line says of the output, and say which settings hold.

        :raises M3DError: the log file cannot be written.
        """
        self.jsonWanted = getattr(arguments, "json", False)
        self.quiet, self.verbose = getattr(arguments, "quiet", False), getattr(arguments, "verbose", False)
        self._color = getattr(arguments, "color", "auto")
        if getattr(arguments, "log_file", ""):
            self._log = RunLog(arguments.log_file, arguments.command)
            given = [*getattr(arguments, "optionsGiven", {}), *(setting.name for setting in settings)]
            self._log.start(sorted(name.replace("_", "-") for name in given))
        # A setting changes what is judged and written, so it is never silent.
        for origin in dict.fromkeys(setting.origin for setting in settings):
            held = ", ".join(_shown(setting) for setting in settings if setting.origin == origin)
            self.note(f"Settings of {origin}: {held}.")

    def ended(self, status: int, error: BaseException | None = None) -> int:
        """Write the end of the run into the log; returns the exit status."""
        if self._log is not None:
            if error is not None:
                self._log.error(error)
            self._log.close(status)
            self._log = None
        return status

    def requireOutput(self) -> None:
        """Raise :class:`M3DError` when stdout is closed: to be asked before the work, whose result would be lost."""
        if self.jsonFile is not None:
            requireJsonPlace(self.jsonFile)
        if sys.stdout is None:
            raise M3DError("Standard output is closed, so no result can be printed; send it to a file, as in > result.")

    def progress(self, fraction: float, text: str) -> None:
        """Progress callback for the libraries: a bar with the time left on a terminal, else one line per new text."""
        if not self.quiet:
            if self._bar is not None:
                self._bar.update(fraction, text)
            elif text != self._lastText:
                self._say(text + "\n")
        self._lastText = text

    @property
    def isInteractive(self) -> bool:
        """Whether progress is drawn on a line of its own, over and over, for somebody who watches it."""
        return self._bar is not None

    def step(self, name: str, seconds: float) -> None:
        """A step of the work is done: for ``--verbose`` and the log."""
        if self._log is not None:
            self._log.write("step", step=name, seconds=round(seconds, 3))
        if self.verbose:
            self._tell(f"{name}: {seconds:.1f} s")

    def note(self, text: str) -> None:
        """A remark for a person, on stderr; not with --quiet."""
        if not self.quiet:
            self._tell(text)

    def warn(self, text: str) -> None:
        """What ought to be known before the result is used, on stderr."""
        if self._log is not None:
            self._log.write("warning")
        self._tell(text)

    def error(self, text: str) -> None:
        """What is wrong, on stderr."""
        self._tell(f"{self._painted('m3d:', _RED, sys.stderr)} {text}")

    def stays(self, place: Path | str) -> None:
        """Say that something of the command is in its place now, whole, and stays there whatever comes."""
        self._place = str(place)

    def interruptedSentence(self) -> str:
        """What is to be said of a command that was interrupted."""
        if self._place:
            return f"Interrupted. What was complete by then stays in '{self._place}'."
        return "Interrupted; nothing was left behind."

    def result(self, data: dict, text: str) -> None:
        """The command's result: ``data`` as JSON when asked for, else ``text``."""
        self._clearBar()
        self.lastResult = data
        if self._log is not None:
            self._log.result(data)
        if self.jsonFile is not None:
            writeJsonFile(data, self.jsonFile)
        if self.jsonWanted and self.jsonFile is None:
            # Strict JSON: NaN and infinity have no place in it, so a measurement that failed must say null.
            self._print(json.dumps(data, indent=2, ensure_ascii=not self._isUnicode, allow_nan=False))
        else:
            self._print(_VERDICT.sub(self._paintedVerdict, text))

    def write(self, parts) -> None:
        """Put bytes on stdout as they are, for a pipe; texts for a person then go to stderr.

        :param parts: bytes-like objects, in order.
        :raises M3DError: stdout takes text only, or cannot be written.
        """
        self._clearBar()
        stream = getattr(sys.stdout, "buffer", None)
        if stream is None:
            raise M3DError("Standard output takes no binary data here; name a file with --output.")
        try:
            for part in parts:
                stream.write(part)
        except OSError as error:
            self.notPrinted(error)
        else:
            self.flush()

    def pipedResult(self, data: dict) -> None:
        """The result of a command that has put its output on stdout: into the log and the JSON file, if any."""
        self.lastResult = data
        if self._log is not None:
            self._log.result(data)
        if self.jsonFile is not None:
            writeJsonFile(data, self.jsonFile)

    def _paintedVerdict(self, match: re.Match) -> str:
        return match[1] + self._painted(match[2], _VERDICTS[match[2]], sys.stdout)

    def _painted(self, text: str, color: int, stream) -> str:
        return f"\x1b[{color}m{text}\x1b[0m" if wantsColor(self._color, stream) else text

    def _tell(self, text: str) -> None:
        self._clearBar()
        self._say(text + "\n")

    def _clearBar(self) -> None:
        if self._bar is not None:
            self._bar.clear()

    def _say(self, text: str) -> None:
        # Where nobody can be told anything (stderr is full or nobody reads it any more), the work still goes on.
        with contextlib.suppress(OSError):
            sys.stderr.write(text)
            sys.stderr.flush()

    def _print(self, text: str) -> None:
        try:
            print(text)
        except OSError as error:
            self.notPrinted(error)
        else:
            self.flush()

    def flush(self) -> None:
        """See that all that was printed has arrived.

        :raises M3DError: it could not be written; not when its reader has had enough, as "head" has.
        """
        if sys.stdout is None:
            return
        try:
            sys.stdout.flush()
        except OSError as error:
            self.notPrinted(error)

    def notPrinted(self, error: OSError) -> None:
        """Say that standard output has not taken what was printed.

        :raises M3DError: says so; not when its reader has had enough, as "head" has.
        """
        # Python's last flush must not fail over the same text again.
        with contextlib.suppress(AttributeError, OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            raise M3DError(
                f"The result could not be printed: {error.strerror}. Files that the command has written are complete; "
                "send standard output to a place with room.",
            ) from error

    def close(self) -> None:
        """End the progress bar's line."""
        if self._bar is not None:
            self._bar.close()


def _isTerminal(stream) -> bool:
    # The stream of an application that has Python built in may not know whether it is a terminal.
    return getattr(stream, "isatty", lambda: False)() and os.environ.get("TERM") != "dumb"


def wantsColor(when: str, stream) -> bool:
    """Whether a stream gets colors: as ``--color`` says, else on a terminal unless NO_COLOR is set to anything."""
    if when != "auto":
        return when == "always"
    return not os.environ.get("NO_COLOR") and _isTerminal(stream)


def _shown(setting: Setting) -> str:
    return f"{setting.name} {' '.join(setting.text) if isinstance(setting.text, list) else setting.text}"
