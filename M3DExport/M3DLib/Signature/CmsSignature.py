"""Signatures of files as CMS (RFC 5652), detached: any program that knows S/MIME can check them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..Errors import M3DError
from .Certificates import CHANGED, UNREADABLE, SignatureState, fingerprintOf, nameOf, stateOfSigner
from .KeyFile import requireCryptography

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

HASHES = {"sha224": "SHA224", "sha256": "SHA256", "sha384": "SHA384", "sha512": "SHA512"}


def requireAsn1() -> None:
    """Raise :class:`M3DError` when the package that reads CMS is not installed."""
    requireCryptography()
    try:
        import asn1crypto.cms  # noqa: F401
    except ImportError as error:
        raise M3DError("CMS signatures need the Python package asn1crypto: pip install SlicerM3D[handover]") from error


def signCms(content: bytes, signers: Sequence[tuple[Any, Certificate]]) -> bytes:
    """A detached signature of some bytes by one or several keys, DER.

    :raises M3DError: a key is neither RSA nor on an elliptic curve.
    """
    requireCryptography()
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

    builder = pkcs7.PKCS7SignatureBuilder().set_data(content)
    try:
        for key, certificate in signers:
            builder = builder.add_signer(certificate, key, hashes.SHA256())
    except TypeError as error:
        raise M3DError("Packages are signed with RSA keys or keys on elliptic curves (P-256 and such).") from error
    options = [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary]
    return builder.sign(Encoding.DER, options)


@dataclass(frozen=True)
class CheckedSigner:
    """One signer of a CMS structure.

    :ivar problem: "" when the signature fits.
    :ivar certificate: None where it came without one.
    :ivar time: as the signer says; None when it says none.
    :ivar value: bytes of the signature.
    """

    problem: str
    certificate: Certificate | None
    time: datetime | None
    value: bytes = b""


def checkCms(
    der: bytes, content: bytes | None, known: Sequence[Certificate] = ()
) -> tuple[list[CheckedSigner], list[Certificate], bytes]:
    """Whether the signatures in a CMS structure fit.

    :param content: what is signed; None when the structure holds it itself.
    :param known: certificates to look among besides those in the structure.
    :return: every signer, the certificates in the structure, and the content.
    :raises M3DError: it is no CMS signature that can be read.
    """
    requireAsn1()
    from asn1crypto import cms
    from cryptography import x509

    try:
        info = cms.ContentInfo.load(der, strict=True)
        if info["content_type"].native != "signed_data":
            raise ValueError("no signed data")
        signed = info["content"]
        certificates = [x509.load_der_x509_certificate(one.dump()) for one in signed["certificates"] or ()]
        if content is None:
            content = bytes(signed["encap_content_info"]["content"])
        found = [_checked(signer, content, [*certificates, *known]) for signer in signed["signer_infos"]]
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError) as error:
        raise M3DError(f"The signature cannot be read ({type(error).__name__}): it is damaged or no CMS.") from error
    if not found:
        raise M3DError("The signature names nobody who signed.")
    return found, certificates, content


def verifyCms(
    der: bytes, content: bytes, what: str, trusted: Sequence[Certificate] = (), provenTime: datetime | None = None
) -> list[SignatureState]:
    """What the signatures of some content are worth, one state for each signer.

    :param what: is signed, for the sentences.
    :param provenTime: at which the signature existed by a time stamp; without one, the certificate must hold now.
    """
    try:
        signers, others, _content = checkCms(der, content, trusted)
    except M3DError as error:
        return [SignatureState(what, UNREADABLE, sentence=f"The signature of {what} is damaged: {error}")]
    states = []
    for signer in signers:
        time = signer.time.isoformat() if signer.time else ""
        if signer.problem:
            name = nameOf(signer.certificate) if signer.certificate else ""
            mark = fingerprintOf(signer.certificate) if signer.certificate else ""
            sentence = f"The signature of {what} does not fit: {signer.problem}."
            states.append(SignatureState(what, CHANGED, name, mark, time, sentence))
            continue
        moment = provenTime or datetime.now(timezone.utc)
        states.append(stateOfSigner(what, signer.certificate, moment, trusted, others=others, time=time))
    return states


def readCmsFile(file: Path) -> bytes:
    """The bytes of a CMS file, DER also where the file is PEM."""
    from asn1crypto import pem

    content = file.read_bytes()
    return pem.unarmor(content)[2] if pem.detect(content) else content


def _checked(signer, content: bytes, certificates: Sequence[Certificate]) -> CheckedSigner:
    certificate = _certificateOf(signer, certificates)
    attributes = {one["type"].native: one["values"] for one in signer["signed_attrs"] or ()}
    time = attributes["signing_time"][0].native if "signing_time" in attributes else None
    value = signer["signature"].native
    if certificate is None:
        return CheckedSigner("the certificate of its signer is not in it and was not given", None, time, value)
    name = signer["digest_algorithm"]["algorithm"].native
    if name not in HASHES:
        return CheckedSigner(f"it uses {name}, which is not accepted", certificate, time, value)
    signedBytes = content
    if attributes:
        if attributes["message_digest"][0].native != hashlib.new(name, content).digest():
            return CheckedSigner("what is signed was changed after it was signed", certificate, time, value)
        signedBytes = signer["signed_attrs"].untag().dump()
    if not _fits(certificate, value, signedBytes, signer, name):
        return CheckedSigner(
            "it was not made with the key of its certificate, or was changed", certificate, time, value
        )
    return CheckedSigner("", certificate, time, value)


def _certificateOf(signer, certificates: Sequence[Certificate]) -> Certificate | None:
    from cryptography import x509

    identifier = signer["sid"].chosen
    for certificate in certificates:
        if signer["sid"].name == "issuer_and_serial_number":
            if certificate.serial_number != identifier["serial_number"].native:
                continue
            if certificate.issuer.public_bytes() == identifier["issuer"].dump():
                return certificate
        else:
            made = x509.SubjectKeyIdentifier.from_public_key(certificate.public_key())
            if made.digest == identifier.native:
                return certificate
    return None


def _fits(certificate: Certificate, value: bytes, content: bytes, signer, hashName: str) -> bool:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

    algorithm = getattr(hashes, HASHES[hashName])()
    public = certificate.public_key()
    kind = signer["signature_algorithm"].signature_algo
    try:
        if isinstance(public, rsa.RSAPublicKey) and kind == "rsassa_pss":
            scheme = padding.PSS(padding.MGF1(algorithm), padding.PSS.AUTO)
            public.verify(value, content, scheme, algorithm)
        elif isinstance(public, rsa.RSAPublicKey) and kind == "rsassa_pkcs1v15":
            public.verify(value, content, padding.PKCS1v15(), algorithm)
        elif isinstance(public, ec.EllipticCurvePublicKey) and kind == "ecdsa":
            public.verify(value, content, ec.ECDSA(algorithm))
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm):
        return False
    return True
