"""Confirming what is on record; a release also writes new DICOM instances that say they are verified."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..CaseRecord.CaseFiles import fileEntry
from ..CaseRecord.CaseFolder import confirmCase, recordWork
from ..Errors import M3DError

if TYPE_CHECKING:
    from ..CaseRecord.RecordEvent import RecordEvent


def confirm(
    folder: Path, what: str, *, person: str, role: str, sign: Callable[[bytes], dict[str, str]] | None = None
) -> tuple[RecordEvent, list[Path], list[str]]:
    """Record a confirmation; of a release also the verified instances that are written for it.

    :param sign: makes a signature of the event.
    :return: the event, the files written, and a sentence for each model of which none was written.
    :raises M3DError: see ``confirmCase``.
    """
    event = confirmCase(folder, what, person=person, role=role, sign=sign)
    if what != "release":
        return event, [], []
    places = [one["path"] for one in event.body["subjects"] if one["kind"] == "model" and "path" in one]
    released, notes = releaseModels(folder, places)
    if released:
        entries = [fileEntry(file, folder, "released") for file in released]
        recordWork(folder, "released", outputs=entries, person=event.person, role=event.role)
    return event, released, notes


def releaseModels(folder: Path, places: Sequence[str]) -> tuple[list[Path], list[str]]:
    """Write beside every Encapsulated STL object a verified instance of it, whose predecessor it is.

    :param places: of the models in the case.
    :return: the files written, and a sentence for each model of which none was written.
    """
    from ..Dicom.DicomFile import writeDicomFile
    from ..EncapsulatedObj.EncapsulatedObjDocument import MTL_CLASS, OBJ_CLASS
    from ..EncapsulatedStl.VerifiedVersion import verifiedVersion

    written: list[Path] = []
    notes: list[str] = []
    numbers = _numbersInSeries(folder, places)
    for place in places:
        file = folder / place
        if str(_header(file).get("SOPClassUID") or "") in (OBJ_CLASS, MTL_CLASS):
            # The same model again; its STL object is the one that is verified.
            continue
        released = file.with_name(f"{file.stem}-verified.dcm")
        try:
            series = _seriesOf(file)
            number = max(numbers.get(series, [0])) + 1
            writeDicomFile(verifiedVersion(file, instanceNumber=number), released)
        except M3DError as error:
            notes.append(f"No verified instance of {place} was written: {error}")
            continue
        numbers.setdefault(series, []).append(number)
        written.append(released)
    return written, notes


def _isDicomName(file: Path) -> bool:
    return file.suffix.lower() in ("", ".dcm")


def _seriesOf(file: Path) -> str:
    return str(_header(file).get("SeriesInstanceUID") or "")


def _numbersInSeries(folder: Path, places: Sequence[str]) -> dict[str, list[int]]:
    """The instance numbers that are taken in each series, by what lies in the case."""
    taken: dict[str, list[int]] = {}
    for place in {(folder / one).parent for one in places}:
        for file in place.iterdir() if place.is_dir() else ():
            if file.is_file() and _isDicomName(file):
                header = _header(file)
                series, number = str(header.get("SeriesInstanceUID") or ""), header.get("InstanceNumber")
                if series and number is not None:
                    taken.setdefault(series, []).append(int(number))
    return taken


def _header(file: Path):
    from pydicom import Dataset, dcmread

    try:
        return dcmread(
            file, specific_tags=["SOPClassUID", "SeriesInstanceUID", "InstanceNumber"], stop_before_pixels=True
        )
    except Exception:
        # Whatever is wrong with it is said where it is read for its model.
        return Dataset()
