"""What a command says: results on stdout, progress and messages on stderr."""

from __future__ import annotations

import json
import os
import sys
import time


class Terminal:
    """Output of one command.

    With ``json`` set, stdout gets exactly one JSON object; everything meant for a person goes to stderr.
    """

    def __init__(self, json: bool = False):
        self.jsonWanted = json
        self._isTerminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._isUnicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
        if not self._isUnicode and hasattr(sys.stdout, "reconfigure"):
            # Names in a script that the terminal does not have are shown with question marks, not refused.
            sys.stdout.reconfigure(errors="replace")
        self._barShown = False
        self._lastText = None
        self._lastDrawn = 0.0

    def progress(self, fraction: float, text: str) -> None:
        """Progress callback for the libraries: a bar on a terminal, else one line per new text."""
        if self._isTerminal:
            now = time.monotonic()
            if text == self._lastText and now - self._lastDrawn < 0.1 and fraction < 1:
                return
            filled = round(24 * min(max(fraction, 0.0), 1.0))
            sys.stderr.write(f"\r\x1b[2K[{'#' * filled}{'.' * (24 - filled)}] {text}")
            self._barShown, self._lastDrawn = True, now
        elif text != self._lastText:
            sys.stderr.write(text + "\n")
        self._lastText = text
        sys.stderr.flush()

    def _clearBar(self) -> None:
        if self._barShown:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()
            self._barShown = False

    def note(self, text: str) -> None:
        """A message for a person, on stderr."""
        self._clearBar()
        print(text, file=sys.stderr)

    def error(self, text: str) -> None:
        """What is wrong, on stderr."""
        self.note(f"m3d: {text}")

    def result(self, data: dict, text: str) -> None:
        """The command's result: ``data`` as JSON when asked for, else ``text``."""
        self._clearBar()
        if self.jsonWanted:
            # Strict JSON: NaN and infinity have no place in it, so a measurement that failed must say null.
            print(json.dumps(data, indent=2, ensure_ascii=not self._isUnicode, allow_nan=False))
        else:
            print(text)
        sys.stdout.flush()

    def close(self) -> None:
        """End the progress bar's line."""
        self._clearBar()
