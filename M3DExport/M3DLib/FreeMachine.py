"""What of the machine this process may still take: memory and processors, also inside a container or a batch job; and
giving back what it no longer needs.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
from collections.abc import Iterator
from pathlib import Path

_UNKNOWN_MEMORY = 4 << 30
# mallopt's parameter of the GNU C library: how many heaps there are for threads to share.
_M_ARENA_MAX = -8
# Version 1 of the control groups writes "no limit" as the largest number of pages.
_NO_LIMIT = 1 << 60


def freeMemory() -> int:
    """Bytes of memory that can be had without others having to give theirs up."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        free = int(fields["MemAvailable"].split()[0]) * 1024
        return min([free, *map(_freeInGroup, memoryGroups())])
    with contextlib.suppress(AttributeError, OSError, ValueError):
        # Systems that say how much there is, not how much is free: half of it.
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    return _UNKNOWN_MEMORY


def keepOneHeap() -> None:
    """Let all threads of this process share one heap, before any is started: for programs of our own, no application.

    The GNU C library gives threads heaps of their own, and what is freed in one cannot be used in another: with two
    threads of checks that was a tenth of all memory, and gained no time, for the arrays are few and large. Whoever has
    set ``MALLOC_ARENA_MAX`` knows better.
    """
    if "MALLOC_ARENA_MAX" in os.environ:
        return
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def giveMemoryBack() -> None:
    """Give what was freed back to the system; the GNU C library otherwise keeps it for later, often for nothing."""
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def freeProcessors() -> int:
    """Processors that this process may use at once: those of the machine, fewer where it is bound to some or has a
    quota of time (a container, a job of a scheduler).
    """
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for group in _groups("cpu"):
        with contextlib.suppress(OSError, ValueError):
            quota, period = (group / "cpu.max").read_text(encoding="ascii").split()
            count = min(count, max(1, math.floor(int(quota) / int(period))))
        with contextlib.suppress(OSError, ValueError):
            quota = int((group / "cpu.cfs_quota_us").read_text(encoding="ascii"))
            period = int((group / "cpu.cfs_period_us").read_text(encoding="ascii"))
            if quota > 0:
                count = min(count, max(1, quota // period))
    return count


def memoryGroups() -> Iterator[Path]:
    """Folders of the control groups that may limit the memory of this process: its own and all that it lies in."""
    yield from _groups("memory")


def _groups(controller: str, root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")):
    with contextlib.suppress(OSError, ValueError):
        for line in own.read_text(encoding="utf-8").splitlines():
            _number, controllers, path = line.split(":", 2)
            if controllers and controller not in controllers.split(","):
                continue
            top = root / controller if controllers else root
            relative = Path(path.lstrip("/"))
            yield from (top / part for part in (relative, *relative.parents) if (top / part).is_dir())


def _freeInGroup(group: Path) -> int:
    """What a control group has left; as good as endless where it has no limit.

    Files that the system only keeps to read them faster count as used, but make room for whoever needs it.
    """
    for limitName, usedName, cacheName in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        with contextlib.suppress(OSError, ValueError, KeyError):
            limit = int((group / limitName).read_text(encoding="ascii"))
            if limit >= _NO_LIMIT:
                continue
            used = int((group / usedName).read_text(encoding="ascii"))
            entries = (group / "memory.stat").read_text(encoding="ascii").splitlines()
            cache = int(dict(entry.split() for entry in entries)[cacheName])
            return max(0, limit - used + min(cache, used))
    return 1 << 62
