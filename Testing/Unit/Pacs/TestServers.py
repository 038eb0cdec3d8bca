"""Addresses, credentials and settings of servers: what is none is refused, and secrets show up nowhere."""

import ssl
import sys

import pytest

from M3DLib.Errors import M3DError
from M3DLib.Store.Pacs.PacsQuery import PacsQuery, believed
from M3DLib.Store.Servers.Credentials import Credentials, credentialsFor
from M3DLib.Store.Servers.PacsProblem import PacsError, connectionProblem
from M3DLib.Store.Servers.PacsServer import dicomWebServer, dimseServer
from M3DLib.Store.Servers.Retrying import withRetries
from M3DLib.Store.Servers.ServerList import namedServer, parseListen, serversOfUser

SECRET = "geheim-Größe"


def test_addressesOfBothProtocols():
    web = dicomWebServer("https://pacs.example.org:8443/dicom-web/")
    assert web.url == "https://pacs.example.org:8443/dicom-web" and web.place == "pacs.example.org:8443"
    assert web.isEncrypted and not web.isThisComputer
    dimse = dimseServer("MAIN PACS@[::1]:11112")
    assert (dimse.calledAet, dimse.host, dimse.port) == ("MAIN PACS", "::1", 11112)
    assert dimse.isThisComputer and not dimse.isEncrypted and dimse.callingAet == "M3D"


@pytest.mark.parametrize(
    ("make", "address", "words"),
    [
        (dicomWebServer, f"https://anna:{SECRET}@pacs.example.org", "user name or password"),
        (dicomWebServer, f"https://{SECRET}@pacs.example.org", "user name or password"),
        (dicomWebServer, f"https://pacs.example.org/dicom-web?token={SECRET}", "after"),
        (dicomWebServer, "pacs.example.org", "looks like https://host/dicom-web"),
        (dicomWebServer, "https://pacs.example.org:99999/x", "looks like https://host/dicom-web"),
        (dimseServer, "pacs.example.org:104", "AET@HOST:PORT"),
        (dimseServer, "PACS@pacs.example.org", "AET@HOST:PORT"),
        (dimseServer, "PACS@pacs.example.org:0", "AET@HOST:PORT"),
        (dimseServer, f"PACS@anna:{SECRET}@pacs.example.org:104", "no user name or password"),
        (dimseServer, "A TITLE THAT IS TOO LONG@pacs.example.org:104", "1 to 16"),
        (dimseServer, "A\\B@pacs.example.org:104", "without backslash"),
    ],
)
def test_whatIsNoAddressIsRefusedWithoutShowingASecret(make, address, words):
    with pytest.raises(M3DError, match=words) as caught:
        make(address)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "address", "more", "words"),
    [
        (dimseServer, "A@h:1", {"caFile": __file__}, "--tls"),
        (dicomWebServer, "http://h/d", {"caFile": __file__}, "https"),
        (dicomWebServer, "https://h/d", {"caFile": "nowhere.pem"}, "'nowhere.pem' does not exist"),
        (dicomWebServer, "https://h/d", {"clientCert": __file__}, "--client-cert and --client-key"),
        (dimseServer, "A@h:1", {"retrieve": "move"}, "--listen PORT"),
        (dimseServer, "A@h:1", {"callingAet": "x" * 17}, "1 to 16"),
        (dimseServer, "A@h:1", {"attempts": 0}, "at least once"),
        (dimseServer, "A@h:1", {"timeout": float("nan")}, "longer than no time"),
    ],
)
def test_whatDoesNotFitTogetherIsRefused(make, address, more, words):
    with pytest.raises(M3DError, match=words):
        make(address, **more)


@pytest.mark.parametrize(("text", "expected"), [("11112", ("", 11112)), ("[::1]:104", ("::1", 104))])
def test_portToListenAt(text, expected):
    assert parseListen(text) == expected
    with pytest.raises(M3DError, match="no port"):
        parseListen("everywhere")


def test_secretsComeFromTheEnvironmentAndShowUpNowhere():
    server = dicomWebServer("https://h/d", user="anna")
    found = credentialsFor(server, {"M3D_PACS_PASSWORD": SECRET})
    assert (found.user, found.password) == ("anna", SECRET) and SECRET not in repr(found)
    token = credentialsFor(dicomWebServer("https://h/d"), {"M3D_PACS_TOKEN": f"{SECRET}\n"})
    assert token.token == SECRET and SECRET not in repr(token)
    assert not credentialsFor(dicomWebServer("https://h/d"), {"M3D_PACS_PASSWORD": SECRET})


def test_secretOfOneServerIsNotShownToAnother():
    environment = {"M3D_PACS_OTHER_TOKEN": "other", "M3D_PACS_TOKEN": "general"}
    assert credentialsFor(dicomWebServer("https://h/d", name="other"), environment).token == "other"
    assert not credentialsFor(dicomWebServer("https://h/d", name="third"), environment)


@pytest.mark.parametrize("make", [lambda: dicomWebServer("http://h/d"), lambda: dimseServer("A@h:1")])
def test_secretsDoNotTravelReadable(make):
    with pytest.raises(M3DError, match="others can read it"):
        Credentials("anna", SECRET).requireSafeWay(make())
    Credentials("anna", SECRET).requireSafeWay(dicomWebServer("http://127.0.0.1/d"))
    with pytest.raises(M3DError, match="control character"):
        Credentials("anna", f"{SECRET}\r\nX: y").requireSafeWay(dicomWebServer("https://h/d"))


def test_keyringIsAskedWhereTheEnvironmentHasNothing(monkeypatch):
    keyring = pytest.importorskip("keyring")
    held = {("m3d:h", "anna"): SECRET, ("m3d:h", "token"): "a token"}
    monkeypatch.setattr(keyring, "get_password", lambda service, user: held.get((service, user)))
    assert credentialsFor(dicomWebServer("https://h/d", user="anna"), {}).password == SECRET
    assert credentialsFor(dicomWebServer("https://h/d", usesToken=True), {}).token == "a token"
    with pytest.raises(M3DError, match=r"M3D_PACS_PASSWORD.*keyring set m3d:h bert"):
        credentialsFor(dicomWebServer("https://h/d", user="bert"), {})


def test_missingKeyringIsNoError(monkeypatch):
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(M3DError, match="M3D_PACS_TOKEN"):
        credentialsFor(dicomWebServer("https://h/d", usesToken=True), {})


def test_serversOfTheSettings(tmp_path):
    file = tmp_path / "m3d.toml"
    (tmp_path / "ca.pem").write_text("x")
    file.write_text(
        'profile = "education"\n[pacs.main]\nurl = "https://pacs.example.org/dicom-web"\nca-file = "ca.pem"\n'
        'dimse = "MAIN@pacs.example.org:104"\naet = "OURS"\nuser = "anna"\ntimeout = 5\nlisten = 11112\n'
    )
    tables, found = serversOfUser({"M3D_CONFIG": str(file)})
    assert found == file
    server = namedServer(tables, "main")
    assert server.isDicomWeb and server.caFile == tmp_path / "ca.pem" and server.user == "anna"
    dimse = namedServer(tables, "main", "dimse")
    assert (dimse.calledAet, dimse.callingAet, dimse.listenPort, dimse.timeout) == ("MAIN", "OURS", 11112, 5)
    with pytest.raises(M3DError, match=r"no server 'mian' \(\[pacs.mian\]\); there are main"):
        namedServer(tables, "mian")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[pacs.a]\nurl = "https://h/d"\npassword = "geheim"', "holds a secret"),
        ('[pacs.a]\nurl = "https://h/d"\ntoken = "geheim"', "holds a secret"),
        ('[pacs.a]\nurl = "https://h/d"\nca_file = "x"', "Did you mean 'ca-file'"),
        ('[pacs.a]\naet = "OURS"', "no address"),
        ('[pacs.a]\nurl = "https://h/d"\ntls = "yes"', "'tls' must be true or false"),
        ('[pacs]\na = "https://h/d"', "must be a table"),
    ],
)
def test_wrongServersOfTheSettingsAreNamed(tmp_path, text, words):
    file = tmp_path / "m3d.toml"
    file.write_text(text)
    with pytest.raises(M3DError, match=words) as caught:
        serversOfUser({"M3D_CONFIG": str(file)})
    assert "geheim" not in str(caught.value) and str(file) in str(caught.value)


def test_whatMayPassIsTriedAgainWithLongerAndLongerBreaks():
    waited, tried = [], []

    def action():
        tried.append(1)
        if len(tried) < 4:
            raise PacsError("busy", mayPass=True, wait=3.0 if len(tried) == 1 else 0.0)
        return "done"

    assert withRetries(action, 5, sleep=waited.append) == "done"
    assert waited == [3.0, 1.0, 2.0]
    tried.clear()
    with pytest.raises(PacsError, match="It was tried 2 times"):
        withRetries(action, 2, sleep=waited.append)


def test_whatCannotPassIsNotTriedAgain():
    def refused():
        raise PacsError("no")

    with pytest.raises(PacsError, match=r"^no$"):
        withRetries(refused, 5, sleep=lambda _seconds: pytest.fail("waited"))


def answer(**values):
    from pydicom import Dataset

    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def test_answersThatDoNotFitTheQuestionAreNotBelieved():
    mine = answer(StudyInstanceUID="1.2", PatientID="P1 ")
    other = answer(StudyInstanceUID="1.3", PatientID="P2")
    assert believed([mine, other, mine], "study", {"PatientID": "P1"}) == [mine]
    with pytest.raises(M3DError, match="do not say PatientID"):
        believed([answer(StudyInstanceUID="1.4")], "study", {"PatientID": "P1"})
    assert believed([answer(StudyInstanceUID="../..", PatientID="P1")], "study", {"PatientID": "P1"}) == []


@pytest.mark.parametrize(
    ("keyword", "value", "wanted", "fits"),
    [
        ("PatientName", "Wang^XiaoDong=王^小東", "王*", True),
        ("PatientName", "DOE^JANE", "doe*", True),
        ("PatientName", "DOE^JANE", "roe*", False),
        ("PatientID", "A[1]", "A[1]", True),
        ("PatientID", "a", "A", False),
        ("StudyDate", "20261127", "20261101-20261130", True),
        ("StudyDate", "20261127", "-20261126", False),
        ("StudyDate", "20261127", "20261127-", True),
        ("StudyDate", "20261128", "20261127", False),
        ("ModalitiesInStudy", ["CT", "M3D"], "M3D", True),
    ],
)
def test_whatFits(keyword, value, wanted, fits):
    found = believed([answer(StudyInstanceUID="1.2", **{keyword: value})], "study", {keyword: wanted})
    assert bool(found) is fits


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"studyInstanceUid": "1.2*"}, "no UID"),
        ({"patientId": "a\\b"}, "backslash"),
        ({"studyDate": "yesterday"}, "no date"),
    ],
)
def test_questionsThatAreNoneAreRefused(values, words):
    with pytest.raises(M3DError, match=words):
        PacsQuery(**values)


def test_whatIsFetchedIsNamedExactly():
    with pytest.raises(M3DError, match="--study UID, --accession N or --patient ID"):
        PacsQuery(modality="CT").requireExact()
    with pytest.raises(M3DError, match="named exactly"):
        PacsQuery(patientId="P*").requireExact()


@pytest.mark.parametrize(
    ("said", "mayPass"),
    [
        ("EOF occurred in violation of protocol (_ssl.c:2427)", True),
        ("[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required", False),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate", False),
    ],
)
def test_connectionThatIsEndedWithoutAReasonIsTriedAgain(said, mayPass):
    assert connectionProblem("pacs", "did not take the objects", ssl.SSLError(1, said)).mayPass is mayPass
