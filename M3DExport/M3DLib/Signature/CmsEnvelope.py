"""Files encrypted for the holders of certificates, as CMS enveloped data (RFC 5652) with AES-256."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..Errors import M3DError
from ..FileSize import requireRoom
from .Certificates import nameOf
from .CmsSignature import requireAsn1

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

# The content, its padded copy and the finished message are in memory at once.
_COPIES = 4
# Content in thousands of pieces takes asn1crypto a time that grows with the square of their number.
_LARGEST_STREAMED = 16 << 20
_ENVELOPED = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03"
_AES_KEY_BYTES = {"aes128_cbc": 16, "aes192_cbc": 24, "aes256_cbc": 32}


def looksEncrypted(start: bytes) -> bool:
    """Whether a file that begins like this is CMS enveloped data (DER or BER)."""
    return start[:1] == b"\x30" and _ENVELOPED in start[:24]


def encryptFor(content: bytes, certificates: Sequence[Certificate]) -> bytes:
    """Some bytes, to be read by the holder of any of the certificates' keys only; DER.

    :raises M3DError: a certificate is none for RSA, or there is not enough memory.
    """
    requireAsn1()
    from cryptography.hazmat.primitives.ciphers import algorithms
    from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

    requireRoom(_COPIES * len(content), "Encrypting the package")
    builder = pkcs7.PKCS7EnvelopeBuilder().set_data(content).set_content_encryption_algorithm(algorithms.AES256)
    for certificate in certificates:
        try:
            builder = builder.add_recipient(certificate)
        except TypeError as error:
            raise M3DError(
                f"The certificate of '{nameOf(certificate)}' is not for RSA; encrypting needs a certificate for RSA."
            ) from error
    return builder.encrypt(Encoding.DER, [pkcs7.PKCS7Options.Binary])


def recipientsOf(der: bytes) -> list[str]:
    """For whom a message is encrypted: issuer and serial number of each certificate.

    :raises M3DError: it cannot be read.
    """
    return [_recipientName(recipient) for recipient in _envelope(der)["recipient_infos"]]


def decryptWith(der: bytes, key: Any, certificates: Sequence[Certificate] = (), magic: bytes = b"") -> bytes:
    """The content of a message.

    :param key: private RSA key of a recipient.
    :param certificates: of the key, as far as they are at hand: they tell which recipient it is.
    :param magic: with which the content begins, where that is known: what begins otherwise was decrypted with a wrong
        key, or was changed.
    :raises M3DError: it cannot be read, is not for this key, or was changed.
    """
    from cryptography.hazmat.primitives.asymmetric import rsa

    if not isinstance(key, rsa.RSAPrivateKey):
        raise M3DError("Packages are decrypted with an RSA key; this one is of another kind.")
    requireRoom(_COPIES * len(der), "Decrypting the package")
    envelope = _envelope(der)
    recipients = [one for one in envelope["recipient_infos"] if one.name == "ktri"]
    own = [one for one in recipients if any(_isFor(one, certificate) for certificate in certificates)]
    if certificates and not own:
        names = "; ".join(map(_recipientName, recipients)) or "nobody with a certificate"
        raise M3DError(f"The package is not encrypted for this key; it is for: {names}.")
    for recipient in own or recipients:
        content = _opened(envelope["encrypted_content_info"], recipient, key)
        if content is not None and content.startswith(magic):
            return content
    if own:
        raise M3DError("The encrypted package was changed or damaged: it does not open with the key it is meant for.")
    raise M3DError("The package does not open with this key: it is encrypted for another one, or was changed.")


def _envelope(der: bytes):
    requireAsn1()
    from asn1crypto import cms

    if der[1:2] == b"\x80" and len(der) > _LARGEST_STREAMED:
        raise M3DError(
            "The encrypted package was written as a stream (BER), which is read here up to "
            f"{_LARGEST_STREAMED >> 20} MB; open it with openssl cms -decrypt, and unpack what comes out."
        )

    try:
        info = cms.ContentInfo.load(der, strict=True)
        if info["content_type"].native != "enveloped_data":
            raise ValueError("not enveloped")
        envelope = info["content"]
        # Looked at now, so that what is damaged is found here.
        for recipient in envelope["recipient_infos"]:
            _recipientName(recipient)
        _ = envelope["encrypted_content_info"]["content_encryption_algorithm"]["algorithm"].native
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError) as error:
        raise M3DError(
            f"The encrypted package is cut short or damaged: its structure cannot be read ({type(error).__name__})."
        ) from error
    return envelope


def _recipientName(recipient) -> str:
    if recipient.name != "ktri":
        return "a recipient of another kind"
    identifier = recipient.chosen["rid"]
    if identifier.name == "issuer_and_serial_number":
        issuer = identifier.chosen["issuer"].human_friendly
        return f"certificate {identifier.chosen['serial_number'].native:x} of {issuer}"
    return f"key {identifier.native.hex()}"


def _isFor(recipient, certificate: Certificate) -> bool:
    from cryptography import x509

    identifier = recipient.chosen["rid"]
    if identifier.name == "issuer_and_serial_number":
        same = identifier.chosen["serial_number"].native == certificate.serial_number
        return same and identifier.chosen["issuer"].dump() == certificate.issuer.public_bytes()
    made = x509.SubjectKeyIdentifier.from_public_key(certificate.public_key())
    return made.digest == identifier.native


def _opened(encrypted, recipient, key: Any) -> bytes | None:
    """The content as one recipient's key opens it; None where it does not."""
    from cryptography.hazmat.primitives import hashes, padding
    from cryptography.hazmat.primitives.asymmetric import padding as rsaPadding
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    algorithm = encrypted["content_encryption_algorithm"]
    size = _AES_KEY_BYTES.get(algorithm["algorithm"].native)
    if size is None:
        raise M3DError(f"The package is encrypted with {algorithm['algorithm'].native}; only AES-CBC can be opened.")
    kind = recipient.chosen["key_encryption_algorithm"]["algorithm"].native
    schemes = {
        "rsaes_pkcs1v15": rsaPadding.PKCS1v15(),
        "rsa": rsaPadding.PKCS1v15(),
        "rsaes_oaep": rsaPadding.OAEP(rsaPadding.MGF1(hashes.SHA1()), hashes.SHA1(), None),
    }
    if kind not in schemes:
        return None
    try:
        secret = key.decrypt(recipient.chosen["encrypted_key"].native, schemes[kind])
        if len(secret) != size:
            return None
        vector = algorithm["parameters"].native
        decryptor = Cipher(algorithms.AES(secret), modes.CBC(vector)).decryptor()
        unpadder = padding.PKCS7(128).unpadder()
        content = bytes(encrypted["encrypted_content"])
        padded = decryptor.update(content) + decryptor.finalize()
        return unpadder.update(padded) + unpadder.finalize()
    except (ValueError, TypeError):
        return None
