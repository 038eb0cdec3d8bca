"""Work on many items beside each other, which stops at once when it is to be stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

from .Errors import Cancelled, noProgress

Item, One, Other = TypeVar("Item"), TypeVar("One"), TypeVar("Other")
Progress = Callable[[float, str], None]

# Seconds between two calls of ``progress`` while only the other thread is still at work.
_PAUSE = 0.05


def inTwoThreads(
    work: Callable[[Item], object],
    items: Sequence[Item],
    progress: Callable[[float], None] = lambda done: None,
    stopped: threading.Event | None = None,
) -> None:
    """Do all items on two threads, two at a time.

    :param progress: told the share done, 0 to 1, in this thread; what it raises stops the work.
    :param stopped: set when the work is to stop, for items that take long enough to look at it themselves.
    :raises Exception: what the work raises, or ``progress``.
    """
    stopped = stopped or threading.Event()

    def unlessStopped(item: Item) -> None:
        if not stopped.is_set():
            work(item)

    with ThreadPoolExecutor(2) as pool:
        try:
            for done, _ in enumerate(pool.map(unlessStopped, items)):
                progress(done / len(items))
        except BaseException:
            stopped.set()
            raise


def besideEachOther(
    one: Callable[[Progress], One], other: Callable[[Progress], Other], progress: Progress = noProgress
) -> tuple[One, Other]:
    """Do two works at once, one of them in this thread; numpy, scipy and VTK let both cores compute.

    :param one, other: take a progress callback each, which raises when the work is no longer wanted.
    :param progress: called in this thread only, with the mean of what both have done; what it raises stops both.
    :return: what the two return.
    :raises Exception: what ``progress`` or one of the works raises, when the other one has stopped.
    """
    done, stopped = [0.0, 0.0], threading.Event()
    said = [""]

    def ofOther(fraction: float, text: str) -> None:
        if stopped.is_set():
            raise Cancelled
        done[1], said[0] = fraction, text

    def ofOne(fraction: float, text: str) -> None:
        if running.done() and running.exception() is not None:
            raise running.exception()
        done[0] = fraction
        progress(sum(done) / 2, text)

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(other, ofOther)
        try:
            result = one(ofOne)
            done[0] = 1.0
            while wait([running], _PAUSE).not_done:
                progress(sum(done) / 2, said[0])
        except BaseException:
            stopped.set()
            raise
    return result, running.result()
