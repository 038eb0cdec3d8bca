"""Private keys and certificates in files, and where their passwords come from: never from a command line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..Errors import M3DError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

KEY_PASSWORD = "M3D_KEY_PASSWORD"
KEYRING_SERVICE = "SlicerM3D"
_PEM_MARK = b"-----BEGIN "
_NEEDS_CRYPTOGRAPHY = "Signatures and encryption need the Python package cryptography: pip install SlicerM3D[handover]"


def requireCryptography() -> None:
    """Raise :class:`M3DError` when the package that signs and encrypts is not installed."""
    try:
        import cryptography.x509  # noqa: F401
    except ImportError as error:
        raise M3DError(_NEEDS_CRYPTOGRAPHY) from error


def passwordFor(name: str, variable: str = KEY_PASSWORD) -> str:
    """A password from the environment, else from the keyring of the system; empty where neither has one.

    :param name: user name under which the keyring has it, of the service ``KEYRING_SERVICE``: the path of a key file as
        it was given, for example.
    :param variable: of the environment, which goes first.
    """
    found = os.environ.get(variable, "")
    if found:
        return found
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        return ""
    try:
        return keyring.get_password(KEYRING_SERVICE, name) or ""
    except KeyringError:
        # No keyring runs here: the same as one that does not know the name.
        return ""


def loadSigner(file: Path, password: str = "") -> tuple[Any, Certificate]:
    """A private key and the certificate that belongs to it.

    :param file: PKCS#12 with key and certificate, or PEM with both one after the other.
    :param password: of the file; empty for none.
    :raises M3DError: the file cannot be read, the password is wrong, or key and certificate do not belong together.
    """
    key, certificates = loadKey(file, password)
    if not certificates:
        raise M3DError(f"'{file}' lacks the certificate of its key; put both into one PEM file, one after the other.")
    fitting = [one for one in certificates if _publicBytes(one) == _publicBytes(key)]
    if not fitting:
        raise M3DError(f"The key in '{file}' does not belong to the certificate beside it.")
    return key, fitting[0]


def loadKey(file: Path, password: str = "") -> tuple[Any, list[Certificate]]:
    """A private key, and the certificates beside it in the file, of which there may be none.

    :raises M3DError: the file cannot be read, holds no key, or the password is wrong.
    """
    requireCryptography()
    from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12

    content = _content(file, "key")
    secret = password.encode("utf-8") or None
    try:
        if _PEM_MARK in content:
            return load_pem_private_key(content, secret), _pemCertificates(content)
        key, certificate, others = pkcs12.load_key_and_certificates(content, secret)
    except (ValueError, TypeError) as error:
        raise M3DError(
            f"'{file}' holds no key and certificate that can be read: it is PEM or PKCS#12 (.p12), and the password "
            f"must be right (it is taken from {KEY_PASSWORD} or the keyring)."
        ) from error
    except Exception as error:
        # Kinds of keys that the library does not know raise what is no ValueError.
        raise M3DError(f"'{file}' holds a key of a kind that is not used here ({type(error).__name__}).") from error
    if key is None:
        raise M3DError(f"'{file}' lacks the private key.")
    return key, [one for one in (certificate, *others) if one is not None]


def loadCertificates(file: Path) -> list[Certificate]:
    """The certificates in a PEM or DER file, at least one.

    :raises M3DError: the file cannot be read or holds none.
    """
    requireCryptography()
    from cryptography import x509

    content = _content(file, "certificate")
    try:
        found = _pemCertificates(content) if _PEM_MARK in content else [x509.load_der_x509_certificate(content)]
    except ValueError as error:
        raise M3DError(f"'{file}' holds no certificate that can be read (PEM or DER).") from error
    if not found:
        raise M3DError(f"'{file}' holds no certificate.")
    return found


def _pemCertificates(content: bytes) -> list[Certificate]:
    from cryptography import x509

    return x509.load_pem_x509_certificates(content) if b"-----BEGIN CERTIFICATE-----" in content else []


def _content(file: Path, what: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise M3DError(f"The {what} '{file}' cannot be read: {error.strerror}.") from error


def _publicBytes(holder: Any) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return holder.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
