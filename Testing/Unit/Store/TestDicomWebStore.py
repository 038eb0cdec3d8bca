"""Sending models to a PACS over DICOMweb, against a server on the loopback interface."""

import base64

import pytest

from M3DLib.Errors import M3DError
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.DicomWebStub import DicomWebStub
from M3DTestSupport.MeshShapes import icosphere
from M3DTestSupport.Models import makeObject

pytest.importorskip("dicomweb_client", reason="dicomweb-client is not installed; Slicer brings it along")

from M3DLib.Store.DicomWebStore import DicomWebStore


@pytest.fixture
def server():
    with DicomWebStub() as stub:
        yield stub


def test_modelsArriveByteForByte(server):
    datasets = [makeObject(), makeObject()]
    uids = DicomWebStore(server.url).add(datasets)
    assert uids == [dataset.SOPInstanceUID for dataset in datasets]
    for dataset in datasets:
        arrived = server.stored[dataset.SOPInstanceUID]
        assert arrived.EncapsulatedDocument == dataset.EncapsulatedDocument
        assert arrived.PatientName == dataset.PatientName


def test_largeModelArrivesInChunks(server):
    dataset = makeObject(TriangleMesh(*icosphere(level=6)))
    assert len(dataset.EncapsulatedDocument) > 2_000_000
    DicomWebStore(server.url).add([dataset])
    assert server.stored[dataset.SOPInstanceUID].EncapsulatedDocument == dataset.EncapsulatedDocument


def test_passwordIsSent(server):
    server.authorization = "Basic " + base64.b64encode(b"anna:secret").decode()
    with pytest.raises(M3DError, match=r"refuses access \(HTTP 401\)"):
        DicomWebStore(server.url, "anna", "wrong").add([makeObject()])
    assert len(DicomWebStore(server.url, "anna", "secret").add([makeObject()])) == 1


@pytest.mark.parametrize("status", [400, 409, 500, 503])
def test_refusalNamesTheStatusAndNoPatient(server, status):
    server.status = status
    dataset = makeObject()
    with pytest.raises(M3DError) as caught:
        DicomWebStore(server.url).add([dataset])
    assert f"HTTP {status}" in str(caught.value)
    assert str(dataset.PatientID) not in str(caught.value)
    assert str(dataset.StudyInstanceUID) not in str(caught.value)


def test_modelThatDidNotArriveIsNoticed(server):
    datasets = [makeObject(), makeObject()]
    server.loses = lambda dataset: dataset.SOPInstanceUID == datasets[1].SOPInstanceUID
    with pytest.raises(M3DError, match="has 1 of 2 objects"):
        DicomWebStore(server.url).add(datasets)


def test_serverThatIsNotThere():
    with pytest.raises(M3DError, match="cannot be reached"):
        DicomWebStore("http://127.0.0.1:9/dicom-web", timeout=2).add([makeObject()])


def test_passwordInTheAddressIsRefused():
    with pytest.raises(M3DError, match="give them apart") as caught:
        DicomWebStore("https://anna:secret@pacs.example.org/dicom-web")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["", "pacs.example.org", "ftp://pacs.example.org", "http://"])
def test_addressThatIsNone(url):
    with pytest.raises(M3DError, match="not the address"):
        DicomWebStore(url)


def test_passwordIsNotSentInTheClear():
    with pytest.raises(M3DError, match="not sent over http"):
        DicomWebStore("http://pacs.example.org/dicom-web", "anna", "secret")
    DicomWebStore("https://pacs.example.org/dicom-web", "anna", "secret")
