"""Keys and certificates for tests, made once for each name."""

from datetime import datetime, timedelta, timezone
from functools import cache

import pytest

x509 = pytest.importorskip("cryptography.x509")
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa


def rsaKey(name="Dr. Berg"):
    """An RSA key of a person, always the same one."""
    return _made(name)


@cache
def _made(_name):
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificateOf(name="Dr. Berg", days=30, *, issuer=None, isIssuer=False, purposes=(), key=None):
    """A certificate for a person's key.

    :param days: it holds from now; negative for one that has expired so long ago.
    :param issuer: name of who signs it; the person itself when None.
    """

    def common(text):
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    now = datetime.now(timezone.utc)
    begin, end = now - timedelta(days=400), now + timedelta(days=days)
    builder = x509.CertificateBuilder().subject_name(common(name)).issuer_name(common(issuer or name))
    builder = builder.public_key((key or rsaKey(name)).public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(begin).not_valid_after(end)
    builder = builder.add_extension(x509.BasicConstraints(ca=isIssuer, path_length=None), critical=True)
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(list(purposes)), critical=True)
    signing = rsaKey(issuer) if issuer else (key or rsaKey(name))
    return builder.sign(signing, hashes.SHA256())


def pemOf(certificate):
    """A certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def keyPem(name="Dr. Berg", password=None):
    """A person's key alone, as PEM."""
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return rsaKey(name).private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def writeSigner(folder, name="Dr. Berg", stem="signer", password=None, **more):
    """Files of a person: key with certificate, and the certificate alone."""
    certificate = certificateOf(name, **more)
    both, alone = folder / f"{stem}.pem", folder / f"{stem}-certificate.pem"
    both.write_bytes(keyPem(name, password) + pemOf(certificate))
    alone.write_bytes(pemOf(certificate))
    return both, alone
