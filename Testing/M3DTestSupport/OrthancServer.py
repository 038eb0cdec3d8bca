"""A real Orthanc server for tests: on loopback, on free ports, with nothing left behind."""

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

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


class OrthancServer:
    """Usage: ``with OrthancServer(folder) as server: ...``; raises RuntimeError when it does not start."""

    def __init__(self, folder, program, plugin):
        self.folder = Path(folder)
        self.httpPort, self.dicomPort, self.clientPort = _freePorts(3)
        self.url = f"http://127.0.0.1:{self.httpPort}"
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
        self._file = self.folder / "orthanc.json"
        self._file.write_text(json.dumps(configuration))
        self._program = program

    def __enter__(self):
        self._log = open(self.folder / "orthanc.log", "wb")
        self._process = subprocess.Popen(
            [self._program, str(self._file)],
            stdout=self._log,
            stderr=subprocess.STDOUT,
            cwd=self.folder,
        )
        limit = time.monotonic() + 30
        while time.monotonic() < limit and self._process.poll() is None:
            try:
                self.get("/system")
                return self
            except OSError:
                time.sleep(0.1)
        self.__exit__()
        log = (self.folder / "orthanc.log").read_text(errors="replace")
        raise RuntimeError(f"Orthanc did not start:\n{log[-2000:]}")

    def __exit__(self, *_exception):
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._log.close()

    def request(self, path, data=None, headers=None):
        """Body and headers of an answer."""
        request = urllib.request.Request(self.url + path, data=data, headers=headers or {})
        # No proxy of the environment stands between a test and its own machine.
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
