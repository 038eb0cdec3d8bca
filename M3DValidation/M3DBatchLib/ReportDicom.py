"""The report in DICOM: into a file-set, in the study of the scan it is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from M3DLib.Errors import M3DError

if TYPE_CHECKING:
    from pydicom import Dataset

DICOM_FOLDER = "dicom"


def requireSource(formats: Sequence[str], image: object, pseudonym: str, pacs: str = "") -> None:
    """Refuse a DICOM report that has no study to be in, before any work is done.

    :param pacs: address of the PACS that the DICOM report is to be sent to, "" for none.

    :raises M3DError: says what to leave out or to give.
    """
    if "sr" not in formats:
        if pacs:
            raise M3DError("--pacs sends what is stored in DICOM; add sr to --formats.")
        return
    if not image:
        raise M3DError("--formats sr puts the report into the study of the scan; give the scan with --image.")
    if pseudonym:
        raise M3DError("--formats sr puts the report into the patient's study; leave --pseudonym out.")


def modelHeaders(mesh: str | Path | None) -> list[Dataset]:
    """Header of the model's file when that is an Encapsulated STL object that can be referred to; nothing otherwise."""
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError
    from pydicom.uid import EncapsulatedSTLStorage

    if not mesh:
        return []
    try:
        header = dcmread(mesh, stop_before_pixels=True, defer_size=1 << 16)
    except (InvalidDicomError, OSError):
        return []
    uids = (header.get(name) for name in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"))
    return [header] if header.get("SOPClassUID") == EncapsulatedSTLStorage and all(uids) else []


def storeReport(
    data: Mapping,
    headers: Sequence[Dataset],
    folder: Path,
    pdf: bytes | None = None,
) -> tuple[list[Dataset], list[Path]]:
    """Put the report's DICOM objects into the file-set in a folder, made if needed; returns them and their files."""
    from M3DLib.Store.FileSetStore import FileSetStore
    from M3DValidationLib.Report.Dicom.ReportObjects import reportObjects

    store = FileSetStore(folder)
    neighbors = store.directory().headers()
    objects = reportObjects(data, headers, neighbors=neighbors, pdf=pdf)
    stored = store.add(objects)
    return objects, [stored.instances[str(one.SOPInstanceUID)] for one in objects]
