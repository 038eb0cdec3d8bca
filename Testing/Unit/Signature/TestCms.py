"""Signatures and encryption of files: openssl reads ours, we read openssl's; what is wrong is told apart."""

import random
import shutil
import subprocess

import pytest

from M3DLib.Errors import M3DError
from M3DLib.Signature.CmsEnvelope import decryptWith, encryptFor, looksEncrypted, recipientsOf
from M3DLib.Signature.CmsSignature import signCms, verifyCms
from M3DTestSupport.Certificates import certificateOf, keyPem, pemOf, rsaKey

pytest.importorskip("asn1crypto")
needsOpenssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
CONTENT = b"manifest of a package\n" * 40


def openssl(*arguments):
    return subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False)


def stateOf(der, content=CONTENT, trusted=()):
    return [state.state for state in verifyCms(der, content, "the manifest", trusted)]


def testEachKindOfWrongSignatureIsToldApart():
    own, other = certificateOf(), certificateOf("Somebody")
    der = signCms(CONTENT, [(rsaKey(), own)])
    assert stateOf(der) == ["notChecked"]
    assert stateOf(der, trusted=[own]) == ["valid"]
    assert stateOf(der, trusted=[other]) == ["foreign"]
    assert stateOf(der, CONTENT + b" ") == ["changed"]
    assert stateOf(der[:-40]) == ["unreadable"]
    old = certificateOf(days=-1)
    assert stateOf(signCms(CONTENT, [(rsaKey(), old)]), trusted=[old]) == ["expired"]


def testSignerIsTrustedWhomATrustedIssuerVouchesFor():
    issuer = certificateOf("Issuer", isIssuer=True)
    own = certificateOf(issuer="Issuer")
    der = signCms(CONTENT, [(rsaKey(), own)])
    assert stateOf(der, trusted=[issuer]) == ["valid"]
    assert stateOf(der, trusted=[certificateOf("Issuer", isIssuer=False)]) == ["foreign"]


@needsOpenssl
def testOpensslVerifiesOurSignatureAndWeVerifyThatOfOpenssl(tmp_path):
    own = certificateOf()
    names = ("content", "signature.p7s", "certificate.pem", "key.pem", "theirs.p7s")
    content, signature, certificate, key, theirs = (tmp_path / name for name in names)
    content.write_bytes(CONTENT)
    signature.write_bytes(signCms(CONTENT, [(rsaKey(), own)]))
    certificate.write_bytes(pemOf(own))
    key.write_bytes(keyPem())
    common = ("cms", "-verify", "-binary", "-inform", "DER", "-purpose", "any")
    done = openssl(*common, "-in", signature, "-content", content, "-CAfile", certificate)
    assert done.returncode == 0, done.stderr
    signing = ("cms", "-sign", "-binary", "-outform", "DER", "-md", "sha256", "-in", content, "-signer", certificate)
    assert openssl(*signing, "-inkey", key, "-out", theirs).returncode == 0
    assert stateOf(theirs.read_bytes(), trusted=[own]) == ["valid"]
    assert openssl(*signing, "-inkey", key, "-out", theirs, "-keyopt", "rsa_padding_mode:pss").returncode == 0
    assert stateOf(theirs.read_bytes(), trusted=[own]) == ["valid"]


def testNoFlippedBitMakesAnotherSignatureValid():
    own = certificateOf()
    der = signCms(CONTENT, [(rsaKey(), own)])
    value = rsaKey().key_size // 8
    generator = random.Random(5)
    for _number in range(200):
        changed = bytearray(der)
        place = generator.randrange(len(der) - value, len(der))
        changed[place] ^= 1 << generator.randrange(8)
        assert stateOf(bytes(changed), trusted=[own]) in (["changed"], ["unreadable"])


@needsOpenssl
def testEveryRecipientOpensWhatIsEncryptedForSeveral(tmp_path):
    first, second = certificateOf("First"), certificateOf("Second")
    content = random.Random(1).randbytes(200_000)
    der = encryptFor(content, [first, second])
    assert looksEncrypted(der)
    assert len(recipientsOf(der)) == 2
    message, key, opened = tmp_path / "case.p7m", tmp_path / "key.pem", tmp_path / "opened"
    message.write_bytes(der)
    for name, certificate in (("First", first), ("Second", second)):
        assert decryptWith(der, rsaKey(name), [certificate]) == content
        assert decryptWith(der, rsaKey(name), magic=content[:4]) == content
        key.write_bytes(keyPem(name))
        done = openssl("cms", "-decrypt", "-inform", "DER", "-in", message, "-inkey", key, "-out", opened)
        assert done.returncode == 0, done.stderr
        assert opened.read_bytes() == content


@needsOpenssl
def testWhatOpensslEncryptsOpensHere(tmp_path):
    own = certificateOf()
    plain, certificate, message = tmp_path / "plain", tmp_path / "certificate.pem", tmp_path / "message"
    plain.write_bytes(CONTENT)
    certificate.write_bytes(pemOf(own))
    command = ["cms", "-encrypt", "-binary", "-outform", "DER", "-aes-256-cbc", "-in", plain, "-out", message]
    for more in ((), ("-stream",), ("-recip", certificate, "-keyopt", "rsa_padding_mode:oaep")):
        done = openssl(*command, *more, *([] if "-recip" in more else [certificate]))
        assert done.returncode == 0, done.stderr
        assert decryptWith(message.read_bytes(), rsaKey(), [own]) == CONTENT


def testForeignKeyAndDamageAreToldApart():
    own = certificateOf()
    der = encryptFor(b"PK\x03\x04" + CONTENT, [own])
    with pytest.raises(M3DError, match="not encrypted for this key"):
        decryptWith(der, rsaKey("Other"), [certificateOf("Other")])
    with pytest.raises(M3DError, match="does not open with this key"):
        decryptWith(der, rsaKey("Other"), magic=b"PK\x03\x04")
    with pytest.raises(M3DError, match="cut short or damaged"):
        decryptWith(der[:200], rsaKey(), [own])
    changed = bytearray(der)
    changed[-500] ^= 1
    assert decryptWith(der, rsaKey(), [own], b"PK").startswith(b"PK")
    # CBC has no authenticity of its own: what is inside must be checked, and is.
    assert decryptWith(bytes(changed), rsaKey(), [own]) != b"PK\x03\x04" + CONTENT
