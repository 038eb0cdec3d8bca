"""Time stamps of a server on this machine, made by openssl: asked for, checked, held against expired certificates."""

import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from M3DLib.Errors import M3DError
from M3DLib.Signature.TimeStamp import requestTimeStamp, verifyTimeStamp
from M3DTestSupport.Certificates import certificateOf, keyPem, pemOf, rsaKey, writeSigner, x509
from M3DTestSupport.HandOverCase import m3d, m3dJson, writeModel

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
_CONFIGURATION = """
[tsa]
default_tsa = own
[own]
serial = {folder}/serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A time stamp server's address and certificate."""
    folder = tmp_path_factory.mktemp("server")
    own = certificateOf("Clock", purposes=[x509.ExtendedKeyUsageOID.TIME_STAMPING])
    (folder / "key.pem").write_bytes(keyPem("Clock"))
    (folder / "certificate.pem").write_bytes(pemOf(own))
    (folder / "serial").write_text("01")
    (folder / "tsa.cnf").write_text(_CONFIGURATION.format(folder=folder))

    class Clock(BaseHTTPRequestHandler):
        def do_POST(self):
            query, reply = folder / "query", folder / "reply"
            query.write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
            command = ["openssl", "ts", "-reply", "-config", folder / "tsa.cnf", "-section", "own", "-queryfile", query]
            command += ["-inkey", folder / "key.pem", "-signer", folder / "certificate.pem", "-out", reply]
            subprocess.run(command, check=True, capture_output=True)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(reply.read_bytes())

        def log_message(self, *_more):
            """Say nothing."""

    service = HTTPServer(("127.0.0.1", 0), Clock)
    threading.Thread(target=service.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{service.server_port}/", own, folder
    service.shutdown()
    service.server_close()


def testAStampFitsWhatItIsOfAndNothingElse(server):
    address, own, _folder = server
    stamp = requestTimeStamp(b"content", address)
    state, moment = verifyTimeStamp(stamp, b"content", "it", [own])
    assert state.state == "valid"
    assert moment is not None
    assert verifyTimeStamp(stamp, b"other", "it", [own])[0].state == "changed"
    assert verifyTimeStamp(stamp, b"content", "it", [certificateOf("Somebody")])[0].state == "foreign"
    assert verifyTimeStamp(stamp[:-20], b"content", "it")[0].state == "unreadable"


def testOpensslVerifiesTheStampInAPackage(server, tmp_path, capsys):
    address, own, folder = server
    signer, trusted = writeSigner(tmp_path, "Dr. Berg", "signer")
    (tmp_path / "case").mkdir()
    writeModel(tmp_path / "case/model.dcm")
    package = tmp_path / "case.zip"
    arguments = ("package", tmp_path / "case", "--output", package, "--pseudonym", "P-1", "--sign", signer)
    assert m3d(*arguments, "--timestamp", address) == 0
    clock = tmp_path / "clock.pem"
    clock.write_bytes(pemOf(own))
    status, found = m3dJson(capsys, "verify", package, "--trust", trusted, clock)
    assert status == 0
    assert {entry["state"] for entry in found["signatures"]} == {"valid"}
    # A server that nobody vouches for proves no time, and is no reason to doubt the package.
    status, found = m3dJson(capsys, "verify", package, "--trust", trusted)
    assert status == 0
    assert "notChecked" in {entry["state"] for entry in found["signatures"]}
    assert m3d("unpack", package, "--output", tmp_path / "out") == 0
    signature = tmp_path / "out/tagmanifest-sha256.txt.p7s"
    command = ["openssl", "ts", "-verify", "-in", f"{signature}.tsr", "-data", signature]
    done = subprocess.run(
        [*command, "-CAfile", folder / "certificate.pem"], check=False, capture_output=True, text=True
    )
    assert "Verification: OK" in done.stdout, done.stderr


def testAServerThatDoesNotAnswerLeavesNothingBehind(tmp_path, capsys):
    (tmp_path / "case").mkdir()
    writeModel(tmp_path / "case/model.dcm")
    arguments = ("package", tmp_path / "case", "--output", tmp_path / "case.zip", "--pseudonym", "P-1")
    assert m3d(*arguments, "--timestamp", "http://127.0.0.1:9/") == 2
    assert "does not answer" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["case"]
    with pytest.raises(M3DError, match="no http"):
        requestTimeStamp(b"x", "file:///etc/passwd")


def testAProvenTimeOutlivesTheCertificate():
    from datetime import datetime, timedelta, timezone

    from M3DLib.Signature.CmsSignature import signCms, verifyCms

    own = certificateOf(days=-10)
    der = signCms(b"content", [(rsaKey(), own)])
    before = datetime.now(timezone.utc) - timedelta(days=20)
    assert [state.state for state in verifyCms(der, b"content", "it", [own])] == ["expired"]
    assert [state.state for state in verifyCms(der, b"content", "it", [own], before)] == ["valid"]
