"""The report in DICOM: into a file-set, in the study of the scan it is about."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from M3DLib.Errors import M3DError

if TYPE_CHECKING:
    from pydicom import Dataset

DICOM_FOLDER = "dicom"
# Modalities of what a run writes: models, measurement reports, reports in PDF.
_DOCUMENTS = ("M3D", "SR", "DOC")


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


def requireOneRun(output: Path, mayContinue: Collection[str] = ()) -> None:
    """Refuse an output folder whose DICOM file-set holds a model or a report of an earlier run.

    The report beside it would be replaced and leave that model without one, or a second model of the same anatomy would
    lie beside it with nothing that says why.

    :param mayContinue: SOP Instance UIDs of the models that a new version is made of; with one of them there, the
        earlier documents are explained.
    """
    from M3DLib.Store.FileSetStore import FileSetStore

    headers = FileSetStore(output / DICOM_FOLDER).directory().headers()
    kinds = {str(header.get("Modality") or "") for header in headers}
    stored = {str(header.get("SOPInstanceUID") or "") for header in headers}
    if kinds.isdisjoint(_DOCUMENTS) or not stored.isdisjoint(mayContinue):
        return
    what = "a model" if "M3D" in kinds else "the report"
    raise M3DError(
        f"'{output / DICOM_FOLDER}' holds {what} of an earlier run. Choose another folder; a new version of a model "
        "there is made by m3d run with --predecessor FILE.dcm --same-series."
    )


def requireNewReport(folder: Path, data: Mapping, revision: int | None) -> None:
    """Refuse to put the same report into a file-set twice: a study would show two, with nothing that says why.

    :param folder: of the file-set. :param data: of the report.
    :param revision: which issue of it is to be stored; None for the one that it says itself.
    :raises M3DError: that one, or a later one, is there already.
    """
    from pydicom import dcmread

    from M3DLib.Store.FileSetStore import FileSetStore
    from M3DValidationLib.Report.Dicom.StructuredReport import SERIES_DESCRIPTION, seriesDescriptionOf

    document = data.get("document") or {}
    revision = revision or document.get("revision", 1)
    directory = FileSetStore(folder).directory()
    reports = {str(one.SOPInstanceUID) for one in directory.headers() if one.get("Modality") == "SR"}
    files = [file for uid, file in directory.paths(folder).items() if uid in reports and file.is_file()]
    stored = [str(dcmread(file, specific_tags=["SeriesDescription"]).get("SeriesDescription", "")) for file in files]

    start = seriesDescriptionOf({"document": {**document, "revision": ""}})
    issues = [text.removeprefix(start) for text in stored if text.startswith(start)]
    # Those of earlier versions of this program do not say which report they are.
    there = max([stored.count(SERIES_DESCRIPTION), *(int(issue) for issue in issues if issue.isdecimal())])
    if there >= revision:
        raise M3DError(
            f"'{folder}' holds this measurement report already. Choose another folder with --output, or say with "
            f"--revision {there + 1} that this is a new issue of it."
        )


def modelHeaders(mesh: str | Path | None) -> list[Dataset]:
    """Header of the model's file when that is an Encapsulated STL object that can be referred to; nothing otherwise."""
    if not mesh or not _isDicom(Path(mesh)):
        return []
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError
    from pydicom.uid import EncapsulatedSTLStorage

    try:
        header = dcmread(mesh, stop_before_pixels=True, defer_size=1 << 16)
    except (InvalidDicomError, OSError):
        return []
    uids = (header.get(name) for name in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"))
    return [header] if header.get("SOPClassUID") == EncapsulatedSTLStorage and all(uids) else []


def _isDicom(file: Path) -> bool:
    """Whether a file begins as DICOM files do (PS3.10, 7.1), which is looked up sooner than pydicom is loaded."""
    try:
        with file.open("rb") as stream:
            return stream.read(132)[128:] == b"DICM"
    except OSError:
        return False


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
