"""Is a package whole, and whose is it?"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from ..Errors import M3DError, noProgress
from ..Signature.Certificates import FOREIGN, UNTRUSTED, VALID, SignatureState
from ..Signature.CmsSignature import verifyCms
from ..Signature.DicomSignature import verifyDicom
from ..Signature.TimeStamp import verifyTimeStamp
from .BagFiles import (
    ABOUT_TAG_MANIFEST,
    BAG_FILE,
    INFO_FILE,
    MANIFEST,
    PAYLOAD,
    PROFILE,
    SIGNATURE_SUFFIX,
    TAG_MANIFEST,
    TIME_STAMP_SUFFIX,
    readInfo,
    readManifest,
)
from .OpenedPackage import OpenedPackage

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

# Where DICOM objects that may be signed lie; the slices of a scan are not.
_SIGNED_FOLDERS = ("data/models/", "data/reports/", "data/objects/")


@dataclass
class PackageVerification:
    """What was found.

    :ivar unchanged, changed, missing, added: names of files in the bag.
    :ivar problems: what is wrong, one sentence each.
    :ivar remarks: what is worth knowing and proves nothing wrong.
    :ivar signatures: of the manifests, the objects, the time stamp.
    :ivar info: what bag-info.txt says.
    """

    unchanged: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    signatures: list[SignatureState] = field(default_factory=list)
    info: dict[str, str] = field(default_factory=dict)

    @property
    def isWhole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def asDict(self) -> dict:
        """Plain values for JSON."""
        return {
            "whole": self.isWhole,
            "unchanged": self.unchanged,
            "changed": self.changed,
            "missing": self.missing,
            "added": self.added,
            "problems": self.problems,
            "remarks": self.remarks,
            "signatures": [state.asDict() for state in self.signatures],
            "info": self.info,
        }


def verifyPackage(
    package: OpenedPackage,
    trusted: Sequence[Certificate] = (),
    progress: Callable[[float, str], None] = noProgress,
) -> PackageVerification:
    """Hold every file of a package against its manifests, and check its signatures.

    :param trusted: certificates of signers or of those who issue them; empty when nobody said.
    """
    found = PackageVerification(problems=list(package.problems))
    try:
        listed = _listed(package)
    except M3DError as error:
        found.problems.extend(error.problems)
        return found
    _checkFiles(package, listed, found, progress)
    found.info = _info(package, found)
    if not package.isSealed and found.info.get("BagIt-Profile-Identifier") == PROFILE:
        found.problems.append("The package was changed: it lacks the seal that it was made with.")
    _checkSignatures(package, found, trusted)
    return found


def _listed(package: OpenedPackage) -> dict[str, str]:
    """SHA-256 of all files that the two manifests name.

    :raises M3DError: a manifest is missing or damaged, or they name what they must not.
    """
    listed: dict[str, str] = {}
    for manifest, inPayload in ((MANIFEST, True), (TAG_MANIFEST, False)):
        if manifest not in package.members:
            raise M3DError(f"The package lacks its manifest {manifest}, so nothing can be said of its files.")
        entries = readManifest(package.read(manifest), manifest)
        strange = [name for name in entries if name.startswith(PAYLOAD) != inPayload]
        if strange:
            raise M3DError(f"{manifest} is damaged: it names '{strange[0]}', which does not belong there.")
        listed |= entries
    lost = [name for name in (BAG_FILE, INFO_FILE, MANIFEST) if name not in listed]
    if lost:
        raise M3DError(f"{TAG_MANIFEST} does not name {lost[0]}, which could then be changed unseen.")
    return listed


def _checkFiles(
    package: OpenedPackage, listed: dict[str, str], found: PackageVerification, progress: Callable[[float, str], None]
) -> None:
    owners: dict[str, list[str]] = {}
    for name, value in listed.items():
        owners.setdefault(value, []).append(name)
    for number, (name, expected) in enumerate(sorted(listed.items())):
        progress(number / len(listed), "Comparing the files of the package with its manifests")
        if name not in package.members:
            found.missing.append(name)
            found.problems.append(f"'{name}' is missing.")
            continue
        digest = hashlib.sha256()
        try:
            for block in package.chunks(name):
                digest.update(block)
        except M3DError as error:
            found.changed.append(name)
            found.problems.extend(error.problems)
            continue
        actual = digest.hexdigest()
        if actual == expected:
            found.unchanged.append(name)
            continue
        found.changed.append(name)
        others = [other for other in owners.get(actual, ()) if other != name]
        swapped = f": it holds what '{others[0]}' should hold; files were swapped" if others else ""
        found.problems.append(f"'{name}' was changed{swapped}.")
    known = {*listed, *ABOUT_TAG_MANIFEST}
    for name in sorted(set(package.members) - known):
        found.added.append(name)
        found.problems.append(f"'{name}' was added: no manifest names it.")


def _info(package: OpenedPackage, found: PackageVerification) -> dict[str, str]:
    if INFO_FILE not in package.members or INFO_FILE in found.changed:
        return {}
    return readInfo(package.read(INFO_FILE))


def _checkSignatures(package: OpenedPackage, found: PackageVerification, trusted: Sequence[Certificate]) -> None:
    moment = _provenTime(package, found, trusted)
    signers: set[str] = set()
    for manifest in (MANIFEST, TAG_MANIFEST):
        signature = manifest + SIGNATURE_SUFFIX
        if signature not in package.members or manifest not in package.members:
            continue
        states = verifyCms(package.read(signature), package.read(manifest), manifest, trusted, moment)
        signers.update(state.fingerprint for state in states if state.fingerprint)
        found.signatures += states
    promised = "Signed-By" in found.info
    if promised and TAG_MANIFEST + SIGNATURE_SUFFIX not in package.members:
        found.problems.append("The package says that it is signed, but its signature was removed.")
    _checkObjects(package, found, trusted, signers)
    for state in found.signatures:
        (found.problems if state.isProblem else found.remarks).append(state.sentence)
    isTrusted = any(state.what == TAG_MANIFEST and state.state == VALID for state in found.signatures)
    if trusted and not isTrusted and TAG_MANIFEST + SIGNATURE_SUFFIX not in package.members:
        found.problems.append("The package is not signed, although a signature is expected: nobody knows who made it.")
    elif not found.signatures:
        found.remarks.append("The package is not signed: that it is whole does not say who made it.")


def _provenTime(package: OpenedPackage, found: PackageVerification, trusted: Sequence[Certificate]) -> datetime | None:
    """The moment at which the signature existed, as a time stamp proves it."""
    signature = TAG_MANIFEST + SIGNATURE_SUFFIX
    proven = None
    for stamped in (signature, TAG_MANIFEST):
        stamp = stamped + TIME_STAMP_SUFFIX
        if stamp not in package.members or stamped not in package.members:
            continue
        state, moment = verifyTimeStamp(package.read(stamp), package.read(stamped), stamped, trusted)
        if state.state == FOREIGN:
            sentence = f"{state.sentence} It proves no time."
            state = replace(state, state=UNTRUSTED, sentence=sentence)
        found.signatures.append(state)
        # A time stamp of a server that nobody vouches for proves no time: anybody can run one.
        if stamped == signature and state.state == "valid":
            proven = moment
    return proven


def _checkObjects(
    package: OpenedPackage, found: PackageVerification, trusted: Sequence[Certificate], signers: set[str]
) -> None:
    from pydicom import dcmread

    others: set[str] = set()
    for name in sorted(package.members):
        if not name.startswith(_SIGNED_FOLDERS) or not name.endswith(".dcm") or name in found.changed:
            continue
        try:
            dataset = dcmread(io.BytesIO(package.read(name)))
        except Exception as error:
            found.problems.append(f"'{name}' is named as DICOM and cannot be read ({type(error).__name__}).")
            continue
        states = verifyDicom(dataset, f"'{name}'", trusted)
        found.signatures += states
        others.update(state.signer for state in states if signers and state.fingerprint not in signers)
    if others:
        names = ", ".join(f"'{name}'" for name in sorted(others))
        found.problems.append(
            f"The package was signed again: its objects are signed by {names}, the package itself is by somebody else."
        )
