"""Sending objects to a PACS: what is there already is not sent again, and what was sent is asked for afterwards."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ...Errors import M3DError, noProgress
from ..Servers.PacsProblem import PacsError
from ..Servers.Retrying import withRetries
from .Landing import Landing
from .Outgoing import Outgoing, differences, outgoingFrom, outgoingFromDatasets, sameFiles
from .PacsConnection import PacsConnection
from .PacsQuery import text

SENT, THERE, FAILED = "sent", "already there", "failed"
COMMITMENT, QUERY, CONTENT = "storage commitment", "query", "content"
VERIFY_CHOICES = ("auto", "query", "content")
# So few instances of a series are asked for one by one, more by asking for all of the series.
_FEW = 4


@dataclass
class SentObject:
    """What became of one object.

    :ivar status: SENT, THERE or FAILED.
    :ivar verifiedBy: COMMITMENT, QUERY or CONTENT; "" when nobody could tell whether it has arrived.
    :ivar reason: why it failed or could not be verified.
    """

    outgoing: Outgoing
    status: str = ""
    verifiedBy: str = ""
    reason: str = ""


@dataclass
class SendResult:
    """What became of all of them.

    :ivar notes: what ought to be known besides, one sentence each.
    """

    objects: list[SentObject]
    notes: list[str] = field(default_factory=list)
    problem: PacsError | None = None

    def count(self, status: str) -> int:
        """How many objects have a status."""
        return sum(one.status == status for one in self.objects)

    @property
    def failures(self) -> list[SentObject]:
        """Those that are not there."""
        return [one for one in self.objects if one.status == FAILED]

    @property
    def unverified(self) -> list[SentObject]:
        """Those of which nobody could tell whether they have arrived."""
        return [one for one in self.objects if one.status != FAILED and not one.verifiedBy]


def sendPaths(
    connection: PacsConnection,
    paths: Sequence[Path],
    *,
    verify: str = "auto",
    progress: Callable[[float, str], None] = noProgress,
) -> SendResult:
    """Send the DICOM objects of files and folders; see :func:`sendObjects`.

    :raises M3DError: see :func:`Outgoing.outgoingFrom`; nothing has been sent then.
    """
    with tempfile.TemporaryDirectory(prefix="m3d-send-") as folder:
        progress(0.0, "Reading what is to be sent")
        outgoing, notes = outgoingFrom([Path(path) for path in paths], Path(folder))
        result = sendObjects(connection, outgoing, verify=verify, progress=progress)
    result.notes = [*notes, *result.notes]
    return result


def sendDatasets(
    connection: PacsConnection,
    datasets: Sequence,
    *,
    verify: str = "auto",
    progress: Callable[[float, str], None] = noProgress,
) -> SendResult:
    """Send objects that are in memory; see :func:`sendObjects`."""
    with tempfile.TemporaryDirectory(prefix="m3d-send-") as folder:
        outgoing = outgoingFromDatasets(datasets, Path(folder))
        return sendObjects(connection, outgoing, verify=verify, progress=progress)


def sendObjects(
    connection: PacsConnection,
    outgoing: Sequence[Outgoing],
    *,
    verify: str = "auto",
    progress: Callable[[float, str], None] = noProgress,
) -> SendResult:
    """Send objects, and see that they have arrived.

    What the server has already is left out, unless it shows another object under that UID, which is a failure: a server
    keeps the one or the other, and says of neither that it did.

    :param verify: "auto" (storage commitment where the server offers it, else the server is asked what it has),
        "query" (it is asked), or "content" (everything is fetched again and compared).
    :return: what became of each; ``problem`` is what ended the transfer early. Nothing is raised for objects that the
        server does not take.
    :raises PacsError: nothing could be sent at all.
    """
    result = SendResult([SentObject(one) for one in outgoing])
    place = connection.server.place
    attempts = connection.server.attempts
    try:
        _findPresent(connection, result, attempts, lambda words: progress(0.02, words))
    except PacsError as error:
        if error.mayPass or not error.answered:
            raise
        result.notes.append(f"{error} Everything is sent.")
    waiting = {one.outgoing.sopInstanceUid: one for one in result.objects if not one.status}
    total = sum(one.outgoing.size for one in waiting.values()) or 1

    def told(one: Outgoing, reason: str) -> None:
        entry = waiting.pop(one.sopInstanceUid)
        entry.status, entry.reason = (FAILED, reason) if reason else (SENT, "")

    def attempt() -> None:
        left = [one.outgoing for one in waiting.values()]
        if left:
            done = total - sum(one.size for one in left)
            connection.store(
                left, told, lambda sent: progress(0.05 + 0.75 * min(1.0, (done + sent) / total), f"Sending to {place}")
            )

    try:
        withRetries(attempt, attempts, lambda words: progress(0.05, words))
    except PacsError as error:
        result.problem = error
        for entry in waiting.values():
            entry.status, entry.reason = FAILED, "the transfer ended before it"
    _verify(connection, result, verify, progress)
    progress(1.0, "Sent")
    return result


def _findPresent(connection: PacsConnection, result: SendResult, attempts: int, notify) -> None:
    answers = withRetries(lambda: _answersFor(connection, [one.outgoing for one in result.objects]), attempts, notify)
    for one in result.objects:
        answer = answers.get(one.outgoing.sopInstanceUid)
        if answer is None:
            continue
        if other := differences(one.outgoing.facts, answer):
            one.status = FAILED
            one.reason = f"it has another instance with this UID (differs in {', '.join(other)})"
        else:
            one.status = THERE


def _answersFor(connection: PacsConnection, outgoing: Sequence[Outgoing]) -> dict[str, object]:
    """The server's answers on those of the objects that it has, by SOP Instance UID."""
    bySeries: dict[tuple[str, str], list[Outgoing]] = defaultdict(list)
    for one in outgoing:
        bySeries[one.studyInstanceUid, one.seriesInstanceUid].append(one)
    found: dict[str, object] = {}
    try:
        for (study, series), members in bySeries.items():
            keys = {"StudyInstanceUID": study, "SeriesInstanceUID": series}
            fields = sorted({keyword for one in members for keyword in one.tellingKeywords})
            questions = [keys]
            if len(members) <= _FEW:
                questions = [{**keys, "SOPInstanceUID": one.sopInstanceUid} for one in members]
            for question in questions:
                for answer in connection.find("instance", question, fields):
                    found[text(answer, "SOPInstanceUID")] = answer
    finally:
        connection.reconnect()
    return found


def _verify(connection: PacsConnection, result: SendResult, verify: str, progress) -> None:
    there = [one for one in result.objects if one.status in (SENT, THERE)]
    if not there:
        return
    progress(0.82, "Checking that the objects have arrived")
    if verify == "auto" and connection.knowsCommitment:
        reports = connection.commit([one.outgoing for one in there])
        for one in there if reports is not None else ():
            uid = one.outgoing.sopInstanceUid
            if uid in reports.committed:
                one.verifiedBy = COMMITMENT
            else:
                one.status, one.reason = FAILED, f"it does not answer for it: {reports.failed.get(uid, 'no reason')}"
        if reports is not None:
            return
    try:
        answers = withRetries(
            lambda: _answersFor(connection, [one.outgoing for one in there]),
            connection.server.attempts,
            lambda words: progress(0.85, words),
        )
    except PacsError as error:
        for one in there:
            one.reason = f"it cannot be asked whether it has it ({error})"
        return
    for one in there:
        answer = answers.get(one.outgoing.sopInstanceUid)
        if answer is None:
            one.status, one.reason = FAILED, "it took the object and does not have it afterwards"
        elif other := differences(one.outgoing.facts, answer):
            one.status = FAILED
            one.reason = f"it has another instance with this UID (differs in {', '.join(other)})"
        else:
            one.verifiedBy = QUERY
    if verify == "content":
        _compareContent(connection, [one for one in there if one.verifiedBy], progress)


def _compareContent(connection: PacsConnection, there: list[SentObject], progress) -> None:
    """Fetch again what was sent, and compare."""
    with tempfile.TemporaryDirectory(prefix="m3d-verify-") as folder:
        for number, one in enumerate(there):
            progress(0.9 + 0.1 * number / len(there), "Comparing what has arrived")
            mine = one.outgoing
            landing = Landing(Path(folder) / str(number))
            landing.prepare()
            one.verifiedBy = ""
            try:
                withRetries(
                    lambda mine=mine, landing=landing: connection.retrieve(
                        mine.studyInstanceUid,
                        mine.seriesInstanceUid,
                        {mine.sopInstanceUid: mine.sopClassUid},
                        landing,
                        lambda: None,
                    ),
                    connection.server.attempts,
                )
            except M3DError as error:
                one.reason = f"it cannot be fetched for comparison ({error})"
                continue
            back = landing.stored(mine.seriesInstanceUid, mine.sopInstanceUid)
            if back is None:
                one.reason = "it was not sent back for comparison"
            elif sameFiles(mine.path, back):
                one.verifiedBy = CONTENT
            else:
                one.status, one.reason = FAILED, "what it sends back is not what was sent"
