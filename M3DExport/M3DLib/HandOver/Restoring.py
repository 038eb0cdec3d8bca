"""Files that came back under a pseudonym, brought back to the patient with the table of replacements."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from ..DeIdentification.IdentityTable import IdentityTable, readTable, restoreIdentity
from ..Dicom.DicomFile import atomicWrite
from ..Errors import M3DError
from ..Signature.KeyFile import loadKey, passwordFor

_KEY_MARKS = (b"-----BEGIN", b"\x30")


def loadTable(file: Path, keyFile: Path | None, password: str) -> IdentityTable:
    """The table in a file.

    :param keyFile: the key file that was made with it, or the private key of a certificate (PEM, PKCS#12); None for the
        file beside the table, if any.
    :param password: of the table; "" for none.
    :raises M3DError: it cannot be read or opened.
    """
    try:
        content = file.read_bytes()
        beside = file.with_name(file.name + ".key")
        if keyFile is None and not password and beside.is_file():
            keyFile = beside
        key = keyFile.read_bytes() if keyFile is not None else b""
    except OSError as error:
        raise M3DError(f"'{error.filename}' cannot be read: {error.strerror}.") from error
    if key.startswith(_KEY_MARKS):
        private, certificates = loadKey(keyFile, passwordFor(str(keyFile)))
        return readTable(content, key=private, certificates=certificates)
    return readTable(content, key.decode("ascii", "replace").strip() or password)


def restoreFolder(folder: Path, table: IdentityTable, faces=None) -> list[str]:
    """Bring back all files in a folder, which are changed in place.

    DICOM objects of the pseudonym get their UIDs, patient, study and series back; reports their whole original content.
    Signatures of changed objects do not hold any more and are taken out. Other files never named the patient.

    :param faces: makes the faces of a report anew; None leaves out those that stand beside it.
    :return: names of the files that were changed.
    :raises M3DError: a file cannot be read or written.
    """
    changed = []
    for file in sorted(one for one in folder.rglob("*") if one.is_file()):
        name = file.relative_to(folder).as_posix()
        if name in table.reports or name.removeprefix("data/") in table.reports:
            _report(file, table.reports[name.removeprefix("data/")], faces)
            changed.append(name)
        elif file.suffix.lower() == ".dcm" and _object(file, table):
            changed.append(name)
    return changed


def _object(file: Path, table: IdentityTable) -> bool:
    from pydicom import dcmread, dcmwrite
    from pydicom.config import disable_value_validation

    try:
        dataset = dcmread(file)
    except Exception as error:
        raise M3DError(f"'{file}' cannot be read ({type(error).__name__}).") from error
    with disable_value_validation():
        if not restoreIdentity(dataset, table):
            return False
        for keyword in ("MACParametersSequence", "DigitalSignaturesSequence"):
            if keyword in dataset:
                del dataset[keyword]
        with atomicWrite(file) as stream:
            dcmwrite(stream, dataset, enforce_file_format=True)
    return True


def _report(file: Path, data: Mapping, faces) -> None:
    beside = [file.with_name(f"report.{kind}") for kind in ("html", "pdf")]
    formats = tuple(one.suffix.removeprefix(".") for one in beside if one.is_file())
    attachments = {}
    for entry in (*data["pictures"], *(data.get("models3d") or ())):
        place = file.with_name(Path(entry["file"]).name)
        if place.is_file():
            attachments[entry["file"]] = place.read_bytes()
    for place in beside:
        place.unlink(missing_ok=True)
    files = faces(dict(data), attachments, formats) if faces is not None and formats else {}
    files["report.json"] = json.dumps(data, indent=2, ensure_ascii=False).encode("utf-8")
    for name, content in files.items():
        with atomicWrite(file.with_name(name)) as stream:
            stream.write(content)
