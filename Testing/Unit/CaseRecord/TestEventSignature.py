"""Signed confirmations: whoever changes one afterwards is found out."""

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from M3DLib.CaseRecord.CaseFiles import fileEntry
from M3DLib.CaseRecord.CaseFolder import confirmCase, openCase, recordWork
from M3DLib.CaseRecord.CaseVerification import verifyCase
from M3DLib.CaseRecord.EventSignature import signatureProblem, signer, signerOf
from M3DLib.CaseRecord.RecordEvent import canonical
from M3DLib.CaseRecord.RecordFile import RECORD_FILE, readEvents
from M3DLib.Errors import M3DError

x509 = pytest.importorskip("cryptography.x509")
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

KINDS = {
    "RSASSA-PSS-SHA256": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ECDSA-SHA256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
}


def certified(key, days=30):
    """A certificate that a key has made for itself."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Dr. Berg")])
    now = datetime.now(timezone.utc)
    begin, end = sorted((now - timedelta(days=60 if days < 0 else 1), now + timedelta(days=days)))
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(begin).not_valid_after(end)
    return builder.sign(key, algorithm)


def pem(key, certificate, password=None):
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    return private + certificate.public_bytes(serialization.Encoding.PEM)


@pytest.fixture(scope="module")
def key():
    return KINDS["ECDSA-SHA256"]()


@pytest.fixture
def case(tmp_path):
    folder = tmp_path / "case"
    openCase(folder, "7", "Skull")
    (folder / "skull.dcm").write_bytes(b"model")
    recordWork(folder, "exported", outputs=[fileEntry(folder / "skull.dcm", folder, "model")])
    return folder


def signedWith(folder, key, certificate):
    file = folder.parent / "key.pem"
    file.write_bytes(pem(key, certificate))
    return confirmCase(folder, "design", person="Dr. Berg", role="surgeon", sign=signer(file))


@pytest.mark.parametrize("kind", KINDS)
def test_aSignedConfirmationIsVerified(case, kind):
    key = KINDS[kind]()
    event = signedWith(case, key, certified(key))
    assert event.signature["algorithm"] == kind
    assert signatureProblem(event) == ""
    assert signerOf(event) == "CN=Dr. Berg"
    found = verifyCase(case)
    assert (found.isWhole, found.signaturesChecked) == (True, 1)


def test_anEventEditedAfterItWasSignedIsFoundEvenWhereTheChainWasMadeAnew(case, key):
    event = signedWith(case, key, certified(key))
    forged = replace(event, person="Eve")
    lines = (case / RECORD_FILE).read_bytes().splitlines()
    (case / RECORD_FILE).write_bytes(b"\n".join([*lines[:-1], forged.line(), b""]))
    assert len(readEvents(case)) == 3
    (problem,) = verifyCase(case).problems
    assert "Event 3 (confirmed, Eve): its signature does not fit" in problem


def test_aSignatureOfAnotherKeyIsFound(case, key):
    event = signedWith(case, key, certified(key))
    other = KINDS["ECDSA-SHA256"]()
    foreign = certified(other).public_bytes(serialization.Encoding.PEM).decode("ascii")
    assert "does not fit" in signatureProblem(replace(event, signature={**event.signature, "certificate": foreign}))


def test_anExpiredCertificateIsFound(case, key):
    event = signedWith(case, key, certified(key, days=-5))
    assert "its certificate was valid from" in signatureProblem(event)


@pytest.mark.parametrize("broken", [{}, {"value": "?"}, {"certificate": "none"}, {"algorithm": "Ed25519"}])
def test_aSignatureThatIsNoneIsFound(case, key, broken):
    event = signedWith(case, key, certified(key))
    signature = {**event.signature, **broken} if broken else {}
    assert signatureProblem(replace(event, signature=signature))


def test_aKeyWithPasswordInPkcs12IsRead(tmp_path, key):
    certificate = certified(key)
    content = serialization.pkcs12.serialize_key_and_certificates(
        b"berg", key, certificate, None, serialization.BestAvailableEncryption(b"secret")
    )
    file = tmp_path / "berg.p12"
    file.write_bytes(content)
    assert json.loads(canonical(signer(file, "secret")(b"text")))["algorithm"] == "ECDSA-SHA256"
    with pytest.raises(M3DError, match="the password must be right"):
        signer(file, "wrong")


def test_aKeyWithTheCertificateOfAnotherIsRefused(tmp_path, key):
    file = tmp_path / "mixed.pem"
    file.write_bytes(pem(key, certified(KINDS["ECDSA-SHA256"]())))
    with pytest.raises(M3DError, match="does not belong to the certificate"):
        signer(file)
