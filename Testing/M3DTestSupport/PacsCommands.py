"""``m3d query``, ``fetch`` and ``send`` against the test server, by either protocol."""

import json
from pathlib import Path

import pydicom

from M3DBatchLib.CommandLine import main
from M3DTestSupport.OrthancServer import AET, CLIENT_AET


def address(server, protocol, *, port=None):
    """Options that name a server and, where it is protected, what it takes to get in."""
    security = server.security
    if protocol == "dicomweb":
        url = server.dicomWeb if port is None else f"http://127.0.0.1:{port}/dicom-web"
        options = ["--dicomweb", url]
        if url.startswith("https"):
            options += ["--ca-file", security.ca, "--pacs-user", security.USER]
        return options
    options = ["--dimse", f"{AET}@127.0.0.1:{port or server.dicomPort}", "--aet", CLIENT_AET]
    if security is not None:
        client = security.client
        options += ["--tls", "--ca-file", security.ca, "--client-cert", client.cert, "--client-key", client.key]
    return options


def m3d(*arguments):
    """Run a command in this process; its exit status."""
    return main([str(argument) for argument in arguments])


def m3dJson(capsys, *arguments):
    """Run a command with --json; its exit status, the object it printed (None for nothing) and what it said."""
    capsys.readouterr()
    status = m3d(*arguments, "--json")
    said = capsys.readouterr()
    return status, json.loads(said.out) if said.out else None, said.err


def filesOf(folder):
    """The DICOM files below a folder by SOP Instance UID."""
    files = list(Path(folder).rglob("*.dcm"))
    found = {str(pydicom.dcmread(file, stop_before_pixels=True).SOPInstanceUID): file for file in files}
    assert len(found) == len(files)
    return found


def requireSameObjects(folder, other):
    """Two folders hold the same objects, value by value, with the same transfer syntax."""
    found, wanted = filesOf(folder), filesOf(other)
    assert found.keys() == wanted.keys() and wanted
    for uid, file in found.items():
        one, two = pydicom.dcmread(file), pydicom.dcmread(wanted[uid])
        assert one == two
        assert one.file_meta.TransferSyntaxUID == two.file_meta.TransferSyntaxUID


def dataBytes(file):
    """What a DICOM file holds after its meta information, byte for byte."""
    content = Path(file).read_bytes()
    length = int.from_bytes(content[140:144], "little")
    return content[144 + length :]
