"""A PACS: where it is, by which protocol it is spoken to, and what protects the way there."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from ...Errors import M3DError

DEFAULT_CALLING_AET = "M3D"
_DIMSE = re.compile(r"(?P<aet>[^@]+)@(?P<host>\[[0-9A-Fa-f:.]+\]|[^@:\[\]/]+):(?P<port>\d{1,5})")


@dataclass(frozen=True)
class PacsServer:
    """One server and one protocol; made by :func:`dicomWebServer` or :func:`dimseServer`, which check what they get.

    :ivar url: of the DICOMweb service; "" for a server that is spoken to by DIMSE.
    :ivar calledAet, host, port: of a DIMSE server.
    :ivar callingAet: our own Application Entity Title.
    :ivar tls: whether DIMSE goes over TLS; DICOMweb does with an https address.
    :ivar caFile: certificates that are trusted instead of the system's, PEM; None for the system's.
    :ivar clientCert, clientKey: what this side shows of itself, PEM; None for nothing.
    :ivar user: name there, "" for none. Passwords and tokens are no part of a server.
    :ivar usesToken: whether the server is given a token instead of user and password.
    :ivar retrieve: "get", "move" or "auto": how DIMSE fetches.
    :ivar moveDestination: AE title under which the server knows this computer, for C-MOVE.
    :ivar listenHost, listenPort: where this computer waits for what the server sends by an association of its own
        (C-MOVE, storage commitment); port 0 for nowhere.
    :ivar timeout: seconds to wait for an answer.
    :ivar attempts: how often a transfer is tried that fails for a reason that may pass.
    """

    url: str = ""
    calledAet: str = ""
    host: str = ""
    port: int = 0
    callingAet: str = DEFAULT_CALLING_AET
    tls: bool = False
    caFile: Path | None = None
    clientCert: Path | None = None
    clientKey: Path | None = None
    user: str = ""
    usesToken: bool = False
    retrieve: str = "auto"
    moveDestination: str = ""
    listenHost: str = ""
    listenPort: int = 0
    timeout: float = 60.0
    attempts: int = 3
    name: str = field(default="", compare=False)

    @property
    def isDicomWeb(self) -> bool:
        """Whether it is spoken to by DICOMweb."""
        return bool(self.url)

    @property
    def place(self) -> str:
        """Host and port, for messages and for the keyring; without user, without AE title."""
        return urlsplit(self.url).netloc if self.url else f"{self.host}:{self.port}"

    @property
    def isEncrypted(self) -> bool:
        """Whether nobody on the way can read what is sent."""
        return urlsplit(self.url).scheme == "https" if self.url else self.tls

    @property
    def isThisComputer(self) -> bool:
        """Whether the server is on the loopback interface."""
        host = (urlsplit(self.url).hostname or "") if self.url else self.host.strip("[]")
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"


def dicomWebServer(url: str, **more) -> PacsServer:
    """A server with DICOMweb.

    :param more: further attributes of :class:`PacsServer`.
    :raises M3DError: it is no address of one, holds a user name or password, or an attribute does not fit.
    """
    url = url.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        wrong = parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0
    except ValueError:
        parts, wrong = None, True
    if parts is not None and (parts.username is not None or parts.password is not None):
        raise M3DError("The address of the DICOMweb server holds a user name or password; give them apart from it.")
    if wrong:
        raise M3DError(f"'{url}' is not the address of a DICOMweb server; it looks like https://host/dicom-web.")
    if parts.query or parts.fragment:
        # A token in the query would stand in every log on the way.
        raise M3DError("The address of the DICOMweb server has a part after '?' or '#'; leave it out.")
    return checked(PacsServer(url=url, **more))


def dimseServer(address: str, **more) -> PacsServer:
    """A server with DIMSE, by ``AET@HOST:PORT``.

    :param more: further attributes of :class:`PacsServer`.
    :raises M3DError: it is no such address, or an attribute does not fit.
    """
    match = _DIMSE.fullmatch(address.strip())
    if match is None or not 0 < int(match["port"]) < 65536:
        if address.count("@") > 1:
            raise M3DError("The address of a DIMSE server holds no user name or password; it looks like AET@HOST:PORT.")
        raise M3DError(f"'{address}' is not the address of a DIMSE server; it looks like AET@HOST:PORT.")
    server = PacsServer(calledAet=match["aet"].strip(), host=match["host"].strip("[]"), port=int(match["port"]), **more)
    return checked(server)


def requireAeTitle(title: str) -> None:
    """Refuse what is no Application Entity Title (PS3.5, 6.2: VR AE).

    :raises M3DError: it is empty, too long, or has characters that a title cannot have.
    """
    if not 0 < len(title.strip()) <= 16 or not re.fullmatch(r"[ -\[\]-~]+", title):
        raise M3DError(f"'{title}' is no AE title; it has 1 to 16 ASCII characters without backslash.")


def checked(server: PacsServer) -> PacsServer:
    """A server whose attributes fit together.

    :raises M3DError: they do not; says what to give or to leave out.
    """
    for title in filter(None, (server.calledAet, server.callingAet, server.moveDestination)):
        requireAeTitle(title)
    if (server.clientKey is None) != (server.clientCert is None):
        raise M3DError("A client certificate and its key go together; give --client-cert and --client-key.")
    for file in (server.caFile, server.clientCert, server.clientKey):
        if file is not None and not Path(file).is_file():
            raise M3DError(f"The certificate file '{file}' does not exist.")
    if not server.isEncrypted and (server.caFile or server.clientCert):
        how = "an https address" if server.isDicomWeb else "--tls"
        raise M3DError(f"Certificates are of use only with TLS; give {how}, or leave them out.")
    if server.attempts < 1 or not server.timeout > 0:
        raise M3DError("A transfer is tried at least once, and waits for an answer longer than no time.")
    if server.retrieve not in ("auto", "get", "move"):
        raise M3DError(f"'{server.retrieve}' is no way to fetch; there are auto, get and move.")
    if server.retrieve == "move" and not server.listenPort:
        raise M3DError("C-MOVE needs a port where the server's objects are waited for; give --listen PORT.")
    return server
