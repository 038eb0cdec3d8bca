"""``--pacs``: what is stored in the file-set is sent too, in one request, or the run says that it was not."""

import base64
import builtins
import json

import pytest
from pydicom import dcmread

from M3DBatchLib.CommandLine import main
from M3DTestSupport.DicomWebStub import DicomWebStub
from M3DTestSupport.MeasurementReports import instances
from M3DTestSupport.Reports import writeNamedScan

pytest.importorskip("dicomweb_client", reason="dicomweb-client is not installed; Slicer brings it along")


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pacs")
    writeNamedScan(folder)
    return folder


@pytest.fixture
def server():
    with DicomWebStub() as stub:
        yield stub


@pytest.fixture
def easy(tmp_path):
    file = tmp_path / "easy.json"
    content = {
        "profile": "easy",
        "title": "easy",
        "version": "1",
        "tolerance": {"value": 1.0, "source": "set by the site"},
        "requirements": {"mesh-closed": {}},
    }
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


@pytest.fixture
def model(scan, easy):
    """Options that say which model is validated by what."""
    return ["--image", scan, "--threshold", 500, "--profile", easy]


def m3d(*arguments):
    return main([str(argument) for argument in arguments])


def requireSameAsStored(server, folder):
    """What the server got is what stands in the file-set, attribute by attribute."""
    files = instances(folder)
    stored = {str(dataset.SOPInstanceUID): dataset for dataset in map(dcmread, files)}
    assert stored and set(server.stored) == set(stored)
    for uid, dataset in stored.items():
        assert server.stored[uid] == dataset
    return sorted(str(dataset.Modality) for dataset in stored.values())


def test_runSendsModelAndReportsTogether(model, server, tmp_path, capsys):
    assert m3d("run", *model, "--output", tmp_path / "out", "--formats", "sr,pdf", "--pacs", server.url) == 0
    assert requireSameAsStored(server, tmp_path / "out" / "dicom") == ["DOC", "M3D", "SR"]
    assert server.requests == 1
    assert "Sent 3 objects to 127.0.0.1" in capsys.readouterr().out


def test_modelAndReportReferToEachOther(model, server, tmp_path):
    assert m3d("run", *model, "--output", tmp_path / "out", "--formats", "sr,pdf", "--pacs", server.url) == 0
    found = {str(dataset.Modality): dataset for dataset in server.stored.values()}
    referred = [item.ReferencedSOPInstanceUID for item in found["M3D"].ReferencedInstanceSequence]
    assert referred == [found["SR"].SOPInstanceUID, found["DOC"].SOPInstanceUID]
    assert found["M3D"].SOPInstanceUID in str(found["SR"].CurrentRequestedProcedureEvidenceSequence)
    referred = [item.ReferencedSOPInstanceUID for item in found["DOC"].ReferencedInstanceSequence]
    assert referred == [found["M3D"].SOPInstanceUID, found["SR"].SOPInstanceUID]


def test_validateAndReportSendTheirReports(scan, model, server, tmp_path):
    assert m3d("validate", *model, "--output", tmp_path / "out", "--formats", "sr", "--pacs", server.url) == 0
    assert requireSameAsStored(server, tmp_path / "out" / "dicom") == ["SR"]
    server.stored.clear()
    again = [tmp_path / "out" / "report.json", "--image", scan, "--output", tmp_path / "again", "--pacs", server.url]
    assert m3d("report", *again, "--formats", "sr,pdf") == 0
    assert requireSameAsStored(server, tmp_path / "again" / "dicom") == ["DOC", "SR"]


def test_exportAndEncapsulateSendTheirModels(scan, server, tmp_path):
    arguments = ["--image", scan, "--threshold", 500, "--output", tmp_path / "out", "--pacs", server.url]
    assert m3d("export", *arguments, "--stl") == 0
    assert requireSameAsStored(server, tmp_path / "out") == ["M3D"]
    server.stored.clear()
    (stl,) = (tmp_path / "out").glob("*.stl")
    assert m3d("encapsulate", stl, "--image", scan, "--output", tmp_path / "other", "--pacs", server.url) == 0
    assert requireSameAsStored(server, tmp_path / "other") == ["M3D"]
    server.stored.clear()
    single = tmp_path / "single.dcm"
    assert m3d("encapsulate", stl, "--image", scan, "--output", single, "--pacs", server.url) == 0
    assert list(server.stored) == [str(dcmread(single).SOPInstanceUID)]


def test_nothingIsSentWhereNothingIsExported(scan, server, tmp_path):
    strict = tmp_path / "strict.json"
    limits = {"passLimit": 0.1, "warningLimit": 0.2, "source": "set by us"}
    content = {"profile": "strict", "title": "strict", "version": "1", "requirements": {"slice-thickness": limits}}
    content["tolerance"] = {"value": 1.0, "source": "set by the site"}
    strict.write_text(json.dumps(content), encoding="utf-8")
    arguments = ["--image", scan, "--threshold", 500, "--profile", strict, "--output", tmp_path / "out"]
    assert m3d("run", *arguments, "--pacs", server.url) == 1
    assert server.stored == {} and server.requests == 0


@pytest.mark.parametrize("fault", ["refuses", "loses"])
def test_failureToSendIsSaidAndLeavesAllThatIsStored(model, server, tmp_path, capsys, fault):
    if fault == "refuses":
        server.status = 503
    else:
        server.loses = lambda dataset: dataset.Modality == "SR"
    assert m3d("run", *model, "--output", tmp_path / "out", "--formats", "sr", "--pacs", server.url) == 2
    said = capsys.readouterr()
    message = [line for line in said.err.splitlines() if line.startswith("m3d:")]
    words = "answers HTTP 503" if fault == "refuses" else "has 1 of 2 objects"
    assert len(message) == 1 and words in message[0] and str(tmp_path / "out" / "dicom") in message[0]
    assert "PID-20481" not in said.err and said.out == ""
    # The file-set and the report are complete, as a run without --pacs leaves them.
    assert sorted(str(dcmread(file).Modality) for file in instances(tmp_path / "out" / "dicom")) == ["M3D", "SR"]
    assert json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))["verdict"]
    assert not [file for file in (tmp_path / "out").rglob("*") if "partial" in file.name or file.name.endswith(".part")]


def test_interruptedTransferLeavesAllThatIsStored(model, server, tmp_path, monkeypatch, capsys):
    def interrupted(*_arguments, **_more):
        raise KeyboardInterrupt

    monkeypatch.setattr("M3DLib.Store.DicomWebStore.PacsStore.add", interrupted)
    assert m3d("run", *model, "--output", tmp_path / "out", "--pacs", server.url) == 130
    assert str(tmp_path / "out" / "dicom") in capsys.readouterr().err
    assert len(instances(tmp_path / "out" / "dicom")) == 1 and (tmp_path / "out" / "report.json").exists()


def test_passwordComesFromTheEnvironment(model, server, tmp_path, monkeypatch, capsys):
    server.authorization = "Basic " + base64.b64encode(b"anna:secret").decode()
    arguments = [*model, "--formats", "sr", "--pacs", server.url, "--pacs-user", "anna"]
    monkeypatch.delenv("M3D_PACS_PASSWORD", raising=False)
    assert m3d("validate", *arguments, "--output", tmp_path / "a") == 2
    assert "M3D_PACS_PASSWORD" in capsys.readouterr().err and not (tmp_path / "a").exists()
    monkeypatch.setenv("M3D_PACS_PASSWORD", "wrong")
    assert m3d("validate", *arguments, "--output", tmp_path / "b") == 2
    said = capsys.readouterr().err
    assert "refuses access (HTTP 401)" in said and "wrong" not in said
    monkeypatch.setenv("M3D_PACS_PASSWORD", "secret")
    assert m3d("validate", *arguments, "--output", tmp_path / "c") == 0
    assert len(server.stored) == 1


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--formats", "sr", "--pacs", "pacs.example.org"], "not the address"),
        (["--formats", "sr", "--pacs", "https://a:b@pacs.example.org"], "user name or password"),
        (["--formats", "json", "--pacs", "https://pacs.example.org"], "add sr to --formats"),
        (["--formats", "sr", "--pacs-user", "anna"], "give its address"),
    ],
)
def test_wrongOptionsAreRefusedBeforeAnyWork(scan, tmp_path, capsys, more, words):
    assert m3d("validate", "--image", scan, "--threshold", 500, "--output", tmp_path / "out", *more) == 2
    said = capsys.readouterr().err
    assert words in said and "Reading" not in said and not (tmp_path / "out").exists()


def test_missingClientIsSaidBeforeAnyWork(scan, tmp_path, monkeypatch, capsys):
    found = builtins.__import__

    def missing(name, *arguments, **more):
        if name.startswith("dicomweb_client"):
            raise ImportError(name)
        return found(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    arguments = [
        "--image",
        scan,
        "--threshold",
        500,
        "--output",
        tmp_path / "out",
        "--pacs",
        "https://pacs.example.org",
    ]
    assert m3d("run", *arguments) == 2
    said = capsys.readouterr().err
    assert "pip install dicomweb-client" in said and "Reading" not in said and not (tmp_path / "out").exists()
