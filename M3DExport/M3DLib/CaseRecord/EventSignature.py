"""Signatures of events: made with a private key, checked with the certificate that stands in the event."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..Errors import M3DError
from ..Signature.KeyFile import loadSigner
from .RecordEvent import RecordEvent


def signer(keyFile: Path, password: str = "") -> Callable[[bytes], dict[str, str]]:
    """What signs events with a key.

    :param keyFile: PKCS#12 (.p12, .pfx) with key and certificate, or PEM with both one after the other.
    :param password: of the file; empty for none.
    :raises M3DError: the file cannot be read, the password is wrong, key and certificate do not belong together, or
        the kind of key is none that is used here (RSA, elliptic curve, Ed25519).
    """
    key, certificate = loadSigner(keyFile, password)
    from cryptography.hazmat.primitives.serialization import Encoding

    pem = certificate.public_bytes(Encoding.PEM).decode("ascii")

    def sign(content: bytes) -> dict[str, str]:
        algorithm, arguments = _algorithm(key, "sign")
        value = base64.b64encode(key.sign(content, *arguments)).decode("ascii")
        return {"algorithm": algorithm, "value": value, "certificate": pem}

    _algorithm(key, "sign")
    return sign


def signatureProblem(event: RecordEvent) -> str:
    """What is wrong with the signature of an event; empty where it is right or the event has none.

    Whether the certificate is that of whom it names is for the reader to say: it is not looked up anywhere.
    """
    if event.signature is None:
        return ""
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature

    try:
        certificate = x509.load_pem_x509_certificate(event.signature["certificate"].encode("ascii"))
        value = base64.b64decode(event.signature["value"], validate=True)
        public = certificate.public_key()
        algorithm, arguments = _algorithm(public, "verify")
        stated = event.signature["algorithm"]
    except (KeyError, ValueError, UnicodeEncodeError, M3DError) as error:
        return f"its signature cannot be read ({error})"
    if stated != algorithm:
        return f"its signature says {stated}, its certificate is for {algorithm}"
    try:
        public.verify(value, event.signedBytes(), *arguments)
    except InvalidSignature:
        return "its signature does not fit: the event was changed after it was signed, or signed with another key"
    moment = event.time[:19]
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not begin.isoformat()[:19] <= moment <= end.isoformat()[:19]:
        return f"its certificate was valid from {begin:%Y-%m-%d} to {end:%Y-%m-%d} only"
    return ""


def signerOf(event: RecordEvent) -> str:
    """Whom the certificate of a signed event names; empty for an event without one."""
    if event.signature is None:
        return ""
    from cryptography import x509

    return x509.load_pem_x509_certificate(event.signature["certificate"].encode("ascii")).subject.rfc4514_string()


def _algorithm(key: Any, use: str) -> tuple[str, tuple]:
    """Name of the algorithm that goes with a private or public key, and the arguments that signing takes."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

    public = key.public_key() if use == "sign" else key
    if isinstance(public, rsa.RSAPublicKey):
        scheme = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
        return "RSASSA-PSS-SHA256", (scheme, hashes.SHA256())
    if isinstance(public, ec.EllipticCurvePublicKey):
        return "ECDSA-SHA256", (ec.ECDSA(hashes.SHA256()),)
    if isinstance(public, ed25519.Ed25519PublicKey):
        return "Ed25519", ()
    raise M3DError(f"Keys of this kind are not used for signatures here: {type(public).__name__}.")
