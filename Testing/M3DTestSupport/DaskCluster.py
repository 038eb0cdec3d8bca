"""A real Dask scheduler and its workers on this machine, each a process of its own."""

import contextlib
import re
import subprocess
import sys
import threading
import time

from M3DTestSupport.Commands import environment

_START_SECONDS = 60


class DaskCluster:
    """A scheduler with workers; whatever is left of them ends with the ``with`` block.

    :param tls: options of the encryption for scheduler and workers; none when empty.
    """

    def __init__(self, folder, workers=2, tls=(), more=()):
        self._folder, self._tls, self._more = folder, list(tls), dict(more)
        self._processes = []
        protocol = ["--protocol", "tls"] if tls else []
        ports = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--no-jupyter"]
        self.scheduler = self._start("scheduler", *ports, *protocol)
        self.address = self._said(self.scheduler, r"Scheduler at:\s+(\S+)")
        self.workers = [self.addWorker() for _ in range(workers)]

    def addWorker(self):
        """Another worker; its process."""
        place = self._folder / f"worker{len(self._processes)}"
        place.mkdir()
        options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(place)]
        worker = self._start("worker", self.address, *options)
        self._said(worker, r"Registered to:\s+(\S+)")
        return worker

    def _start(self, kind, *options):
        command = [sys.executable, "-m", "dask", kind, *options, *self._tls]
        process = subprocess.Popen(
            command, env={**environment(), **self._more}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        self._processes.append(process)
        return process

    def _said(self, process, pattern):
        limit = time.monotonic() + _START_SECONDS
        for line in process.stderr:
            match = re.search(pattern, line)
            if match:
                # Nobody reads on, and a full pipe would stop it.
                threading.Thread(target=process.stderr.read, daemon=True).start()
                return match[1]
            assert time.monotonic() < limit
        raise AssertionError(f"it ended with {process.wait()}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self._processes):
            process.terminate()
        for process in self._processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()
