"""The PACS that a user of Slicer knows: those of the settings file, and those of Slicer's own list; scans of them."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..Background import inBackground
from ..Errors import M3DError, noProgress
from ..Store.DicomWebStore import PacsStore
from ..Store.Servers.Credentials import Credentials
from ..Store.Servers.PacsServer import PacsServer, dicomWebServer, dimseServer
from ..Store.Servers.ServerList import namedServer, serversOfUser
from .SlicerImage import requireOpen

# Where Slicer keeps its list (Application settings, DICOM): CTK's ctkDICOMServerNodeWidget2, one JSON object a server.
_COUNT, _NODE = "DICOM/ServerNodeCount", "DICOM/ServerNodes/{index}"
# Part of the way when all has arrived and is to be imported.
_FETCHING = 0.8


@dataclass(frozen=True)
class KnownServer:
    """A server that can be chosen by its name.

    :ivar label: for a list that people choose from.
    """

    name: str
    label: str
    server: PacsServer


def knownServers(setting: Callable[[str], Any]) -> list[KnownServer]:
    """Every server that is known, those of the settings file before Slicer's.

    :param setting: gives a value of the application's settings by its key, None for none.
    :raises M3DError: the settings file is wrong.
    """
    tables, _file = serversOfUser()
    found = {name: KnownServer(name, name, namedServer(tables, name)) for name in tables}
    for server in _serversOfSlicer(setting):
        # Two of one name are told apart, or nobody could say which of them was sent to.
        name = server.name if server.name not in found else f"{server.name} (Slicer)"
        found[name] = KnownServer(name, f"{name}: {server.calledAet}@{server.place}", server)
    return list(found.values())


def storeFor(text: str, setting: Callable[[str], Any], user: str = "", password: str = "") -> PacsStore:
    """The PACS that a text means.

    :param text: as of :func:`serverFor`.
    :param user, password: as typed in; those of the environment or the keyring when there is no user.
    :raises M3DError: there is no such server, or something is missing.
    """
    return PacsStore(serverFor(text, setting), Credentials(user, password) if user else None)


def serverFor(text: str, setting: Callable[[str], Any]) -> PacsServer:
    """The server that a text means: the name of a known one, a DICOMweb address, or AET@HOST:PORT.

    :param setting: as of :func:`knownServers`.
    :raises M3DError: it is none of these.
    """
    text = text.strip()
    if "://" in text:
        return dicomWebServer(text, timeout=120.0)
    known = next((one for one in knownServers(setting) if one.name == text), None)
    if known is not None:
        return known.server
    if "@" in text:
        return dimseServer(text)
    if not text:
        raise M3DError("Choose a server, or type its address: https://host/dicom-web, or AET@HOST:PORT.")
    raise M3DError(f"'{text}' is not the address of a PACS, nor the name of a known one.")


def answerOf(store: PacsStore, progress: Callable[[float, str], None] = noProgress) -> str:
    """What a server says when it is asked whether it answers, in a sentence.

    :param progress: called in this thread, while another one waits for the server; may raise to stop, which leaves the
        server to itself: it may take its whole timeout to say nothing.
    :raises M3DError: it does not answer, or refuses.
    """

    def ask(said: Callable[[float, str], None]) -> str:
        said(0.1, f"Asking {store.server}")
        return store.test()

    return inBackground(ask, progress, leave=True)


def sendTo(store: PacsStore, datasets: Sequence, progress: Callable[[float, str], None] = noProgress) -> list[str]:
    """Send objects to a PACS; returns their SOP Instance UIDs.

    :param progress: called in this thread, while another one waits for the server.
    :raises M3DError: as :meth:`~..Store.DicomWebStore.PacsStore.add` does.
    """
    return inBackground(lambda said: store.add(datasets, said), progress)


def fetchIntoDatabase(
    store: PacsStore,
    named: Mapping[str, str],
    database,
    indexer,
    progress: Callable[[float, str], None] = noProgress,
) -> list:
    """Fetch every series that is named, and import it when all of it is there.

    :param named: as of :meth:`~..Store.DicomWebStore.PacsStore.fetch`.
    :param database: ctkDICOMDatabase. :param indexer: ctkDICOMIndexer.
    :param progress: called in this thread, while another one waits for the server.
    :return: the series (:class:`~..Store.Pacs.Fetching.FetchedSeries`).
    :raises M3DError: nothing fits, something is missing, or the database does not take it. What the database has taken
        of series that it does not take wholly stays there, as with any import.
    """
    requireOpen(database)
    with tempfile.TemporaryDirectory(prefix="M3D-") as folder:
        series = inBackground(
            lambda said: store.fetch(named, Path(folder), said), lambda done, text: progress(_FETCHING * done, text)
        )
        progress(_FETCHING, "Importing")
        files = [str(file) for file in sorted(Path(folder).rglob("*")) if file.is_file()]
        indexer.addListOfFiles(database, files, True)
        indexer.waitForImportFinished()
    for one in series:
        taken = len(database.filesForSeries(one.seriesInstanceUid))
        if taken < one.onServer:
            raise M3DError(
                f"The DICOM database has taken {taken} of the {one.onServer} objects of series '{one.description}'; "
                "its disk may be full or not writable."
            )
    return series


def _serversOfSlicer(setting: Callable[[str], Any]) -> list[PacsServer]:
    """Slicer's list as far as its entries can be used; an entry that is wrong there is not for us to report."""
    found = []
    with contextlib.suppress(TypeError, ValueError):
        for index in range(int(setting(_COUNT) or 0)):
            with contextlib.suppress(M3DError, TypeError, ValueError, KeyError):
                found.append(_server(_node(setting(_NODE.format(index=index)))))
    return found


def _node(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        # As older versions keep it.
        return value
    if hasattr(value, "data"):
        # A byte array of Qt.
        value = value.data()
    return json.loads(bytes(value) if isinstance(value, (bytes, bytearray)) else str(value))


def _server(node: dict[str, Any]) -> PacsServer:
    address = f"{node['Called AETitle']}@{node['Address']}:{int(node['Port'])}"
    return dimseServer(
        address,
        callingAet=str(node.get("Calling AETitle") or "M3D"),
        timeout=float(node.get("Timeout") or 30),
        name=str(node["Name"]),
    )
