"""A DIMSE server on the loopback interface that takes what a test lets it take, and lies where a test wants it."""

from __future__ import annotations

from pydicom import Dataset
from pynetdicom import AE, AllStoragePresentationContexts, evt
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind as Find
from pynetdicom.sop_class import Verification

_TELLING = ("SOPClassUID", "InstanceNumber", "DocumentTitle", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")


class DimseStub:
    """Use as a context manager; ``address`` is AET@HOST:PORT.

    :param classes: SOP classes it takes; None for all that pynetdicom knows.
    :param syntaxes: transfer syntaxes it takes; None for the uncompressed ones.
    :param answersFind: whether it can be asked what it has.
    :ivar stored: data sets by SOP Instance UID.
    :ivar status: answered to a C-STORE; 0 keeps the object.
    :ivar loses: called with each data set; True makes it say that it took it, and forget it.
    :ivar associations: how many there were.
    :ivar identities: user identities that clients have shown.
    """

    def __init__(self, classes=None, syntaxes=None, answersFind=True):
        self.stored = {}
        self.status = 0x0000
        self.loses = lambda dataset: False
        self.associations = 0
        self.identities = []
        self._entity = AE("STUB")
        for abstract in classes or [one.abstract_syntax for one in AllStoragePresentationContexts]:
            if syntaxes:
                self._entity.add_supported_context(abstract, syntaxes)
            else:
                self._entity.add_supported_context(abstract)
        self._entity.add_supported_context(Verification)
        if answersFind:
            self._entity.add_supported_context(Find)

    def __enter__(self):
        handlers = [
            (evt.EVT_ACCEPTED, self._accepted),
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_C_FIND, self._find),
            (evt.EVT_USER_ID, self._identity),
        ]
        self._server = self._entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        self.address = f"STUB@127.0.0.1:{self._server.server_address[1]}"
        return self

    def __exit__(self, *exception):
        self._server.shutdown()

    def _accepted(self, _event):
        self.associations += 1

    def _identity(self, event):
        self.identities.append((event.user_id_type, event.primary_field, event.secondary_field))
        return True, None

    def _store(self, event):
        if self.status:
            return self.status
        dataset = event.dataset
        dataset.file_meta = event.file_meta
        if not self.loses(dataset):
            self.stored[str(dataset.SOPInstanceUID)] = dataset
        return 0x0000

    def _find(self, event):
        for dataset in self.stored.values():
            wanted = event.identifier.get("SOPInstanceUID")
            if wanted and dataset.SOPInstanceUID != wanted:
                continue
            answer = Dataset()
            for keyword in _TELLING:
                if keyword in dataset:
                    setattr(answer, keyword, dataset[keyword].value)
            yield 0xFF00, answer
