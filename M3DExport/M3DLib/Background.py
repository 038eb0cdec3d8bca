"""Long work beside a user interface that stays alive."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")

# Seconds between two calls of ``progress``; a user interface is redrawn that often.
_PAUSE = 0.05


def inBackground(
    work: Callable[[Callable[[float, str], None]], Result], progress: Callable[[float, str], None]
) -> Result:
    """Do work in a thread of its own, and call ``progress`` in this one until it is done.

    :param work: takes a progress callback; must not touch what belongs to this thread (windows, nodes of a scene).
    :param progress: called all the time, with what the work has said last; may let a user interface handle its events,
        and may raise :class:`~M3DLib.Errors.Cancelled`, which stops the work at its next call of its own callback.
    :return: what the work returns.
    :raises Exception: what the work raises, or ``progress``.
    """
    state = _State()

    def said(fraction: float, text: str) -> None:
        if state.stop is not None:
            raise state.stop
        state.said = fraction, text

    def run() -> None:
        try:
            state.result = work(said)
        except BaseException as error:
            state.error = error

    thread = threading.Thread(target=run, name="M3D work", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(_PAUSE)
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


class _State:
    said: tuple[float, str] = (0.0, "")
    stop: BaseException | None = None
    error: BaseException | None = None
    result = None
