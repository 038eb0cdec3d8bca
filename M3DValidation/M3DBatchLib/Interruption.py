"""Ctrl-C, and the request to end that a system sends: what was begun is taken back, and the program ends by itself."""

from __future__ import annotations

import _thread
import signal
import sys
import threading
import time
from types import FrameType

# How long after a request that came while a package was being loaded it is looked again.
_LOOK_SECONDS = 0.02
_LOADING = "<frozen importlib._bootstrap>"


class Interruption:
    """Whether a signal has asked the run to end, and the ``KeyboardInterrupt`` that ends it.

    It may come out of compiled code as another exception (numpy reports it as a TypeError in places): then only
    ``happened`` tells.

    It is not raised while a package is being loaded, but right after. The parts of VTK load each other from compiled
    code: with one of them half loaded the program ends in a segmentation fault.
    """

    def __init__(self):
        """From here on requests are taken; from :meth:`hear` on they end the run."""
        self.happened = False
        self._isHeard = self._isAskedAgain = self._isOver = False
        self._loadingAround = _loads(sys._getframe())
        self._before: dict[int, object] = {}
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGTERM, signal.SIGINT):
            # A run in the background ignores Ctrl-C, and is to go on doing so.
            if number == signal.SIGTERM or signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._take)

    def hear(self) -> None:
        """What is done from here on can be taken back.

        :raises KeyboardInterrupt: the run was asked to end before.
        """
        self._isHeard = True
        if self.happened:
            raise KeyboardInterrupt

    def end(self) -> None:
        """The run has ended, and nothing of it can be taken back any more: a request changes nothing, a second one ends
        a program that does not end by itself.
        """
        self._isHeard, self._isOver = False, True

    def restore(self) -> None:
        """Signals are what they were before."""
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def _take(self, number: int, frame: FrameType | None) -> None:
        self.happened = True
        if self._isOver:
            signal.signal(number, signal.SIG_DFL)
        if not self._isHeard or self._isAskedAgain:
            return
        if _loads(frame) > self._loadingAround:
            self._isAskedAgain = True
            # Not by threading: what was interrupted may hold its locks.
            _thread.start_new_thread(self._askAgain, (number,))
            return
        raise KeyboardInterrupt

    def _askAgain(self, number: int) -> None:
        time.sleep(_LOOK_SECONDS)
        self._isAskedAgain = False
        if self._isHeard:
            _thread.interrupt_main(number)


def _loads(frame: FrameType | None) -> int:
    """How many calls of Python's own loading of packages a frame is within."""
    count = 0
    while frame is not None:
        count += frame.f_code.co_filename == _LOADING
        frame = frame.f_back
    return count
