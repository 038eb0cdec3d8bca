"""To the manufacturer and back: packed, verified, unpacked, read, sent on, and brought back to the patient."""

import json
import shutil
import subprocess

import pytest
from pydicom import dcmread

from M3DTestSupport.Certificates import keyPem, writeSigner
from M3DTestSupport.HandOverCase import m3d, m3dJson, secretsIn
from M3DTestSupport.Reports import writeNamedScan

pytest.importorskip("dicomanonymizer")
pytest.importorskip("typst")


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """What the house has: a scan, and what m3d run has made of it."""
    folder = tmp_path_factory.mktemp("house")
    writeNamedScan(folder / "scan")
    arguments = (
        "run",
        "--image",
        folder / "scan",
        "--threshold",
        500,
        "--output",
        folder / "run",
        "--title",
        "mandible",
    )
    status = m3d(*arguments, "--formats", "html,pdf,sr", "--files", "stl,3mf", "--export-anyway", "a phantom")
    assert status in (0, 1, 3)
    return folder


@pytest.fixture(scope="module")
def sent(house, tmp_path_factory):
    """The package as it went out, and the keys of both sides."""
    folder = tmp_path_factory.mktemp("sent")
    signer, trusted = writeSigner(folder, "Dr. Berg", "house")
    _both, certificate = writeSigner(folder, "Maker", "maker")
    (folder / "maker-key.pem").write_bytes(keyPem("Maker"))
    arguments = ("package", house, "--output", folder / "case.p7m", "--pseudonym", "M-7", "--keep-images")
    assert m3d(*arguments, "--sign", signer, "--encrypt-for", certificate) == 0
    return folder, trusted


@pytest.fixture(scope="module")
def received(sent):
    """What the manufacturer has unpacked."""
    folder, trusted = sent
    arguments = ("--key", folder / "maker-key.pem", "--trust", trusted)
    assert m3d("verify", folder / "case.p7m", *arguments) == 0
    assert m3d("unpack", folder / "case.p7m", *arguments, "--output", folder / "received") == 0
    return folder / "received" / "data"


def testNothingOfThePatientArrives(received):
    assert secretsIn(received.parent) == []


def testTheModelAndThePrintFileHoldTheSameShape(received, house, capsys):
    status, facts = m3dJson(capsys, "inspect", received / "models/model-1.dcm")
    assert status == 0
    assert m3d("extract", received / "models/model-1.dcm", "--output", received.parent / "extracted.stl") == 0
    before = next((house / "run").rglob("*.stl")).read_bytes()
    assert (received.parent / "extracted.stl").read_bytes() == before
    assert next((received / "models").glob("*.stl")).read_bytes() == before
    trimesh = pytest.importorskip("trimesh")
    printed = trimesh.load(next((received / "models").glob("*.3mf")), force="mesh")
    modeled = trimesh.load(received.parent / "extracted.stl")
    assert printed.volume == pytest.approx(modeled.volume, rel=1e-5)
    assert printed.bounds == pytest.approx(modeled.bounds, abs=1e-3)
    assert facts


def testTheReportCanBeReadAndMadeAnew(received, capsys):
    report = received / "reports/report-1"
    data = json.loads((report / "report.json").read_text(encoding="utf-8"))
    assert data["case"]["patient"]["name"] == "M-7"
    assert data["case"]["pseudonymized"] is True
    model = dcmread(received / "models/model-1.dcm", defer_size=1024)
    assert data["case"]["study"]["studyInstanceUid"] == model.StudyInstanceUID
    assert "M-7" in (report / "report.html").read_text(encoding="utf-8")
    assert m3d("report", report / "report.json", "--formats", "html", "--output", received.parent / "anew") == 0
    if shutil.which("pdftotext"):
        text = subprocess.run(["pdftotext", report / "report.pdf", "-"], check=True, capture_output=True, text=True)
        assert "M-7" in text.stdout
    capsys.readouterr()


def testDocumentsInDicomReferToTheModel(received):
    documents = [dcmread(file) for file in sorted((received / "reports").glob("*.dcm"))]
    assert {str(document.Modality) for document in documents} == {"SR", "DOC"}
    model = dcmread(received / "models/model-1.dcm", defer_size=1024)
    for document in documents:
        assert document.StudyInstanceUID == model.StudyInstanceUID
        assert document.PatientID == "M-7"
    pdf = next(document for document in documents if document.Modality == "DOC")
    assert pdf.EncapsulatedDocument.startswith((received / "reports/report-1/report.pdf").read_bytes())


def testTheManufacturerCanValidateAgainstTheScanAgain(received):
    output = received.parent / "validated"
    arguments = ("validate", "--image", received / "images", "--mesh", received / "models/model-1.dcm")
    assert m3d(*arguments, "--output", output) in (0, 1, 3)
    report = json.loads((output / "report.json").read_text(encoding="utf-8"))
    deviation = next(one for one in report["findings"] if one["requirement"] == "deviation-p95")
    assert deviation["measured"] < 0.5


def testWhatWasReceivedCanBeSentOn(received):
    pytest.importorskip("pynetdicom")
    from M3DTestSupport.DimseStub import DimseStub

    with DimseStub() as stub:
        assert m3d("send", received / "models/model-1.dcm", "--dimse", stub.address) in (0, 3)
        assert [str(one.PatientID) for one in stub.stored.values()] == ["M-7"]


def testItComesBackToThePatient(sent, house):
    folder, _trusted = sent
    arguments = ("unpack", folder / "case.p7m", "--key", folder / "maker-key.pem", "--output", folder / "back")
    assert m3d(*arguments, "--restore-identity", folder / "case.identity") == 0
    before = json.loads((house / "run/report.json").read_text(encoding="utf-8"))
    back = folder / "back/data"
    assert json.loads((back / "reports/report-1/report.json").read_text(encoding="utf-8")) == before
    model = dcmread(back / "models/model-1.dcm", defer_size=1024)
    assert (str(model.PatientName), model.PatientID) == ("Grünwald^Änne^Maria", "PID-20481")
    assert model.StudyInstanceUID == before["case"]["study"]["studyInstanceUid"]
