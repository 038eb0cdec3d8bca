"""A PACS by DICOMweb: QIDO-RS, WADO-RS and STOW-RS (PS3.18 clause 10)."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ...Errors import M3DError
from ..Servers.Credentials import Credentials
from ..Servers.PacsProblem import PacsError, connectionProblem, httpProblem
from ..Servers.PacsServer import PacsServer
from ..Servers.TlsContext import requireCertificates
from .DicomWebAnswers import allPages, isDicomJson, loosened
from .Landing import Landing, diskSentence
from .MultipartBody import MultipartBody, receiveSinglePart
from .Outgoing import Outgoing
from .PacsQuery import FIELDS
from .StoreResponse import failuresOf, storeAnswer

if TYPE_CHECKING:
    from pydicom import Dataset

_CHUNK = 1 << 20
# One request holds so much at most, so that a server that keeps it in memory can; what is larger goes alone.
_REQUEST_BYTES = 1 << 26


class DicomWebConnection:
    """Use as a context manager; made by ``PacsConnection.connect``.

    :raises M3DError: dicomweb-client is not installed, or a certificate file is none.
    """

    # Servers tell of committed storage by DIMSE only.
    knowsCommitment = False

    def __init__(self, server: PacsServer, credentials: Credentials):
        try:
            import requests
            from dicomweb_client.api import DICOMwebClient
        except ImportError as error:
            raise M3DError(
                "Sending to a PACS needs the Python package dicomweb-client (Slicer has it; elsewhere: pip install "
                "dicomweb-client, or pip install SlicerM3D[pacs]).",
            ) from error
        requireCertificates(server)
        self.server = server
        self._requests = requests
        self._session = requests.Session()
        # Never None: requests would look up a password in a file of the user's that nobody named.
        self._session.auth = _authorization(credentials)
        self._session.verify = str(server.caFile) if server.caFile else True
        if server.clientCert:
            self._session.cert = (str(server.clientCert), str(server.clientKey))
        if server.isThisComputer:
            # No proxy of the environment stands between this computer and itself.
            self._session.trust_env = False
        self._session.request = _limited(self._session.request, server.timeout)
        self._client = DICOMwebClient(server.url, session=self._session)
        self._client.set_http_retry_params(retry=False)

    def __enter__(self) -> DicomWebConnection:
        return self

    def __exit__(self, *exception) -> None:
        self._session.close()

    def reconnect(self) -> None:
        """Nothing to do: every request is for itself."""

    def test(self) -> str:
        """Ask for one study; returns what the server can do, in a sentence.

        :raises PacsError: it does not answer.
        """
        self._ask(lambda: self._client.search_for_studies(limit=1), "does not answer a search")
        return f"{self.server.place} answers DICOMweb searches."

    def find(self, level: str, keys: dict[str, str], fields: Sequence[str] = ()) -> list[Dataset]:
        """Answers at a level ("study", "series", "instance") to matching keys, by keyword.

        :param fields: keywords wanted besides those of the level.
        :raises PacsError: the server cannot be asked.
        """
        filters = dict(keys)
        parents = {}
        if level != "study":
            parents["study_instance_uid"] = filters.pop("StudyInstanceUID", None)
        if level == "instance":
            parents["series_instance_uid"] = filters.pop("SeriesInstanceUID", None)
        search = {
            "study": self._client.search_for_studies,
            "series": self._client.search_for_series,
            "instance": self._client.search_for_instances,
        }[level]
        wanted = [*FIELDS[level], *fields]

        def ask(asked: dict[str, str], offset: int | None = None) -> list:
            return self._ask(
                lambda: search(**parents, search_filters=asked, fields=wanted, offset=offset),
                "cannot be asked what it has",
                isWithin=any(parents.values()),
            )

        items = allPages(lambda offset: ask(filters, offset), isOne="SOPInstanceUID" in filters)
        loose = {keyword: loosened(keyword, value) for keyword, value in filters.items()}
        if not items and loose != filters:
            # Some servers (Orthanc 1.10) take "%5E" for three characters. Asked for any character in that place, they
            # answer with more than was meant, of which whoever asks keeps what fits.
            items = allPages(lambda offset: ask(loose, offset))
        return [self._dataset(item, keys) for item in items]

    def store(self, outgoing: Sequence[Outgoing], told: Callable[[Outgoing, str], None], progress) -> None:
        """Send objects, as many in one request as the server may hold in memory.

        :param told: called with each object and why it was not taken, "" when it was.
        :param progress: called with the bytes sent so far.
        :raises PacsError: the server cannot be reached, or refuses all of a request.
        """
        before = 0
        for batch in _batches(outgoing):
            body = MultipartBody(batch, lambda sent, before=before: progress(before + sent))
            self._storeBatch(batch, body, told)
            before += len(body)

    def _storeBatch(self, batch: Sequence[Outgoing], body: MultipartBody, told: Callable[[Outgoing, str], None]):
        what = "did not take the objects"
        try:
            response = self._session.post(
                f"{self.server.url}/studies",
                data=body,
                headers={"Content-Type": body.contentType, "Accept": "application/dicom+json"},
                allow_redirects=False,
            )
        except (self._requests.RequestException, OSError) as error:
            raise self._problem(what, error) from error
        answer = storeAnswer(response)
        failures = failuresOf(answer)
        # 409 says that none was taken, 202 that some were not, each with the reasons (PS3.18 Table 10.5.3-1).
        if response.status_code not in (200, 202) and not failures:
            raise self._refusal(what, response)
        nameless = failures.pop("", None)
        for one in batch:
            told(one, failures.get(one.sopInstanceUid) or (nameless if nameless and len(batch) == 1 else ""))
        if nameless and len(batch) > 1:
            raise PacsError(f"{self.server.place} refused an object without saying which: {nameless}.")

    def retrieve(
        self,
        study: str,
        series: str,
        instances: dict[str, str],
        landing: Landing,
        notify: Callable[[], None],
    ) -> None:
        """Fetch instances of one series as they are stored there, one after the other.

        :param instances: SOP Class UID of each by its SOP Instance UID.
        :param notify: called after each.
        :raises PacsError: one cannot be fetched.
        """
        for uid in instances:
            incoming = landing.newFile()
            try:
                self._download(f"{self.server.url}/studies/{study}/series/{series}/instances/{uid}", incoming, landing)
                landing.keep(incoming, series, uid)
            finally:
                incoming.unlink(missing_ok=True)
            notify()

    def _download(self, url: str, place, landing: Landing) -> None:
        what = "did not send an object"
        # Not squeezed on the way: it takes a server longer than the network saves, and a length can be told.
        headers = {
            "Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*',
            "Accept-Encoding": "identity",
        }
        try:
            response = self._session.get(url, headers=headers, stream=True, allow_redirects=False)
            with response:
                if response.status_code != 200:
                    raise self._refusal(what, response)
                chunks = response.iter_content(_CHUNK)
                isWhole = _intoFile(chunks, _boundary(response.headers.get("Content-Type", "")), place, landing)
        except (self._requests.RequestException, OSError) as error:
            raise self._problem(what, error) from error
        if not isWhole:
            raise PacsError(f"{self.server.place} {what}: the connection broke off.", mayPass=True)

    def commit(self, outgoing: Sequence[Outgoing]) -> None:
        """There is no storage commitment by DICOMweb."""
        return

    def _ask(self, question: Callable[[], Any], what: str, isWithin: bool = False) -> list:
        """Answers to a search.

        :param isWithin: whether it is within a study: a server that has none of it may say that there is no such place.
        """
        noJson = f"{self.server.place} {what}: its answer is no DICOM JSON; check the address."
        try:
            with _quietly():
                answer = question() or []
        except self._requests.HTTPError as error:
            if error.response.status_code != 404:
                raise self._problem(what, error) from error
            if isWithin:
                return []
            raise PacsError(
                f"{self.server.place} {what}: there is no DICOMweb service at this address (HTTP 404). Its path is "
                "missing or wrong; often it is /dicom-web."
            ) from error
        except (self._requests.exceptions.JSONDecodeError, UnicodeDecodeError) as error:
            raise PacsError(noJson) from error
        except (self._requests.RequestException, OSError) as error:
            raise self._problem(what, error) from error
        if not isDicomJson(answer):
            raise PacsError(noJson)
        return answer

    def _refusal(self, what: str, response) -> PacsError:
        return httpProblem(self.server.place, what, response.status_code, response.headers.get("Retry-After", ""))

    def _problem(self, what: str, error: Exception) -> PacsError:
        response = getattr(error, "response", None)
        if response is not None:
            return self._refusal(what, response)
        return connectionProblem(self.server.place, what, error)

    def _dataset(self, item: dict, keys: dict[str, str]) -> Dataset:
        from pydicom import Dataset

        try:
            dataset = Dataset.from_json(item)
        except Exception as error:
            raise PacsError(f"{self.server.place} answers what is no DICOM JSON ({type(error).__name__}).") from error
        # What the address of a request says, its answers need not repeat (PS3.18 10.6.3.3).
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID"):
            if keyword in keys and not dataset.get(keyword):
                setattr(dataset, keyword, keys[keyword])
        return dataset


@contextlib.contextmanager
def _quietly():
    """Keep the libraries' own remarks out of every log: they hold addresses, which hold UIDs."""
    loggers = [logging.getLogger(name) for name in ("dicomweb_client", "retrying", "urllib3")]
    before = [one.disabled for one in loggers]
    for one in loggers:
        one.disabled = True
    try:
        yield
    finally:
        for one, was in zip(loggers, before, strict=True):
            one.disabled = was


def _authorization(credentials: Credentials):
    def authorize(request):
        if credentials.token:
            request.headers["Authorization"] = f"Bearer {credentials.token}"
        elif credentials.user:
            from requests.auth import HTTPBasicAuth

            # Text is sent as UTF-8 (RFC 7617), which requests does of bytes only.
            HTTPBasicAuth(credentials.user.encode(), credentials.password.encode())(request)
        return request

    return authorize


def _limited(request, timeout: float):
    def limited(method, url, **kwargs):
        # Wildcards may stand in an address as they are (RFC 3986 3.4), and some servers know them only so.
        url = url.replace("%2A", "*").replace("%3F", "?")
        # The client sets a limit of its own; ours holds.
        kwargs["timeout"] = timeout
        # A server that sends on to another address could have passwords and patients sent to anybody.
        kwargs["allow_redirects"] = False
        response = request(method, url, **kwargs)
        if 300 <= response.status_code < 400:
            import requests

            raise requests.HTTPError(response=response)
        return response

    return limited


def _batches(outgoing: Sequence[Outgoing]) -> list[list[Outgoing]]:
    batches: list[list[Outgoing]] = []
    room = 0
    for one in outgoing:
        if not batches or one.size > room:
            batches.append([])
            room = _REQUEST_BYTES
        batches[-1].append(one)
        room -= one.size
    return batches


def _boundary(contentType: str) -> str:
    from email.message import Message

    message = Message()
    message["Content-Type"] = contentType
    return str(message.get_param("boundary") or "")


def _intoFile(chunks, boundary: str, place, landing: Landing) -> bool:
    """Receive into a new file that only its owner can read; says whether all was there."""
    descriptor = os.open(place, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    with os.fdopen(descriptor, "w+b") as file:
        return receiveSinglePart(chunks, boundary, _DiskFile(file, landing))


class _DiskFile:
    """A file whose errors say where the disk is full, apart from those of the connection it is filled from."""

    def __init__(self, file, landing: Landing):
        self._file = file
        self._landing = landing

    def __getattr__(self, name: str):
        method = getattr(self._file, name)

        def guarded(*arguments):
            try:
                result = method(*arguments)
                if name == "truncate":
                    self._file.flush()
                return result
            except OSError as error:
                raise M3DError(diskSentence(self._landing.output, error)) from error

        return guarded
