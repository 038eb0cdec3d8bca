"""A DICOMweb server on the loopback interface that knows STOW-RS and the one search that the extension makes."""

from __future__ import annotations

import io
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pydicom


class DicomWebStub:
    """Use as a context manager; ``url`` is its address.

    :ivar stored: data sets by SOP Instance UID.
    :ivar requests: how many transfers there were, taken or not.
    :ivar status: answered to a transfer instead of taking it, when set.
    :ivar refuses: failure reasons by SOP Instance UID of what is not taken; answered by 202 with the list of them, or
        409 when nothing was taken.
    :ivar loses: called with each data set; True makes the server say that it took it, and forget it.
    :ivar authorization: header that a transfer must have, when set.
    """

    def __init__(self):
        self.stored = {}
        self.requests = 0
        self.status = None
        self.refuses = {}
        self.loses = lambda dataset: False
        self.authorization = None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}/dicom-web"

    def __enter__(self):
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(stub):
        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *arguments):
                pass

            def answer(self, status, body=b"", contentType="application/dicom+json"):
                self.send_response(status)
                self.send_header("Content-Type", contentType)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def body(self):
                if self.headers.get("Transfer-Encoding") != "chunked":
                    return self.rfile.read(int(self.headers["Content-Length"]))
                chunks = []
                while size := int(self.rfile.readline(), 16):
                    chunks.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(chunks)

            def do_POST(self):
                body = self.body()
                stub.requests += 1
                if stub.authorization and self.headers.get("Authorization") != stub.authorization:
                    return self.answer(401)
                if stub.status:
                    return self.answer(stub.status)
                failed, taken = [], 0
                boundary = b"--" + self.headers["Content-Type"].split("boundary=")[1].strip('"').encode()
                for part in body.split(boundary)[1:-1]:
                    dataset = pydicom.dcmread(io.BytesIO(part.split(b"\r\n\r\n", 1)[1][:-2]))
                    uid = str(dataset.SOPInstanceUID)
                    if uid in stub.refuses:
                        failed.append(_failedItem(dataset, stub.refuses[uid]))
                        continue
                    taken += 1
                    if not stub.loses(dataset):
                        stub.stored[uid] = dataset
                if failed:
                    answer = {"00081198": {"vr": "SQ", "Value": failed}}
                    return self.answer(202 if taken else 409, json.dumps(answer).encode())
                return self.answer(200, b"{}")

            def do_GET(self):
                uid = parse_qs(urlsplit(self.path).query).get("SOPInstanceUID", [""])[0]
                found = [{"00080018": {"vr": "UI", "Value": [uid]}}] if uid in stub.stored else []
                return self.answer(200, json.dumps(found).encode())

        return Handler


def _failedItem(dataset, reason):
    return {
        "00081150": {"vr": "UI", "Value": [str(dataset.SOPClassUID)]},
        "00081155": {"vr": "UI", "Value": [str(dataset.SOPInstanceUID)]},
        "00081197": {"vr": "US", "Value": [reason]},
    }
