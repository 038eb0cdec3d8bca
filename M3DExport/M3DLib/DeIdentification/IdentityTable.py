"""The table of replacements: kept apart from the package, encrypted, so that its data can be brought back."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from ..Errors import M3DError
from ..Signature.CmsEnvelope import decryptWith, encryptFor, looksEncrypted
from ..Signature.KeyFile import requireCryptography
from .Replacements import Replacements

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from pydicom import Dataset

TABLE_PASSWORD = "M3D_TABLE_PASSWORD"
_START = b"SlicerM3D identity table 1\n"
_SALT, _NONCE = 16, 12
# RFC 7914: what OWASP recommends for passwords (2^17), 128 MB of memory.
_SCRYPT = {"n": 1 << 17, "r": 8, "p": 1, "length": 32}
PATIENT = ("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex", "OtherPatientIDs")
STUDY = ("StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName", "StudyDescription")
SERIES = ("SeriesDate", "SeriesTime", "SeriesDescription", "ProtocolName", "InstitutionName", "StationName")
_MARKS = ("PatientIdentityRemoved", "DeidentificationMethod", "DeidentificationMethodCodeSequence")
_MARKS += ("LongitudinalTemporalInformationModified",)


@dataclass
class IdentityTable:
    """What is needed to bring a package's data back to the patient.

    :ivar uids: old UID by new.
    :ivar studies, series: attributes of the originals by the new UID, as keyword to value.
    :ivar reports: whole original content of each report by its name in the package.
    :ivar files: name of the original file by its name in the package.
    """

    pseudonym: str
    uids: dict[str, str] = field(default_factory=dict)
    studies: dict[str, dict[str, str]] = field(default_factory=dict)
    series: dict[str, dict[str, str]] = field(default_factory=dict)
    reports: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    def note(self, original: Dataset, replacements: Replacements) -> None:
        """Take over what an original says of patient, study and series."""
        study = replacements.uid(str(original.get("StudyInstanceUID") or ""))
        series = replacements.uid(str(original.get("SeriesInstanceUID") or ""))
        _fill(self.studies.setdefault(study, {}), original, (*PATIENT, *STUDY))
        _fill(self.series.setdefault(series, {}), original, SERIES)

    def encrypted(self, password: str = "", certificates: Sequence[Certificate] = ()) -> bytes:
        """The table as a file: for the holders of certificates, or for whoever knows a password."""
        content = json.dumps(asdict(self), ensure_ascii=False).encode("utf-8")
        if certificates:
            return encryptFor(content, certificates)
        requireCryptography()
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        salt, nonce = secrets.token_bytes(_SALT), secrets.token_bytes(_NONCE)
        return _START + salt + nonce + AESGCM(_derived(password, salt)).encrypt(nonce, content, _START)


def _fill(target: dict[str, str], original: Dataset, keywords: Sequence[str]) -> None:
    from pydicom.multival import MultiValue

    for keyword in keywords:
        value = original.get(keyword)
        if value and keyword not in target:
            target[keyword] = "\\".join(map(str, value)) if isinstance(value, MultiValue) else str(value)


def readTable(
    content: bytes, password: str = "", key: Any = None, certificates: Sequence[Certificate] = ()
) -> IdentityTable:
    """A table that was encrypted.

    :raises M3DError: the password or key is wrong or missing, or the file is damaged or no table.
    """
    if looksEncrypted(content):
        if key is None:
            raise M3DError("The table of replacements is encrypted for a certificate; give its key with --table-key.")
        plain = decryptWith(content, key, certificates, b"{")
    elif content.startswith(_START):
        plain = _opened(content, password)
    else:
        raise M3DError("The file is no table of replacements, or was damaged.")
    try:
        return IdentityTable(**json.loads(plain))
    except (ValueError, TypeError) as error:
        raise M3DError("The table of replacements is damaged, or of another version.") from error


def _opened(content: bytes, password: str) -> bytes:
    requireCryptography()
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if not password:
        raise M3DError(
            f"The table of replacements needs its password ({TABLE_PASSWORD} or the keyring) or its key file "
            "(--table-key)."
        )
    salt = content[len(_START) : len(_START) + _SALT]
    nonce = content[len(_START) + _SALT : len(_START) + _SALT + _NONCE]
    try:
        return AESGCM(_derived(password, salt)).decrypt(nonce, content[len(_START) + _SALT + _NONCE :], _START)
    except (InvalidTag, ValueError) as error:
        raise M3DError("The table of replacements does not open: the password is wrong, or it was changed.") from error


def _derived(password: str, salt: bytes) -> bytes:
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    return Scrypt(salt=salt, **_SCRYPT).derive(password.encode("utf-8"))


def restoreIdentity(dataset: Dataset, table: IdentityTable) -> bool:
    """Bring a data set back to the patient: its UIDs, and what the table holds of patient, study and series.

    :return: whether the data set is of the table's pseudonym; it is left as it is otherwise.
    """
    if str(dataset.get("PatientID") or "") != table.pseudonym:
        return False
    study = table.studies.get(str(dataset.get("StudyInstanceUID") or ""), {})
    series = table.series.get(str(dataset.get("SeriesInstanceUID") or ""), {})
    anyStudy = next(iter(table.studies.values()), {})
    for keyword in _MARKS:
        if keyword in dataset:
            del dataset[keyword]
    patient = {name: value for name, value in anyStudy.items() if name in PATIENT}
    for keyword, value in {**patient, **study, **series}.items():
        setattr(dataset, keyword, value.split("\\") if "\\" in value else value)
    _restoreUids(dataset, table.uids)
    if getattr(dataset, "file_meta", None) is not None:
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return True


def _restoreUids(dataset: Dataset, uids: dict[str, str]) -> None:
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value or ():
                _restoreUids(item, uids)
        elif element.VR == "UI" and element.value:
            if isinstance(element.value, str):
                element.value = uids.get(str(element.value), element.value)
            else:
                element.value = [uids.get(str(one), one) for one in element.value]
