"""Digital signatures in DICOM objects: DCMTK accepts ours, we accept DCMTK's, and no change goes unseen."""

import io
import random
import shutil
import subprocess

import pytest
from pydicom import dcmread

from M3DLib.Dicom.DicomFile import writeDicomFile
from M3DLib.Errors import M3DError
from M3DLib.Signature.DicomSignature import signDicom, verifyDicom
from M3DTestSupport.Certificates import certificateOf, keyPem, pemOf, rsaKey, writeSigner
from M3DTestSupport.Models import makeObject

needsDcmsign = pytest.mark.skipif(shutil.which("dcmsign") is None, reason="DCMTK's dcmsign is not installed")


@pytest.fixture
def signed(tmp_path):
    """A signed object with a name that is not plain ASCII, and an element of odd length."""
    dataset = makeObject()
    dataset.PatientName = "Grün^Änne"
    dataset.ContentDescription = "odd"
    signDicom(dataset, rsaKey(), certificateOf())
    file = tmp_path / "signed.dcm"
    writeDicomFile(dataset, file)
    return file


def stateOf(file, trusted=()):
    (state,) = verifyDicom(file, "the object", trusted)
    return state


def testOwnSignatureFitsAndNamesItsSigner(signed):
    state = stateOf(signed)
    assert (state.state, state.signer) == ("notChecked", "CN=Dr. Berg")
    assert "--trust" in state.sentence
    assert stateOf(signed, [certificateOf()]).state == "foreign"
    own = dcmread(signed).DigitalSignaturesSequence[0].CertificateOfSigner
    from cryptography.x509 import load_der_x509_certificate

    length = 4 + int.from_bytes(own[2:4], "big")
    assert stateOf(signed, [load_der_x509_certificate(own[:length])]).state == "valid"


@needsDcmsign
def testDcmtkAcceptsOurSignatureAsOneOfTheCreatorProfile(signed, tmp_path):
    dataset = dcmread(signed)
    certificate = tmp_path / "trusted.der"
    own = dataset.DigitalSignaturesSequence[0].CertificateOfSigner
    certificate.write_bytes(own[: 4 + int.from_bytes(own[2:4], "big")])
    command = ["dcmsign", "-der", "--verify", "+rc", "+cf", certificate, signed]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    assert "Signature Verification : OK" in process.stderr


@needsDcmsign
def testDcmtkFindsThatASignedObjectWasChanged(signed):
    content = signed.read_bytes()
    signed.write_bytes(content.replace(b"PID-4711", b"PID-4712"))
    process = subprocess.run(["dcmsign", "--verify", signed], capture_output=True, text=True, check=False)
    assert process.returncode != 0 or "OK" not in process.stderr
    assert stateOf(signed).state == "changed"


@needsDcmsign
@pytest.mark.parametrize("syntax", ["+te", "+ti"])
def testWeAcceptTheSignatureOfDcmtk(tmp_path, syntax):
    plain, signed = tmp_path / "plain.dcm", tmp_path / "signed.dcm"
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    key.write_bytes(keyPem())
    own = certificateOf()
    certificate.write_bytes(pemOf(own))
    writeDicomFile(makeObject(), plain)
    command = ["dcmsign", "+s", key, certificate, "+m2", "+pc", syntax, plain, signed]
    subprocess.run(command, check=True, capture_output=True)
    assert stateOf(signed, [own]).state == "valid"
    content = signed.read_bytes()
    signed.write_bytes(content.replace(b"Doe^Jane", b"Doe^June"))
    assert stateOf(signed, [own]).state == "changed"


def testTwoSignaturesHoldSideBySide(tmp_path):
    dataset = makeObject()
    first, second = certificateOf("First"), certificateOf("Second")
    signDicom(dataset, rsaKey("First"), first)
    signDicom(dataset, rsaKey("Second"), second)
    file = tmp_path / "two.dcm"
    writeDicomFile(dataset, file)
    states = verifyDicom(file, "it", [first, second])
    assert [state.state for state in states] == ["valid", "valid"]
    assert [state.signer for state in states] == ["CN=First", "CN=Second"]


def testExpiredCertificateIsToldApart(tmp_path):
    dataset = makeObject()
    signDicom(dataset, rsaKey(), certificateOf(days=-10))
    assert [state.state for state in verifyDicom(_reread(dataset), "it")] == ["expired"]


def testNoFlippedBitThatChangesASignedValueGoesUnseen(signed):
    content = signed.read_bytes()
    before = _dataset(content)
    end = content.index(b"\xfe\x4f\x01\x00SQ")
    generator = random.Random(20261127)
    for _number in range(150):
        place = generator.randrange(132 + 220, end)
        changed = bytearray(content)
        changed[place] ^= 1 << generator.randrange(8)
        try:
            states = verifyDicom(_dataset(bytes(changed)), "it")
        except M3DError:
            continue
        if not states:
            # A length that swallows the signature leaves an unsigned object, and is not taken for a signed one.
            continue
        # Bytes that are reserved, and lengths of sequences, say nothing to a reader.
        assert states[0].isProblem or _dataset(bytes(changed)) == before, f"byte {place}: {states[0].sentence}"


def testElementThatWasAddedIsNamed(signed):
    dataset = dcmread(signed)
    dataset.ImageComments = "added"
    signed.unlink()
    writeDicomFile(dataset, signed)
    state = stateOf(signed)
    assert state.state == "notChecked"
    assert "not about 1 of the object's elements, ImageComments" in state.sentence


def testElementThatWasRemovedIsNoticed(signed):
    dataset = dcmread(signed)
    del dataset.ContentDescription
    signed.unlink()
    writeDicomFile(dataset, signed)
    assert "1 of the elements that were signed are gone" in stateOf(signed).sentence


def testUnsignedObjectHasNoState(tmp_path):
    file = tmp_path / "plain.dcm"
    writeDicomFile(makeObject(), file)
    assert verifyDicom(file, "it") == []


def testKeyThatIsNotRsaIsRefused():
    from cryptography.hazmat.primitives.asymmetric import ec

    with pytest.raises(M3DError, match="RSA"):
        signDicom(makeObject(), ec.generate_private_key(ec.SECP256R1()), certificateOf())


def testKeyWithAPasswordComesFromTheEnvironment(tmp_path, monkeypatch):
    from M3DLib.Signature.KeyFile import loadSigner, passwordFor

    both, _alone = writeSigner(tmp_path, password=b"secret")
    monkeypatch.setenv("M3D_KEY_PASSWORD", "secret")
    key, _certificate = loadSigner(both, passwordFor(str(both)))
    assert key.key_size == 2048
    with pytest.raises(M3DError, match="must be right"):
        loadSigner(both, "wrong")


def _reread(dataset):
    from pydicom import dcmwrite

    stream = io.BytesIO()
    dcmwrite(stream, dataset, enforce_file_format=True)
    return _dataset(stream.getvalue())


def _dataset(content):
    try:
        return dcmread(io.BytesIO(content))
    except Exception as error:
        raise M3DError("damaged beyond reading") from error
