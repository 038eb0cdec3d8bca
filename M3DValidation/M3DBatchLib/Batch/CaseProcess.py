"""A worker process from the outside: started, given a case, watched, ended."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from M3DLib.Errors import M3DError

from .CasePlan import CasePlan

_GRACE_SECONDS = 10
_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
    "VTK_SMP_MAX_THREADS",
)
# A process that holds more than this after a case is replaced, so that nothing a library keeps adds up.
_MOST_RESIDENT_MB = 1500.0


class CaseProcess:
    """A process of its own for one case after the other: what ends it ends one case and no other.

    :param threads: how many the libraries may use in it.
    """

    def __init__(self, threads: int = 1):
        self._threads = threads
        self._process: subprocess.Popen | None = None
        self._lock = threading.Lock()
        self._stopped = False
        self.residentMb: float | None = None

    def do(
        self,
        plan: CasePlan,
        output: Path,
        token: str,
        *,
        resume: bool,
        progress: Callable[[float, str], None] = lambda fraction, text: None,
    ) -> dict[str, Any] | None:
        """Do a case; returns its record, None when it was stopped meanwhile.

        A process that ends in the middle of it leaves a record that says so.

        :raises M3DError: the case's folder cannot be written.
        """
        from .CaseWork import failCase

        process = self._running()
        if process is None:
            return None
        request = {"plan": plan.asDict(), "output": str(output), "token": token, "resume": resume}
        work: Path | None = None
        with contextlib.suppress(OSError):
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
        for line in process.stdout:
            answer = json.loads(line)
            if "begun" in answer:
                work = Path(answer["begun"])
            elif "progress" in answer:
                progress(answer["progress"], answer["text"])
            elif "refused" in answer:
                raise M3DError(answer["refused"])
            elif "outcome" in answer:
                self.residentMb = answer["residentMb"]
                if (self.residentMb or 0) > _MOST_RESIDENT_MB:
                    self.end()
                return answer["outcome"]
        status = process.wait()
        self._process = None
        if self._stopped:
            if work is not None:
                shutil.rmtree(work, ignore_errors=True)
            return None
        return failCase(plan, output, token, _endSentence(status), work=work)

    def _running(self) -> subprocess.Popen | None:
        """The process, started where there is none; None after :meth:`stop`."""
        with self._lock:
            if self._stopped:
                return None
            if self._process is None or self._process.poll() is not None:
                self._process = subprocess.Popen(
                    [pythonExecutable(), "-c", _START],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    env=_environment(self._threads),
                    # Ctrl-C in the terminal is for whoever started it, which then ends it.
                    start_new_session=True,
                )
            return self._process

    def stop(self) -> None:
        """End the process now, in the middle of a case; what was begun is taken back. From any thread."""
        with self._lock:
            self._stopped = True
            process = self._process
        if process is None or process.poll() is not None:
            return
        with contextlib.suppress(OSError):
            process.terminate()
            # Where a launcher stands between, as PythonSlicer, the worker is told by the end of its input.
            process.stdin.close()
        try:
            process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()

    def end(self) -> None:
        """Let the process end, which is idle."""
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


# Run as -c so that the folders of the packages are found whatever the process was started with.
_START = "import sys; from M3DBatchLib.Batch.CaseWorker import main; sys.exit(main())"


def pythonExecutable() -> str:
    """The Python that the worker processes run: this one's, or the one that Slicer brings along."""
    home = os.environ.get("SLICER_HOME")
    if home:
        # In the application itself, sys.executable need not be a Python.
        for name in ("PythonSlicer", "PythonSlicer.exe"):
            candidate = Path(home, "bin", name)
            if candidate.is_file():
                return str(candidate)
    return sys.executable


def _environment(threads: int) -> dict[str, str]:
    import M3DBatchLib
    import M3DLib

    folders = [str(Path(package.__file__).resolve().parent.parent) for package in (M3DBatchLib, M3DLib)]
    paths = [*dict.fromkeys(folders), os.environ.get("PYTHONPATH", "")]
    # Each worker has its share of the processors; what somebody has set themselves holds.
    limits = {name: str(threads) for name in _THREADS}
    return {**limits, **os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "PYTHONIOENCODING": "utf-8"}


def _endSentence(status: int) -> str:
    """Why a case has no result, when its process has ended in the middle of it."""
    if status >= 0:
        return f"The worker process ended in the middle of the case, with exit status {status}."
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    if name == "SIGKILL":
        return (
            "The worker process was killed in the middle of the case (SIGKILL): most likely the memory of the machine "
            "was not enough. Do the case again with fewer --workers, or crop the scan to the anatomy."
        )
    return f"The worker process crashed in the middle of the case ({name})."
