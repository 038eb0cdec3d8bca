"""Slicer's DICOM database as a store: objects go in all together or not at all."""

from __future__ import annotations

import filecmp
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..Dicom.DicomFile import atomicWrite, writeDicomFile
from ..Errors import M3DError, noProgress
from .SlicerImage import requireOpen

if TYPE_CHECKING:
    from pydicom import Dataset

_ENCAPSULATED_STL = "1.2.840.10008.5.1.4.1.1.104.3"
_HEADER_TAGS = {
    "StudyInstanceUID": "0020,000D",
    "SeriesInstanceUID": "0020,000E",
    "SeriesNumber": "0020,0011",
    "InstanceNumber": "0020,0013",
    "Modality": "0008,0060",
}


@dataclass(frozen=True)
class StoredModel:
    """A model that is in the database, as a list of earlier models shows it."""

    sopInstanceUid: str
    seriesInstanceUid: str
    file: str
    title: str
    seriesDescription: str
    date: str

    @property
    def label(self) -> str:
        """One line that tells it from the others."""
        date = f"{self.date[:4]}-{self.date[4:6]}-{self.date[6:8]}" if len(self.date) == 8 else ""
        return ", ".join(text for text in (self.title or self.seriesDescription or "3D model", date) if text)


def studyHeaders(database, studyInstanceUid: str) -> list[Dataset]:
    """Numbers in use in a study: a small header per series, and per instance of the series of models."""
    headers = []
    for series in database.seriesForStudy(studyInstanceUid):
        files = list(database.filesForSeries(series, 1))
        if files and database.fileValue(files[0], _HEADER_TAGS["Modality"]) == "M3D":
            files = list(database.filesForSeries(series))
        headers += [_smallHeader(database, file) for file in files]
    return headers


def _smallHeader(database, file: str) -> Dataset:
    from pydicom import Dataset

    header = Dataset()
    for keyword, tag in _HEADER_TAGS.items():
        value = database.fileValue(file, tag)
        # A number that is none is what some writers put there; it takes no number from us.
        if value and (not keyword.endswith("Number") or value.strip().lstrip("+-").isdigit()):
            setattr(header, keyword, value.strip())
    return header


def modelsOfPatient(database, studyInstanceUid: str) -> list[StoredModel]:
    """All Encapsulated STL objects of the patient of a study, newest first."""
    requireOpen(database)
    patient = database.patientForStudy(studyInstanceUid)
    found = []
    for study in database.studiesForPatient(patient) if patient else ():
        for series in database.seriesForStudy(study):
            first = list(database.filesForSeries(series, 1))
            if not first or database.fileValue(first[0], "0008,0016") != _ENCAPSULATED_STL:
                continue
            for file in database.filesForSeries(series):
                values = [database.fileValue(file, tag) for tag in ("0042,0010", "0008,103E", "0008,0023")]
                found.append(StoredModel(database.instanceForFile(file), series, str(file), *values))
    return sorted(found, key=lambda model: model.date, reverse=True)


class DatabaseStore:
    """Puts objects (models, reports) into Slicer's DICOM database.

    :param database: open ctkDICOMDatabase.
    :param indexer: ctkDICOMIndexer.
    """

    def __init__(self, database, indexer):
        self.database = database
        self.indexer = indexer

    def add(self, datasets: Sequence[Dataset], progress: Callable[[float, str], None] = noProgress) -> list[str]:
        """Store objects; afterwards all of them are in the database, or none is.

        :return: SOP Instance UIDs, in the order given.
        :raises M3DError: the database is not open, an instance is in it already, or it does not take one.
        """
        requireOpen(self.database)
        uids = [str(dataset.SOPInstanceUID) for dataset in datasets]
        for uid in uids:
            if self.database.fileForInstance(uid):
                raise M3DError(f"The DICOM database already holds an instance {uid}.")
        newSeries = {str(dataset.SeriesInstanceUID) for dataset in datasets}
        newSeries = {series for series in newSeries if not list(self.database.filesForSeries(series, 1))}
        with tempfile.TemporaryDirectory(prefix="M3D-") as folder:
            files = []
            for number, dataset in enumerate(datasets):
                progress(0.5 * number / len(datasets), "Writing DICOM files")
                files.append(Path(folder) / f"{number + 1:04d}-{uids[number][-12:]}.dcm")
                writeDicomFile(dataset, files[-1])
            progress(0.5, "Adding to the DICOM database")
            added = []
            try:
                for uid, file in zip(uids, files, strict=True):
                    self.indexer.addFile(self.database, str(file), True)
                    self.indexer.waitForImportFinished()
                    added.append(uid)
                    self._requireStored(uid, file)
                    progress(0.5 + 0.5 * len(added) / len(files), "Adding to the DICOM database")
            except BaseException as error:
                self._takeBack(datasets, added, newSeries, error)
                raise
        return uids

    def _requireStored(self, uid: str, file: Path) -> None:
        stored = self.database.fileForInstance(uid)
        if not stored or not Path(stored).is_file():
            reason = f" ({self.database.lastError})" if self.database.lastError else ""
            raise M3DError(
                f"The DICOM database did not take an object{reason}. Its log (View, Error log) says more; the disk may "
                "be full, or its folder may not be writable.",
            )
        if not filecmp.cmp(stored, file, shallow=False):
            raise M3DError("The DICOM database holds other bytes than were written; its disk may be full or failing.")

    def _takeBack(self, datasets: Sequence[Dataset], added: list[str], newSeries: set[str], error: BaseException):
        """Remove what was added. The database can remove whole series only."""
        for series in newSeries:
            if list(self.database.filesForSeries(series, 1)):
                # With what the tag cache holds of it, which would otherwise stay.
                self.database.removeSeries(series, True)
        left = [uid for uid in added if self.database.fileForInstance(uid)]
        if left:
            raise M3DError(
                f"{error} {len(left)} of {len(datasets)} objects are in the database already and cannot be taken back, "
                "because their series holds earlier objects; delete them in the DICOM browser if they are not wanted.",
            ) from error


def writeFolder(
    datasets: Sequence[Dataset],
    folder: Path | str,
    progress: Callable[[float, str], None] = noProgress,
    extras: Mapping[str, bytes] | None = None,
) -> list[Path]:
    """Write objects as loose files with names of their own that say nothing about the patient, all or none.

    :param extras: further files, by names that the folder does not have.
    :raises M3DError: the folder does not exist or cannot be written.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise M3DError(f"There is no folder '{folder}'.")
    files: list[Path] = []
    try:
        for number, dataset in enumerate(datasets):
            progress(number / len(datasets), "Writing DICOM files")
            file = folder / f"M3D-{dataset.SOPInstanceUID}.dcm"
            if file.exists():
                raise M3DError(f"'{file}' exists already.")
            writeDicomFile(dataset, file)
            files.append(file)
        for name, content in (extras or {}).items():
            with atomicWrite(folder / name) as stream:
                stream.write(content)
            files.append(folder / name)
    except BaseException:
        for file in files:
            file.unlink(missing_ok=True)
        raise
    return files
