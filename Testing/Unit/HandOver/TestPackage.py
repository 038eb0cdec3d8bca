"""What leaves the house: without identity, with references that hold, whole, and with a way back."""

import hashlib
import json
import shutil
import subprocess
from collections import Counter

import pytest
from pydicom import dcmread

from M3DLib.DeIdentification.Replacements import WITHHELD
from M3DTestSupport.Certificates import keyPem, writeSigner
from M3DTestSupport.HandOverCase import (
    m3d,
    m3dJson,
    secretsIn,
    writeCase,
    writeModel,
    writeSlices,
)

bagit = pytest.importorskip("bagit")
pytest.importorskip("dicomanonymizer")
pytest.importorskip("pypdf")


@pytest.fixture
def case(tmp_path):
    return writeCase(tmp_path / "case")


@pytest.fixture
def unpacked(case, tmp_path):
    assert m3d("package", case, "--output", tmp_path / "case.zip", "--pseudonym", "P-1", "--keep-images") == 0
    assert m3d("unpack", tmp_path / "case.zip", "--output", tmp_path / "received") == 0
    return tmp_path / "received"


def testNothingOfThePatientIsAnywhereInAPackage(unpacked, case):
    assert secretsIn(case), "the search of this test finds what it looks for"
    assert secretsIn(unpacked) == []


def testTheModelIsTheSameAndEveryReferenceStillHolds(unpacked, case):
    model = dcmread(next((unpacked / "data/models").glob("*.dcm")))
    before = dcmread(case / "model.dcm")
    assert model.EncapsulatedDocument == before.EncapsulatedDocument
    images = [dcmread(file) for file in sorted((unpacked / "data/images").rglob("*.dcm"))]
    assert len(images) == 3
    assert {str(item.ReferencedSOPInstanceUID) for item in model.SourceInstanceSequence} == {
        str(image.SOPInstanceUID) for image in images
    }
    assert model.StudyInstanceUID == images[0].StudyInstanceUID != before.StudyInstanceUID
    assert model.FrameOfReferenceUID == images[0].FrameOfReferenceUID != before.FrameOfReferenceUID
    assert model.ReferencedSeriesSequence[0].SeriesInstanceUID == images[0].SeriesInstanceUID
    assert {str(image.PatientName) for image in images} == {"P-1"}
    assert {image.PatientID for image in images} == {"P-1"}
    assert images[0].PixelData == bytes(range(128))
    assert images[0].PatientIdentityRemoved == "YES"
    assert not any(element.tag.is_private for element in images[0])


def testLooseModelsKeepTheirTriangles(unpacked, case):
    before = (case / "loose" / "femur grünwald.stl").read_bytes()
    after = next((unpacked / "data/models").glob("*.stl")).read_bytes()
    assert after[80:] == before[80:]
    trimesh = pytest.importorskip("trimesh")
    for kind in ("3mf", "obj"):
        mesh = trimesh.load(next((unpacked / "data/models").glob(f"*.{kind}")), force="mesh")
        assert abs(mesh.volume) == pytest.approx(1 / 6)


def testTheBagIsOneForTheLibraryOfCongress(unpacked):
    assert bagit.Bag(str(unpacked)).validate()
    page = (unpacked / "contents.html").read_text(encoding="utf-8")
    assert "P-1" in page
    assert "data/models/model-1.dcm" in page


def testWithoutKeepImagesScansStayInTheHouse(case, tmp_path, capsys):
    status, result = m3dJson(capsys, "package", case, "--output", tmp_path / "case.zip", "--pseudonym", "P-1")
    assert status == 0
    assert not any("images" in entry["file"] for entry in result["files"])
    reasons = Counter(entry["reason"] for entry in result["leftOut"])
    assert reasons["images are packed with --keep-images only"] == 3
    assert result["searched"]["files"] >= len(result["files"])


def testTheTableBringsThePackageBackToThePatient(case, tmp_path):
    output, table = tmp_path / "case.zip", tmp_path / "case.identity"
    assert m3d("package", case, "--output", output, "--pseudonym", "P-1", "--keep-images") == 0
    assert b"PID" not in table.read_bytes()
    assert (tmp_path / "case.identity.key").stat().st_mode & 0o077 == 0
    assert m3d("unpack", output, "--output", tmp_path / "back", "--restore-identity", table) == 0
    model = dcmread(next((tmp_path / "back/data/models").glob("*.dcm")))
    before = dcmread(case / "model.dcm")
    for keyword in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "PatientName"):
        assert model[keyword].value == before[keyword].value
    for keyword in ("PatientID", "PatientBirthDate", "AccessionNumber", "StudyDate"):
        assert model[keyword].value == before[keyword].value
    assert model.SourceInstanceSequence == before.SourceInstanceSequence
    assert "PatientIdentityRemoved" not in model


def testTheTableOpensWithItsPasswordOrCertificateOnly(case, tmp_path, monkeypatch, capsys):
    signer, certificate = writeSigner(tmp_path, "House", "house")
    foreign, _alone = writeSigner(tmp_path, "Other", "other")
    arguments = ("package", case, "--pseudonym", "P-1", "--output", tmp_path / "a.zip")
    assert m3d(*arguments, "--table", tmp_path / "t1", "--table-for", certificate) == 0
    monkeypatch.setenv("M3D_TABLE_PASSWORD", "correct horse")
    assert m3d(*arguments, "--table", tmp_path / "t2") == 0
    assert not (tmp_path / "t2.key").exists()
    back = ("unpack", tmp_path / "a.zip", "--output", tmp_path / "back", "--restore-identity")
    assert m3d(*back, tmp_path / "t1", "--table-key", foreign) == 2
    monkeypatch.setenv("M3D_TABLE_PASSWORD", "wrong")
    assert m3d(*back, tmp_path / "t2") == 2
    assert "password is wrong" in capsys.readouterr().err
    assert not (tmp_path / "back").exists()
    monkeypatch.setenv("M3D_TABLE_PASSWORD", "correct horse")
    assert m3d(*back, tmp_path / "t2") == 0
    assert signer.exists()


def testARepeatedPackageNeverOverwritesTheWayBack(case, tmp_path, capsys):
    arguments = ("package", case, "--output", tmp_path / "case.zip", "--pseudonym", "P-1")
    assert m3d(*arguments) == 0
    before = (tmp_path / "case.identity").read_bytes()
    assert m3d(*arguments) == 2
    assert "never overwritten" in capsys.readouterr().err
    assert (tmp_path / "case.identity").read_bytes() == before


@pytest.mark.parametrize("more", [(), ("--pseudonym", "P", "--with-identity"), ("--pseudonym", "P/../x")])
def testIdentityIsDecidedNeverAssumed(case, tmp_path, more):
    assert m3d("package", case, "--output", tmp_path / "case.zip", *more) == 2
    assert sorted(tmp_path.iterdir()) == [case]


def testWithIdentityFilesArePackedByteForByte(case, tmp_path):
    assert m3d("package", case, "--output", tmp_path / "case.zip", "--with-identity") == 0
    assert m3d("unpack", tmp_path / "case.zip", "--output", tmp_path / "received") == 0
    received = tmp_path / "received/data"
    assert (received / "files/case/loose/notes.txt").read_bytes() == (case / "loose/notes.txt").read_bytes()
    assert (received / "objects/case/model.dcm").read_bytes() == (case / "model.dcm").read_bytes()
    assert not (tmp_path / "case.identity").exists()


@pytest.mark.skipif(shutil.which("dcmsign") is None, reason="DCMTK's dcmsign is not installed")
def testSignedEncryptedPackageOpensForItsRecipientsAndWithOpenssl(case, tmp_path, capsys):
    signer, trusted = writeSigner(tmp_path, "Dr. Berg", "signer")
    _first, certificate = writeSigner(tmp_path, "Maker", "maker")
    key = tmp_path / "maker-key.pem"
    key.write_bytes(keyPem("Maker"))
    output = tmp_path / "case.zip.p7m"
    arguments = ("package", case, "--output", output, "--pseudonym", "P-1", "--sign", signer)
    assert m3d(*arguments, "--encrypt-for", certificate, trusted) == 0
    assert m3d("verify", output) == 3
    status, found = m3dJson(capsys, "verify", output, "--key", key, "--trust", trusted)
    assert (status, found["whole"]) == (0, True)
    states = {(entry["what"], entry["state"]) for entry in found["signatures"]}
    assert {("manifest-sha256.txt", "valid"), ("tagmanifest-sha256.txt", "valid")} < states
    assert ("'data/models/model-1.dcm'", "valid") in states
    plain = tmp_path / "plain.zip"
    command = ["openssl", "cms", "-decrypt", "-inform", "DER", "-in", output, "-inkey", key, "-out", plain]
    subprocess.run(command, check=True)
    assert m3d("verify", plain, "--trust", trusted) == 0
    assert m3d("unpack", output, "--output", tmp_path / "received", "--key", key, "--trust", trusted) == 0
    model = tmp_path / "received/data/models/model-1.dcm"
    checked = subprocess.run(["dcmsign", "--verify", "+rc", "+cf", trusted, model], check=False, capture_output=True)
    assert checked.returncode == 0
    manifest = tmp_path / "received/manifest-sha256.txt"
    command = ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", f"{manifest}.p7s", "-content", manifest]
    subprocess.run([*command, "-CAfile", trusted, "-purpose", "any"], check=True, capture_output=True)


def testAFileThatNamesThePatientInItsOutputNameIsRefused(case, tmp_path, capsys):
    assert m3d("package", case, "--output", tmp_path / "Grünwald.zip", "--pseudonym", "P-1") == 2
    assert "the name of the package" in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == [case]


def testImagesWithTextInTheirPixelsAreLeftOut(tmp_path, capsys):
    case = tmp_path / "case"
    writeSlices(case / "burned", BurnedInAnnotation="YES")
    writeSlices(case / "screen", series="1.2.3.4.301", modality="CT", ImageType=["DERIVED", "SECONDARY"])
    writeModel(case / "model.dcm")
    status, result = m3dJson(
        capsys, "package", case, "--output", tmp_path / "case.zip", "--pseudonym", "P-1", "--keep-images"
    )
    assert status == 0
    assert Counter(entry["reason"][:20] for entry in result["leftOut"])["it says that text is"] == 3


def testSameOriginalsGetOtherNumbersInAnotherPackage(case, tmp_path):
    digests = set()
    for name in ("a", "b"):
        assert m3d("package", case / "model.dcm", "--output", tmp_path / f"{name}.zip", "--pseudonym", "P-1") == 0
        assert m3d("unpack", tmp_path / f"{name}.zip", "--output", tmp_path / name) == 0
        digests.add(str(dcmread(tmp_path / name / "data/models/model-1.dcm").SOPInstanceUID))
    assert len(digests) == 2


def testAttributesOfTheProfileAreGone(unpacked):
    model = dcmread(next((unpacked / "data/models").glob("*.dcm")))
    for keyword in ("InstitutionName", "OperatorsName", "StationName", "StudyDescription", "PatientBirthDate"):
        assert not model.get(keyword)
    assert WITHHELD in model.ContentDescription


def testHashesOfTheManifestAreThoseOfTheFiles(unpacked):
    for line in (unpacked / "manifest-sha256.txt").read_text(encoding="utf-8").splitlines():
        digest, _space, name = line.partition("  ")
        assert hashlib.sha256((unpacked / name).read_bytes()).hexdigest() == digest
    assert json.loads((unpacked / "contents.json").read_text(encoding="utf-8"))["files"]
