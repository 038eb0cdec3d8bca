"""What lies in the files and folders that are to be packed: by what is in them, not by their names."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..DeIdentification.ReportValues import isReport
from ..Errors import M3DError, noProgress

if TYPE_CHECKING:
    from pydicom import Dataset

IMAGE, MODEL, DOCUMENT = "image", "model", "document"
MODEL_SUFFIXES = (".stl", ".3mf", ".amf", ".obj", ".ply", ".glb")
_HEADER_BYTES = 1 << 16
_LARGEST_JSON = 256 << 20
_UNSEEN = ("dicomdir", "thumbs.db", ".ds_store", "desktop.ini")


@dataclass
class DicomFile:
    """A DICOM object: its file, header, and whether it is an image, a model or a document."""

    file: Path
    header: Dataset
    kind: str


@dataclass
class ReportFile:
    """A report of ``m3d validate``.

    :ivar attachments: its pictures and 3D models by name.
    :ivar pdf: SHA-256 of the PDF beside it, "" for none.
    :ivar formats: of the faces beside it.
    """

    file: Path
    data: dict
    attachments: dict[str, bytes] = field(default_factory=dict)
    pdf: str = ""
    formats: tuple[str, ...] = ()


@dataclass
class PackageInput:
    """Everything that was found.

    :ivar leftOut: files that are not packed, and why.
    """

    dicom: list[DicomFile] = field(default_factory=list)
    reports: list[ReportFile] = field(default_factory=list)
    models: list[Path] = field(default_factory=list)
    leftOut: list[tuple[Path, str]] = field(default_factory=list)

    @property
    def isEmpty(self) -> bool:
        """Whether there is nothing to pack."""
        return not (self.dicom or self.reports or self.models)


def gather(paths: list[Path], progress: Callable[[float, str], None] = noProgress) -> PackageInput:
    """Look through files and folders.

    :raises M3DError: a file cannot be read.
    """
    found = PackageInput()
    files = list(dict.fromkeys(file for path in paths for file in _filesOf(path)))
    taken: set[Path] = set()
    for file in files:
        if file.suffix.lower() == ".json":
            report = _report(file)
            if report is not None:
                found.reports.append(report)
                beside = {file.parent / name for name in (*report.attachments, "report.html", "report.pdf")}
                taken |= {file, *beside}
    for number, file in enumerate(files):
        progress(number / len(files), "Looking through the files")
        if file in taken:
            continue
        if file.is_symlink():
            found.leftOut.append((file, "it is a link"))
        elif file.name.casefold() in _UNSEEN or file.name.startswith("."):
            found.leftOut.append((file, "it is a directory of a medium or of the system"))
        else:
            _take(file, found)
    return found


def _filesOf(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.rglob("*") if file.is_file())


def _take(file: Path, found: PackageInput) -> None:
    header = _header(file)
    suffix = file.suffix.lower()
    if header is not None:
        kind = _kindOf(header)
        if kind:
            found.dicom.append(DicomFile(file, header, kind))
        else:
            found.leftOut.append((file, f"objects of the class {header.SOPClassUID.name} are not handed over"))
    elif suffix in MODEL_SUFFIXES:
        found.models.append(file)
    elif suffix == ".mtl":
        found.leftOut.append((file, "materials name their objects; the OBJ file is packed without them"))
    elif suffix in (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"):
        found.leftOut.append((file, "a picture may show text that nobody can take out"))
    elif suffix in (".pdf", ".html", ".htm"):
        found.leftOut.append((file, "a document of which the report's JSON is not beside it cannot be cleaned"))
    else:
        found.leftOut.append((file, "files of this kind cannot be cleaned"))


def _header(file: Path) -> Dataset | None:
    """The header of a DICOM object; None for other files."""
    from pydicom import dcmread

    try:
        with file.open("rb") as stream:
            start = stream.read(132)
            if start[128:132] != b"DICM" and start[:2] not in (b"\x08\0", b"\x02\0"):
                return None
        header = dcmread(file, stop_before_pixels=True, defer_size=_HEADER_BYTES, force=start[128:132] != b"DICM")
        return header if header.get("SOPClassUID") and header.get("SOPInstanceUID") else None
    except OSError as error:
        raise M3DError(f"'{file}' cannot be read: {error.strerror or error}.") from error
    except Exception as error:
        if start[128:132] != b"DICM":
            return None
        raise M3DError(f"'{file}' is damaged: its DICOM structure cannot be read ({type(error).__name__}).") from error


def _kindOf(header: Dataset) -> str:
    from pydicom.uid import (
        EncapsulatedMTLStorage,
        EncapsulatedOBJStorage,
        EncapsulatedPDFStorage,
        EncapsulatedSTLStorage,
    )

    name = header.SOPClassUID
    if name in (EncapsulatedSTLStorage, EncapsulatedOBJStorage, EncapsulatedMTLStorage):
        return MODEL
    if name == EncapsulatedPDFStorage or str(header.get("Modality") or "") == "SR":
        return DOCUMENT
    return IMAGE if header.get("Rows") else ""


def _report(file: Path) -> ReportFile | None:
    """A report with what belongs to it; None for other JSON."""
    import hashlib

    try:
        if file.stat().st_size > _LARGEST_JSON:
            return None
        data = json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise M3DError(f"'{file}' cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError):
        return None
    if not isReport(data):
        return None
    report = ReportFile(file, data)
    for entry in (*data["pictures"], *(data.get("models3d") or ())):
        name = str(entry.get("file", ""))
        place = file.parent / name
        if Path(name).name != name or not place.is_file():
            raise M3DError(f"The report '{file}' lacks its file '{name}' beside it; pack the whole folder.")
        report.attachments[name] = place.read_bytes()
        if hashlib.sha256(report.attachments[name]).hexdigest() != entry.get("sha256"):
            raise M3DError(f"'{place}' is not the file that the report was made with (its SHA-256 differs).")
    pdf = file.parent / "report.pdf"
    if pdf.is_file():
        report.pdf = hashlib.sha256(pdf.read_bytes()).hexdigest()
    report.formats = tuple(kind for kind in ("html", "pdf") if (file.parent / f"report.{kind}").is_file())
    return report
