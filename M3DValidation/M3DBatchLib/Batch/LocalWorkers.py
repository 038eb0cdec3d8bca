"""Cases on this machine: some processes beside each other, not more than its memory holds."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from M3DLib.Errors import M3DError
from M3DLib.FreeMachine import freeMemory, freeProcessors

from .CasePlan import CasePlan
from .CaseProcess import CaseProcess
from .CaseWork import doCase, errorOutcome

_PAUSE_SECONDS = 0.5
_SHARE_OF_FREE = 0.9


class LocalWorkers:
    """Works on cases in processes of this machine.

    :param count: how many at once.
    :param token: of the run of the batch.
    :param resume: whether finished cases are kept.
    :ivar residentMb: memory that a process held after a case, in the order of the cases' ends.
    """

    def __init__(self, count: int, output: Path, token: str, resume: bool):
        self._output, self._token, self._resume = output, token, resume
        threads = max(1, freeProcessors() // count)
        self._processes = [CaseProcess(threads) for _ in range(count)]
        self._plans: queue.SimpleQueue = queue.SimpleQueue()
        self._results: queue.SimpleQueue = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._memory = _MemoryGate()
        self.residentMb: list[float] = []

    def outcomes(self, plans: Sequence[CasePlan]) -> Iterator[tuple[CasePlan, dict[str, Any]]]:
        """Each case with its record, as they end; closing the iterator stops what is going on."""
        for plan in plans:
            self._plans.put(plan)
        threads = [
            threading.Thread(target=self._work, args=(process,), daemon=True, name="m3d worker")
            for process in self._processes
        ]
        for thread in threads:
            thread.start()
        left = len(plans)
        try:
            while left:
                # A wait without end would not let Ctrl-C through on every system.
                with contextlib.suppress(queue.Empty):
                    plan, outcome = self._results.get(timeout=_PAUSE_SECONDS)
                    left -= 1
                    yield plan, outcome
        finally:
            self._stopping.set()
            stops = [threading.Thread(target=process.stop if left else process.end) for process in self._processes]
            for thread in stops:
                thread.start()
            for thread in [*stops, *threads]:
                thread.join()

    def _work(self, process: CaseProcess) -> None:
        while not self._stopping.is_set():
            try:
                plan = self._plans.get_nowait()
            except queue.Empty:
                return
            if not self._memory.enter(plan.expectedMemory, self._stopping):
                return
            outcome = None
            try:
                outcome = process.do(plan, self._output, self._token, resume=self._resume)
            except (M3DError, OSError) as error:
                # The folder of this case cannot be written; that of the next one may be.
                outcome = {**errorOutcome(str(error)), "kept": False}
            finally:
                self._memory.leave(plan.expectedMemory, (outcome or {}).get("peakMemoryMb"))
            if process.residentMb is not None:
                self.residentMb.append(process.residentMb)
            if outcome is not None:
                self._results.put((plan, outcome))


class _MemoryGate:
    """Lets a case begin when there is memory for it beside those at work; one case may always."""

    def __init__(self):
        self._condition = threading.Condition()
        self._budget = _SHARE_OF_FREE * freeMemory()
        self._reserved = self._running = 0
        # By how much cases have needed more than was thought.
        self._factor = 1.0

    def enter(self, expected: int, stopping: threading.Event) -> bool:
        """Wait for room; False when the work is to stop meanwhile."""
        with self._condition:
            while not stopping.is_set():
                need, others = self._factor * expected, self._factor * self._reserved
                if not self._running or (others + need <= self._budget and freeMemory() >= need):
                    self._reserved += expected
                    self._running += 1
                    return True
                self._condition.wait(_PAUSE_SECONDS)
        return False

    def leave(self, expected: int, peakMb: float | None) -> None:
        """A case is done; ``peakMb`` is what it took, as far as that is known."""
        with self._condition:
            self._reserved -= expected
            self._running -= 1
            if peakMb is not None:
                self._factor = max(self._factor, peakMb * 1e6 / expected)
            self._condition.notify_all()


class ThisProcess:
    """Works on cases one after the other in this very process: where no other can be started, and to look for errors.

    What ends the process ends the whole batch.
    """

    residentMb: Sequence[float] = ()

    def __init__(self, output: Path, token: str, resume: bool):
        self._output, self._token, self._resume = output, token, resume

    def outcomes(self, plans: Sequence[CasePlan]) -> Iterator[tuple[CasePlan, dict[str, Any]]]:
        """Each case with its record."""
        for plan in plans:
            try:
                yield plan, doCase(plan, self._output, self._token, resume=self._resume)
            except (M3DError, OSError) as error:
                yield plan, {**errorOutcome(str(error)), "kept": False}
