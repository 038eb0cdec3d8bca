"""Doing one case: what ``m3d run`` does, in a folder of its own that is put in its place when it is whole."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from M3DLib.Errors import M3DError

from ..CommandLine import EXIT_INTERRUPTED, main
from ..ReportDicom import DICOM_FOLDER, modelHeaders
from ..Settings import Settings
from ..Stopwatch import forgetPeak, peakMemoryMb, restartPeak
from ..Terminal import Terminal
from .CaseFolder import EVENTS_FILE, LOG_FILE, finishedOutcome, makeWorkFolder, publish, writeOutcome
from .CaseOutcome import ERROR, exitStatusOf, outcomeOf, readReportFile
from .CasePlan import CasePlan
from .Fingerprint import InputFiles, fingerprintOf

PART_FOLDER = "part"
_JUDGED = (0, 1, 3)
Progress = Callable[[float, str], None]


class CaseTerminal(Terminal):
    """What a command says goes into the case's log; what it does and what was wrong is kept for the batch."""

    def __init__(self, progress: Progress):
        super().__init__()
        self._bar = None
        self._told = progress
        self.errors: list[str] = []

    def progress(self, fraction: float, text: str) -> None:
        """Progress callback for the libraries."""
        self._told(fraction, text)
        super().progress(fraction, text)

    def error(self, text: str) -> None:
        """What is wrong."""
        self.errors.append(text)
        super().error(text)


def doCase(
    plan: CasePlan,
    output: Path,
    token: str,
    *,
    resume: bool,
    begun: Callable[[Path], None] = lambda folder: None,
    progress: Progress = lambda fraction, text: None,
) -> dict[str, Any]:
    """Do a case, unless it is finished already; returns its record, with ``kept`` where it was.

    :param token: of the run of the batch.
    :param resume: whether a case that is finished with the same inputs, settings and versions is kept.
    :param begun: told the folder in which the case is made.
    :raises M3DError: the case's folder cannot be made or put in its place.
    :raises KeyboardInterrupt: the case was interrupted; nothing of it is left.
    """
    target, start = output / plan.folder, time.perf_counter()
    progress(0.0, "Hashing the input")
    try:
        inputs = InputFiles(plan)
    except M3DError as error:
        return failCase(plan, output, token, str(error), begun=begun)
    fingerprint = fingerprintOf(plan, inputs)
    finished = finishedOutcome(target, fingerprint)
    # Without --resume only what another worker has done in this very run.
    if finished is not None and (resume or finished["run"] == token):
        return {**finished, "kept": finished["run"] != token}
    work = makeWorkFolder(output, token)
    begun(work)
    try:
        outcome = _done(plan, work, progress)
        changed = inputs.changed()
        if changed:
            names = ", ".join(str(file) for file in changed[:3])
            outcome = errorOutcome(
                f"The input was changed while it was read: {names}. Do the case again with --resume."
            )
        outcome = writeOutcome(work, {**_head(plan, token), "fingerprint": fingerprint, **outcome, **_cost(start)})
        return {**publish(work, target, outcome), "kept": False}
    finally:
        shutil.rmtree(work, ignore_errors=True)


def failCase(
    plan: CasePlan,
    output: Path,
    token: str,
    reason: str,
    *,
    work: Path | None = None,
    begun: Callable[[Path], None] = lambda folder: None,
) -> dict[str, Any]:
    """Record that a case could not be done, with the log of it as far as there is one; returns the record.

    :param work: folder in which the case was made when its process ended.
    """
    folder = makeWorkFolder(output, token)
    begun(folder)
    try:
        for name in (LOG_FILE, EVENTS_FILE):
            if work is not None and (work / name).is_file():
                shutil.copyfile(work / name, folder / name)
        with (folder / LOG_FILE).open("a", encoding="utf-8") as log:
            log.write(f"{reason}\n")
        outcome = writeOutcome(folder, {**_head(plan, token), "fingerprint": None, **errorOutcome(reason)})
        return {**publish(folder, output / plan.folder, outcome), "kept": False}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if work is not None:
            shutil.rmtree(work, ignore_errors=True)


def _head(plan: CasePlan, token: str) -> dict[str, Any]:
    return {
        "run": token,
        "id": plan.id,
        "command": plan.command,
        "time": datetime.now().astimezone().isoformat(timespec="seconds"),
        "host": platform.node(),
        "remarks": list(plan.remarks),
        "models": [],
        "printFiles": [],
        "log": LOG_FILE,
    }


def errorOutcome(reason: str) -> dict[str, Any]:
    """The outcome of a case that could not be done."""
    return {
        "verdict": ERROR,
        "exitStatus": exitStatusOf([ERROR]),
        "reason": reason,
        "worst": None,
        "findings": [],
        "deviation": None,
        "profile": "",
        "reports": {},
        "thumbnail": "",
        "thumbnailText": "",
    }


def _cost(start: float) -> dict[str, Any]:
    return {"seconds": round(time.perf_counter() - start, 3), "peakMemoryMb": peakMemoryMb()}


def _done(plan: CasePlan, work: Path, progress: Progress) -> dict[str, Any]:
    """Run the commands of a case in the folder; returns the outcome."""
    forgetPeak()
    restartPeak()
    reports, remarks, verdict = {}, list(plan.remarks), ""
    with _inFolder(work):
        problem = _run(plan.arguments("."), work, progress)
        if problem:
            return errorOutcome(problem)
        reports[""] = readReportFile(Path("report.json"))
        models = _models(work)
        if plan.partOptions is not None:
            reference = _referenceOf(plan, models)
            if reference:
                problem = _run(plan.partArguments(reference, PART_FOLDER), work, progress)
                if problem:
                    verdict = ERROR
                    remarks.append(f"The printed part could not be compared: {problem}")
                else:
                    reports[PART_FOLDER] = readReportFile(Path(PART_FOLDER, "report.json"))
            else:
                verdict = "notAssessable"
                remarks.append(_withoutReference(models))
        outcome = outcomeOf(reports, work)
    if verdict and outcome["verdict"] != "fail":
        outcome.update(verdict=verdict, exitStatus=exitStatusOf([verdict]), reason=remarks[-1])
    return {**outcome, "models": models, "printFiles": _printFiles(work), "remarks": remarks}


def _models(work: Path) -> list[str]:
    """The objects of the models that were stored, relative to the case's folder."""
    files = sorted(file for file in (work / DICOM_FOLDER).rglob("*") if file.is_file())
    return [file.relative_to(work).as_posix() for file in files if modelHeaders(file)]


def _printFiles(work: Path) -> list[str]:
    """Models as plain files, which lie beside the DICOMDIR, relative to the case's folder."""
    folder = work / DICOM_FOLDER
    files = sorted(folder.glob("*.*")) if folder.is_dir() else []
    return [file.relative_to(work).as_posix() for file in files if file.is_file()]


def _referenceOf(plan: CasePlan, models: list[str]) -> str:
    """What the printed part is compared with: the model that was given, or the one that was stored; "" for none."""
    if "mesh" in plan.inputs:
        return plan.inputs["mesh"][0]
    return models[0] if len(models) == 1 else ""


def _withoutReference(models: list[str]) -> str:
    if not models:
        return "The printed part was not compared: no model was stored."
    return f"The printed part was not compared: there are {len(models)} models; name one segment."


def _run(arguments: list[str], work: Path, progress: Progress) -> str:
    """Run a command as the command line does; returns why it could not be done, "" when it was.

    :raises KeyboardInterrupt: it was interrupted.
    """
    terminal = CaseTerminal(progress)
    general = ["--color=never", f"--log-file={EVENTS_FILE}"]
    print(f"m3d {' '.join(arguments)}", flush=True)
    try:
        status = main([*arguments[:1], *general, *arguments[1:]], settings=Settings(), terminal=terminal)
    except SystemExit:
        status = 2
    if status == EXIT_INTERRUPTED:
        raise KeyboardInterrupt
    print(f"Exit status {status}.\n", flush=True)
    if status in _JUDGED:
        return ""
    # The folder is known by another name later.
    return " ".join(terminal.errors).replace(f"{work}{os.sep}", "") or f"m3d {arguments[0]} ended with {status}."


@contextlib.contextmanager
def _inFolder(work: Path):
    """Work in a folder: what is written is named relative to it, and what is printed goes into its log."""
    before, temporary = Path.cwd(), tempfile.tempdir
    with (work / LOG_FILE).open("a", encoding="utf-8", errors="backslashreplace") as log, _printedTo(log):
        os.chdir(work)
        # The file with the details of an error of the program belongs to the case.
        tempfile.tempdir = str(work)
        try:
            yield
        finally:
            tempfile.tempdir = temporary
            os.chdir(before)


@contextlib.contextmanager
def _printedTo(log):
    """Send what is printed into a file, and what libraries print themselves, where this process has streams for it."""
    kept = {}
    for number in (1, 2):
        with contextlib.suppress(OSError):
            kept[number] = os.dup(number)
            os.dup2(log.fileno(), number)
    try:
        with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
            yield
    finally:
        log.flush()
        for number, before in kept.items():
            os.dup2(before, number)
            os.close(before)
        sys.stdout.flush()
