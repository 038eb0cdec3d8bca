"""What a run and its stages and checks take: wall and CPU seconds, and the peak of the memory meanwhile."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

STAGES, CHECKS = "stages", "checks"


class Stopwatch:
    """Wall time of named stages.

    :param ended: is told the name and the seconds of each stage that ends.
    :param within: entered around each stage by its name.
    :ivar seconds: stage name to seconds, in the order of the stages; a stage entered twice adds up.
    """

    def __init__(
        self,
        ended: Callable[[str, float], None] | None = None,
        within: Callable[[str], AbstractContextManager] = nullcontext,
    ):
        self._ended, self._within = ended, within
        self._start = time.perf_counter()
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str):
        """Time what is done in the ``with`` block as the stage ``name``."""
        start = time.perf_counter()
        try:
            with self._within(name):
                yield
        finally:
            took = time.perf_counter() - start
            self.seconds[name] = self.seconds.get(name, 0.0) + took
            if self._ended is not None:
                self._ended(name, took)

    def asDict(self) -> dict[str, float]:
        """Seconds per stage and "total" since the stopwatch was made, to the millisecond."""
        rounded = {name: round(seconds, 3) for name, seconds in self.seconds.items()}
        return {**rounded, "total": round(time.perf_counter() - self._start, 3)}


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


# The largest peak before the system's own count was restarted.
_before = [0.0]


def restartPeak() -> bool:
    """Let the system count the peak of the memory anew from here; False where it cannot (it can on Linux)."""
    peak = peakMemoryMb()
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return False
    _before[0] = max(_before[0], peak or 0.0)
    return True


def forgetPeak() -> None:
    """Begin anew for another run in the same process: what earlier runs have taken is none of its memory."""
    _before[0] = 0.0


def peakMemoryMb(sinceRestart: bool = False) -> float | None:
    """Largest resident memory of this process so far, MB (10^6 bytes); None where the system does not tell.

    :param sinceRestart: only since :func:`restartPeak`.
    """
    peak = _countedPeakMb()
    return peak if sinceRestart or peak is None else max(peak, _before[0])


def _countedPeakMb() -> float | None:
    # On Linux, ru_maxrss of a new program starts at the size of the process that started it; VmHWM is its own.
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return round(int(line.split()[1]) * 1024 / 1e6, 1)
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # macOS counts bytes, other systems kibibytes.
    return round(peak * (1 if sys.platform == "darwin" else 1024) / 1e6, 1)
