"""What one run adds to a DICOM file-set, written to a hidden folder before anything of the file-set is touched."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..Errors import M3DError
from .FileSetDirectory import HEADER_KEYWORDS, FileSetDirectory

if TYPE_CHECKING:
    from pydicom import Dataset

DICOMDIR = "DICOMDIR"


@dataclass
class StoredFiles:
    """What a run added to the file-set.

    :ivar instances: path of every instance by its SOP Instance UID, also of those that were there already.
    :ivar added: number of instances that were not there before.
    :ivar extras: path of every further file by the name it was asked for.
    """

    instances: dict[str, Path] = field(default_factory=dict)
    added: int = 0
    extras: dict[str, Path] = field(default_factory=dict)

    def movedTo(self, root: Path, staging: Path) -> StoredFiles:
        """The same with the places the files have after the hidden folder's content has been moved."""

        def moved(path: Path) -> Path:
            return root / path.relative_to(staging) if path.is_relative_to(staging) else path

        return StoredFiles(
            {uid: moved(path) for uid, path in self.instances.items()},
            self.added,
            {name: moved(path) for name, path in self.extras.items()},
        )


@dataclass
class FileSetAdditions:
    """Instances and files to add; see :meth:`FileSetStore.add` for what each is."""

    datasets: list[Dataset]
    copies: list[Path]
    extras: dict[str, bytes]

    def fill(
        self,
        staging: Path,
        root: Path,
        directory: FileSetDirectory,
        progress: Callable[[float, str], None],
    ) -> StoredFiles:
        """Write everything below ``staging`` in the places it is to have below ``root``, and the new DICOMDIR.

        :param directory: what ``root`` holds so far; the additions are listed in it.
        """
        stored = StoredFiles(directory.paths(root))
        total = len(self.copies) + len(self.datasets) + 1
        for number, file in enumerate(self.copies):
            progress(number / total, "Copying the source images")
            self._copy(file, staging, root, directory, stored)
        for number, dataset in enumerate(self.datasets):
            progress((len(self.copies) + number) / total, "Writing the models")
            self._write(dataset, staging, root, directory, stored)
        for name, content in self.extras.items():
            stored.extras[name] = _writeExtra(name, content, staging, root)
        progress(1.0, "Completing the file-set")
        directory.write(staging / DICOMDIR)
        return stored

    def _write(self, dataset, staging, root, directory, stored) -> None:
        from ..Dicom.DicomFile import writeDicomFile

        if str(dataset.SOPInstanceUID) in directory:
            raise M3DError(f"The file-set in '{root}' holds an instance {dataset.SOPInstanceUID} already.")
        fileId = _freeFileId(dataset, staging, root)
        place = staging.joinpath(*fileId)
        place.parent.mkdir(parents=True, exist_ok=True)
        writeDicomFile(dataset, place)
        directory.add(dataset, fileId, str(dataset.file_meta.TransferSyntaxUID))
        stored.instances[str(dataset.SOPInstanceUID)] = place
        stored.added += 1

    def _copy(self, file, staging, root, directory, stored) -> None:
        import pydicom

        header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=list(HEADER_KEYWORDS), force=True)
        if str(header.SOPInstanceUID) in directory:
            return
        fileId = _freeFileId(header, staging, root)
        place = staging.joinpath(*fileId)
        place.parent.mkdir(parents=True, exist_ok=True)
        if header.preamble is not None and "TransferSyntaxUID" in header.file_meta:
            shutil.copyfile(file, place)
        else:
            # A file-set holds files with preamble and meta information only (PS3.10 7.1, 8).
            whole = pydicom.dcmread(file, force=True)
            whole.save_as(place, enforce_file_format=True)
            header.file_meta = whole.file_meta
        _flush(place)
        directory.add(header, fileId, str(header.file_meta.TransferSyntaxUID))
        stored.instances[str(header.SOPInstanceUID)] = place
        stored.added += 1


def _freeFileId(header: Dataset, staging: Path, root: Path) -> tuple[str, ...]:
    """A File ID that nothing has yet: at most eight characters a component, of A to Z, 0 to 9 and "_" (PS3.10 8.5)."""
    series, instance = str(header.SeriesInstanceUID), str(header.SOPInstanceUID)
    for attempt in range(1000):
        fileId = ("DICOM", _eightCharacters(series), _eightCharacters(f"{instance}{attempt or ''}"))
        if not any(folder.joinpath(*fileId).exists() for folder in (staging, root)):
            return fileId
    raise M3DError(f"No free file name is left in '{root}'; choose another output folder.")


def _eightCharacters(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8].upper()


def _writeExtra(name: str, content: bytes, staging: Path, root: Path) -> Path:
    stem, suffix = Path(name).stem, Path(name).suffix
    number = 1
    while any((folder / name).exists() for folder in (staging, root)):
        number += 1
        name = f"{stem}-{number}{suffix}"
    place = staging / name
    place.write_bytes(content)
    _flush(place)
    return place


def _flush(file: Path) -> None:
    with file.open("rb") as stream:
        os.fsync(stream.fileno())
