"""Addresses with something else than a DICOMweb service behind them: no answer of theirs is "nothing was found"."""

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

pytest.importorskip("dicomweb_client", reason="dicomweb-client is not installed")

from M3DLib.Store.Pacs.DicomWebAnswers import isDicomJson, loosened
from M3DLib.Store.Pacs.PacsConnection import connect
from M3DLib.Store.Servers.PacsProblem import PacsError
from M3DLib.Store.Servers.PacsServer import dicomWebServer
from M3DTestSupport.PacsCommands import m3d

JSON = "application/json"


@contextlib.contextmanager
def answering(status, body, kind):
    """A server that gives one answer to every question; its address."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_arguments):
            pass

        def do_GET(self):
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (404, b"", "text/html", "no DICOMweb service at this address (HTTP 404)"),
        # The names of studies, as an archive lists them at an address of its own.
        (200, b'["a3f1c7d2", "77c0ab11"]', JSON, "no DICOM JSON; check the address"),
        (200, b'[{"id": "a3f1c7d2"}]', JSON, "no DICOM JSON; check the address"),
        (200, b"<html>Welcome</html>", "text/html", "check the address"),
    ],
)
def test_wrongAddressIsNotNothingFound(capsys, status, body, kind, words):
    with answering(status, body, kind) as url:
        assert m3d("query", "--name", "Doe*", "--dicomweb", url, "--attempts", 1) == 2
        output = capsys.readouterr()
        assert words in output.err and "Nothing was found" not in output.out
        server = dicomWebServer(url, attempts=1)
        with connect(server) as connection, pytest.raises(PacsError, match="address"):
            connection.test()


def test_studyThatAServerHasNotIsNotFound():
    # Within a study, "no such place" is how servers say that they have none of it.
    with answering(404, b"", "text/html") as url, connect(dicomWebServer(url, attempts=1)) as connection:
        assert connection.find("series", {"StudyInstanceUID": "1.2.3"}) == []
        with pytest.raises(PacsError, match="404"):
            connection.find("series", {"SeriesInstanceUID": "1.2.3"})


def test_emptyAnswerOfAServiceIsNothingFound(capsys):
    with answering(200, b"[]", "application/dicom+json") as url:
        assert m3d("query", "--name", "Doe*", "--dicomweb", url) == 0
        assert "Nothing was found" in capsys.readouterr().out


def test_dataSetsAreToldFromOtherJson():
    assert isDicomJson([]) and isDicomJson([{"0020000D": {"vr": "UI", "Value": ["1.2"]}, "0008103e": {"vr": "LO"}}])
    assert not any(map(isDicomJson, ({}, ["1.2"], [["1.2"]], [{"StudyInstanceUID": "1.2"}], [None], "0020000D")))


@pytest.mark.parametrize(
    ("keyword", "value", "asked"),
    [
        ("PatientID", "A,7", "A?7"),
        ("PatientID", "A/2 b", "A?2?b"),
        ("PatientID", "Ä 1", "*1"),
        ("PatientName", "Müller^Jörg*", "M*ller?J*rg*"),
        ("SeriesInstanceUID", "1.2,1.3", "1.2,1.3"),
        ("PatientID", "plain-1_2.3~", "plain-1_2.3~"),
    ],
)
def test_onlyWhatAnAddressHoldsForSureIsAskedForAsItIs(keyword, value, asked):
    assert loosened(keyword, value) == asked
