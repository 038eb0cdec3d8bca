"""Searching a PACS: studies, series, objects, and what was made from a series."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ...Errors import M3DError, noProgress
from ..Servers.Retrying import withRetries
from .Fetching import findAt, findSeries
from .Landing import Landing
from .Outgoing import readWhole
from .PacsConnection import PacsConnection
from .PacsQuery import PacsQuery, text

if TYPE_CHECKING:
    from pydicom import Dataset

# What may refer to a series it was made from: models, segmentations, reports.
_MADE_FROM_OTHERS = ("M3D", "SEG", "SR", "DOC", "PR", "KO", "RTSTRUCT", "REG")


def find(
    connection: PacsConnection, query: PacsQuery, level: str, progress: Callable[[float, str], None] = noProgress
) -> list[Dataset]:
    """What the server has at a level ("study", "series", "instance"), as it answers.

    :raises M3DError: the server cannot be asked, or its answers do not fit the question.
    """
    progress(0.0, "Asking what there is")

    def notify(words: str) -> None:
        progress(0.0, words)

    if level == "study":
        return findAt(connection, level, query.studyKeys(), notify)
    series = findSeries(connection, query, notify)
    if level == "series":
        return [one for _study, one in series]
    found = []
    for study, one in series:
        keys = {
            "StudyInstanceUID": text(study, "StudyInstanceUID"),
            "SeriesInstanceUID": text(one, "SeriesInstanceUID"),
        }
        found += findAt(connection, "instance", keys, notify)
    return found


def findBySource(
    connection: PacsConnection,
    seriesInstanceUid: str,
    query: PacsQuery,
    progress: Callable[[float, str], None] = noProgress,
) -> list[Dataset]:
    """Objects that refer to a series: models to the scan they were made from.

    A server that cannot tell what an object refers to has it sent and looked into.

    :param query: which studies and modalities are looked through; by default that of the series itself.
    :raises M3DError: the server cannot be asked, or does not have the series.
    """
    if not re.fullmatch(r"[0-9.]{1,64}", seriesInstanceUid):
        raise M3DError(f"'{seriesInstanceUid}' is no UID; it has digits and dots, at most 64.")

    def notify(words: str) -> None:
        progress(0.0, words)

    progress(0.0, "Asking what there is")
    if not query.studyKeys():
        source = findAt(connection, "series", {"SeriesInstanceUID": seriesInstanceUid}, notify)
        study = next((text(one, "StudyInstanceUID") for one in source), "")
        if not study:
            raise M3DError(f"{connection.server.place} does not find the series {seriesInstanceUid}; give --study too.")
        query = PacsQuery(studyInstanceUid=study)
    found = []
    for study, one in findSeries(connection, query, notify):
        if text(one, "Modality") not in _MADE_FROM_OTHERS:
            continue
        keys = {
            "StudyInstanceUID": text(study, "StudyInstanceUID"),
            "SeriesInstanceUID": text(one, "SeriesInstanceUID"),
        }
        for answer in findAt(connection, "instance", keys, notify, ("ReferencedSeriesSequence",)):
            progress(0.5, "Looking what they were made from")
            whole = answer if answer.get("ReferencedSeriesSequence") else _header(connection, answer)
            if whole is not None and _refersTo(whole, seriesInstanceUid):
                found.append(answer)
    return found


def _refersTo(dataset: Dataset, seriesInstanceUid: str) -> bool:
    """Whether a sequence of the object, at any depth, names the series as one it refers to."""
    for element in dataset:
        if element.VR == "SQ" and any(_names(item, seriesInstanceUid) for item in element.value):
            return True
    return False


def _names(item: Dataset, seriesInstanceUid: str) -> bool:
    return text(item, "SeriesInstanceUID") == seriesInstanceUid or _refersTo(item, seriesInstanceUid)


def _header(connection: PacsConnection, answer: Dataset) -> Dataset | None:
    study, series = text(answer, "StudyInstanceUID"), text(answer, "SeriesInstanceUID")
    uid = text(answer, "SOPInstanceUID")
    with tempfile.TemporaryDirectory(prefix="m3d-look-") as folder:
        landing = Landing(Path(folder) / "one")
        landing.prepare()
        withRetries(
            lambda: connection.retrieve(study, series, {uid: text(answer, "SOPClassUID")}, landing, lambda: None),
            connection.server.attempts,
        )
        file = landing.stored(series, uid)
        if file is None:
            return None
        dataset = readWhole(file)
        # Sequences are read before the file goes.
        for element in dataset:
            if element.VR == "SQ":
                list(element.value)
        return dataset
