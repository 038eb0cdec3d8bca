"""A certificate authority of the tests' own, and what it signs."""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

_DAY = dt.timedelta(days=1)


@dataclass
class Certificate:
    """Files in PEM format; ``both`` holds certificate and key, as Orthanc's web server wants them."""

    cert: Path
    key: Path
    both: Path


class CertificateAuthority:
    """Signs certificates for loopback; its own is the file ``cert``."""

    def __init__(self, folder, name="M3D test"):
        self.folder = Path(folder)
        self._key = rsa.generate_private_key(65537, 2048)
        self._name = _named(name)
        certificate = self._signed(self._name, self._key, self._name, isAuthority=True)
        self.cert = self.folder / f"{name.replace(' ', '-')}-ca.pem"
        self.cert.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name, hosts=("127.0.0.1",), *, daysOld=0, daysLeft=2):
        """A certificate and its key, for addresses or names."""
        key = rsa.generate_private_key(65537, 2048)
        certificate = self._signed(_named(name), key, self._name, hosts=hosts, daysOld=daysOld, daysLeft=daysLeft)
        made = Certificate(*(self.folder / f"{name}-{part}.pem" for part in ("cert", "key", "both")))
        certText = certificate.public_bytes(serialization.Encoding.PEM)
        keyText = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        made.cert.write_bytes(certText)
        made.key.write_bytes(keyText)
        made.both.write_bytes(certText + keyText)
        return made

    def _signed(self, subject, key, issuer, *, isAuthority=False, hosts=(), daysOld=0, daysLeft=2):
        now = dt.datetime.now(dt.timezone.utc)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - (daysOld + 1) * _DAY)
            .not_valid_after(now + daysLeft * _DAY)
            .add_extension(x509.BasicConstraints(ca=isAuthority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .add_extension(
                x509.KeyUsage(True, False, False, False, False, isAuthority, isAuthority, False, False), critical=True
            )
        )
        if hosts:
            builder = builder.add_extension(x509.SubjectAlternativeName([_host(one) for one in hosts]), critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _named(name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _host(host):
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
