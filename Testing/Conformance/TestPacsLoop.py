"""The whole loop with a protected archive: fetch the scan, validate, export, send, find the model, fetch it again."""

import pytest
from pydicom import dcmread
from pydicom.uid import RLELossless

from M3DLib.Dicom.DicomFile import writeDicomFile
from M3DTestSupport.Models import makeHeaders, makeObject
from M3DTestSupport.OrthancServer import OrthancServer, Security, findOrthanc
from M3DTestSupport.PacsCommands import address, dataBytes, filesOf, m3d, m3dJson, requireSameObjects
from M3DTestSupport.Reports import writeNamedScan
from M3DTestSupport.TlsCertificates import CertificateAuthority

pytest.importorskip("dicomweb_client", reason="dicomweb-client is not installed")
pytest.importorskip("pynetdicom", reason="pynetdicom is not installed")

PATIENT = "PID-20481"


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    """A server with a user and TLS for DICOMweb, and with TLS and client certificates for DIMSE."""
    program, plugin = findOrthanc()
    if program is None or plugin is None:
        pytest.skip("orthanc or orthanc-dicomweb is not installed")
    folder = tmp_path_factory.mktemp("secured")
    with OrthancServer(folder, program, plugin, Security(CertificateAuthority(folder))) as running:
        yield running


@pytest.fixture(autouse=True)
def password(secured, monkeypatch):
    monkeypatch.setenv("M3D_PACS_PASSWORD", secured.security.PASSWORD)


@pytest.mark.parametrize("protocol", ["dicomweb", "dimse"])
def test_wholeLoop(secured, tmp_path, capsys, protocol):
    where = address(secured, protocol)
    # Each protocol has a patient of its own: the server is the same.
    patient = f"{PATIENT}-{protocol}"
    (tmp_path / "made").mkdir()
    writeNamedScan(tmp_path / "made", PatientID=patient, StudyInstanceUID=f"1.2.826.{len(protocol)}.1")
    status, sent, _ = m3dJson(capsys, "send", tmp_path / "made", *where)
    assert status == 0 and sent["complete"] and sent["sent"] == len(filesOf(tmp_path / "made"))

    status, found, _ = m3dJson(capsys, "query", "--patient", patient, *where)
    assert status == 0 and [one["patientId"] for one in found["found"]] == [patient]
    study = found["found"][0]["studyInstanceUid"]
    status, fetched, _ = m3dJson(capsys, "fetch", "--study", study, *where, "--output", tmp_path / "scan")
    assert status == 0 and fetched["complete"]
    requireSameObjects(tmp_path / "scan", tmp_path / "made")

    scan = fetched["series"][0]
    image = ["--image", scan["folder"], "--threshold", 500]
    assert m3d("validate", *image, "--output", tmp_path / "report") in (0, 1, 3)
    assert m3d("export", *image, "--output", tmp_path / "model") == 0
    status, sent, _ = m3dJson(capsys, "send", tmp_path / "model", *where, "--verify", "content")
    assert status == 0 and [one["verifiedBy"] for one in sent["instances"]] == ["content"]

    status, found, _ = m3dJson(capsys, "query", "--source-series", scan["seriesInstanceUid"], *where)
    assert status == 0 and found["count"] == 1
    model = found["found"][0]
    status, fetched, _ = m3dJson(
        capsys, "fetch", "--study", study, "--series", model["seriesInstanceUid"], *where, "--output", tmp_path / "back"
    )
    assert status == 0
    (file,) = filesOf(tmp_path / "back").values()
    (exported,) = [one for uid, one in _models(tmp_path / "model").items() if uid == model["sopInstanceUid"]]
    assert dataBytes(file) == dataBytes(exported)
    if protocol == "dicomweb":
        assert file.read_bytes() == exported.read_bytes()


def _models(folder):
    files = [file for file in (folder / "DICOM").rglob("*") if file.is_file()]
    return {str(dcmread(file, stop_before_pixels=True).SOPInstanceUID): file for file in files}


def test_serverSendsByMoveAndAnswersForWhatItStores(secured, tmp_path, capsys):
    where = [*address(secured, "dimse"), "--listen", f"127.0.0.1:{secured.clientPort}"]
    (tmp_path / "made").mkdir()
    writeNamedScan(tmp_path / "made", PatientID="MOVED", StudyInstanceUID="1.2.826.77.1")
    status, sent, _ = m3dJson(capsys, "send", tmp_path / "made", *where)
    assert status == 0 and {one["verifiedBy"] for one in sent["instances"]} == {"storage commitment"}
    arguments = ["fetch", "--patient", "MOVED", *where, "--retrieve", "move", "--output", tmp_path / "moved"]
    status, fetched, _ = m3dJson(capsys, *arguments)
    assert status == 0 and fetched["complete"]
    requireSameObjects(tmp_path / "moved", tmp_path / "made")


@pytest.mark.parametrize("protocol", ["dicomweb", "dimse"])
def test_nothingIsSentOrFetchedTwice(secured, tmp_path, capsys, protocol):
    where = address(secured, protocol)
    (tmp_path / "made").mkdir()
    writeNamedScan(tmp_path / "made", PatientID=f"TWICE{protocol}", StudyInstanceUID=f"1.2.826.99.{len(protocol)}")
    assert m3d("send", tmp_path / "made", *where) == 0
    status, sent, _ = m3dJson(capsys, "send", tmp_path / "made", *where)
    count = len(filesOf(tmp_path / "made"))
    assert status == 0 and sent["sent"] == 0 and sent["alreadyThere"] == count
    arguments = ["fetch", "--patient", f"TWICE{protocol}", *where, "--output", tmp_path / "back"]
    assert m3d(*arguments) == 0
    before = {uid: file.stat().st_ino for uid, file in filesOf(tmp_path / "back").items()}
    status, fetched, _ = m3dJson(capsys, *arguments)
    assert status == 0
    assert fetched["series"][0]["instances"] == {"onServer": count, "fetched": 0, "alreadyThere": count, "missing": []}
    assert {uid: file.stat().st_ino for uid, file in filesOf(tmp_path / "back").items()} == before


@pytest.mark.parametrize("protocol", ["dicomweb", "dimse"])
def test_compressedImagesComeAsTheyAreStored(secured, tmp_path, capsys, protocol):
    (tmp_path / "made").mkdir()
    patient = f"RLE{protocol}"
    writeNamedScan(tmp_path / "made", PatientID=patient, StudyInstanceUID=f"1.2.826.55.{len(protocol)}")
    for number, file in enumerate(filesOf(tmp_path / "made").values()):
        if number % 2:
            dataset = dcmread(file)
            dataset.compress(RLELossless, generate_instance_uid=False)
            dataset.save_as(file)
    where = address(secured, protocol)
    assert m3d("send", tmp_path / "made", *where) == 0
    assert m3d("fetch", "--patient", patient, *where, "--output", tmp_path / "back") == 0
    requireSameObjects(tmp_path / "back", tmp_path / "made")


@pytest.mark.parametrize("protocol", ["dicomweb", "dimse"])
def test_patientsAreFoundWhateverTheirNamesAndNumbers(secured, tmp_path, capsys, protocol):
    where = address(secured, protocol)
    # Each is alike to the next one but for a character that an address cannot hold as it is.
    for number, patient in enumerate(["A 1/ü", "A-1/ü", "A 1/u", "B,7", "Ä 1,2"]):
        header = {"PatientID": patient, "AccessionNumber": f"N {number}", "PatientName": f"Wang^{number}=王^小東"}
        headers = makeHeaders(SpecificCharacterSet="ISO_IR 192", StudyInstanceUID=f"1.2.826.9.{number}", **header)
        writeDicomFile(makeObject(headers=headers), tmp_path / f"{number}.dcm")
    assert m3d("send", tmp_path, *where) == 0
    for arguments, expected in [
        (["--patient", "A 1/ü"], ["A 1/ü"]),
        (["--patient", "A?1/ü"], ["A 1/ü", "A-1/ü"]),
        (["--accession", "N 2"], ["A 1/u"]),
        # Servers take a comma for "or", and a blank for nothing beside a letter that they do not know.
        (["--patient", "B,7"], ["B,7"]),
        (["--patient", "Ä 1,2"], ["Ä 1,2"]),
        (["--name", "wang^1*"], ["A-1/ü"]),
        (["--name", "*王^小東", "--patient", "A*"], ["A 1/ü", "A-1/ü", "A 1/u"]),
    ]:
        status, found, said = m3dJson(capsys, "query", *arguments, *where)
        assert status == 0 and sorted(one["patientId"] for one in found["found"]) == sorted(expected), said
    assert m3d("fetch", "--patient", "A 1/ü", *where, "--output", tmp_path / "back") == 0
    assert {str(dcmread(file).PatientID) for file in filesOf(tmp_path / "back").values()} == {"A 1/ü"}
