"""Trying again what may work a moment later."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from ...NumberText import plural
from ..Servers.PacsProblem import PacsError

Result = TypeVar("Result")

FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0


def withRetries(
    action: Callable[[], Result],
    attempts: int,
    notify: Callable[[str], None] = lambda text: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Result:
    """Do something until it works, with longer and longer breaks: 0.5, 1, 2 ... seconds, at most 30.

    :param action: raises :class:`PacsError`; what cannot pass is raised at once. It sees itself to what has been done
        already.
    :param notify: told each time why it is tried again; may raise to end it.
    :raises PacsError: that of the last attempt, which says how often it was tried.
    """
    wait = FIRST_WAIT
    for number in range(1, attempts + 1):
        try:
            return action()
        except PacsError as error:
            if not error.mayPass:
                raise
            if number == attempts:
                if attempts == 1:
                    raise
                raise PacsError(f"{error} It was tried {plural(attempts, 'time')}.", mayPass=True) from error
            pause = min(max(wait, error.wait), LONGEST_WAIT)
            notify(f"Trying again in {pause:g} s")
            sleep(pause)
            wait *= 2
    raise AssertionError("unreachable")
