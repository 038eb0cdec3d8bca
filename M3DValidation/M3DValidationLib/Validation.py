"""Runs every check that has its input, and says what follows from the findings."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import numpy as np

from M3DLib.Errors import noProgress
from M3DLib.FreeMachine import giveMemoryBack
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.Segmentation.Segment import Segment
from M3DLib.TwoThreads import besideEachOther

from .Check import Case, Check
from .RefiningAdvice import toldOfRefining
from .Requirement import Finding, Verdict

Progress = Callable[[float, str], None]

# Each module has CHECKS, a tuple of check classes; in the order of the report.
ACQUISITION_MODULES = (
    "Acquisition.SliceGeometryChecks",
    "Acquisition.GantryTiltCheck",
    "Acquisition.VoxelChecks",
    "Acquisition.FieldOfViewChecks",
    "Acquisition.ResolutionChecks",
    "Acquisition.NoiseChecks",
    "Acquisition.SaturationCheck",
    "Acquisition.SliceAlignmentCheck",
    "Acquisition.IdentityChecks",
    "Acquisition.FileConsistencyChecks",
)
MODEL_MODULES = (
    "Acquisition.BelongingCheck",
    "Anatomy.SegmentationChecks",
    "Completeness.CompletenessChecks",
    "Deviation.DeviationChecks",
    "Deviation.LabelmapSpacingCheck",
    "Soundness.MeshChecks",
    "Soundness.BodyChecks",
    "Soundness.PrintabilityChecks",
    "Soundness.FileChecks",
    "Reference.ReferenceChecks",
    "PrintedPart.PartChecks",
)
# What the comparison of model and scan needs.
_LOADED_BEFORE_COMPARING = (
    "scipy.fft",
    "scipy.ndimage",
    "scipy.optimize",
    "scipy.sparse.csgraph",
    "scipy.spatial",
    "scipy.special",
    "vtkmodules.util.numpy_support",
    "vtkmodules.vtkFiltersCore",
    "vtkmodules.vtkFiltersGeneral",
    "vtkmodules.vtkFiltersModeling",
    "M3DValidationLib.Completeness.CompletenessFacts",
)
# Of the work beside the comparison, the checks.
_OTHERS_SHARE = 0.9
# After a check that took so long, memory is given back to the system.
_LONG_SECONDS = 0.3


def checksOf(modules: tuple[str, ...]) -> list[Check]:
    """One of every check in the modules."""
    return [check() for name in modules for check in importlib.import_module(f".{name}", __package__).CHECKS]


def allChecks() -> list[Check]:
    """One of every check there is."""
    return checksOf(ACQUISITION_MODULES + MODEL_MODULES)


def aboutImageAlone() -> set[str]:
    """Ids of the requirements whose findings are the same whatever segment is looked at."""
    chosen = [check for check in checksOf(ACQUISITION_MODULES) if getattr(check, "aboutImageAlone", False)]
    return {name for check in chosen for name in check.requirementIds}


def runChecks(
    case: Case,
    progress: Progress = noProgress,
    *,
    checks: list[Check] | None = None,
    imageToo: bool = True,
    timed: Callable[[str], AbstractContextManager] = nullcontext,
    afterOthers: Callable[[list[Finding], Progress], None] = lambda findings, progress: None,
) -> list[Finding]:
    """Findings of all checks that have their input, in the order of the checks.

    Those that compare the model with the scan run beside the others, in a thread of their own, unless each is timed.

    :param checks: all there are when None.
    :param imageToo: False leaves out the checks that look at the image alone, when another segment of the same image
        has had them already.
    :param timed: entered around every check by the name of its class, for a stopwatch.
    :param afterOthers: called in this thread with the findings of those that do not compare the model with the scan,
        and with a progress callback; the comparison may still be at work.
    :raises M3DError: a check met what no verdict can express; the message says what.
    :raises RuntimeError: a check left a requirement of the profile unanswered, a mistake in the program.
    """
    chosen = allChecks() if checks is None else checks
    if not imageToo:
        chosen = [check for check in chosen if not getattr(check, "aboutImageAlone", False)]
    found: dict[int, list[Finding]] = {}

    def run(numbers: list[int], progress: Progress) -> None:
        for index, number in enumerate(numbers):

            def part(fraction: float, text: str, start=index) -> None:
                progress((start + fraction) / len(numbers), text)

            found[number] = _findings(chosen[number], case, part, timed)

    progress(0.0, "Checking")
    comparing, others = [], []
    for number, check in enumerate(chosen):
        (comparing if getattr(check, "comparesWithScan", False) else others).append(number)

    def rest(numbers: list[int], said: Progress) -> None:
        run(numbers, lambda done, text: said(_OTHERS_SHARE * done, text))
        findings = [finding for number in others for finding in found[number]]
        afterOthers(findings, lambda done, text: said(_OTHERS_SHARE + (1 - _OTHERS_SHARE) * done, text))

    if timed is nullcontext and comparing and others and case.mesh is not None and case.image is not None:
        loadForComparison()
        # What is rendered afterwards is asked for by this thread, as renderers want it.
        besideEachOther(lambda said: rest(others, said), lambda said: run(comparing, said), progress)
    else:
        rest(list(range(len(chosen))), progress)
    findings = toldOfRefining([finding for number in range(len(chosen)) for finding in found[number]], case)
    if case.mesh is not None:
        # Nobody asks for them again, and pictures need the room.
        case.mesh.dropStructures()
    giveMemoryBack()
    progress(1.0, "Checked")
    return findings


def loadForComparison() -> None:
    """Load what the checks that compare a model with its scan need, so that they load nothing any more."""
    loadBeforeThreads(_LOADED_BEFORE_COMPARING)


def loadBeforeThreads(names: Iterable[str]) -> None:
    """Load packages that work in a second thread will need.

    Only one of two threads may load any: an interruption of the other could leave locks and packages half done, and the
    program hangs or breaks down instead of ending.
    """
    for name in names:
        importlib.import_module(name)


def _findings(check: Check, case: Case, progress, timed) -> list[Finding]:
    """Findings of one check, or why it has none of those that were asked for."""
    asked = [name for name in check.requirementIds if name in case.profile.requirements]
    if not check.canRun(case):
        reason = _whyMissing(check, case)
        return [case.profile.requirements[name].notAssessable(reason) for name in asked] if reason else []
    begin = time.perf_counter()
    found = None if case.early is None else case.early.take(check)
    if found is None:
        with timed(type(check).__name__):
            found = list(check.run(case, progress))
    if time.perf_counter() - begin > _LONG_SECONDS:
        # What took long has freed much, which the next check should not add to.
        giveMemoryBack()
    unanswered = set(asked) - {finding.requirement.id for finding in found}
    if unanswered:
        raise RuntimeError(f"{type(check).__name__} says nothing about {', '.join(sorted(unanswered))}.")
    return found


def _whyMissing(check: Check, case: Case) -> str:
    """Why the check cannot run, when it could if everything that was asked for were there; "" otherwise."""
    if not case.missing:
        return ""
    parts = {
        "mesh": TriangleMesh(np.empty((0, 3)), np.empty((0, 3))),
        "segment": Segment(np.zeros((1, 1, 1), np.uint8), np.eye(4), ""),
    }
    complete = replace(case, **{name: parts[name] for name in case.missing})
    return " ".join(case.missing.values()) if check.canRun(complete) else ""


def overallVerdict(findings: list[Finding]) -> Verdict:
    """One verdict for all: fail when anything fails; not assessable when a required check could not be made; else the
    worst of the rest. What is recorded only does not count.
    """
    verdicts = {finding.verdict for finding in findings}
    if Verdict.FAIL in verdicts:
        return Verdict.FAIL
    if any(finding.requirement.required and finding.verdict is Verdict.NOT_ASSESSABLE for finding in findings):
        return Verdict.NOT_ASSESSABLE
    return Verdict.WARNING if Verdict.WARNING in verdicts else Verdict.PASS
