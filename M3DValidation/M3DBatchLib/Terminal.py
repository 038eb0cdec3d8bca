"""What a command says: results on stdout, progress and messages on stderr."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from pathlib import Path

from M3DLib.Errors import M3DError

from .JsonFile import requireJsonPlace, writeJsonFile


class Terminal:
    """Output of one command.

    With ``json`` set, stdout gets exactly one JSON object; everything meant for a person goes to stderr.

    :ivar jsonFile: where the JSON object goes instead, and the text for a person to stdout; None for none.
    """

    def __init__(self, json: bool = False):
        self.jsonWanted = json
        self.jsonFile: Path | None = None
        if sys.stderr is None:
            # Closed by whoever started the program; print() would take stdout in its place.
            sys.stderr = open(os.devnull, "w", encoding="utf-8")
        # The stream of an application that has Python built in may not know whether it is a terminal.
        self._isTerminal = getattr(sys.stderr, "isatty", lambda: False)() and os.environ.get("TERM") != "dumb"
        self._isUnicode = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") == "utf8"
        if not self._isUnicode and hasattr(sys.stdout, "reconfigure"):
            # Names in a script that the terminal does not have are shown with question marks, not refused.
            sys.stdout.reconfigure(errors="replace")
        self._barShown = False
        self._lastText = None
        self._lastDrawn = 0.0

    def requireOutput(self) -> None:
        """Raise :class:`M3DError` when stdout is closed: to be asked before the work, whose result would be lost."""
        if self.jsonFile is not None:
            requireJsonPlace(self.jsonFile)
        if sys.stdout is None:
            raise M3DError("Standard output is closed, so no result can be printed; send it to a file, as in > result.")

    def progress(self, fraction: float, text: str) -> None:
        """Progress callback for the libraries: a bar on a terminal, else one line per new text."""
        if self._isTerminal:
            now = time.monotonic()
            if text == self._lastText and now - self._lastDrawn < 0.1 and fraction < 1:
                return
            filled = round(24 * min(max(fraction, 0.0), 1.0))
            self._say(f"\r\x1b[2K[{'#' * filled}{'.' * (24 - filled)}] {text}")
            self._barShown, self._lastDrawn = True, now
        elif text != self._lastText:
            self._say(text + "\n")
        self._lastText = text

    def _clearBar(self) -> None:
        if self._barShown:
            self._say("\r\x1b[2K")
            self._barShown = False

    def _say(self, text: str) -> None:
        # Where nobody can be told anything (stderr is full or nobody reads it any more), the work still goes on.
        with contextlib.suppress(OSError):
            sys.stderr.write(text)
            sys.stderr.flush()

    def note(self, text: str) -> None:
        """A message for a person, on stderr."""
        self._clearBar()
        self._say(text + "\n")

    def error(self, text: str) -> None:
        """What is wrong, on stderr."""
        self.note(f"m3d: {text}")

    def result(self, data: dict, text: str) -> None:
        """The command's result: ``data`` as JSON when asked for, else ``text``."""
        self._clearBar()
        if self.jsonFile is not None:
            writeJsonFile(data, self.jsonFile)
            self._print(text)
        elif self.jsonWanted:
            # Strict JSON: NaN and infinity have no place in it, so a measurement that failed must say null.
            self._print(json.dumps(data, indent=2, ensure_ascii=not self._isUnicode, allow_nan=False))
        else:
            self._print(text)

    def _print(self, text: str) -> None:
        try:
            print(text)
        except OSError as error:
            self._givenUp(error)
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
            self._givenUp(error)

    def _givenUp(self, error: OSError) -> None:
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
        self._clearBar()
