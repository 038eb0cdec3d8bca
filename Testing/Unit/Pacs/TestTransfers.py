"""Sending to servers that refuse, lie or cannot be asked: every object's fate is said, nothing is believed."""

import base64
import json

import pytest

pytest.importorskip("dicomweb_client", reason="dicomweb-client is not installed")
pytest.importorskip("pynetdicom", reason="pynetdicom is not installed")

from pydicom.uid import CTImageStorage, EncapsulatedSTLStorage, JPEGLSLossless

from M3DLib.Dicom.DicomFile import writeDicomFile
from M3DLib.Errors import Cancelled
from M3DLib.Store.DicomWebStore import PacsStore
from M3DLib.Store.Servers.Credentials import Credentials
from M3DLib.Store.Servers.PacsServer import dicomWebServer, dimseServer
from M3DTestSupport.DicomWebStub import DicomWebStub
from M3DTestSupport.DimseStub import DimseStub
from M3DTestSupport.LoopbackProxy import LoopbackProxy
from M3DTestSupport.Models import makeObject
from M3DTestSupport.PacsCommands import m3d, m3dJson
from M3DTestSupport.TlsCertificates import CertificateAuthority

SECRET = "geheim-Größe"


@pytest.fixture
def models(tmp_path):
    """Three models in files, and the folder they lie in."""
    folder = tmp_path / "models"
    folder.mkdir()
    made = [makeObject() for _ in range(3)]
    for number, dataset in enumerate(made):
        writeDicomFile(dataset, folder / f"{number}.dcm")
    return made, folder


def test_stowThatTakesSomeSaysWhichNotAndWhy(models, capsys):
    made, folder = models
    with DicomWebStub() as server:
        server.refuses = {made[1].SOPInstanceUID: 0x0122}
        status, sent, said = m3dJson(capsys, "send", folder, "--dicomweb", server.url)
        assert status == 2
        assert [one["status"] for one in sent["instances"]] == ["sent", "failed", "sent"]
        assert "1.dcm' is not in" in said and "does not take objects of this SOP class (0x0122)" in said
        server.refuses = {}
        status, sent, _ = m3dJson(capsys, "send", folder, "--dicomweb", server.url)
        assert status == 0 and sent["sent"] == 1 and sent["alreadyThere"] == 2


def test_stowThatTakesNoneSaysWhy(models, capsys):
    made, folder = models
    with DicomWebStub() as server:
        server.refuses = {dataset.SOPInstanceUID: 0xA700 for dataset in made}
        status, sent, said = m3dJson(capsys, "send", folder, "--dicomweb", server.url)
    assert status == 2 and sent["failed"] == 3 and "no room left (0xA700)" in said


@pytest.mark.parametrize("kind", [DicomWebStub, DimseStub])
def test_serverThatSaysItHasWhatItHasNot(models, capsys, kind):
    made, folder = models
    with kind() as server:
        server.loses = lambda dataset: dataset.SOPInstanceUID == made[2].SOPInstanceUID
        where = ["--dicomweb", server.url] if kind is DicomWebStub else ["--dimse", server.address]
        status, sent, said = m3dJson(capsys, "send", folder, *where)
        assert status == 2 and "took the object and does not have it afterwards" in said
        assert [one["verifiedBy"] for one in sent["instances"]] == ["query", "query", None]
        server.loses = lambda dataset: False
        status, sent, _ = m3dJson(capsys, "send", folder, *where)
        assert status == 0 and sent["sent"] == 1


def test_classThatIsNotTakenIsNamed(models, capsys):
    _made, folder = models
    with DimseStub([CTImageStorage]) as server:
        status, sent, said = m3dJson(capsys, "send", folder, "--dimse", server.address)
    assert status == 2 and sent["failed"] == 3
    assert "does not take objects of the SOP class Encapsulated STL Storage" in said


def test_compressedImageIsNotEncodedAnew(tmp_path, capsys):
    from pydicom import Dataset
    from pydicom.dataset import FileMetaDataset

    dataset = makeObject()
    image = Dataset()
    for keyword in ("PatientID", "StudyInstanceUID", "SeriesInstanceUID"):
        setattr(image, keyword, dataset[keyword].value)
    image.SOPClassUID, image.SOPInstanceUID = CTImageStorage, "1.2.3.4.5.6"
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = JPEGLSLossless
    image.save_as(tmp_path / "image.dcm", enforce_file_format=True)
    with DimseStub([CTImageStorage]) as server:
        status, _sent, said = m3dJson(capsys, "send", tmp_path / "image.dcm", "--dimse", server.address)
    assert status == 2 and "not in the transfer syntax JPEG-LS Lossless" in said
    with DimseStub([CTImageStorage], [JPEGLSLossless]) as server:
        status, _sent, _said = m3dJson(capsys, "send", tmp_path / "image.dcm", "--dimse", server.address)
        assert status == 0
        assert server.stored["1.2.3.4.5.6"].file_meta.TransferSyntaxUID == JPEGLSLossless


def test_allGoesOverOneAssociation(models, capsys):
    made, folder = models
    with DimseStub() as server:
        before = server.associations
        status, _sent, _ = m3dJson(capsys, "send", folder, "--dimse", server.address)
        # One to ask what is there, one to send, and at most two to see that it has arrived.
        assert status == 0 and server.associations - before <= 4
        assert {str(one.SOPClassUID) for one in server.stored.values()} == {EncapsulatedSTLStorage}
        for dataset in made:
            assert server.stored[dataset.SOPInstanceUID].EncapsulatedDocument == dataset.EncapsulatedDocument


def test_arrivalThatNobodyCanTellIsNoSuccess(models, capsys):
    _made, folder = models
    with DimseStub(answersFind=False) as server:
        status, sent, said = m3dJson(capsys, "send", folder, "--dimse", server.address)
        assert status == 3 and not sent["complete"] and sent["unverified"] == 3
        assert "nobody can tell" in said and "C-FIND" in said and len(server.stored) == 3


def test_serverOutOfRoomIsTriedAgainAndThenSaid(models, capsys):
    _made, folder = models
    with DimseStub() as server:
        server.status = 0xA701
        status, sent, said = m3dJson(capsys, "send", folder, "--dimse", server.address, "--attempts", 2)
    assert status == 2 and sent["failed"] == 3 and "it has no room left (0xA701)" in said and "2 times" in said


def test_userIsShownToDimseServersToo(models, capsys, monkeypatch):
    monkeypatch.setenv("M3D_PACS_PASSWORD", SECRET)
    _made, folder = models
    with DimseStub() as server:
        assert m3d("send", folder, "--dimse", server.address, "--pacs-user", "anna") == 0
        assert server.identities[0] == (2, b"anna", SECRET.encode())
    assert SECRET not in "".join(capsys.readouterr())


def test_tokenIsShownAndNeverSaid(models, capsys, monkeypatch):
    monkeypatch.setenv("M3D_PACS_TOKEN", "eyJ-token")
    _made, folder = models
    with DicomWebStub() as server:
        server.authorization = "Bearer eyJ-token"
        assert m3d("send", folder, "--dicomweb", server.url) == 0
        server.authorization = "Basic " + base64.b64encode(b"anna:x").decode()
        server.stored.clear()
        assert m3d("send", folder, "--dicomweb", server.url) == 2
    said = "".join(capsys.readouterr())
    assert "refuses access (HTTP 401)" in said and "eyJ-token" not in said


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return CertificateAuthority(tmp_path_factory.mktemp("ca"))


@pytest.mark.parametrize("protocol", ["dicomweb", "dimse"])
def test_certificatesAreChecked(models, authority, tmp_path, capsys, protocol):
    _made, folder = models
    stranger = CertificateAuthority(tmp_path, "stranger")
    cases = [
        (authority.issue("good"), authority.cert, 0, ""),
        (authority.issue("good"), stranger.cert, 2, "nobody known has signed it"),
        (authority.issue("named", ["pacs.example.org"]), authority.cert, 2, "for another name"),
        (authority.issue("old", daysOld=5, daysLeft=-1), authority.cert, 2, "it has expired"),
    ]
    with DicomWebStub() as web, DimseStub() as dimse:
        port = int(web.url.split(":")[2].split("/")[0]) if protocol == "dicomweb" else int(dimse.address.split(":")[1])
        for certificate, trusted, expected, words in cases:
            with LoopbackProxy(port, certificate) as proxy:
                where = ["--dicomweb", f"https://127.0.0.1:{proxy.port}/dicom-web"]
                if protocol == "dimse":
                    where = ["--dimse", f"STUB@127.0.0.1:{proxy.port}", "--tls"]
                status = m3d("send", folder, *where, "--ca-file", trusted)
                said = capsys.readouterr().err
                assert status == expected and words in said, said
        with LoopbackProxy(port, authority.issue("good"), authority.cert) as proxy:
            where = ["--dicomweb", f"https://127.0.0.1:{proxy.port}/dicom-web", "--ca-file", authority.cert]
            if protocol == "dimse":
                where = ["--dimse", f"STUB@127.0.0.1:{proxy.port}", "--tls", "--ca-file", authority.cert]
            assert m3d("send", folder, *where, "--attempts", 1) == 2
            assert "--client-cert" in capsys.readouterr().err
            own = authority.issue("client")
            assert m3d("send", folder, *where, "--client-cert", own.cert, "--client-key", own.key) == 0


@pytest.mark.parametrize("protocol", ["dicomweb", "dimse"])
def test_serverThatSpeaksNoTls(models, capsys, protocol):
    _made, folder = models
    with DicomWebStub() as web, DimseStub() as dimse:
        where = ["--dicomweb", web.url.replace("http:", "https:")]
        if protocol == "dimse":
            where = ["--dimse", dimse.address, "--tls"]
        assert m3d("send", folder, *where) == 2
    assert "does not speak TLS" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["send", "x"], "Say which PACS is meant"),
        (["send", "x", "--dimse", "A@h:1", "--dicomweb", "https://h/d"], "only one of them"),
        (["send", "x", "--dicomweb", "https://h/d", "--tls"], "--tls is for DIMSE"),
        (["send", "nowhere", "--dimse", "A@127.0.0.1:9"], "'nowhere' does not exist"),
        (["fetch", "--dimse", "A@h:1", "--output", "out"], "--study UID, --accession N or --patient ID"),
        (["fetch", "--dimse", "A@h:1", "--patient", "P*", "--output", "out"], "named exactly"),
        (["query", "--dimse", "A@h:1"], "Say what is looked for"),
        (["query", "--server", "main", "--patient", "P"], "no server 'main'"),
        (["query", "--dimse", "A@h:1", "--protocol", "dimse", "--patient", "P"], "--server NAME"),
    ],
)
def test_wrongUsageIsRefusedBeforeAnythingIsSent(tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    assert m3d(*arguments) == 2
    assert words in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_filesThatAreNoneAreNotSent(models, tmp_path, capsys):
    made, folder = models
    (folder / "notes.txt").write_text("not DICOM")
    (folder / ".hidden.dcm").write_bytes((folder / "0.dcm").read_bytes())
    with DimseStub() as server:
        status, sent, said = m3dJson(capsys, "send", folder, "--dimse", server.address)
        assert status == 0 and sent["sent"] == 3 and "no DICOM object: 1 file." in said
    assert m3d("send", folder / "notes.txt", "--dimse", "A@127.0.0.1:9") == 2
    assert "is not a DICOM file" in capsys.readouterr().err
    content = (folder / "1.dcm").read_bytes()
    (folder / "1.dcm").write_bytes(content[: len(content) - 40])
    assert m3d("send", folder, "--dimse", "A@127.0.0.1:9") == 2
    assert "1.dcm' is damaged" in capsys.readouterr().err
    (folder / "1.dcm").write_bytes(content)
    other = makeObject()
    other.SOPInstanceUID = other.file_meta.MediaStorageSOPInstanceUID = made[0].SOPInstanceUID
    writeDicomFile(other, folder / "another.dcm")
    assert m3d("send", folder, "--dimse", "A@127.0.0.1:9") == 2
    assert "different objects with the same SOP Instance UID" in capsys.readouterr().err


def test_serverOfTheSettingsByItsName(models, tmp_path, monkeypatch, capsys):
    _made, folder = models
    monkeypatch.chdir(tmp_path)
    with DicomWebStub() as web, DimseStub() as dimse:
        (tmp_path / "m3d.toml").write_text(f'[pacs.main]\nurl = "{web.url}"\ndimse = "{dimse.address}"\n')
        assert m3d("send", folder, "--server", "main") == 0 and len(web.stored) == 3
        assert m3d("send", folder, "--server", "main", "--protocol", "dimse") == 0 and len(dimse.stored) == 3
        assert settingsShown(capsys)["servers"]["main"]["url"] == web.url


def settingsShown(capsys):
    capsys.readouterr()
    assert m3d("config", "--json") == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("kind", [DicomWebStub, DimseStub])
def test_transferIsStoppedByWhoeverWatchesIt(kind):
    with kind() as server:
        address = dicomWebServer(server.url) if kind is DicomWebStub else dimseServer(server.address)
        said = []

        def stop(_fraction, text):
            said.append(text)
            if text.startswith("Sending"):
                raise Cancelled

        with pytest.raises(Cancelled):
            PacsStore(address, Credentials()).add([makeObject(), makeObject()], stop)
        assert len(server.stored) <= 1 and "Sent" not in said
        # The next one is not hindered by it.
        assert len(PacsStore(address, Credentials()).add([makeObject()])) == 1
