"""Cases on the workers of a Dask cluster, on however many machines; all of them see the same folders."""

from __future__ import annotations

import contextlib
import logging
import re
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from M3DLib.Errors import M3DError

from .CaseFolder import WORK_FOLDER
from .CasePlan import CasePlan
from .CaseProcess import CaseProcess
from .CaseWork import errorOutcome
from .Fingerprint import programVersions

_CONNECT_SECONDS = 20
_WORKER_SECONDS = 60
_PAUSE_SECONDS = 0.1
_EXTRA = "pip install SlicerM3D[cluster]"


@dataclass(frozen=True)
class Tls:
    """Files of the encryption between scheduler, workers and this program, each "" for what Dask's settings say."""

    caFile: str = ""
    certificate: str = ""
    key: str = ""

    def given(self) -> dict[str, str]:
        """What was named, by the names that Dask has for it."""
        values = {"tls_ca_file": self.caFile, "tls_client_cert": self.certificate, "tls_client_key": self.key}
        return {name: value for name, value in values.items() if value}


class DaskWorkers:
    """Works on cases by a Dask scheduler.

    :param address: as tcp://host:8786 or tls://host:8786.
    :raises M3DError: Dask is not installed, the scheduler does not answer, or a worker cannot do the work.
    """

    residentMb: Sequence[float] = ()

    def __init__(self, address: str, tls: Tls, output: Path, token: str, resume: bool):
        self._output, self._token, self._resume = output, token, resume
        self._client = _connected(address, tls)
        try:
            self.workers = self._requireWorkers(address)
        except BaseException:
            self.close()
            raise

    def outcomes(self, plans: Sequence[CasePlan]) -> Iterator[tuple[CasePlan, dict[str, Any]]]:
        """Each case with its record, as they end; closing the iterator cancels what was not begun."""
        versions = programVersions()
        waiting = {}
        for plan in plans:
            future = self._client.submit(
                doOnWorker,
                plan.asDict(),
                str(self._output),
                self._token,
                self._resume,
                versions,
                key=f"m3d-case-{plan.row}-{self._token}",
                pure=False,
            )
            waiting[future] = plan
        try:
            while waiting:
                done = [future for future in waiting if future.done()]
                if not done:
                    time.sleep(_PAUSE_SECONDS)
                for future in done:
                    plan = waiting.pop(future)
                    outcome = self._outcome(future)
                    future.release()
                    yield plan, outcome
        finally:
            if waiting:
                with contextlib.suppress(Exception):
                    self._client.cancel(list(waiting), force=True)
            self.close()

    def close(self) -> None:
        """Leave the scheduler; it and its workers go on."""
        with contextlib.suppress(Exception):
            self._client.close(timeout=5)

    def _outcome(self, future) -> dict[str, Any]:
        error = future.exception() if future.status == "error" else None
        if future.status == "finished":
            return future.result()
        if type(error).__name__ == "KilledWorker":
            said = "Every worker that was given the case was lost in the middle of it; see the logs of the workers."
        elif isinstance(error, M3DError):
            said = str(error)
        else:
            said = f"The case was lost by the scheduler ({future.status}: {type(error).__name__})."
        return {**errorOutcome(said), "kept": False}

    def _requireWorkers(self, address: str) -> dict[str, Any]:
        """Wait for workers and ask each whether it is the same program and sees the output folder."""
        try:
            self._client.wait_for_workers(1, timeout=_WORKER_SECONDS)
        except Exception as error:
            raise M3DError(
                f"The scheduler {address} has no worker; start some with: dask worker {address} --nthreads 1"
            ) from error
        marks = self._output / WORK_FOLDER
        marks.mkdir(parents=True, exist_ok=True)
        mark = marks / f"mark-{uuid.uuid4().hex}"
        mark.write_text(self._token, encoding="ascii")
        try:
            found = self._client.run(lookAround, str(mark), on_error="return")
        finally:
            mark.unlink()
        problems = []
        for worker, facts in sorted(found.items()):
            if isinstance(facts, BaseException):
                reason = "SlicerM3D is not installed there" if isinstance(facts, ImportError) else type(facts).__name__
                problems.append(f"The worker {worker} cannot do cases: {reason}.")
            elif not facts["seesOutput"]:
                problems.append(
                    f"The worker {worker} does not see the output folder '{self._output}'; it must be on a file "
                    "system that all machines share, under the same path."
                )
            elif facts["versions"] != programVersions():
                problems.append(f"The worker {worker} has {_difference(facts['versions'])}; install the same there.")
        if problems:
            raise M3DError(problems)
        threads = sum(info["nthreads"] for info in self._client.scheduler_info(n_workers=-1)["workers"].values())
        return {"scheduler": address, "workers": len(found), "atOnce": threads}


def _connected(address: str, tls: Tls):
    try:
        from distributed import Client, Security
    except ImportError as error:
        raise M3DError(f"--scheduler needs Dask; install it with: {_EXTRA}") from error
    for name in tls.given().values():
        if not Path(name).is_file():
            raise M3DError(f"There is no file '{name}' for the encryption of --scheduler.")
    if not re.match(r"(tcp|tls|ucx|ws|wss)://.", address):
        raise M3DError(f"--scheduler {address} is no address; write it as tcp://host:8786 or tls://host:8786.")
    isEncrypted = address.startswith(("tls", "wss"))
    if tls.given() and not isEncrypted:
        raise M3DError(f"--tls-... are about a scheduler with TLS, but '{address}' does not begin with tls://.")
    try:
        security = Security(**tls.given())
        if isEncrypted and security.get_connection_args("client").get("ssl_context") is None:
            raise M3DError(
                f"The scheduler {address} wants TLS; give --tls-ca-file, --tls-cert and --tls-key, or set them in "
                "Dask's own configuration."
            )
    except OSError as error:
        raise M3DError(f"The TLS files of --scheduler cannot be used: {error.strerror or error}.") from error
    # What Dask logs of lost connections is said in sentences here, or no matter.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        return Client(address, security=security, timeout=_CONNECT_SECONDS, set_as_default=False)
    except Exception as error:
        text = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
        raise M3DError(
            f"The scheduler {address} does not answer, or not as one: {text}. Check the address"
            f"{' and the TLS files' if isEncrypted else ''}."
        ) from error


def _difference(versions: dict[str, str]) -> str:
    """In what another machine's versions differ from these, in words."""
    own = programVersions()
    names = [name for name in own if versions.get(name) != own[name] and name != "code"]
    shown = [f"{name} {versions.get(name) or 'missing'} instead of {own[name] or 'none'}" for name in names]
    return ", ".join(shown) or "another state of SlicerM3D's code"


def lookAround(mark: str) -> dict[str, Any]:
    """Runs on a worker: its versions, and whether it sees a file."""
    return {"versions": programVersions(), "seesOutput": Path(mark).is_file()}


_OF_THREAD = threading.local()


def doOnWorker(plan: dict, output: str, token: str, resume: bool, versions: dict[str, str]) -> dict[str, Any]:
    """Runs on a worker: do a case in a process of its own, so that what ends it does not end the worker.

    :raises M3DError: the worker has come later and is another version, or the case's folder cannot be written.
    """
    if versions != programVersions():
        raise M3DError(f"A worker that came later has other versions: {_difference(versions)} on it.")
    process = getattr(_OF_THREAD, "process", None)
    if process is None:
        process = _OF_THREAD.process = CaseProcess()
    outcome = process.do(CasePlan.fromDict(plan), Path(output), token, resume=resume)
    if outcome is None:
        raise M3DError("The worker was stopped in the middle of the case.")
    return outcome
