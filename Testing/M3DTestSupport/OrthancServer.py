"""A real Orthanc server for tests: on loopback, on free ports, with nothing left behind."""

import base64
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from .Commands import withFileLimit
from .LoopbackProxy import LoopbackProxy

AET = "M3DTEST"
CLIENT_AET = "M3DCLIENT"
_PROGRAMS = ("Orthanc", "/usr/sbin/Orthanc")
_PLUGINS = ("/usr/share/orthanc/plugins", "/usr/lib/orthanc")


def findOrthanc():
    """Path of the server and of the DICOMweb plug-in, None for what is not installed."""
    program = next((found for name in _PROGRAMS if (found := shutil.which(name))), None)
    plugin = next((str(p) for folder in _PLUGINS for p in Path(folder).rglob("libOrthancDicomWeb.so*")), None)
    return program, plugin


def _freePorts(count):
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


class Security:
    """What protects a server: TLS for both protocols, and a user for DICOMweb.

    :param authority: a ``CertificateAuthority``; DIMSE clients must show a certificate of it.
    """

    USER, PASSWORD = "anna", "geheim-Größe"

    def __init__(self, authority):
        self.ca = authority.cert
        self.server = authority.issue("server")
        self.client = authority.issue("client")
        self.authorization = "Basic " + base64.b64encode(f"{self.USER}:{self.PASSWORD}".encode()).decode()

    def configuration(self, clientAet, clientPort):
        """Entries of Orthanc's configuration."""
        client = {"AET": clientAet, "Host": "127.0.0.1", "Port": clientPort, "UseDicomTls": True}
        return {
            "AuthenticationEnabled": True,
            "RegisteredUsers": {self.USER: self.PASSWORD},
            "DicomTlsEnabled": True,
            "DicomTlsCertificate": str(self.server.cert),
            "DicomTlsPrivateKey": str(self.server.key),
            "DicomTlsTrustedCertificates": str(self.ca),
            "DicomModalities": {"client": client},
        }


class OrthancServer:
    """Usage: ``with OrthancServer(folder) as server: ...``; raises RuntimeError when it does not start.

    :ivar dicomWeb: address of its DICOMweb service; ``url`` is its own, without TLS.
    :param security: certificates and users of a server that is protected; None for one that is open.
    :param fileLimit: bytes that no file of its may exceed, as on a disk that is full; None for no limit.
    :param more: further entries of Orthanc's configuration.
    """

    def __init__(self, folder, program, plugin, security=None, fileLimit=None, **more):
        self.folder = Path(folder)
        self.fileLimit = fileLimit
        self.security = security
        self.httpPort, self.dicomPort, self.clientPort = _freePorts(3)
        self.url = f"http://127.0.0.1:{self.httpPort}"
        self.front = None
        configuration = {
            "Name": "M3D test",
            "StorageDirectory": str(self.folder / "storage"),
            "IndexDirectory": str(self.folder / "index"),
            "HttpPort": self.httpPort,
            "DicomPort": self.dicomPort,
            "DicomAet": AET,
            "DefaultEncoding": "Utf8",
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "DicomCheckCalledAet": True,
            "DicomAlwaysAllowFind": True,
            "DicomAlwaysAllowMove": True,
            "DicomModalities": {"client": [CLIENT_AET, "127.0.0.1", self.clientPort]},
            "Plugins": [plugin],
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        }
        if security is not None:
            configuration |= security.configuration(CLIENT_AET, self.clientPort)
        configuration |= more
        self._file = self.folder / "orthanc.json"
        self._file.write_text(json.dumps(configuration))
        self._program = program

    def __enter__(self):
        self._log = open(self.folder / "orthanc.log", "wb")
        self._process = subprocess.Popen(
            withFileLimit([self._program, str(self._file)], self.fileLimit),
            stdout=self._log,
            stderr=subprocess.STDOUT,
            cwd=self.folder,
        )
        limit = time.monotonic() + 30
        while time.monotonic() < limit and self._process.poll() is None:
            try:
                self.get("/system")
                return self._withFront()
            except OSError:
                time.sleep(0.1)
        self.__exit__()
        log = (self.folder / "orthanc.log").read_text(errors="replace")
        raise RuntimeError(f"Orthanc did not start:\n{log[-2000:]}")

    def kill(self):
        """End the server as a power cut would."""
        self._process.kill()
        self._process.wait()

    def _withFront(self):
        if self.security is not None:
            # Debian's Orthanc ends by a segmentation fault at its first HTTPS request; so TLS ends in front of it.
            self.front = LoopbackProxy(self.httpPort, self.security.server).__enter__()
        scheme, port = ("https", self.front.port) if self.front else ("http", self.httpPort)
        self.dicomWeb = f"{scheme}://127.0.0.1:{port}/dicom-web"
        return self

    def __exit__(self, *_exception):
        if self.front is not None:
            self.front.__exit__()
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._log.close()

    def clear(self):
        """Remove all that is stored."""
        for patient in self.get("/patients"):
            self.request(f"/patients/{patient}", method="DELETE")

    def request(self, path, data=None, headers=None, method=None):
        """Body and headers of an answer."""
        request = urllib.request.Request(self.url + path, data=data, headers=headers or {}, method=method)
        # No proxy of the environment stands between a test and its own machine.
        if self.security is not None:
            request.add_header("Authorization", self.security.authorization)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=60) as answer:
            return answer.read(), answer.headers

    def get(self, path):
        """A JSON answer."""
        return json.loads(self.request(path, headers={"Accept": "application/json"})[0])

    def post(self, path, content):
        """Post JSON, get JSON."""
        body = json.dumps(content).encode()
        return json.loads(self.request(path, body, {"Content-Type": "application/json"})[0])

    def storeByStow(self, files):
        """STOW-RS of DICOM files (PS3.18 10.5)."""
        boundary = "m3d-test-boundary"
        parts = []
        for file in files:
            parts.append(f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode())
            parts.append(Path(file).read_bytes() + b"\r\n")
        parts.append(f"--{boundary}--\r\n".encode())
        kind = f'multipart/related; type="application/dicom"; boundary={boundary}'
        body, _headers = self.request(
            "/dicom-web/studies",
            b"".join(parts),
            {"Content-Type": kind, "Accept": "application/dicom+json"},
        )
        return json.loads(body)

    def retrieveByWado(self, study, series, instance):
        """The bytes of one instance by WADO-RS."""
        body, headers = self.request(
            f"/dicom-web/studies/{study}/series/{series}/instances/{instance}",
            headers={"Accept": 'multipart/related; type="application/dicom"'},
        )
        boundary = headers.get_param("boundary").strip('"').encode()
        part = body.split(b"--" + boundary)[1]
        return part.split(b"\r\n\r\n", 1)[1][: -len(b"\r\n")]
