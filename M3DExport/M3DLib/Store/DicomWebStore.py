"""A PACS as the store of objects that were made just now: ``--pacs``, and the destination PACS of the panels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..Errors import M3DError, noProgress
from .Pacs.PacsConnection import connect
from .Pacs.Sending import sendDatasets
from .Servers.Credentials import Credentials
from .Servers.PacsServer import PacsServer, dicomWebServer

if TYPE_CHECKING:
    from pydicom import Dataset

    from .Pacs.Fetching import FetchedSeries


class PacsStore:
    """Sends objects (models, reports) to a PACS.

    :param credentials: those of the environment or the keyring when None.
    :ivar server: its name and port, for messages.
    """

    def __init__(self, server: PacsServer, credentials: Credentials | None = None):
        self.server = server.place
        self._connection = connect(server, credentials)

    def test(self) -> str:
        """Ask the server whether it answers (C-ECHO, or a search by DICOMweb); returns what it says, in a sentence.

        :raises M3DError: it cannot be reached, or refuses.
        """
        with self._connection as connection:
            return connection.test()

    def fetch(
        self, named: Mapping[str, str], folder: Path, progress: Callable[[float, str], None] = noProgress
    ) -> list[FetchedSeries]:
        """Fetch every series that is named into a folder.

        :param named: fields of :class:`~.Pacs.PacsQuery.PacsQuery`; patient, accession number or study, exactly.
        :raises M3DError: the server cannot be asked, has nothing that fits, or something is missing of what it has.
        """
        from .Pacs.Fetching import fetch
        from .Pacs.PacsQuery import PacsQuery

        query = PacsQuery(**named)
        with self._connection as connection:
            result = fetch(connection, query, folder, progress=progress)
        if result.problems:
            raise M3DError(result.problems)
        return result.series

    def add(self, datasets: Sequence[Dataset], progress: Callable[[float, str], None] = noProgress) -> list[str]:
        """Send objects, by DICOMweb in one request, and check that the server has them.

        :return: SOP Instance UIDs in the order given.
        :raises M3DError: the server cannot be reached, refuses, or does not find them afterwards; says which it has.
        """
        if not datasets:
            return []
        with self._connection as connection:
            result = sendDatasets(connection, datasets, progress=progress)
        problems = [str(result.problem)] if result.problem else []
        problems += [
            f"{one.outgoing.sopInstanceUid}: {one.reason}."
            for one in result.failures
            if not (result.problem and one.reason.startswith("the transfer ended"))
        ]
        if result.failures:
            stored = len(result.objects) - len(result.failures)
            problems.append(f"{self.server} has {stored} of {len(result.objects)} objects after the transfer.")
        problems += [f"{self.server} took the objects but {one.reason}." for one in result.unverified[:1]]
        if problems:
            raise M3DError(problems)
        return [str(dataset.SOPInstanceUID) for dataset in datasets]


class DicomWebStore(PacsStore):
    """A DICOMweb server.

    :param url: of the DICOMweb service, "https://pacs.example.org/dicom-web" for example.
    :param user, password: for HTTP basic authentication; none when ``user`` is empty. Refused without https, unless the
        server is this computer, for they would travel readable.
    :param timeout: seconds to wait for an answer.
    """

    def __init__(self, url: str, user: str = "", password: str = "", timeout: float = 120.0):
        super().__init__(dicomWebServer(url, user=user, timeout=timeout), Credentials(user, password))
