"""The files of a package's payload: each cleaned, searched, named without the patient, and written."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..DeIdentification.IdentitySearch import IdentitySearch
from ..DeIdentification.IdentityTable import IdentityTable
from ..DeIdentification.ModelFileCleaning import cleanGlb, cleanModelFile
from ..DeIdentification.PngCleaning import cleanPng
from ..DeIdentification.Replacements import Replacements
from ..DeIdentification.ReportValues import deIdentifiedReport
from ..Errors import M3DError
from ..Signature.DicomSignature import signDicom
from .BagFiles import sha256
from .CleanObjects import NotCleanable, cleanObject, encoded, readWhole
from .MemberNames import nameProblem
from .PackageInput import DOCUMENT, IMAGE, MODEL, DicomFile, PackageInput, ReportFile
from .PackageRequest import TABLE_KEY_SUFFIX, TABLE_SUFFIX, PackageRequest

if TYPE_CHECKING:
    from .PackageWriter import PackageWriter


@dataclass
class Payload:
    """What a package is made from, and how far it is.

    :ivar entries: of each file what it is, for the page of contents.
    :ivar pdfs: PDF reports made anew, by the SHA-256 of the original.
    """

    request: PackageRequest
    found: PackageInput
    signers: list[tuple[Any, Any]]
    entries: list[dict[str, str]]
    warnings: list[str]
    replacements: Replacements | None = None
    search: IdentitySearch | None = None
    table: IdentityTable | None = None
    writer: PackageWriter | None = None
    pdfs: dict[str, bytes] = field(default_factory=dict)

    def add(self, place: str, content: bytes, what: str, original: Path, remark: str = "") -> None:
        """Search and write a file."""
        if self.search is not None:
            self.search.file(place, content)
        if self.table is not None:
            self.table.files[place] = str(original)
        self.writer.add(place, content)
        self.entries.append({"file": f"data/{place}", "what": what, **({"remark": remark} if remark else {})})


def writeAnonymous(payload: Payload, progress: Callable[[float, str], None]) -> None:
    """All files without the patient's identity: models first, whose hashes reports repeat, then reports, then scans.

    :raises M3DError: something cannot be cleaned, or something of the originals was found.
    """
    aside = {file for file, _why in payload.found.leftOut}
    objects = [entry for entry in payload.found.dicom if entry.file not in aside]
    models = [entry for entry in objects if entry.kind == MODEL]
    for number, entry in enumerate(models, start=1):
        progress(0.3 * number / len(models), "De-identifying the models")
        _object(payload, entry, f"models/model-{number}.dcm", str(entry.header.SOPClassUID.name))
    for number, file in enumerate(payload.found.models, start=1):
        _looseModel(payload, file, number)
    for number, report in enumerate(payload.found.reports, start=1):
        progress(0.3, "Making the reports anew")
        _report(payload, report, number)
    documents = [entry for entry in objects if entry.kind == DOCUMENT]
    for number, entry in enumerate(documents, start=1):
        _object(payload, entry, f"reports/document-{number}.dcm", str(entry.header.SOPClassUID.name))
    images = [entry for entry in objects if entry.kind == IMAGE]
    series: dict[str, int] = {}
    counts: dict[str, int] = {}
    for number, entry in enumerate(images, start=1):
        progress(0.4 + 0.6 * number / len(images), "De-identifying the scans")
        uid = str(entry.header.get("SeriesInstanceUID") or "")
        folder = series.setdefault(uid, len(series) + 1)
        counts[uid] = counts.get(uid, 0) + 1
        _object(
            payload, entry, f"images/series-{folder}/{counts[uid]:06d}.dcm", f"{entry.header.get('Modality')} image"
        )
    payload.search.requireNothing()
    # All UIDs that were given out, those of references included.
    payload.table.uids = {new: old for old, new in payload.replacements.uids.items()}


def _object(payload: Payload, entry: DicomFile, place: str, what: str) -> None:
    payload.table.note(entry.header, payload.replacements)
    try:
        dataset = cleanObject(entry, payload.replacements, payload.pdfs.get)
    except NotCleanable as error:
        payload.found.leftOut.append((entry.file, str(error)))
        return
    content = encoded(dataset)
    payload.search.file(place, content)
    remark = ""
    if entry.kind != IMAGE and payload.signers:
        remark = _sign(payload, dataset)
        content = encoded(dataset)
    payload.table.files[place] = str(entry.file)
    payload.writer.add(place, content)
    payload.entries.append({"file": f"data/{place}", "what": what, **({"remark": remark} if remark else {})})


def _sign(payload: Payload, dataset) -> str:
    from cryptography.hazmat.primitives.asymmetric import rsa

    signed = 0
    for key, certificate in payload.signers:
        if isinstance(key, rsa.RSAPrivateKey):
            signDicom(dataset, key, certificate)
            signed += 1
    if not signed:
        warning = "DICOM objects are signed with RSA keys only (PS3.15): they carry no signature of their own."
        if warning not in payload.warnings:
            payload.warnings.append(warning)
    return "Signed (PS3.15, Creator RSA profile)" if signed else ""


def _looseModel(payload: Payload, file: Path, number: int) -> None:
    content = _bytes(file)
    try:
        cleaned = cleanModelFile(content, file.suffix.lower(), payload.replacements)
    except M3DError as error:
        payload.found.leftOut.append((file, str(error)))
        return
    payload.replacements.hashes[sha256(content)] = sha256(cleaned)
    kind = file.suffix.lower().removeprefix(".")
    payload.add(f"models/model-{number}.{kind}", cleaned, f"Model as {kind.upper()}", file)


def _report(payload: Payload, report: ReportFile, number: int) -> None:
    """The report's content cleaned, and its faces made anew from that."""
    attachments = {}
    for name, content in report.attachments.items():
        cleaned = cleanGlb(content, payload.replacements) if name.endswith(".glb") else cleanPng(content)
        attachments[name] = cleaned
        payload.replacements.hashes[sha256(content)] = sha256(cleaned)
    data = deIdentifiedReport(report.data, payload.replacements)
    folder = f"reports/report-{number}"
    files = {"report.json": json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False).encode("utf-8")}
    if report.formats and payload.request.faces is not None:
        files = payload.request.faces(data, attachments, report.formats)
    elif report.formats:
        for kind in report.formats:
            why = "it can be made anew from the report's JSON only with the module M3D Validation"
            payload.found.leftOut.append((report.file.with_name(f"report.{kind}"), why))
    files = {**attachments, **files}
    if "report.pdf" in files and report.pdf:
        payload.pdfs[report.pdf] = files["report.pdf"]
    kinds = {
        "json": "Report as JSON",
        "html": "Report to read",
        "pdf": "Report to print",
        "png": "Picture of the report",
    }
    for name, content in files.items():
        what = kinds.get(name.rpartition(".")[2], "3D model of the report")
        payload.add(f"{folder}/{name}", content, what, report.file.with_name(name))
    payload.table.reports[f"{folder}/report.json"] = report.data


def writeAsItIs(payload: Payload, progress: Callable[[float, str], None]) -> None:
    """All files byte for byte under their own names, with the identity of the patient; signed where there are keys.

    :raises M3DError: a file cannot be read.
    """
    files = [Path(path).absolute() for path in payload.request.paths]
    payload.found.leftOut.clear()
    kinds = {entry.file: entry for entry in payload.found.dicom}
    places: set[str] = set()
    listed = []
    for path in files:
        inside = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
        listed += [(file, file.relative_to(path.parent).as_posix()) for file in inside]
    for number, (file, inside) in enumerate(listed):
        place = inside
        progress(number / len(listed), "Packing")
        entry = kinds.get(file)
        if file.name.endswith((TABLE_SUFFIX, TABLE_KEY_SUFFIX)) or file == payload.request.output.absolute():
            payload.found.leftOut.append((file, "it is a package, or the table of one, which stays in the house"))
            continue
        if file.is_symlink() or nameProblem(place) or place.casefold() in places:
            payload.found.leftOut.append((file, "its name cannot be that of a file everywhere, or it is a link"))
            continue
        places.add(place.casefold())
        folder = "objects" if entry is not None and entry.kind != IMAGE else "files"
        content, remark = _bytes(file), ""
        if entry is not None and entry.kind != IMAGE and payload.signers:
            dataset = readWhole(entry)
            if dataset.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1":
                remark = _sign(payload, dataset)
                content = encoded(dataset)
            place = inside if inside.endswith(".dcm") else f"{inside}.dcm"
        payload.add(f"{folder}/{place}", content, "File", file, remark)


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise M3DError(f"'{file}' cannot be read: {error.strerror}.") from error
