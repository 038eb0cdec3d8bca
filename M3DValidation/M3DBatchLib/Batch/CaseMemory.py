"""How much memory a case is thought to need, and how many fit beside each other."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from M3DLib.FileSize import inWords
from M3DLib.FreeMachine import freeMemory, freeProcessors

from .CasePlan import CasePlan

# Of a validation with report: the program with its libraries, and for each byte of the scan's files what is made of it
# (measured: 1.74 GB for a scan of 74 MB, 1.17 GB for one of 15 MB, 0.55 GB for one of 0.3 MB).
BASE_BYTES = 900 << 20
BYTES_PER_IMAGE_BYTE = 20
# A control series is read and its edges are sought, no more (measured: 127 MB for one of 74 MB); one whose slices are
# compressed takes some four times as much for a byte of its files.
BYTES_PER_CONTROL_BYTE = 8
BYTES_PER_MESH_BYTE = 40
# What is written compressed takes this much more once it is read.
_COMPRESSION = 4
_COMPRESSED = (".gz", ".nrrd", ".zip", ".3mf", ".mha", ".jp2")
# What other programs on the machine may take meanwhile.
_SHARE_OF_FREE = 0.9


def expectedMemory(inputs: Mapping[str, Sequence[str]]) -> int:
    """Bytes that a case with these files is thought to need; a guess to begin with, see ``LocalWorkers``."""
    size = BASE_BYTES
    for role, factor in (
        ("image", BYTES_PER_IMAGE_BYTE),
        ("control-series", BYTES_PER_CONTROL_BYTE),
        ("part", BYTES_PER_IMAGE_BYTE),
        ("mesh", BYTES_PER_MESH_BYTE),
    ):
        size += factor * sum(_sizeOf(Path(path)) for path in inputs.get(role, []))
    return size


def _sizeOf(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size * (_COMPRESSION if path.name.lower().endswith(_COMPRESSED) else 1)
    total = 0
    for folder, _folders, names in os.walk(path, followlinks=True):
        for name in names:
            file = Path(folder, name)
            total += file.stat().st_size if file.is_file() else 0
    return total


@dataclass(frozen=True)
class WorkerCount:
    """How many cases are worked on at once, and why so many.

    :ivar wanted: what --workers says; None when it is chosen here.
    """

    count: int
    processors: int
    freeBytes: int
    caseBytes: int
    wanted: int | None = None

    def sentence(self) -> str:
        """For a person."""
        many = f"{self.count} worker{'s' if self.count != 1 else ''}"
        why = (
            f"{self.processors} processor{'s' if self.processors != 1 else ''}, {inWords(self.freeBytes)} of free "
            f"memory, up to {inWords(self.caseBytes)} for a case"
        )
        if self.wanted is None:
            return f"{many}, chosen for {why}."
        if self.count * self.caseBytes > self.freeBytes and self.count > 1:
            return f"{many}, as told ({why}): a case waits where the memory is not enough for it beside the others."
        return f"{many}, as told ({why})."

    def asDict(self) -> dict:
        """As JSON values."""
        return {
            "count": self.count,
            "chosen": self.wanted is None,
            "processors": self.processors,
            "freeMemoryMb": round(self.freeBytes / 1e6, 1),
            "caseMemoryMb": round(self.caseBytes / 1e6, 1),
        }


def chooseWorkers(plans: Sequence[CasePlan], wanted: int | None) -> WorkerCount:
    """How many workers the machine has processors and memory for, not more than there are cases."""
    processors, free = freeProcessors(), freeMemory()
    most = max((plan.expectedMemory for plan in plans), default=BASE_BYTES)
    fitting = max(1, int(_SHARE_OF_FREE * free // most))
    count = min(processors, fitting, max(1, len(plans))) if wanted is None else min(wanted, max(1, len(plans)))
    return WorkerCount(count, processors, free, most, wanted)
