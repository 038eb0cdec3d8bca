"""Work on many items beside each other, which stops at once when it is to be stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


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
