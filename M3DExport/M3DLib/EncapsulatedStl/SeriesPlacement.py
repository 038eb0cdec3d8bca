"""Where a new object goes: which series, and which numbers it has there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..Dicom.Uid import newUid
from ..Errors import M3DError

if TYPE_CHECKING:
    from pydicom import Dataset

    from .EarlierModels import EarlierModels
    from .ModelSources import ModelSources

# Scanners and workstations rarely number their series this high, so a number from here on is unlikely to be taken by a
# series of the study that the program has not seen.
FIRST_SERIES_NUMBER = 9001


@dataclass(frozen=True)
class SeriesPlacement:
    """Series and numbers of one instance.

    :ivar seriesDate, seriesTime, seriesDescription: of an existing series, which its instances must agree on; "" for a
        new series.
    """

    seriesInstanceUid: str
    seriesNumber: int
    instanceNumber: int = 1
    seriesDate: str = ""
    seriesTime: str = ""
    seriesDescription: str = ""


def newSeries(neighbors: Iterable[Dataset], studyInstanceUid: str) -> SeriesPlacement:
    """A series of its own, with a number that none of the study's known series has.

    :param neighbors: headers of what is known to be there: the store's instances and the source images.
    """
    taken = {
        number
        for header in neighbors
        if str(header.get("StudyInstanceUID") or studyInstanceUid) == studyInstanceUid
        and (number := _number(header, "SeriesNumber")) is not None
    }
    number = FIRST_SERIES_NUMBER
    while number in taken:
        number += 1
    return SeriesPlacement(newUid(), number)


def sameSeries(model: Dataset, neighbors: Iterable[Dataset], studyInstanceUid: str) -> SeriesPlacement:
    """The series of an earlier model, after its last known instance.

    :param model: the earlier model's header.
    :raises M3DError: when it is in another study than the new one.
    """
    study = str(model.get("StudyInstanceUID") or "")
    if study != studyInstanceUid:
        raise M3DError(
            f"The earlier model is in study {study}, the new one in {studyInstanceUid}; they cannot share a series.",
        )
    if model.get("Modality") != "M3D":
        raise M3DError("The series to continue is not a series of models (its Modality is not M3D).")
    series = str(model.SeriesInstanceUID)
    numbers = [
        _number(header, "InstanceNumber") or 0
        for header in [model, *neighbors]
        if str(header.get("SeriesInstanceUID") or "") == series
    ]
    return SeriesPlacement(
        series,
        _number(model, "SeriesNumber") or FIRST_SERIES_NUMBER,
        max(numbers) + 1,
        str(model.get("SeriesDate") or ""),
        str(model.get("SeriesTime") or ""),
        str(model.get("SeriesDescription") or ""),
    )


def placementFor(
    sources: ModelSources, neighbors: Iterable[Dataset], earlier: EarlierModels | None = None
) -> SeriesPlacement:
    """The series of the earlier model that is continued, else a new one, in the study of the sources.

    :raises M3DError: the earlier model's series is in another study.
    """
    study = str(sources.header.StudyInstanceUID)
    if earlier is not None and earlier.continued is not None:
        return sameSeries(earlier.continued, neighbors, study)
    return newSeries(neighbors, study)


def _number(header: Dataset, keyword: str) -> int | None:
    try:
        return int(header.get(keyword))
    except (TypeError, ValueError):
        return None
