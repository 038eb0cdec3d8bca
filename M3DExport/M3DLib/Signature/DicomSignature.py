"""Digital signatures in DICOM objects after the Creator RSA profile (PS3.15 C.2): made, and checked."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..Errors import M3DError
from .Certificates import CHANGED, UNREADABLE, UNTRUSTED, VALID, SignatureState, stateOfSigner
from .KeyFile import requireCryptography
from .MacStream import MAC_PARAMETERS, SIGNATURES, macStream, signableTags

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from pydicom import Dataset

CERTIFICATE_TYPE = "X509_1993_SIG"
_HASHES = {"SHA256": "SHA256", "SHA384": "SHA384", "SHA512": "SHA512"}
# Weak by now: accepted by no signature of ours, named where others use them.
_WEAK = ("RIPEMD160", "MD5", "SHA1")
# What the Creator RSA profile asks to be signed at least, as far as it is in the object (PS3.15 C.2).
_REQUIRED = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
# These say or are the signature itself (PS3.3 C.12.1.1.3.1.1).
_NOT_IN_MAC = ("CertificateOfSigner", "Signature", "CertifiedTimestampType", "CertifiedTimestamp")
_NOT_IN_MAC += ("DigitalSignaturePurposeCodeSequence",)


def signDicom(dataset: Dataset, key: Any, certificate: Certificate, moment: datetime | None = None) -> None:
    """Add a signature about all elements that a data set has now.

    :param dataset: with file meta information, to be written in explicit VR little endian; is changed. Nothing of it
        may be changed afterwards.
    :param key: private RSA key.
    :raises M3DError: the key is none for RSA, or the data set is in another transfer syntax.
    """
    requireCryptography()
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa
    from cryptography.hazmat.primitives.serialization import Encoding
    from pydicom import Dataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    if not isinstance(key, rsa.RSAPrivateKey):
        raise M3DError("DICOM objects are signed with an RSA key (PS3.15, Creator RSA profile); this one is another.")
    if dataset.file_meta.TransferSyntaxUID != ExplicitVRLittleEndian:
        raise M3DError("Only objects in explicit VR little endian are signed.")
    encoded = _asWritten(dataset)
    tags = signableTags(encoded)
    number = 1 + max([int(item.MACIDNumber) for item in dataset.get("MACParametersSequence") or ()], default=-1)
    parameters = Dataset()
    parameters.MACIDNumber = number
    parameters.MACCalculationTransferSyntaxUID = ExplicitVRLittleEndian
    parameters.MACAlgorithm = "SHA256"
    parameters.DataElementsSigned = tags
    signature = Dataset()
    signature.MACIDNumber = number
    signature.DigitalSignatureUID = generate_uid(prefix=None)
    moment = moment or datetime.now(timezone.utc)
    signature.DigitalSignatureDateTime = moment.astimezone(timezone.utc).strftime("%Y%m%d%H%M%S.%f+0000")
    signature.CertificateType = CERTIFICATE_TYPE
    signature.CertificateOfSigner = certificate.public_bytes(Encoding.DER)
    content = b"".join(macStream(encoded, tags)) + _statement(signature)
    signature.Signature = key.sign(content, padding.PKCS1v15(), hashes.SHA256())
    dataset.MACParametersSequence = [*(dataset.get("MACParametersSequence") or ()), parameters]
    dataset.DigitalSignaturesSequence = [*(dataset.get("DigitalSignaturesSequence") or ()), signature]


def verifyDicom(file: Path | str | Dataset, what: str, trusted: Sequence[Certificate] = ()) -> list[SignatureState]:
    """What the signatures in a DICOM object are worth, one state for each; empty for an object without any.

    :param file: or a data set read from one, none of whose values was touched.
    :param what: is signed, for the sentences.
    :raises M3DError: the file is no DICOM object, or damaged beyond reading.
    """
    requireCryptography()
    dataset = _readWhole(file)
    if SIGNATURES not in dataset:
        return []
    try:
        signatures = list(dataset[SIGNATURES].value or ())
        parameters = {int(item.MACIDNumber): item for item in dataset[MAC_PARAMETERS].value or ()}
    except Exception as error:
        sentence = f"The digital signatures of {what} cannot be read ({type(error).__name__})."
        return [SignatureState(what, UNREADABLE, sentence=sentence)]
    states = []
    for signature in signatures:
        try:
            states.append(_stateOf(dataset, signature, parameters, what, trusted))
        except Exception as error:
            # Anything may stand in a damaged signature.
            sentence = f"A digital signature of {what} cannot be read ({type(error).__name__}: {error})."
            states.append(SignatureState(what, UNREADABLE, sentence=sentence))
    return states


def _stateOf(dataset, signature, parameters, what: str, trusted: Sequence[Certificate]) -> SignatureState:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa
    from pydicom.datadict import tag_for_keyword
    from pydicom.uid import ExplicitVRLittleEndian

    syntax = dataset.file_meta.get("TransferSyntaxUID") if hasattr(dataset, "file_meta") else None
    time = str(signature.get("DigitalSignatureDateTime") or "")
    certificate = x509.load_der_x509_certificate(_withoutPadding(bytes(signature.CertificateOfSigner)))
    name = certificate.subject.rfc4514_string()

    def wrong(kind: str, reason: str) -> SignatureState:
        return SignatureState(what, kind, name, time=time, sentence=f"The signature of {what} by '{name}' {reason}.")

    item = parameters.get(int(signature.MACIDNumber))
    if item is None:
        return wrong(UNREADABLE, "lacks its MAC parameters")
    algorithm = str(item.get("MACAlgorithm") or "")
    if algorithm not in _HASHES:
        return wrong(
            UNREADABLE, f"uses {algorithm or 'no hash'}, which is {'weak' if algorithm in _WEAK else 'unknown'}"
        )
    if item.MACCalculationTransferSyntaxUID != ExplicitVRLittleEndian or (syntax and not syntax.is_little_endian):
        return wrong(UNREADABLE, "was calculated in a transfer syntax that is not read here")
    if syntax and syntax.is_encapsulated:
        return wrong(UNREADABLE, "is about compressed pixels, which is not read here")
    tags = item.DataElementsSigned
    tags = [int(tag) for tag in (tags if hasattr(tags, "__iter__") else [tags])]
    missing = [tag for tag in tags if tag not in dataset]
    if missing:
        return wrong(CHANGED, f"does not fit: {len(missing)} of the elements that were signed are gone")
    if not isinstance(certificate.public_key(), rsa.RSAPublicKey):
        return wrong(UNREADABLE, "is by a key that is none for RSA")
    content = b"".join(macStream(dataset, tags)) + _statement(signature)
    value = bytes(signature.Signature)
    size = (certificate.public_key().key_size + 7) // 8
    try:
        hashing = getattr(hashes, _HASHES[algorithm])()
        certificate.public_key().verify(value[:size], content, padding.PKCS1v15(), hashing)
    except InvalidSignature:
        return wrong(CHANGED, "does not fit: the object was changed after it was signed")
    required = [tag_for_keyword(keyword) for keyword in _REQUIRED]
    if any(tag in dataset and tag not in tags for tag in required):
        return wrong(CHANGED, "is not about the identifiers of the object, so it could be of another one")
    extra = [tag for tag in signableTags(dataset) if tag not in set(tags)]
    state = stateOfSigner(what, certificate, datetime.now(timezone.utc), trusted, time=time)
    if extra and state.state in (VALID, UNTRUSTED):
        more = f"{state.sentence} It is not about {len(extra)} of the object's elements, {_shown(extra)}."
        state = SignatureState(what, state.state, state.signer, state.fingerprint, time, more)
    return state


def _shown(tags: Sequence[int]) -> str:
    from pydicom.datadict import keyword_for_tag
    from pydicom.tag import Tag

    names = [keyword_for_tag(tag) or str(Tag(tag)) for tag in tags[:3]]
    return ", ".join(names) + (" ..." if len(tags) > 3 else "")


def _withoutPadding(der: bytes) -> bytes:
    """A certificate as long as it says it is: DICOM adds a byte where its length is odd."""
    if len(der) > 4 and der[1] & 0x80:
        count = der[1] & 0x7F
        return der[: 2 + count + int.from_bytes(der[2 : 2 + count], "big")]
    return der


def _statement(signature: Dataset) -> bytes:
    """What the signature says of itself, as far as it is signed too."""
    from pydicom.datadict import tag_for_keyword

    leftOut = {tag_for_keyword(keyword) for keyword in _NOT_IN_MAC}
    tags = [int(tag) for tag in sorted(signature.keys()) if tag not in leftOut]
    return b"".join(macStream(signature, tags))


def _asWritten(dataset: Dataset) -> Dataset:
    """The data set as it is read back once it is written, with the values as they stand in the file."""
    from pydicom import dcmread, dcmwrite
    from pydicom.config import disable_value_validation

    stream = io.BytesIO()
    with disable_value_validation():
        dcmwrite(stream, dataset, enforce_file_format=True)
    stream.seek(0)
    return dcmread(stream)


def _readWhole(file: Path | str | Dataset) -> Dataset:
    from pydicom import Dataset, dcmread
    from pydicom.errors import InvalidDicomError

    if isinstance(file, Dataset):
        return file
    try:
        return dcmread(file)
    except InvalidDicomError as error:
        raise M3DError(f"'{file}' is not a DICOM file.") from error
    except OSError as error:
        raise M3DError(f"'{file}' cannot be read: {error.strerror or error}.") from error
    except Exception as error:
        raise M3DError(f"'{file}' is damaged: its DICOM structure cannot be read ({type(error).__name__}).") from error
