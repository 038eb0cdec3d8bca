"""How long each stage of a run took, and how much memory the run needed."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path


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
