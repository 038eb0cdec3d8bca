"""One DIMSE association: made, watched and ended, with the reason in words when it fails."""

from __future__ import annotations

import contextlib
import logging
import socket
import struct
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...Errors import M3DError
from ..Servers.Credentials import Credentials
from ..Servers.PacsProblem import PacsError, connectionProblem
from ..Servers.PacsServer import PacsServer
from ..Servers.TlsContext import clientContext

if TYPE_CHECKING:
    from pynetdicom.association import Association

# Largest piece of data we take at a time; DCMTK, in many servers, sends no larger ones.
_PDU_BYTES = 131_072
# So many pieces wait to be sent at most: pynetdicom itself would put a whole file into its queue.
_PIECES_WAITING = 64
# A-ASSOCIATE-RJ, PS3.8 Table 9-21: (source, reason).
_REJECTIONS = {
    (1, 2): "it does not speak DICOM as we do (application context)",
    (1, 3): "it does not know our AE title '{calling}' (--aet); its administrator has to enter it",
    (1, 7): "its AE title is not '{called}'",
    (2, 2): "it speaks another version of the protocol",
    (3, 1): "it is too busy at the moment",
    (3, 2): "it has too many connections at the moment",
}


def requirePynetdicom() -> None:
    """Refuse DIMSE where its package is not installed.

    :raises M3DError: says how to install it.
    """
    try:
        import pynetdicom  # noqa: F401
    except ImportError as error:
        raise M3DError(
            "DIMSE needs the Python package pynetdicom: pip install SlicerM3D[pacs] (in Slicer: pip_install)."
        ) from error


def newEntity(server: PacsServer, title: str):
    """pynetdicom's application entity with our limits."""
    from pynetdicom import AE

    entity = AE(title)
    entity.connection_timeout = min(server.timeout, 15.0)
    entity.acse_timeout = server.timeout
    entity.dimse_timeout = server.timeout
    entity.network_timeout = server.timeout
    entity.maximum_pdu_size = _PDU_BYTES
    return entity


@contextlib.contextmanager
def quietly():
    """Keep pynetdicom's own remarks, which name patients, out of every log, and collect the errors of the system.

    It hands errors that happen in its threads to its log only; what is collected tells a full disk from a server that
    breaks off.
    """
    logger = logging.getLogger("pynetdicom")
    collector = _ErrorCollector()
    before = logger.propagate, logger.level, list(logger.handlers)
    logger.propagate = False
    logger.setLevel(logging.ERROR)
    logger.handlers = [collector]
    try:
        yield collector
    finally:
        logger.propagate, logger.handlers = before[0], before[2]
        logger.setLevel(before[1])


class _ErrorCollector(logging.Handler):
    """:ivar errors: exceptions that pynetdicom has logged."""

    def __init__(self):
        super().__init__(logging.ERROR)
        self.errors: list[BaseException] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and isinstance(record.exc_info[1], BaseException):
            self.errors.append(record.exc_info[1])

    def diskError(self) -> OSError | None:
        """The error of a full disk, None for none."""
        import errno

        full = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES)
        return next((one for one in self.errors if isinstance(one, OSError) and one.errno in full), None)


class NothingAccepted(PacsError):
    """The server makes an association, and takes none of what was offered.

    :ivar refused: the presentation contexts, as pynetdicom has them.
    """

    def __init__(self, problem: str, refused: Sequence[Any]):
        super().__init__(problem, answered=True)
        self.refused = list(refused)


@contextlib.contextmanager
def association(
    server: PacsServer,
    credentials: Credentials,
    contexts: Sequence[tuple[str, Sequence[str]]],
    what: str,
    *,
    roles: Sequence[Any] = (),
    handlers: Sequence[tuple] = (),
):
    """An association with the server; released at the end, aborted when anything is raised.

    :param contexts: SOP class and transfer syntaxes of each presentation context, at most 128.
    :param what: begins the sentence of an error after the server's name, as "did not take the objects".
    :raises NothingAccepted: the server takes none of the contexts.
    :raises PacsError: it cannot be made; says why.
    """
    from pynetdicom import evt

    entity = newEntity(server, server.callingAet)
    for abstract, syntaxes in contexts:
        entity.add_requested_context(abstract, list(syntaxes))
    negotiation = [*roles, *_identity(credentials)]
    found = entity.associate(
        server.host,
        server.port,
        ae_title=server.calledAet,
        ext_neg=negotiation or None,
        evt_handlers=[(evt.EVT_CONN_OPEN, _withoutDelay), *handlers],
        tls_args=(clientContext(server), server.host) if server.tls else None,
    )
    if not found.is_established:
        raise _whyNot(server, found, what)
    _limitQueue(found, server.tls)
    try:
        yield found
    except BaseException as error:
        if found.is_established:
            found.abort()
        if isinstance(error, ConnectionResetError):
            # The server has ended the association before it was asked.
            raise brokenOff(server, what, hasBegun=False) from error
        raise
    else:
        if found.is_established:
            found.release()


def brokenOff(
    server: PacsServer, what: str, collector: _ErrorCollector | None = None, hasBegun: bool = True
) -> PacsError:
    """The error of an association that ended in the middle of something.

    :param hasBegun: whether anything of what was asked for had come before.
    """
    if collector is not None and (error := collector.diskError()) is not None:
        # The disk of this computer: no use in trying again.
        return PacsError(f"What {server.place} sends cannot be written ({error.strerror}); make room.")
    # Servers end the association without a word when they do not know who asks.
    hint = "" if hasBegun else f"; it may not allow '{server.callingAet}' (--aet) to ask for this"
    return PacsError(f"{server.place} {what}: the connection broke off{hint}.", mayPass=True)


def _withoutDelay(event) -> None:
    """Send small pieces at once: with Nagle's algorithm each object would wait for the server's delayed receipt."""
    event.assoc.dul.socket.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _limitQueue(found: Association, isEncrypted: bool) -> None:
    """Let what is sent wait in the file, not in memory: pynetdicom would put all of it into a queue.

    Without TLS, pieces of data are written to the connection as soon as they are made, which spares half of the time.
    With TLS only pynetdicom's own thread may use the connection, as it reads from it at any moment.
    """
    from pynetdicom.pdu_primitives import P_DATA

    provider = found.dul
    put = provider.send_pdu

    def limited(primitive) -> None:
        if not isinstance(primitive, P_DATA):
            put(primitive)
            return
        allowed = _PIECES_WAITING if isEncrypted else 0
        while provider.to_provider_queue.qsize() > allowed and provider.is_alive():
            time.sleep(0.0005)
        if not provider.is_alive() or found.is_aborted or not found.is_established:
            raise ConnectionResetError("the association has ended")
        if isEncrypted:
            put(primitive)
            return
        provider.socket.send(_dataUnit(primitive.presentation_data_value_list))

    provider.send_pdu = limited


def _dataUnit(values: Sequence[tuple[int, bytes]]) -> bytes:
    """A P-DATA-TF PDU (PS3.8 9.3.5): type 04H, its length, and each value with length and context."""
    items = [part for context, data in values for part in (struct.pack(">LB", len(data) + 1, context), data)]
    return b"".join([struct.pack(">BxL", 4, sum(map(len, items))), *items])


def _identity(credentials: Credentials) -> list:
    """User identity negotiation (PS3.7 D.3.3.7) for a server that asks for it."""
    from pynetdicom.pdu_primitives import UserIdentityNegotiation

    if not credentials:
        return []
    item = UserIdentityNegotiation()
    item.positive_response_requested = False
    if credentials.token:
        item.user_identity_type = 5
        item.primary_field = credentials.token.encode()
    else:
        item.user_identity_type = 2
        item.primary_field = credentials.user.encode()
        item.secondary_field = credentials.password.encode()
    return [item]


def _whyNot(server: PacsServer, found: Association, what: str) -> PacsError:
    if found.is_rejected:
        answer = found.acceptor.primitive
        key = (answer.result_source, answer.diagnostic)
        why = _REJECTIONS.get(key, f"it refuses the association (source {key[0]}, reason {key[1]})")
        why = why.format(calling=server.callingAet, called=server.calledAet)
        return PacsError(f"{server.place} {what}: {why}.", mayPass=answer.result == 2 or answer.result_source == 3)
    if found.rejected_contexts and not found.accepted_contexts:
        return NothingAccepted(
            f"{server.place} {what}: it accepts none of what was asked for.", found.rejected_contexts
        )
    try:
        _connectOnce(server)
    except OSError as error:
        return connectionProblem(server.place, what, error)
    hint = "" if server.tls else "; it may speak TLS only (--tls)"
    return PacsError(
        f"{server.place} {what}: it ends the connection before an association is made{hint}.", mayPass=True
    )


def _connectOnce(server: PacsServer) -> None:
    """Connect and, with TLS, shake hands: for the reason why pynetdicom could not."""
    with socket.create_connection((server.host, server.port), min(server.timeout, 15.0)) as plain:
        if not server.tls:
            return
        with clientContext(server).wrap_socket(plain, server_hostname=server.host) as encrypted:
            # A server that wants a certificate of ours says so only after the handshake (TLS 1.3).
            encrypted.settimeout(0.3)
            with contextlib.suppress(TimeoutError):
                encrypted.recv(1)
