"""What each stage and each check of a validation takes: wall and CPU seconds, and the peak of the memory meanwhile."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from .Stopwatch import peakMemoryMb, restartPeak

STAGES, CHECKS = "stages", "checks"


@dataclass
class _Taken:
    seconds: float = 0.0
    cpuSeconds: float = 0.0
    peakMemoryMb: float | None = None

    def asDict(self, name: str) -> dict:
        return {
            "name": name,
            "seconds": round(self.seconds, 3),
            "cpuSeconds": round(self.cpuSeconds, 3),
            "peakMemoryMb": self.peakMemoryMb,
        }


class Timings:
    """Times and memory by name; what is entered twice adds up, and its peak is the larger one.

    Each block sees the peak within itself, also where blocks lie within each other; that needs Linux, elsewhere the
    peak is not stated. What runs in the background of a block is counted with it.
    """

    def __init__(self):
        self._taken: dict[str, dict[str, _Taken]] = {STAGES: {}, CHECKS: {}}
        self._open: list[float] = []

    @contextmanager
    def measure(self, kind: str, name: str):
        """Measure what is done in the ``with`` block.

        :param kind: ``STAGES`` or ``CHECKS``.
        """
        if self._open:
            self._open[-1] = max(self._open[-1], peakMemoryMb() or 0.0)
        isStated = restartPeak()
        self._open.append(0.0)
        start, cpu = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            taken = self._taken[kind].setdefault(name, _Taken())
            taken.seconds += time.perf_counter() - start
            taken.cpuSeconds += time.process_time() - cpu
            peak = max(self._open.pop(), peakMemoryMb(sinceRestart=True) or 0.0)
            if isStated:
                taken.peakMemoryMb = max(taken.peakMemoryMb or 0.0, peak)
            if self._open:
                self._open[-1] = max(self._open[-1], peak)

    def checks(self, name: str) -> AbstractContextManager:
        """Measure a check."""
        return self.measure(CHECKS, name)

    def stages(self, name: str) -> AbstractContextManager:
        """Measure a stage."""
        return self.measure(STAGES, name)

    def asDict(self) -> dict[str, list[dict]]:
        """``stages`` and ``checks``, each a list in the order they were begun, as JSON values."""
        return {kind: [taken.asDict(name) for name, taken in entries.items()] for kind, entries in self._taken.items()}

    def text(self) -> str:
        """A table: stages in their order, checks by the time they took."""
        lines = [f"{'':42}{'seconds':>10}{'CPU':>10}{'peak MB':>10}"]
        for kind, entries in self.asDict().items():
            rows = sorted(entries, key=lambda entry: -entry["seconds"]) if kind == CHECKS else entries
            for row in rows:
                peak = "-" if row["peakMemoryMb"] is None else f"{row['peakMemoryMb']:.0f}"
                name = f"{kind[:-1]} {row['name']}"
                lines.append(f"{name:42}{row['seconds']:10.3f}{row['cpuSeconds']:10.3f}{peak:>10}")
        return "\n".join(lines)
