"""A process that does one case after the other: started by ``CaseProcess``, which it talks to in lines of JSON.

It ends when whoever started it does, also where that was killed: the end of its standard input tells it.
"""

from __future__ import annotations

import gc
import json
import os
import queue
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from M3DLib.FreeMachine import giveMemoryBack, keepOneHeap

_PAUSE_SECONDS = 0.5


def main() -> int:
    """Do the cases that come in on standard input; the answers go to what was standard output."""
    keepOneHeap()
    # What libraries print must not get among the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    requests: queue.SimpleQueue = queue.SimpleQueue()
    threading.Thread(target=_read, args=(requests,), daemon=True, name="m3d requests").start()
    _say(answers, {"ready": os.getpid()})
    try:
        while True:
            request = requests.get()
            if request is None:
                return 0
            _answer(request, answers)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 1


def _read(requests: queue.SimpleQueue) -> None:
    for line in sys.stdin.buffer:
        requests.put(json.loads(line))
    requests.put(None)
    # In the middle of a case the signal ends it as Ctrl-C ends a command, which takes back what was begun.
    os.kill(os.getpid(), signal.SIGTERM)


def _say(answers, values: dict[str, Any]) -> None:
    answers.write(json.dumps(values, allow_nan=False) + "\n")
    answers.flush()


def _answer(request: dict[str, Any], answers) -> None:
    from M3DLib.Errors import M3DError

    from .CasePlan import CasePlan
    from .CaseWork import doCase, failCase

    told = _Told(answers)
    plan, output = CasePlan.fromDict(request["plan"]), Path(request["output"])
    try:
        outcome = doCase(
            plan,
            output,
            request["token"],
            resume=request["resume"],
            begun=lambda folder: _say(answers, {"begun": str(folder)}),
            progress=told,
        )
    except M3DError as error:
        _say(answers, {"refused": str(error)})
        return
    except OSError as error:
        from ..ProgramErrors import diskFullSentence, diskIsFull

        said = diskFullSentence(error) if diskIsFull(error) else f"{type(error).__name__}: {error.strerror or error}."
        outcome = failCase(plan, output, request["token"], said)
    gc.collect()
    giveMemoryBack()
    _say(answers, {"outcome": outcome, "residentMb": residentMb()})


class _Told:
    """Progress of a case, said now and then."""

    def __init__(self, answers):
        self._answers, self._last = answers, 0.0

    def __call__(self, fraction: float, text: str) -> None:
        now = time.monotonic()
        if now - self._last >= _PAUSE_SECONDS:
            self._last = now
            _say(self._answers, {"progress": fraction, "text": text})


def residentMb() -> float | None:
    """Memory that this process holds now, MB; None where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


if __name__ == "__main__":
    sys.exit(main())
