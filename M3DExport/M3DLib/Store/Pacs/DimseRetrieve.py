"""Fetching by C-GET, or by C-MOVE to a storage service of our own (PS3.4 annex C)."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...Errors import M3DError
from ..Servers.Credentials import Credentials
from ..Servers.PacsProblem import PacsError, reasonText
from ..Servers.PacsServer import PacsServer
from ..Servers.TlsContext import listenerContext
from .DimseAssociation import NothingAccepted, association, brokenOff, newEntity, quietly
from .Landing import Landing, diskSentence

if TYPE_CHECKING:
    from pydicom import Dataset

_WHAT = "did not send the objects"
# So many instances are named in one request.
_NAMED_AT_ONCE = 100
_OUT_OF_RESOURCES, _NOT_ASKED_FOR = 0xA700, 0x0124
# One reception at a time in a process: pynetdicom's way to receive into files is a switch for all of it.
_RECEIVING = threading.RLock()


class Receiver:
    """Takes what arrives by C-STORE into a landing; nothing that was not asked for.

    :ivar error: what ended the reception on this side, None for nothing.
    :ivar hasReceived: whether anything has arrived.
    :ivar diskErrors: errors of the disk by the file that was being received into.
    :ivar spools: the files that are being received into, by name.
    """

    def __init__(self, series: str, instances: Sequence[str], landing: Landing, notify: Callable[[], None]):
        self._series = series
        self._wanted = set(instances)
        self._landing = landing
        self._notify = notify
        self._lock = threading.Lock()
        self.error: BaseException | None = None
        self.hasReceived = False
        self.diskErrors: dict[str, OSError] = {}
        self.spools: dict[str, _SpoolFile] = {}

    def handle(self, event) -> int:
        """pynetdicom's handler of C-STORE."""
        uid = str(event.request.AffectedSOPInstanceUID)
        received = event.dataset_path
        # pynetdicom leaves it open.
        self.spools.pop(str(received)).close()
        try:
            if uid not in self._wanted or self.error is not None:
                return _NOT_ASKED_FOR
            with self._lock:
                if (full := self.diskErrors.get(str(received))) is not None:
                    raise full
                incoming = self._landing.newFile()
                os.replace(received, incoming)
                self._landing.keep(incoming, self._series, uid)
                self.hasReceived = True
                self._notify()
        except OSError as error:
            self.error = M3DError(diskSentence(self._landing.output, error))
            return _OUT_OF_RESOURCES
        except Exception as error:
            # Raised again where the fetch was begun: this runs in threads and handlers of pynetdicom.
            self.error = error
            return _OUT_OF_RESOURCES
        return 0x0000

    def raiseError(self) -> None:
        """Raise what ended the reception, if anything did."""
        if self.error is not None:
            raise self.error


class _SpoolFile:
    """What pynetdicom receives into: it writes at once, and remembers an error of the disk instead of raising it.

    pynetdicom writes in a thread that an exception would end, and with it the association, without a word to anybody.
    """

    def __init__(self, file, errors: dict[str, OSError]):
        self._file = file
        self._errors = errors
        self.name = file.name
        self.file = self

    def __getattr__(self, name: str):
        return getattr(self._file, name)

    def write(self, data) -> int:
        """Write all of it, or nothing more once the disk is full."""
        rest = memoryview(data)
        try:
            while rest and self.name not in self._errors:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            self._errors[self.name] = error
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""


@contextlib.contextmanager
def receivingInto(landing: Landing, receiver: Receiver):
    """Have pynetdicom receive into files in the landing's folder: no object is held in memory, none lies elsewhere."""
    from pynetdicom import _config, dimse_messages

    with _RECEIVING:
        before = _config.STORE_RECV_CHUNKED_DATASET, dimse_messages.NamedTemporaryFile

        def newFile(*arguments, **more):
            more |= {"dir": landing.waiting, "prefix": "incoming-", "buffering": 0}
            spool = _SpoolFile(before[1](*arguments, **more), receiver.diskErrors)
            receiver.spools[spool.name] = spool
            return spool

        _config.STORE_RECV_CHUNKED_DATASET, dimse_messages.NamedTemporaryFile = True, newFile
        try:
            yield
        finally:
            _config.STORE_RECV_CHUNKED_DATASET, dimse_messages.NamedTemporaryFile = before


@dataclass(frozen=True)
class Wanted:
    """Instances of one series that are to be fetched.

    :ivar instances: SOP Class UID of each by its SOP Instance UID.
    """

    study: str
    series: str
    instances: dict[str, str]


def retrieveByGet(
    server: PacsServer, credentials: Credentials, wanted: Wanted, landing: Landing, notify: Callable[[], None]
) -> bool:
    """Fetch instances of a series over the association that asks for them.

    :return: False when the server does not offer C-GET, and nothing was fetched.
    :raises PacsError: the server refuses or breaks off.
    """
    from pynetdicom import build_role, evt
    from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelGet as Get

    receiver = Receiver(wanted.series, list(wanted.instances), landing, notify)
    with quietly() as collector, receivingInto(landing, receiver):
        for classes, named in _byContexts(wanted.instances):
            contexts = [(Get, ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2"])]
            contexts += [(one, [syntax]) for one in classes for syntax in _syntaxes(one)]
            try:
                with association(
                    server,
                    credentials,
                    contexts,
                    _WHAT,
                    roles=[build_role(one, scp_role=True) for one in classes],
                    handlers=[(evt.EVT_C_STORE, receiver.handle)],
                ) as found:
                    if not any(context.abstract_syntax == Get for context in found.accepted_contexts):
                        return False
                    for request in _requests(wanted, named):
                        _follow(server, found.send_c_get(request, Get), receiver, collector)
            except NothingAccepted:
                return False
            except PacsError as error:
                receiver.raiseError()
                if collector.diskError() is not None:
                    raise brokenOff(server, _WHAT, collector) from error
                raise
    return True


def retrieveByMove(
    server: PacsServer, credentials: Credentials, wanted: Wanted, landing: Landing, notify: Callable[[], None]
) -> None:
    """Have the server send instances of a series to this computer, by an association of its own.

    :raises PacsError: the server does not offer it, does not know us, refuses or breaks off.
    :raises M3DError: nothing can be received at the port.
    """
    from pynetdicom import evt
    from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelMove as Move

    receiver = Receiver(wanted.series, list(wanted.instances), landing, notify)
    destination = server.moveDestination or server.callingAet
    with (
        quietly() as collector,
        receivingInto(landing, receiver),
        listening(server, [(evt.EVT_C_STORE, receiver.handle)], set(wanted.instances.values())),
        association(server, credentials, [(Move, ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2"])], _WHAT) as found,
    ):
        for request in _requests(wanted, list(wanted.instances)):
            _follow(server, found.send_c_move(request, destination, Move), receiver, collector)


@contextlib.contextmanager
def listening(server: PacsServer, handlers: Sequence[tuple], classes: Sequence[str] = ()):
    """A service of our own for what the server sends by itself: objects (C-MOVE) and receipts.

    :raises M3DError: the port cannot be used, or TLS is wanted and this side has no certificate.
    """
    from pynetdicom import ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts
    from pynetdicom.sop_class import StorageCommitmentPushModel, Verification

    entity = newEntity(server, server.moveDestination or server.callingAet)
    known = {context.abstract_syntax for context in AllStoragePresentationContexts}
    for abstract in sorted(known | set(classes)):
        entity.add_supported_context(abstract, ALL_TRANSFER_SYNTAXES)
    entity.add_supported_context(Verification)
    entity.add_supported_context(StorageCommitmentPushModel, scu_role=True, scp_role=True)
    entity.require_called_aet = True
    context = listenerContext(server) if server.tls else None
    try:
        running = entity.start_server(
            (server.listenHost, server.listenPort), block=False, evt_handlers=list(handlers), ssl_context=context
        )
    except OSError as error:
        raise M3DError(
            f"Nothing can be received at port {server.listenPort} of this computer ({error.strerror}); choose another "
            "one with --listen."
        ) from error
    try:
        yield
    finally:
        running.shutdown()


def _follow(server: PacsServer, responses, receiver: Receiver, collector) -> None:
    """Wait until a C-GET or C-MOVE is done; what has arrived is looked at afterwards, whatever its status says."""
    for status, _identifier in _watched(server, responses, receiver):
        receiver.raiseError()
        if "Status" not in status:
            raise brokenOff(server, _WHAT, collector, receiver.hasReceived)
        code = int(status.Status)
        if code in (0xFF00, 0x0000) or code >> 12 == 0xB:
            continue
        if code == 0xA801:
            raise PacsError(
                f"{server.place} {_WHAT}: it does not know where '{server.moveDestination or server.callingAet}' is; "
                "its administrator has to enter this computer's AE title, address and port."
            )
        if code in (0xA702, 0xC000) and receiver.hasReceived:
            # Some arrived and some did not: which ones is seen by looking.
            continue
        raise PacsError(f"{server.place} {_WHAT}: {reasonText(code)}.", mayPass=code >> 8 == 0xA7)
    receiver.raiseError()


def _watched(server: PacsServer, responses, receiver: Receiver) -> Iterator[tuple]:
    try:
        yield from responses
    except (ConnectionError, RuntimeError) as error:
        receiver.raiseError()
        raise brokenOff(server, _WHAT, None, receiver.hasReceived) from error


def _requests(wanted: Wanted, named: Sequence[str]) -> Iterator[Dataset]:
    """Identifiers that name instances: a list of all of a series is short beside what it asks for."""
    from pydicom import Dataset

    for start in range(0, len(named), _NAMED_AT_ONCE):
        request = Dataset()
        request.QueryRetrieveLevel = "IMAGE"
        request.StudyInstanceUID = wanted.study
        request.SeriesInstanceUID = wanted.series
        request.SOPInstanceUID = list(named[start : start + _NAMED_AT_ONCE])
        yield request


def _syntaxes(sopClass: str) -> list[str]:
    """Transfer syntaxes that objects of a class may have, each to be offered by itself: as they are, they come."""
    from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
    from pynetdicom import ALL_TRANSFER_SYNTAXES

    plain = [str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian), str(DeflatedExplicitVRLittleEndian)]
    if _hasNoPixels(sopClass):
        return plain
    return [*plain, *(one for one in ALL_TRANSFER_SYNTAXES if one not in plain)]


def _hasNoPixels(sopClass: str) -> bool:
    from pydicom.uid import UID

    keyword = UID(sopClass).keyword
    return keyword.startswith("Encapsulated") or keyword.endswith("SRStorage")


def _byContexts(instances: dict[str, str]) -> Iterator[tuple[list[str], list[str]]]:
    """Classes that fit into one association with all their transfer syntaxes, and the instances of these."""
    waiting = sorted(set(instances.values()))
    while waiting:
        classes, room = [], 126
        while waiting and (not classes or len(_syntaxes(waiting[0])) <= room):
            room -= len(_syntaxes(waiting[0]))
            classes.append(waiting.pop(0))
        yield classes, [uid for uid, sopClass in instances.items() if sopClass in classes]
