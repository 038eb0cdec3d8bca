"""The way to a PACS, whichever protocol it speaks: both connections have the same methods."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ..Servers.Credentials import Credentials, credentialsFor
from ..Servers.PacsServer import PacsServer

if TYPE_CHECKING:
    from pydicom import Dataset

    from .Landing import Landing
    from .Outgoing import Outgoing


class PacsConnection(Protocol):
    """What both connections can do; the docstrings of ``DicomWebConnection`` and ``DimseConnection`` say how.

    :ivar knowsCommitment: whether the server may answer for what it stores.
    """

    server: PacsServer
    knowsCommitment: bool

    def __enter__(self) -> PacsConnection: ...
    def __exit__(self, *exception) -> None: ...
    def reconnect(self) -> None: ...
    def test(self) -> str: ...
    def find(self, level: str, keys: dict[str, str], fields: Sequence[str] = ()) -> list[Dataset]: ...
    def store(
        self, outgoing: Sequence[Outgoing], told: Callable[[Outgoing, str], None], progress: Callable[[int], None]
    ) -> None: ...
    def retrieve(
        self, study: str, series: str, instances: dict[str, str], landing: Landing, notify: Callable[[], None]
    ) -> None: ...
    def commit(self, outgoing: Sequence[Outgoing]) -> Any: ...


def connect(server: PacsServer, credentials: Credentials | None = None) -> PacsConnection:
    """A connection to a server; nothing is sent yet.

    :param credentials: those of the environment or the keyring when None.
    :raises M3DError: a package is missing, a certificate file is none, or secrets would travel readable.
    """
    credentials = credentialsFor(server) if credentials is None else credentials.requireSafeWay(server)
    if server.isDicomWeb:
        from .DicomWebConnection import DicomWebConnection

        return DicomWebConnection(server, credentials)
    from .DimseConnection import DimseConnection

    return DimseConnection(server, credentials)
