"""From files to a package: read, judged, de-identified, searched, sealed, signed, encrypted; whole or not at all."""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ..DeIdentification.IdentitySearch import IdentitySearch
from ..DeIdentification.IdentityTable import IdentityTable
from ..DeIdentification.OriginalValues import OriginalValues
from ..DeIdentification.Replacements import Replacements, requireNoOriginal
from ..DeIdentification.ReportValues import addReportValues
from ..Dicom.DicomFile import atomicWrite
from ..Errors import M3DError, noProgress
from ..Identifying import safeFileName
from ..Signature.CmsEnvelope import encryptFor
from ..Signature.KeyFile import loadCertificates
from ..WritablePlace import requireWritableFile
from .CleanObjects import whyLeftOut
from .ContentsPage import contentsFiles
from .FaceRule import requireNoFace
from .PackageInput import IMAGE, PackageInput, gather
from .PackageRequest import PackageRequest
from .PackageWriter import PackageWriter
from .Payload import Payload, writeAnonymous, writeAsItIs

_COPY = 1 << 20


@dataclass
class PackedCase:
    """What was made.

    :ivar files: what each file of the package is, as the page of contents says it.
    :ivar leftOut: files that were not packed, and why.
    :ivar warnings: what ought to be known before the package is sent.
    :ivar table, tableKey: files that bring the data back to the patient; None for none.
    :ivar searched: how many files and texts were searched for values of the originals; None for none.
    """

    output: Path
    files: list[dict[str, str]] = field(default_factory=list)
    leftOut: list[tuple[Path, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    table: Path | None = None
    tableKey: Path | None = None
    searched: IdentitySearch | None = None


def makePackage(request: PackageRequest, progress: Callable[[float, str], None] = noProgress) -> PackedCase:
    """Make a package.

    :raises M3DError: nothing can be packed, a model may show a face, something of the originals was found after
        de-identification, a key cannot be read, a time stamp server does not answer, or a file cannot be written.
        Nothing stays behind then.
    """
    request.requireValid()
    requireWritableFile(request.output)
    signers, recipients = request.loadSigners(), request.loadRecipients()
    tableCertificates = [loadCertificates(file)[0] for file in request.tableFor]
    found = gather([path.absolute() for path in request.paths], lambda done, text: progress(0.1 * done, text))
    made = PackedCase(request.output)
    payload = Payload(request, found, signers, made.files, made.warnings)
    if request.pseudonym:
        _setAside(found, request.keepImages)
        payload.replacements = _replacementsOf(request, found)
        payload.search = made.searched = IdentitySearch(payload.replacements)
        payload.table = IdentityTable(request.pseudonym)
    if found.isEmpty or (request.pseudonym and not _packed(found, request)):
        reasons = dict.fromkeys(f"'{file.name}': {why}." for file, why in found.leftOut)
        raise M3DError(["There is nothing in the files that can be packed.", *list(reasons)[:10]])
    requireNoFace(request, found, made.warnings)
    with tempfile.TemporaryFile(dir=request.output.absolute().parent) as stream:
        with PackageWriter(stream, _nameOf(request, payload)) as writer:
            payload.writer = writer
            write = writeAnonymous if request.pseudonym else writeAsItIs
            write(payload, lambda done, text: progress(0.1 + 0.8 * done, text))
            made.leftOut = found.leftOut
            _finish(payload, writer, signers)
        progress(0.92, "Writing the package")
        with _identityFiles(request, payload.table, tableCertificates, made), atomicWrite(request.output) as file:
            stream.seek(0)
            if recipients:
                file.write(encryptFor(stream.read(), recipients))
            else:
                while block := stream.read(_COPY):
                    file.write(block)
    progress(1.0, "Packed")
    return made


def _setAside(found: PackageInput, keepImages: bool) -> None:
    """Move to what is left out the objects that cannot be cleaned or are not wanted."""
    for entry in found.dicom:
        why = whyLeftOut(entry)
        if entry.kind == IMAGE and not keepImages:
            why = "images are packed with --keep-images only"
        if why:
            found.leftOut.append((entry.file, why))


def _packed(found: PackageInput, request: PackageRequest) -> bool:
    aside = {file for file, _why in found.leftOut}
    return bool(found.reports or found.models or any(entry.file not in aside for entry in found.dicom))


def _replacementsOf(request: PackageRequest, found: PackageInput) -> Replacements:
    """Everything that the originals say, those that are not packed included."""
    originals = OriginalValues()
    for entry in found.dicom:
        originals.add(entry.header)
    for report in found.reports:
        addReportValues(report.data, originals)
    if request.pseudonym in originals.names:
        # A pseudonym that stands in for the patient already is no secret of its own.
        originals.names.discard(request.pseudonym)
        originals.texts.discard(request.pseudonym)
    requireNoOriginal(request.pseudonym, originals)
    return Replacements(request.pseudonym, originals)


def _nameOf(request: PackageRequest, payload: Payload) -> str:
    """Name of the folder in the package: that of the output, where it says nothing of the patient."""
    name = safeFileName(request.output.stem, default="package")
    if payload.replacements is not None and payload.replacements.text(name) != name:
        return "package"
    return name


def _finish(payload: Payload, writer: PackageWriter, signers) -> None:
    request = payload.request
    facts = {"Patient": request.pseudonym or "with identity, as by --with-identity"}
    info = {}
    if request.pseudonym:
        info["External-Identifier"] = facts["Patient"]
        facts["Identity"] = "replaced after PS3.15 Annex E (Basic Application Level Confidentiality Profile)"
    if request.faceIsNeeded:
        facts["A face may be recognized"] = request.faceIsNeeded
    if request.noFace:
        facts["No face, declared"] = request.noFace
    title = f"Package {request.pseudonym}".strip()
    tags = contentsFiles(title, payload.entries, facts, writer.sizes, anonymous=bool(request.pseudonym))
    if payload.search is not None:
        for name, content in tags.items():
            payload.search.file(name, content)
        for place, text in (("the name of the package", request.output.name), *info.items(), *facts.items()):
            payload.search.text(place, text, dates=False)
        payload.search.requireNothing()
    writer.finish(info, tags, signers, request.timeStampServer)


@contextlib.contextmanager
def _identityFiles(request: PackageRequest, table: IdentityTable | None, certificates, made: PackedCase):
    """Write the table of replacements, and take it back when the package is not written after all."""
    if table is None:
        yield
        return
    password = request.tableSecret()
    written: list[Path] = []
    if not certificates and not password:
        password = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode("ascii")
        made.tableKey = request.keyPlace
        made.warnings.append(
            f"The table of replacements '{request.tablePlace}' was encrypted with a new key, '{made.tableKey}'. Keep "
            "both in the house and the key elsewhere than the table; neither goes with the package."
        )
    made.table = request.tablePlace
    try:
        with atomicWrite(made.table) as file:
            file.write(table.encrypted(password, certificates))
        written.append(made.table)
        if made.tableKey is not None:
            with atomicWrite(made.tableKey) as file:
                os.chmod(file.name, 0o600)
                file.write(password.encode("ascii"))
            written.append(made.tableKey)
        yield
    except BaseException:
        for place in written:
            place.unlink(missing_ok=True)
        raise
