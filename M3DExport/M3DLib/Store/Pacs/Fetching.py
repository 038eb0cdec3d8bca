"""Fetching from a PACS into a folder: whole series, each looked through, what is there already not again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ...Errors import M3DError, noProgress
from ...FolderLock import folderLock
from ...NumberText import plural
from ..Servers.PacsProblem import PacsError
from ..Servers.Retrying import withRetries
from .Landing import Landing
from .Outgoing import differences, factsOf
from .PacsConnection import PacsConnection
from .PacsQuery import PacsQuery, believed, number, text

if TYPE_CHECKING:
    from pydicom import Dataset

_TELLING = ("InstanceNumber", "ImagePositionPatient", "NumberOfFrames")


@dataclass
class FetchedSeries:
    """What became of one series.

    :ivar folder: where it lies; None as long as it is not whole.
    :ivar onServer, fetched, alreadyThere: numbers of instances.
    :ivar missing: SOP Instance UIDs that did not arrive.
    """

    studyInstanceUid: str
    seriesInstanceUid: str
    modality: str
    description: str
    onServer: int
    fetched: int = 0
    alreadyThere: int = 0
    missing: list[str] = field(default_factory=list)
    folder: Path | None = None
    bytes: int = 0


@dataclass
class FetchResult:
    """What became of a fetch.

    :ivar problems: what keeps it from being whole, one sentence each.
    :ivar waiting: folder with what has arrived of series that are not whole; None when there are none.
    """

    studies: list[str]
    series: list[FetchedSeries]
    problems: list[str] = field(default_factory=list)
    waiting: Path | None = None


def findSeries(connection: PacsConnection, query: PacsQuery, notify=lambda text: None) -> list[tuple[Dataset, Dataset]]:
    """Every series that a query names, each with its study.

    :raises M3DError: the server cannot be asked, or its answers do not fit.
    """
    found = []
    for study in findAt(connection, "study", query.studyKeys(), notify):
        keys = query.seriesKeys(text(study, "StudyInstanceUID"))
        found += [(study, one) for one in findAt(connection, "series", keys, notify)]
    return found


def findAt(connection: PacsConnection, level: str, keys: dict[str, str], notify, fields=()) -> list[Dataset]:
    """Answers of the server at a level that fit the question.

    :raises M3DError: the server cannot be asked, or none of its answers shows what was asked for.
    """
    answers = withRetries(lambda: connection.find(level, keys, fields), connection.server.attempts, notify)
    return believed(answers, level, keys)


def fetch(
    connection: PacsConnection,
    query: PacsQuery,
    output: Path,
    *,
    progress: Callable[[float, str], None] = noProgress,
) -> FetchResult:
    """Fetch every series that a query names; each lies in a folder of its own when all of it has arrived.

    What was fetched before is not fetched again, so an interrupted fetch goes on where it was. A file that is there is
    never replaced by another object with its UID.

    :return: what became of each series; ``problems`` is empty when all is there.
    :raises M3DError: nothing is named or found, the folder cannot be written, or the server cannot be asked.
    """
    query.requireExact()
    landing = Landing(output)
    progress(0.0, "Asking what there is")
    found = findSeries(connection, query, lambda words: progress(0.0, words))
    if not found:
        raise M3DError(f"{connection.server.place} has nothing that fits.")
    landing.prepare()
    result = FetchResult(list(dict.fromkeys(text(study, "StudyInstanceUID") for study, _series in found)), [])
    try:
        with folderLock(landing.waiting):
            _fetchAll(connection, found, landing, result, progress)
    finally:
        isWaiting = landing.close()
        result.waiting = landing.waiting if isWaiting else None
    result.problems += landing.conflicts
    progress(1.0, "Fetched")
    return result


def _fetchAll(connection: PacsConnection, found, landing: Landing, result: FetchResult, progress) -> None:
    for index, (study, series) in enumerate(found):

        def seriesProgress(fraction: float, words: str, index: int = index) -> None:
            progress((index + fraction) / len(found), words)

        entry = FetchedSeries(
            text(study, "StudyInstanceUID"),
            text(series, "SeriesInstanceUID"),
            text(series, "Modality"),
            text(series, "SeriesDescription"),
            number(series, "NumberOfSeriesRelatedInstances") or 0,
        )
        result.series.append(entry)
        try:
            _fetchSeries(connection, entry, landing, seriesProgress)
        except PacsError as error:
            result.problems.append(str(error))
            if error.mayPass or "written" in str(error):
                # Whoever broke off after several attempts is not asked for the next series.
                break
        if entry.missing:
            result.problems.append(
                f"{len(entry.missing)} of {entry.onServer} instances of the series {entry.seriesInstanceUid} did not "
                "arrive."
            )


def _fetchSeries(connection: PacsConnection, entry: FetchedSeries, landing: Landing, progress) -> None:
    keys = {"StudyInstanceUID": entry.studyInstanceUid, "SeriesInstanceUID": entry.seriesInstanceUid}
    notify = lambda words: progress(0.0, words)  # noqa: E731
    answers = findAt(connection, "instance", keys, notify, _TELLING)
    connection.reconnect()
    instances = {text(answer, "SOPInstanceUID"): answer for answer in answers}
    if entry.onServer > len(instances):
        raise PacsError(
            f"{connection.server.place} says that the series {entry.seriesInstanceUid} has "
            f"{plural(entry.onServer, 'instance')} "
            f"and names {len(instances)} of them; it is not fetched in part."
        )
    entry.onServer = len(instances)
    _lookAtPresent(instances, entry, landing)

    def missing() -> dict[str, str]:
        return {
            uid: text(answer, "SOPClassUID")
            for uid, answer in instances.items()
            if landing.stored(entry.seriesInstanceUid, uid) is None
        }

    entry.missing = list(missing())
    wanted = len(entry.missing)
    arrived = [0]

    def notice() -> None:
        arrived[0] += 1
        progress(min(1.0, arrived[0] / wanted), f"Fetching from {connection.server.place}")

    def attempt() -> None:
        left = missing()
        arrived[0] = wanted - len(left)
        if left:
            progress(arrived[0] / wanted, f"Fetching from {connection.server.place}")
            connection.retrieve(entry.studyInstanceUid, entry.seriesInstanceUid, left, landing, notice)
            if missing().keys() == left.keys():
                raise PacsError(f"{connection.server.place} sent none of what it was asked for.", mayPass=True)

    try:
        withRetries(attempt, connection.server.attempts, lambda words: progress(arrived[0] / max(1, wanted), words))
    finally:
        entry.missing = list(missing())
        entry.fetched = wanted - len(entry.missing)
        connection.reconnect()
    if not entry.missing:
        entry.folder = landing.complete(entry.seriesInstanceUid)
        entry.bytes = sum(file.stat().st_size for file in entry.folder.iterdir())


def _lookAtPresent(instances: dict[str, Dataset], entry: FetchedSeries, landing: Landing) -> None:
    """Count what is there, and say where it is another object than the server's."""
    for uid, answer in instances.items():
        file = landing.stored(entry.seriesInstanceUid, uid)
        if file is None:
            continue
        entry.alreadyThere += 1
        facts = factsOf(file)
        if other := differences({keyword: facts[keyword] for keyword in _TELLING if keyword in facts}, answer):
            landing.conflicts.append(
                f"'{file}' is another object than the server's with the same UID (differs in {', '.join(other)}); it "
                "is left as it is, move it away to fetch the server's."
            )
