"""Lines of the table of ``performance.py``: commands measured in their own processes, and the machine they ran on."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Of the processors' time; above it, seconds by the clock say nothing.
MOST_FOREIGN = 0.1
HEAD = [
    "work",
    "s",
    "processor s",
    "goal s",
    "of the goal",
    "peak GB",
    "goal GB",
    "others in the same run: s by the clock / of the processor (ours to theirs)",
]


class Bystanders:
    """What share of the processors' time other programs take, from when this is made (Linux; elsewhere unknown)."""

    def __init__(self):
        self._start, self._busy, self._own = time.perf_counter(), self._busySeconds(), self._ownSeconds()

    @staticmethod
    def _busySeconds() -> float | None:
        """Seconds of all processors that were no idling, those that another guest of the host took among them."""
        statistics = Path("/proc/stat")
        if not statistics.exists():
            return None
        user, nice, system, _idle, _waiting, hard, soft, stolen = map(int, statistics.read_text().split()[1:9])
        return (user + nice + system + hard + soft + stolen) / os.sysconf("SC_CLK_TCK")

    @staticmethod
    def _ownSeconds() -> float:
        """Of this process, and of those it has waited for."""
        times = os.times()
        return times.user + times.system + times.children_user + times.children_system

    def share(self) -> float | None:
        """From 0 to 1; None where the system does not tell."""
        if self._busy is None:
            return None
        seconds = (time.perf_counter() - self._start) * (os.cpu_count() or 1)
        foreign = self._busySeconds() - self._busy - (self._ownSeconds() - self._own)
        return min(max(foreign / max(seconds, 1e-9), 0.0), 1.0)


@dataclass
class Run:
    """What a command took: seconds by the clock and of the processor, peak in GB, what it printed, and the share of the
    processors' time that other programs took meanwhile (None: unknown).
    """

    seconds: float
    cpu: float
    peakGb: float
    said: str
    foreign: float | None


def measured(command: list[str], accepted: tuple[int, ...] = (0, 1, 3)) -> Run:
    """Run a command with this checkout on its path.

    :raises RuntimeError: it ended with another exit status; says which, and its last words.
    """
    paths = [str(ROOT / part) for part in ("M3DExport", "M3DValidation", "Testing")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*paths, os.environ.get("PYTHONPATH", "")])}
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as complained:
        bystanders, start = Bystanders(), time.perf_counter()
        process = subprocess.Popen(command, stdout=said, stderr=complained, env=environment, text=True)
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            raise
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        complained.seek(0)
        if process.returncode not in accepted:
            words = complained.read().strip().splitlines()[-1:] or ["nothing was said"]
            raise RuntimeError(f"'{' '.join(command[1:4])} ...' ended with {process.returncode}: {words[0]}")
        peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9
        return Run(seconds, usage.ru_utime + usage.ru_stime, peak, said.read(), bystanders.share())


@dataclass
class Row:
    """One line of the table: seconds by the clock and of the processor, peak in GB; goals None where there are none.

    :ivar foreign: share of the processors' time that other programs took; None where that is unknown.
    :ivar peers: seconds by the clock and of the processor that others take in the same run, by name.
    :ivar peerGoals: how many times as long as one of them it should take at most, by name.
    :ivar failure: why there are no numbers; "" when there are.
    """

    name: str
    seconds: float = 0.0
    cpu: float = 0.0
    peakGb: float | None = None
    goal: float | None = None
    goalGb: float | None = None
    foreign: float | None = None
    peers: dict[str, tuple[float, float]] = field(default_factory=dict)
    peerGoals: dict[str, float] = field(default_factory=dict)
    failure: str = ""

    @classmethod
    def of(cls, name: str, run: Run, goal: float | None = None, goalGb: float | None = None) -> Row:
        """The line of a command."""
        return cls(name, run.seconds, run.cpu, run.peakGb, goal, goalGb, run.foreign)

    @property
    def isBusy(self) -> bool:
        """Whether other programs kept the processors, so that seconds by the clock say nothing."""
        return self.foreign is not None and self.foreign > MOST_FOREIGN

    def cells(self) -> list[str]:
        """The cells of the line, as text; no share of the goal where other programs kept the processors."""
        if self.failure:
            return [self.name, f"not measured: {self.failure}", *[""] * (len(HEAD) - 2)]
        ratio = "" if self.goal is None else f"{self.seconds / self.goal:.2f}"
        if self.isBusy:
            ratio = f"busy ({self.foreign:.0%} by others)"
        numbers = [f"{self.seconds:.1f}", f"{self.cpu:.1f}", "" if self.goal is None else f"{self.goal:g}", ratio]
        memory = ["" if value is None else f"{value:.2f}" for value in (self.peakGb, self.goalGb)]
        return [self.name, *numbers, *memory, ", ".join(map(self._peerText, self.peers))]

    def _peerText(self, name: str) -> str:
        """What another program takes, and the ratio: by the clock, or of the processor where that is shared."""
        wall, cpu = self.peers[name]
        ratio = self.cpu / max(cpu, 1e-3) if self.isBusy else self.seconds / max(wall, 1e-3)
        goal = f", goal {self.peerGoals[name]:g}" if name in self.peerGoals else ""
        return f"{name} {wall:.1f} / {cpu:.1f} ({ratio:.2f}{goal})"


def table(rows: list[Row]) -> str:
    """The rows as a table in Markdown, whose columns line up."""
    lines = [HEAD, *(row.cells() for row in rows)]
    # What could not be measured says so in a long sentence, which widens no column.
    plain = [HEAD, *(row.cells() for row in rows if not row.failure)]
    widths = [max(len(line[column]) for line in plain) for column in range(len(HEAD))]
    widths[0] = max(len(line[0]) for line in lines)
    texts = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    ]
    return "\n".join([texts[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *texts[1:]])


def machine() -> str:
    """What is measured on, in one sentence without its end."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        models = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        name = models[0] if models else name
    return f"{os.cpu_count()} cores ({name}), {platform.system()}, Python {platform.python_version()}"


def load() -> float | None:
    """Programs that want a processor, on average over the last minute; None where the system does not tell."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None
