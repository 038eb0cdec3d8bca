"""Whom a certificate names, when it holds, and whether somebody vouches for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

# What was found of a signature, in the order of how bad it is.
VALID, UNTRUSTED, EXPIRED, FOREIGN, CHANGED, UNREADABLE = (
    "valid",
    "notChecked",
    "expired",
    "foreign",
    "changed",
    "unreadable",
)
_LONGEST_CHAIN = 8


@dataclass(frozen=True)
class SignatureState:
    """What is known of one signature.

    :ivar what: file or object that is signed.
    :ivar state: ``VALID``; ``UNTRUSTED`` (it fits, and nobody said whose certificates to trust); ``EXPIRED``;
        ``FOREIGN`` (it fits, and the certificate is none that is trusted); ``CHANGED``; ``UNREADABLE``.
    :ivar signer: whom the certificate names.
    :ivar fingerprint: SHA-256 of the certificate, hexadecimal.
    :ivar time: when it was made, as it says itself or as a time stamp proves; ISO 8601, "" when unknown.
    :ivar sentence: for a person.
    """

    what: str
    state: str
    signer: str = ""
    fingerprint: str = ""
    time: str = ""
    sentence: str = ""

    @property
    def isProblem(self) -> bool:
        """Whether something is wrong, and not merely unknown."""
        return self.state not in (VALID, UNTRUSTED)

    def asDict(self) -> dict[str, str]:
        """Plain values for JSON."""
        return {
            "what": self.what,
            "state": self.state,
            "signer": self.signer,
            "certificateSha256": self.fingerprint,
            "time": self.time,
            "sentence": self.sentence,
        }


def nameOf(certificate: Certificate) -> str:
    """Whom a certificate names, as RFC 4514 writes it."""
    return certificate.subject.rfc4514_string()


def fingerprintOf(certificate: Certificate) -> str:
    """SHA-256 of a certificate, hexadecimal."""
    from cryptography.hazmat.primitives import hashes

    return certificate.fingerprint(hashes.SHA256()).hex()


def stateOfSigner(
    what: str,
    certificate: Certificate,
    moment: datetime,
    trusted: Sequence[Certificate],
    *,
    others: Sequence[Certificate] = (),
    time: str = "",
) -> SignatureState:
    """What a signature is worth that fits what it signs.

    :param moment: at which the certificate must have been valid.
    :param trusted: certificates of signers or of those who issue them; empty when nobody said.
    :param others: that came with the signature, to find the way to a trusted one.
    :param time: when it was signed, for the result.
    """

    def state(kind: str, sentence: str) -> SignatureState:
        return SignatureState(what, kind, nameOf(certificate), fingerprintOf(certificate), time, sentence)

    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    signed = f"The signature of {what} by '{nameOf(certificate)}'"
    if not begin <= moment <= end:
        verb = "expired" if moment > end else "not valid yet"
        return state(
            EXPIRED,
            f"{signed} fits, but its certificate is {verb}: it holds from {begin:%Y-%m-%d} to {end:%Y-%m-%d}.",
        )
    if not trusted:
        return state(
            UNTRUSTED,
            f"{signed} fits. Whether the certificate is that of whom it names was not checked; give it with --trust.",
        )
    if not isVouchedFor(certificate, trusted, others, moment):
        return state(FOREIGN, f"{signed} fits, but its certificate is none of those that are trusted: it is foreign.")
    return state(VALID, f"{signed} is valid.")


def isVouchedFor(
    certificate: Certificate, trusted: Sequence[Certificate], others: Sequence[Certificate], moment: datetime
) -> bool:
    """Whether a certificate is trusted itself, or a trusted one issued it, directly or through others."""
    known = {fingerprintOf(one) for one in trusted}
    current = certificate
    for _step in range(_LONGEST_CHAIN):
        if fingerprintOf(current) in known:
            return True
        issuer = next((one for one in (*trusted, *others) if _issued(one, current, moment)), None)
        if issuer is None or fingerprintOf(issuer) == fingerprintOf(current):
            return False
        current = issuer
    return False


def _issued(issuer: Certificate, certificate: Certificate, moment: datetime) -> bool:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature

    try:
        certificate.verify_directly_issued_by(issuer)
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return bool(constraints.ca) and issuer.not_valid_before_utc <= moment <= issuer.not_valid_after_utc
