"""The case that a panel works for: what it shows of it, and how the panel's work gets on its record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..Errors import Cancelled, M3DError

if TYPE_CHECKING:
    import slicer


@dataclass
class CaseView:
    """What a panel shows of a case.

    :ivar isCase: whether the folder is one; nothing else is said of another folder.
    :ivar state: order and what is released, one line.
    :ivar open: what is still to be done, one line each.
    :ivar problem: why the record cannot be used, "" when it can.
    """

    isCase: bool = False
    state: str = ""
    open: list[str] = field(default_factory=list)
    problem: str = ""


def caseView(folder: str) -> CaseView:
    """What there is to say of a folder that was chosen as a case; nothing for "" and for a folder without a record."""
    from ..CaseRecord.CaseFolder import requireCase
    from ..CaseRecord.CaseText import requirementText
    from ..CaseRecord.RecordFile import RECORD_FILE

    if not folder or not (Path(folder) / RECORD_FILE).exists():
        return CaseView()
    try:
        state = requireCase(Path(folder))
    except M3DError as error:
        return CaseView(isCase=True, problem=" ".join(error.problems))
    released = " Released." if state.holding("release") is not None else ""
    return CaseView(True, f"Order {state.order}: {requirementText(state.requirement)}.{released}", state.open())


@dataclass
class SceneWork:
    """What work has made, filled in by whoever does it.

    :ivar files: written, by kind as the record calls it. :ivar result: what came of it, plain JSON values.
    """

    files: list[tuple[str, Path]] = field(default_factory=list)
    result: dict[str, Any] = field(default_factory=dict)


@contextmanager
def onRecord(
    folder: str,
    event: str,
    volumeNode: slicer.vtkMRMLScalarVolumeNode | None,
    database,
    settings: dict[str, Any],
    *,
    person: str = "",
    role: str = "",
) -> Iterator[SceneWork]:
    """Put what is done within on the record of a case, also when it fails; without a case nothing is recorded.

    :param folder: of the case, "" for none. :param event: as the record calls the work.
    :param volumeNode: the scan it is done on. :param settings: what decides the result, plain JSON values.
    :raises M3DError: the record cannot be written, before anything is done.
    """
    from ..CaseRecord.RecordFile import requireWritableRecord

    work = SceneWork()
    if not folder:
        yield work
        return
    requireWritableRecord(Path(folder))
    try:
        yield work
    except (Cancelled, M3DError) as error:
        said = "Stopped by the user." if isinstance(error, Cancelled) else " ".join(error.problems)
        work.files, work.result = [], {"error": said}
        _write(folder, event, work, ([], []), {"settings": settings, "person": person, "role": role})
        raise
    scan = scanEntries(volumeNode, database, Path(folder))
    _write(folder, event, work, scan, {"settings": settings, "person": person, "role": role})


def scanEntries(volumeNode, database, folder: Path) -> tuple[list[dict], list[dict]]:
    """The scan of a volume node as the record names it, and how it was acquired; nothing where it is in no database."""
    from ..CaseRecord.AcquisitionRecord import acquisitionOf
    from ..CaseRecord.CaseFiles import seriesEntry
    from ..Image.DicomSeries import scanFiles

    uids = (volumeNode.GetAttribute("DICOM.instanceUIDs") or "").split() if volumeNode is not None else []
    paths = list(dict.fromkeys(Path(file) for file in map(database.fileForInstance, uids) if file)) if database else []
    if not paths:
        return [], []
    files, _skipped = scanFiles(paths)
    headers = [file.header for file in files]
    return [seriesEntry(headers, "series", [file.path for file in files], folder)], [acquisitionOf(headers)]


def _write(folder: str, event: str, work: SceneWork, scan: tuple[list[dict], list[dict]], said: dict) -> None:
    """Add the event; ``said`` holds settings, person and role."""
    from ..CaseRecord.CaseFiles import fileEntry
    from ..CaseRecord.CaseFolder import recordWork
    from ..Software import softwareVersions

    outputs = [fileEntry(file, Path(folder), kind) for kind, file in work.files]
    settings = {**said["settings"], "versions": list(softwareVersions())}
    who = {"person": said["person"], "role": said["role"]}
    recordWork(
        Path(folder),
        event,
        inputs=scan[0],
        outputs=outputs,
        acquisition=scan[1],
        settings=settings,
        result=work.result,
        **who,
    )
