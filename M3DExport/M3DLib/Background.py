"""Long work beside a user interface that stays alive."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")

# Seconds between two calls of ``progress``; a user interface is redrawn that often.
_PAUSE = 0.05
_thread = threading.local()


def inBackground(
    work: Callable[[Callable[[float, str], None]], Result],
    progress: Callable[[float, str], None],
    *,
    leave: bool = False,
) -> Result:
    """Do work in a thread of its own, and call ``progress`` in this one until it is done.

    :param work: takes a progress callback; must not touch what belongs to this thread (windows, nodes of a scene), but
        by :func:`inInterface`.
    :param progress: called all the time, with what the work has said last; may let a user interface handle its events,
        and may raise :class:`~M3DLib.Errors.Cancelled`, which stops the work at its next call of its own callback.
    :param leave: whether work that is to be stopped is left behind at once, whatever comes of it; for what only asks.
    :return: what the work returns.
    :raises Exception: what the work raises, or ``progress``.
    """
    state = _State()

    def said(fraction: float, text: str) -> None:
        if state.stop is not None:
            raise state.stop
        state.said = fraction, text

    def run() -> None:
        _thread.state = state
        try:
            state.result = work(said)
        except BaseException as error:
            state.error = error
        finally:
            # So that nobody waits for the pause to end.
            state.asked.put(None)

    thread = threading.Thread(target=run, name="M3D work", daemon=True)
    thread.start()
    while thread.is_alive() and not (leave and state.stop is not None):
        state.answerNext()
        if state.stop is None:
            try:
                progress(*state.said)
            except BaseException as error:
                state.stop = error
    if state.stop is not None:
        raise state.stop
    if state.error is not None:
        raise state.error
    return state.result


def inInterface(function: Callable[[], Result], *, always: bool = False) -> Result:
    """Do something short in the thread of the user interface: rendering has to be done there.

    :param function: called in the thread that waits in :func:`inBackground` for the work that calls this; at once where
        there is none.
    :param always: also when the work was stopped meanwhile: to give back what the interface holds.
    :return: what the function returns.
    :raises Exception: what the function raises, or what has stopped the work.
    """
    state = getattr(_thread, "state", None)
    return function() if state is None else state.ask(function, always)


class _State:
    """Of one piece of work in the background.

    :ivar asked: what is to be done in the thread of the interface; None to wake it.
    """

    def __init__(self):
        self.said: tuple[float, str] = (0.0, "")
        self.stop: BaseException | None = None
        self.error: BaseException | None = None
        self.result = None
        self.asked: queue.SimpleQueue[_Question | None] = queue.SimpleQueue()

    def ask(self, function: Callable[[], Result], always: bool) -> Result:
        question = _Question(function, always)
        self.asked.put(question)
        question.isAnswered.wait()
        if question.error is not None:
            raise question.error
        return question.result

    def answerNext(self) -> None:
        try:
            question = self.asked.get(timeout=_PAUSE)
        except queue.Empty:
            return
        if question is not None:
            question.answer(self.stop)


class _Question:
    def __init__(self, function: Callable[[], object], always: bool):
        self._function = function
        self._always = always
        self.isAnswered = threading.Event()
        self.error: BaseException | None = None
        self.result = None

    def answer(self, stop: BaseException | None) -> None:
        """Call the function, or say that the work was stopped."""
        try:
            if stop is not None and not self._always:
                raise stop
            self.result = self._function()
        except BaseException as error:
            self.error = error
        finally:
            self.isAnswered.set()
