"""One line that says what is being done, how far it is, and how long it will still take."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable

_BAR = 24
# Before this, neither a time nor an estimate helps anybody.
_QUIET_SECONDS = 2.0
_LEAST_SHARE = 0.04
_REDRAW_SECONDS = 0.1
_TICK_SECONDS = 0.5


class ProgressLine:
    """Draws progress over and over on the last line of a terminal.

    The time left is that of the work whose share is reported: where a share begins anew, so does the estimate. Where
    work is done that reports nothing, the seconds since its last report go on, so that it can be told from a program
    that hangs.

    :param write: puts text on the terminal; is also called from a thread of its own.
    """

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic):
        self._write, self._clock = write, clock
        self._lock = threading.Lock()
        self._text, self._share = "", 0.0
        self._begun = self._beganAtShare = self._drawn = self._heard = 0.0
        self._ticker: threading.Thread | None = None
        self._ended = threading.Event()
        self.shown = False

    def update(self, share: float, text: str) -> None:
        """Say what is done and how far it is, 0 to 1."""
        share = min(max(share, 0.0), 1.0)
        with self._lock:
            now = self._clock()
            if not self._text or share < self._share:
                self._begun, self._beganAtShare = now, share
            changed = text != self._text
            self._text, self._share, self._heard = text, share, now
            if changed or share >= 1 or now - self._drawn >= _REDRAW_SECONDS:
                self._draw()
        if self._ticker is None:
            self._ticker = threading.Thread(target=self._tick, daemon=True, name="m3d progress")
            self._ticker.start()

    def clear(self) -> None:
        """Take the line away; the next update draws it again."""
        with self._lock:
            if self.shown:
                self._write("\r\x1b[2K")
                self.shown = False

    def close(self) -> None:
        """Take the line away and end the thread that keeps it alive."""
        self._ended.set()
        self.clear()
        if self._ticker is not None:
            self._ticker.join(2)

    def line(self) -> str:
        """The line as it would be drawn now."""
        filled = round(_BAR * self._share)
        return f"[{'#' * filled}{'.' * (_BAR - filled)}] {self._text}{self._times()}"

    def _times(self) -> str:
        now = self._clock()
        elapsed, done = now - self._begun, self._share - self._beganAtShare
        if elapsed < _QUIET_SECONDS or self._share >= 1:
            return f" ({now - self._heard:.0f} s)" if now - self._heard >= _QUIET_SECONDS else ""
        if done < _LEAST_SHARE:
            return f" ({elapsed:.0f} s)"
        # What was reported last has gone on since then.
        left = (self._heard - self._begun) / done * (1 - self._share) - (now - self._heard)
        return f" ({spoken(left)} left)" if left >= 1 else f" ({elapsed:.0f} s)"

    def _draw(self) -> None:
        width = shutil.get_terminal_size((80, 24)).columns - 1
        self._write(f"\r\x1b[2K{self.line()[:width]}")
        self.shown, self._drawn = True, self._clock()

    def _tick(self) -> None:
        while not self._ended.wait(_TICK_SECONDS):
            with self._lock:
                if self.shown and not self._ended.is_set():
                    self._draw()


def spoken(seconds: float) -> str:
    """A time as one says it of an estimate: "about 4 s", "about 25 s", "about 3 min"."""
    if seconds < 10:
        return f"about {max(1, round(seconds))} s"
    if seconds < 90:
        return f"about {5 * round(seconds / 5)} s"
    return f"about {round(seconds / 60)} min"
