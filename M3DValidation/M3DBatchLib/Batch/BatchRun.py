"""A batch from the plans to the summary: what is refused before, what is said meanwhile, what is left when it ends."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from M3DLib.Errors import M3DError
from M3DLib.FolderLock import folderLock
from M3DLib.WritablePlace import requireWritableFolder

from ..ProgressLine import spoken
from ..Terminal import Terminal
from .BatchFaces import writeSummary
from .BatchSummary import SUMMARY_FILE, WORDS, removeSummary, summaryOf
from .CaseFolder import clearWorkFolders, readOutcome, requireReplaceable, strayFolders
from .CasePlan import CasePlan

_LONGEST_REASON = 160
# Of the time left nothing can be said before.
_LEAST_DONE = 2


class Workers(Protocol):
    """Whoever does the cases."""

    def outcomes(self, plans: Sequence[CasePlan]) -> Iterator[tuple[CasePlan, dict[str, Any]]]:
        """Each case with its record, as they end."""


@dataclass
class BatchRun:
    """One run over a table.

    :ivar workers: what the summary says of those who do the cases.
    """

    plans: Sequence[CasePlan]
    output: Path
    table: Path
    resume: bool
    terminal: Terminal
    workers: dict[str, Any] = field(default_factory=dict)
    token: str = field(default_factory=lambda: uuid.uuid4().hex[:12])

    def requirePlace(self) -> None:
        """Refuse an output folder in which results of an earlier batch, or of others, would be overwritten.

        :raises M3DError: lists every folder that is in the way.
        """
        requireWritableFolder(self.output)
        if not self.output.is_dir():
            return
        targets = [self.output / plan.folder for plan in self.plans]
        if not self.resume:
            there = [target for target in targets if readOutcome(target) is not None]
            if there or (self.output / SUMMARY_FILE).exists():
                raise M3DError(
                    f"'{self.output}' holds results of an earlier batch; go on with it by --resume, or choose another "
                    "folder."
                )
        problems = []
        for target in targets:
            try:
                requireReplaceable(target)
            except M3DError as error:
                problems += error.problems
        if problems:
            raise M3DError(problems)

    @contextmanager
    def place(self):
        """Hold the output folder, made if needed, for this run alone; where nothing comes into it, it is gone after.

        :raises M3DError: another run holds it.
        """
        isNew = not self.output.exists()
        self.output.mkdir(parents=True, exist_ok=True)
        try:
            with folderLock(self.output):
                clearWorkFolders(self.output)
                try:
                    yield
                finally:
                    clearWorkFolders(self.output)
        finally:
            if isNew:
                with suppress(OSError):
                    self.output.rmdir()

    def run(self, workers: Workers) -> dict[str, Any]:
        """Do the cases and write the summary, which is returned.

        :raises KeyboardInterrupt: it was interrupted; says what is finished and how to go on.
        """
        started, outcomes = datetime.now().astimezone(), {}
        removeSummary(self.output)
        self._progress(outcomes, started)
        try:
            with closing(workers.outcomes(self.plans)) as ended:
                for plan, outcome in ended:
                    outcomes[plan.row] = outcome
                    self._tell(plan, outcome, outcomes, started)
        except KeyboardInterrupt:
            # Cases whose end nobody has heard of any more.
            for plan in self.plans:
                there = None if plan.row in outcomes else readOutcome(self.output / plan.folder)
                if there is not None and there["run"] == self.token:
                    outcomes[plan.row] = {**there, "kept": False}
            self._write(outcomes, started, interrupted=True)
            finished = sum(outcome.get("log", "") != "" for outcome in outcomes.values())
            raise KeyboardInterrupt(
                f"Interrupted. {finished} of {len(self.plans)} cases are done and stay in {self.output}; go on with "
                f"the same command and --resume."
            ) from None
        return self._write(outcomes, started)

    def _write(self, outcomes: dict[int, dict], started: datetime, interrupted: bool = False) -> dict[str, Any]:
        summary = summaryOf(
            self.plans,
            outcomes,
            table=self.table,
            workers=self.workers,
            started=started,
            strays=strayFolders(self.output, [plan.folder for plan in self.plans]),
            interrupted=interrupted,
        )
        writeSummary(self.output, summary)
        return summary

    def _tell(self, plan: CasePlan, outcome: dict[str, Any], outcomes: dict[int, dict], started: datetime) -> None:
        done, total = len(outcomes), len(self.plans)
        said = f"[{done}/{total}] {plan.id}: {WORDS[outcome['verdict']]}"
        if outcome.get("kept"):
            said += ", finished before"
        if outcome["reason"]:
            reason = " ".join(outcome["reason"].split())
            said += f" - {reason if len(reason) <= _LONGEST_REASON else reason[: _LONGEST_REASON - 3] + '...'}"
        left = self._secondsLeft(outcomes, started)
        if left is not None and not self.terminal.isInteractive:
            said += f" ({spoken(left)} left)"
        self.terminal.note(said)
        self._progress(outcomes, started)

    def _progress(self, outcomes: dict[int, dict], started: datetime) -> None:
        if self.terminal.isInteractive:
            done, total = len(outcomes), len(self.plans)
            self.terminal.progress(done / total, f"{done} of {total} cases")

    def _secondsLeft(self, outcomes: dict[int, dict], started: datetime) -> float | None:
        """Time that the remaining cases will take, if they take as long as those that were done in this run."""
        done = sum(not outcome.get("kept") for outcome in outcomes.values())
        left = len(self.plans) - len(outcomes)
        if done < _LEAST_DONE or not left:
            return None
        elapsed = (datetime.now().astimezone() - started).total_seconds()
        return elapsed / done * left
