"""Sending by C-STORE, and asking for a receipt by storage commitment (PS3.4 annexes B and J)."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from ..Servers.Credentials import Credentials
from ..Servers.PacsProblem import PacsError, reasonText, statusMayPass
from ..Servers.PacsServer import PacsServer
from .DimseAssociation import NothingAccepted, association, brokenOff, quietly
from .Outgoing import Outgoing

if TYPE_CHECKING:
    from pynetdicom.association import Association

# An association has 128 presentation contexts at most (PS3.8 9.3.2.2: odd numbers of one byte).
CONTEXTS = 126
# A receipt on the same association comes soon or not at all; one of its own association takes as long as servers take.
_WAIT_SAME, _WAIT_LISTENING = 2.0, 30.0
_WHAT = "did not take the objects"


def storeObjects(
    server: PacsServer,
    credentials: Credentials,
    outgoing: Sequence[Outgoing],
    told: Callable[[Outgoing, str], None],
    progress: Callable[[int], None],
) -> None:
    """Send objects as they are encoded, over one association for all unless they are of very many kinds.

    :param told: called with each object and why it was not taken, "" when it was.
    :param progress: called with the bytes sent so far.
    :raises PacsError: the server cannot be reached or breaks off; what was told of is done.
    """
    sent = 0
    with quietly():
        for group in _groups(outgoing):
            try:
                with association(server, credentials, _contextsOf(group), _WHAT) as found:
                    for one in group:
                        told(one, _storeOne(server, found, one))
                        sent += one.size
                        progress(sent)
            except NothingAccepted as error:
                for one in group:
                    told(one, _refusedKind(error.refused, one))


def _storeOne(server: PacsServer, found: Association, one: Outgoing) -> str:
    from pynetdicom import _config

    isExact = (one.sopClassUid, one.transferSyntaxUid) in {
        (context.abstract_syntax, context.transfer_syntax[0]) for context in found.accepted_contexts
    }
    if not isExact and not _canBeReencoded(found, one):
        return _refusedKind(found.rejected_contexts, one)
    try:
        if isExact:
            with _set(_config, "STORE_SEND_CHUNKED_DATASET", True):
                status = found.send_c_store(one.path)
        else:
            from pydicom import dcmread

            status = found.send_c_store(dcmread(one.path))
    except (ConnectionError, RuntimeError) as error:
        raise brokenOff(server, _WHAT) from error
    if "Status" not in status:
        raise brokenOff(server, _WHAT)
    code = int(status.Status)
    # 0xBxxx: taken, with attributes changed or left out; 0x0107 and 0x0116 say the same in general.
    if code == 0 or code >> 12 == 0xB or code in (0x0001, 0x0107, 0x0116):
        return ""
    if statusMayPass(code):
        raise PacsError(f"{server.place} {_WHAT}: {reasonText(code)}.", mayPass=True)
    return reasonText(code)


def _canBeReencoded(found: Association, one: Outgoing) -> bool:
    """Whether an uncompressed object may go with the default transfer syntax, which changes no value."""
    from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

    return one.transferSyntaxUid in (ExplicitVRLittleEndian, ImplicitVRLittleEndian) and any(
        context.abstract_syntax == one.sopClassUid
        and context.transfer_syntax[0] in (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
        for context in found.accepted_contexts
    )


def _refusedKind(refused: Sequence, one: Outgoing) -> str:
    """Why there is no way for an object: its class or its transfer syntax (PS3.8 Table 9-18: result 4)."""
    from pydicom.uid import UID

    name = UID(one.sopClassUid).name
    if any(context.abstract_syntax == one.sopClassUid and context.result == 4 for context in refused):
        syntax = UID(one.transferSyntaxUid).name
        return f"it takes {name} but not in the transfer syntax {syntax}, and nothing is encoded anew"
    return f"it does not take objects of the SOP class {name}"


def _contextsOf(group: Sequence[Outgoing]) -> list[tuple[str, list[str]]]:
    from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

    pairs = dict.fromkeys((one.sopClassUid, one.transferSyntaxUid) for one in group)
    # Every server takes the default transfer syntax of a class it takes at all (PS3.5 10.1).
    pairs |= dict.fromkeys((one[0], str(ImplicitVRLittleEndian)) for one in pairs if one[1] == ExplicitVRLittleEndian)
    return [(abstract, [syntax]) for abstract, syntax in pairs]


def _groups(outgoing: Sequence[Outgoing]) -> Iterator[list[Outgoing]]:
    group: list[Outgoing] = []
    kinds: set[tuple[str, str]] = set()
    for one in outgoing:
        kind = (one.sopClassUid, one.transferSyntaxUid)
        # Two contexts a kind, with the one for the default transfer syntax.
        if kind not in kinds and len(kinds) >= CONTEXTS // 2:
            yield group
            group, kinds = [], set()
        kinds.add(kind)
        group.append(one)
    if group:
        yield group


class CommitmentReports:
    """Receipts of the server, by whichever association they come.

    :ivar committed: SOP Instance UIDs the server answers for.
    :ivar failed: why it does not answer for others.
    """

    def __init__(self):
        from pydicom.uid import generate_uid

        self.transaction = str(generate_uid())
        self.committed: set[str] = set()
        self.failed: dict[str, str] = {}
        self._arrived = threading.Event()

    def handle(self, event) -> tuple[int, None]:
        """pynetdicom's handler of N-EVENT-REPORT."""
        information = event.event_information
        if str(information.get("TransactionUID") or "") != self.transaction:
            return 0x0110, None
        for item in information.get("ReferencedSOPSequence") or []:
            self.committed.add(str(item.ReferencedSOPInstanceUID))
        for item in information.get("FailedSOPSequence") or []:
            self.failed[str(item.ReferencedSOPInstanceUID)] = reasonText(int(item.get("FailureReason") or 0x0110))
        self._arrived.set()
        return 0x0000, None

    def wait(self, seconds: float) -> bool:
        """Whether a receipt has come within a time."""
        return self._arrived.wait(seconds)


def requestCommitment(
    server: PacsServer,
    credentials: Credentials,
    outgoing: Sequence[Outgoing],
    listener,
) -> CommitmentReports | None:
    """Ask the server to answer for the objects; None when it does not do so, or sends no receipt in time.

    :param listener: ``DimseListener.listening`` as a function of handlers, None where nothing can be received.
    """
    from pynetdicom import evt
    from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance

    reports = CommitmentReports()
    handlers = [(evt.EVT_N_EVENT_REPORT, reports.handle)]
    waiting = listener(handlers) if listener is not None else contextlib.nullcontext()
    with quietly(), waiting:
        try:
            with association(
                server,
                credentials,
                [(StorageCommitmentPushModel, ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2"])],
                "does not answer for what it stores",
                handlers=handlers,
            ) as found:
                request = _commitmentRequest(reports.transaction, outgoing)
                status, _answer = found.send_n_action(
                    request, 1, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
                )
                if status.get("Status") != 0x0000:
                    return None
                if reports.wait(_WAIT_SAME if listener is None else 0.5):
                    return reports
        except (PacsError, ValueError, RuntimeError):
            # Not offered: it is asked what it has instead.
            return None
        return reports if listener is not None and reports.wait(_WAIT_LISTENING) else None


def _commitmentRequest(transaction: str, outgoing: Sequence[Outgoing]):
    from pydicom import Dataset

    request = Dataset()
    request.TransactionUID = transaction
    items = []
    for one in outgoing:
        item = Dataset()
        item.ReferencedSOPClassUID = one.sopClassUid
        item.ReferencedSOPInstanceUID = one.sopInstanceUid
        items.append(item)
    request.ReferencedSOPSequence = items
    return request


@contextlib.contextmanager
def _set(module, name: str, value):
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)
