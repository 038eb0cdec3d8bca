"""A PACS by DIMSE: C-ECHO, C-FIND, C-STORE, C-GET, C-MOVE and storage commitment (PS3.4, PS3.7)."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..Servers.Credentials import Credentials
from ..Servers.PacsProblem import PacsError, reasonText
from ..Servers.PacsServer import PacsServer
from ..Servers.TlsContext import requireCertificates
from .DimseAssociation import NothingAccepted, association, brokenOff, quietly, requirePynetdicom
from .DimseRetrieve import Wanted, listening, retrieveByGet, retrieveByMove
from .DimseStore import CommitmentReports, requestCommitment, storeObjects
from .Landing import Landing
from .Outgoing import Outgoing
from .PacsQuery import FIELDS, UID_OF

if TYPE_CHECKING:
    from pydicom import Dataset

_LEVELS = {"study": "STUDY", "series": "SERIES", "instance": "IMAGE"}
_PLAIN = ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2"]


class DimseConnection:
    """Use as a context manager; made by ``PacsConnection.connect``.

    An association is made when it is needed: the one for questions is kept, those for transfers end with them.

    :raises M3DError: pynetdicom is not installed, or a certificate file is none.
    """

    knowsCommitment = True

    def __init__(self, server: PacsServer, credentials: Credentials):
        requirePynetdicom()
        requireCertificates(server)
        self.server = server
        self._credentials = credentials
        self._open = None
        self._offersGet = True

    def __enter__(self) -> DimseConnection:
        return self

    def __exit__(self, *exception) -> None:
        self.reconnect()

    def reconnect(self) -> None:
        """Let go the association for questions; the next one makes a new one."""
        if self._open is not None:
            opened, self._open = self._open, None
            opened[0].__exit__(None, None, None)

    def test(self) -> str:
        """C-ECHO; returns what came of it, in a sentence.

        :raises PacsError: the server cannot be reached or refuses.
        """
        from pynetdicom.sop_class import Verification

        what = "does not answer C-ECHO"
        with quietly(), association(self.server, self._credentials, [(Verification, _PLAIN)], what) as found:
            status = found.send_c_echo()
            if status.get("Status") != 0x0000:
                raise PacsError(f"{self.server.place} {what}.")
        return f"{self.server.calledAet} at {self.server.place} answers C-ECHO."

    def find(self, level: str, keys: dict[str, str], fields: Sequence[str] = ()) -> list[Dataset]:
        """Answers at a level ("study", "series", "instance") to matching keys, by keyword.

        :param fields: keywords wanted besides those of the level.
        :raises PacsError: the server cannot be asked.
        """
        from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind as Find

        what = "cannot be asked what it has"
        found = []
        with quietly():
            opened = self._forQuestions(Find, what)
            try:
                for status, answer in opened.send_c_find(_identifier(level, keys, fields), Find):
                    code = status.get("Status")
                    if code is None:
                        raise brokenOff(self.server, what)
                    if code in (0xFF00, 0xFF01):
                        if answer is not None:
                            found.append(_completed(answer, keys))
                    elif code != 0x0000:
                        raise PacsError(
                            f"{self.server.place} {what}: {reasonText(code)}.", code >> 8 == 0xA7, answered=True
                        )
            except BaseException:
                self.reconnect()
                raise
        return found

    def store(
        self, outgoing: Sequence[Outgoing], told: Callable[[Outgoing, str], None], progress: Callable[[int], None]
    ) -> None:
        """See :func:`DimseStore.storeObjects`."""
        storeObjects(self.server, self._credentials, outgoing, told, progress)

    def retrieve(
        self, study: str, series: str, instances: dict[str, str], landing: Landing, notify: Callable[[], None]
    ) -> None:
        """Fetch instances of one series as they are stored there.

        By C-GET where the server offers it, else by C-MOVE to this computer where there is a port for it.

        :param instances: SOP Class UID of each by its SOP Instance UID.
        :param notify: called after each.
        :raises PacsError: the server cannot be reached, offers neither way, or breaks off.
        """
        arguments = (self.server, self._credentials, Wanted(study, series, instances), landing, notify)
        if self.server.retrieve != "move" and self._offersGet:
            if retrieveByGet(*arguments):
                return
            self._offersGet = False
        if self.server.retrieve == "get":
            raise PacsError(f"{self.server.place} does not offer C-GET; leave --retrieve get out, or use DICOMweb.")
        if not self.server.listenPort:
            raise PacsError(
                f"{self.server.place} does not offer C-GET. By C-MOVE it can send to this computer: give --listen PORT "
                "and --move-destination AET, as they are entered there."
            )
        retrieveByMove(*arguments)

    def commit(self, outgoing: Sequence[Outgoing]) -> CommitmentReports | None:
        """Storage commitment; None when the server does not offer it or sends no receipt."""
        listener = functools.partial(listening, self.server) if self.server.listenPort else None
        return requestCommitment(self.server, self._credentials, outgoing, listener)

    def _forQuestions(self, abstract: str, what: str):
        if self._open is not None and not self._open[1].is_established:
            self.reconnect()
        if self._open is None:
            manager = association(self.server, self._credentials, [(abstract, _PLAIN)], what)
            try:
                self._open = manager, manager.__enter__()
            except NothingAccepted as error:
                raise PacsError(f"{self.server.place} {what}: it does not offer C-FIND.", answered=True) from error
        return self._open[1]


def _identifier(level: str, keys: dict[str, str], fields: Sequence[str]) -> Dataset:
    from pydicom import Dataset
    from pydicom.config import disable_value_validation
    from pydicom.datadict import dictionary_VR

    identifier = Dataset()
    identifier.QueryRetrieveLevel = _LEVELS[level]
    if not all(value.isascii() for value in keys.values()):
        identifier.SpecificCharacterSet = "ISO_IR 192"
    with disable_value_validation():
        for keyword in (*FIELDS[level], *fields, UID_OF[level]):
            setattr(identifier, keyword, [] if dictionary_VR(keyword) == "SQ" else "")
        for keyword, value in keys.items():
            setattr(identifier, keyword, value)
    return identifier


def _completed(answer: Dataset, keys: dict[str, str]) -> Dataset:
    """An answer with the unique keys of the levels above, which it need not repeat (PS3.4 C.4.1.1.3.2)."""
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID"):
        if keyword in keys and not answer.get(keyword):
            setattr(answer, keyword, keys[keyword])
    return answer
