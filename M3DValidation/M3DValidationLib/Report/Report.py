"""A validation from the cases to the finished report, for the command line, Slicer's panel and scripts alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from M3DLib.Background import inBackground
from M3DLib.Errors import M3DError, noProgress
from M3DLib.Mesh.Rendering import prepareRendering
from M3DLib.TwoThreads import besideEachOther

from ..Acquisition.FieldOfViewPicture import describePicture, fieldOfViewPicture
from ..Check import Case
from ..Requirement import Finding, Verdict
from ..Validation import Progress, runChecks
from .Content.ReportContent import reportContent
from .Content.ReportResult import resultOf
from .Content.StlHash import hashing
from .FirstPage.Answer import answerOf
from .FirstPage.Document import documentOf
from .Pictures.AskedSections import askedSections, modelsOf, requireInside
from .Pictures.DeviationModel import DeviationModel, deviationModels, fileEnding, makeShownSurfaces
from .Pictures.PictureFile import Picture, pngBytes
from .Pictures.Pictures import makePictures, ofSegment
from .Pictures.ThinPlacePictures import thinPlacePictures

_Result = TypeVar("_Result")

# The checks take most of the time, the pictures nearly all of the rest.
_CHECKS_SHARE, _PICTURES_SHARE = 0.8, 0.17
# Of the pictures, those that findings rest on and the surface that is shown.
_FIRST_SHARE = 0.4


@dataclass
class Report:
    """What was found, and what it was found on.

    :ivar cases: what was checked, one per segment; their ``measurements`` hold the deviations at the vertices.
    :ivar results: the findings on each case; what concerns the scan alone is among those of the first.
    :ivar data: the content by the published schema (``Report.schema.json``), plain JSON values.
    :ivar pictures: what the report shows; their files are named in ``data``.
    :ivar models3d: the deviations to be turned in 3D; their files are named in ``data``.
    """

    cases: list[Case]
    results: list[list[Finding]]
    data: dict
    pictures: list[Picture] = field(default_factory=list)
    models3d: list[DeviationModel] = field(default_factory=list)

    @property
    def findings(self) -> list[Finding]:
        """All findings, in the order of the report."""
        return [finding for found in self.results for finding in found]

    @property
    def verdict(self) -> Verdict:
        """What follows from all findings."""
        return Verdict(self.data["verdict"])

    @property
    def attachments(self) -> dict[str, bytes]:
        """The pictures and 3D models by the names of their files, which belong beside the JSON."""
        models = {model.file: model.glb for model in self.models3d}
        return {picture.file: picture.png for picture in self.pictures} | models


def validateCases(
    cases: list[Case],
    *,
    showing: bool = True,
    person: str = "",
    pseudonym: str = "",
    files: Sequence[Path] = (),
    sections: Sequence[Sequence[float]] = (),
    background: bool = False,
    progress: Progress = noProgress,
    stage: Callable[[str], AbstractContextManager] = nullcontext,
    timed: Callable[[str], AbstractContextManager] = nullcontext,
) -> Report:
    """Check everything, make the pictures, and put the report together.

    :param cases: one per segment, all of the same image and profile.
    :param showing: whether all pictures and the 3D models are made, or only the pictures that findings rest on.
    :param person, pseudonym, files: as in :func:`makeReport`.
    :param sections: places through which sections of the scan are shown, LPS mm.
    :param background: work in a thread of its own, so that ``progress`` can let a user interface handle its events;
        what renders is done in this one, view by view.
    :param progress: may raise :class:`~M3DLib.Errors.Cancelled`.
    :param stage: entered around "checking", "pictures" and "report", for a stopwatch.
    :param timed: entered around every check, in the thread that checks.
    :raises M3DError: a check met what no verdict can express, or a section is asked for where there is no scan.
    """

    if sections:
        if cases[0].image is None:
            raise M3DError("There is no scan to show sections of.")
        requireInside(cases[0].image, sections)
    run = inBackground if background else _here
    drawn: list[Picture] = []
    # Pictures of findings are made while the comparison is at work, unless the time of each is asked for.
    early = drawn if timed is nullcontext else None

    def drawFound(index: int, findings: list[Finding], report: Progress) -> None:
        drawn.extend(_picturesOfFindings(cases, index, findings, report))

    with stage("checking"):
        results = run(
            lambda report: checkCases(cases, report, timed, drawFound if early is not None else None),
            lambda done, text: progress(_CHECKS_SHARE * done, text),
        )
    with stage("pictures"):
        pictures, models, asked = run(
            lambda report: _shownOf(cases, results, showing, sections, progress=report, drawn=early),
            lambda done, text: progress(_CHECKS_SHARE + _PICTURES_SHARE * done, text),
        )
    names = {"person": person, "pseudonym": pseudonym, "files": files}
    shown = _CHECKS_SHARE + _PICTURES_SHARE
    progress(shown, "Putting the report together")
    with stage("report"):
        report = run(
            lambda _report: makeReport(cases, results, pictures, models, sections=asked, **names),
            lambda _done, _text: progress(shown, "Putting the report together"),
        )
    progress(1.0, "Validated")
    return report


def _here(work: Callable[[Progress], _Result], progress: Progress) -> _Result:
    """What ``inBackground`` does, in this thread."""
    return work(progress)


def _shownOf(
    cases: list[Case],
    results: list[list[Finding]],
    showing: bool,
    sections: Sequence[Sequence[float]],
    *,
    progress: Progress,
    drawn: list[Picture] | None,
) -> tuple[list[Picture], list[DeviationModel], list[dict]]:
    """Pictures and 3D models of a report, and what it says of the sections that were asked for.

    :param drawn: pictures of findings that are made already; None where none are.
    """
    pictures = casePictures(cases, results, showing, progress, drawn)
    models = deviationModels(cases) if showing else []
    if not sections:
        return pictures, models, []
    asked, more = askedSections(cases[0].image, modelsOf(cases), sections)
    return pictures + more, models, asked


def checkCases(
    cases: Sequence[Case],
    progress: Progress = noProgress,
    timed: Callable[[str], AbstractContextManager] = nullcontext,
    afterOthers: Callable[[int, list[Finding], Progress], None] | None = None,
) -> list[list[Finding]]:
    """Findings on each case; what concerns the scan alone is asked once.

    :param afterOthers: called with the number of a case, from 0, and as :func:`runChecks` says; None for nothing.
    """
    if any(case.mesh is not None for case in cases):
        # Pictures follow, and trying whether there can be any takes as long as half a report in JSON.
        prepareRendering()
    results = []
    with hashing(cases):
        for index, case in enumerate(cases):

            def part(fraction: float, text: str, start=index) -> None:
                progress((start + fraction) / len(cases), text)

            def others(findings: list[Finding], said: Progress, own=index) -> None:
                if afterOthers is not None:
                    afterOthers(own, findings, said)

            results.append(runChecks(case, part, imageToo=index == 0, timed=timed, afterOthers=others))
    return results


def casePictures(
    cases: Sequence[Case],
    results: Sequence[Sequence[Finding]],
    showing: bool = True,
    progress: Progress = noProgress,
    drawn: Sequence[Picture] | None = None,
) -> list[Picture]:
    """What findings rest on (field of view, thinnest places), and the rest where the report is to be looked at.

    :param results: of :func:`checkCases`; the evidence of findings gets the names of their pictures.
    :param showing: False leaves out the model, the maps, the cuts and the worst places.
    :param drawn: what findings rest on, where that was drawn already.
    """

    def drawFound(said: Progress) -> list[Picture]:
        pictures = []
        for index, findings in enumerate(results):

            def part(done: float, text: str, start=index) -> None:
                said((start + done) / len(cases), text)

            pictures += _picturesOfFindings(cases, index, findings, part)
        return pictures

    def first(done: float, text: str) -> None:
        progress(_FIRST_SHARE * done, text)

    def then(done: float, text: str) -> None:
        progress(_FIRST_SHARE + (1 - _FIRST_SHARE) * done, text)

    if drawn is not None:
        return list(drawn) + (makePictures(cases, progress) if showing else [])
    if not showing:
        return drawFound(progress)
    # Only one of the two threads renders.
    pictures, _ = besideEachOther(drawFound, lambda said: makeShownSurfaces(cases, said), first)
    return pictures + makePictures(cases, then)


def _picturesOfFindings(
    cases: Sequence[Case], index: int, findings: Sequence[Finding], progress: Progress
) -> list[Picture]:
    """What the findings on one of the cases rest on."""
    case, number = cases[index], index + 1
    ending = fileEnding(case, number, len(cases))
    pictures = []
    progress(0.0, "Drawing the field of view")
    # Several models of one scan without segments have one field of view.
    array = fieldOfViewPicture(case) if number == 1 or case.segment is not None else None
    if array is not None:
        title = "Anatomy in the field of view" + (f": '{case.name}'" if len(cases) > 1 and case.name else "")
        png, words = pngBytes(array), describePicture(case)
        requirement = "anatomy-inside-field-of-view"
        pictures.append(Picture(f"field-of-view{ending}.png", "fieldOfView", title, words, png, requirement))
    progress(0.2, "Drawing the thinnest places")
    pictures += thinPlacePictures(case, findings, ending)
    return ofSegment(pictures, case, len(cases) > 1)


def makeReport(
    cases: list[Case],
    results: list[list[Finding]],
    pictures: list[Picture],
    models: Sequence[DeviationModel] = (),
    *,
    person: str = "",
    pseudonym: str = "",
    files: Sequence[Path] = (),
    sections: Sequence[dict] = (),
) -> Report:
    """The report on finished checks.

    :param pictures, models: of :func:`casePictures` and :func:`~.DeviationModel.deviationModels`.
    :param person: who is responsible for the run, if said.
    :param pseudonym: stands in for the patient; nothing that the headers say of patient and study is then repeated.
    :param files: of segmentation and mesh, as far as they were read from files, for their hashes.
    :param sections: of :func:`~.Pictures.AskedSections.askedSections`; their pictures are among ``pictures``.
    """
    data = reportContent(
        resultOf(cases, results),
        cases,
        pseudonym=pseudonym.strip(),
        person=person.strip(),
        time=datetime.now().astimezone().isoformat(timespec="seconds"),
        files=[Path(file) for file in files],
        pictures=[picture.asDict() for picture in pictures],
        models=[model.asDict() for model in models],
    )
    if sections:
        data["sections"] = list(sections)
    conclude(data)
    return Report(cases, results, data, pictures, list(models))


def conclude(data: dict, revision: int = 1, replaces: str = "") -> None:
    """Give the content of a report its answer and its number, or make them anew after the content has changed.

    :param data: by ``Report.schema.json``.
    :param revision, replaces: as in :func:`~.FirstPage.Document.documentOf`.
    """
    data["answer"] = answerOf(data)
    data["document"] = documentOf(data, revision, replaces)
