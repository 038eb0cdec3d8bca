"""Checks of the scan and of the segment that are made while the model is still being made."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from M3DLib.Errors import Cancelled

if TYPE_CHECKING:
    from .Check import Case, Check
    from .Requirement import Finding

# How often a check that waits for the segment looks whether the program is still there.
_LOOK_SECONDS = 0.2
# What one check has measured of the image alone, and others need too.
_OF_IMAGE = ("headers", "stack", "bodyMask", "outsideField")


@dataclass
class _Begun:
    """A check that was begun: its findings, or what it raised, once it has ended."""

    ended: threading.Event = field(default_factory=threading.Event)
    findings: list[Finding] | None = None
    error: BaseException | None = None


class EarlyChecks:
    """Makes checks in a thread of its own, first those about the image alone, then those that need the segment too.

    Whoever makes the checks of the case afterwards takes from here what was begun, and makes the rest.

    Not for nodes of Slicer's scene: whoever cancels waits for the check at work, which there would be the thread of the
    interface, for up to half a second with 140 slices; and no more than the 1.3 s that the surface of these takes could
    be saved, of 17.
    """

    def __init__(self, image: Case, checks: Sequence[Check]):
        """Begin with the checks about the image alone.

        :param image: a case of the scan and nothing else.
        :param checks: those that are asked for; the ones that cannot be made early are left alone.
        """
        self._image, self._case = image, None
        self._ofImage = [check for check in checks if getattr(check, "aboutImageAlone", False)]
        self._ofSegment = [check for check in checks if getattr(check, "needsNoMesh", False)]
        self._begun: dict[type, _Begun | None] = {}
        self._changed = threading.Condition()
        self._isStopped = False
        # Waited for at the end of the program: what it computes has to end before the libraries do.
        self._thread = threading.Thread(target=self._work, name="M3D early checks", daemon=False)
        self._thread.start()

    def __enter__(self) -> EarlyChecks:
        return self

    def __exit__(self, kind, _error, _trace) -> None:
        """No more are begun; where the rest of the work has failed, those at work end as well."""
        if kind is None:
            self.beginNoMore()
        else:
            self.stop()

    def segmentIsKnown(self, case: Case) -> None:
        """Go on with the checks that need the segment, before the case has its mesh."""
        with self._changed:
            known = self._image.measurements
            case.measurements.update({name: known[name] for name in _OF_IMAGE if name in known})
            case.early, self._case = self, case
            self._changed.notify()

    def beginNoMore(self) -> None:
        """Let what was begun come to its end, and begin nothing else."""
        with self._changed:
            self._isStopped = True
            self._changed.notify()

    def stop(self) -> None:
        """End what was begun as soon as it asks, and wait for that."""
        self.beginNoMore()
        self._image = None
        self._thread.join()

    def take(self, check: Check) -> list[Finding] | None:
        """See :class:`~.Check.BegunChecks`."""
        with self._changed:
            # What is not there yet is marked as done elsewhere.
            begun = self._begun.setdefault(type(check))
        if begun is None:
            return None
        begun.ended.wait()
        if begun.error is not None:
            raise begun.error
        return begun.findings

    def _work(self) -> None:
        while True:
            chosen = self._next()
            if chosen is None:
                return
            check, case, begun = chosen
            try:
                begun.findings = list(check.run(case, self._goOn))
            except BaseException as error:
                begun.error = error
                self.beginNoMore()
            finally:
                begun.ended.set()

    def _goOn(self, _fraction: float, _text: str) -> None:
        if self._image is None:
            raise Cancelled

    def _next(self) -> tuple[Check, Case, _Begun] | None:
        """The next check, marked as begun; waits for the segment where there is nothing else to do."""
        with self._changed:
            while not self._isStopped:
                waiting = [(check, self._image) for check in self._ofImage]
                waiting += [(check, self._case) for check in self._ofSegment if self._case is not None]
                for check, case in waiting:
                    if type(check) not in self._begun and check.canRun(case):
                        begun = self._begun[type(check)] = _Begun()
                        return check, case, begun
                if self._case is not None:
                    return None
                # An interruption can come before anybody is there who would say that it stopped.
                if not threading.main_thread().is_alive():
                    return None
                self._changed.wait(_LOOK_SECONDS)
        return None
