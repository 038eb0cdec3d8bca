"""A PACS with DICOMweb as a store: objects are sent with STOW-RS and looked up again with QIDO-RS."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..Errors import M3DError, noProgress

if TYPE_CHECKING:
    from pydicom import Dataset


class DicomWebStore:
    """Sends objects (models, reports) to a DICOMweb server.

    :param url: of the DICOMweb service, "https://pacs.example.org/dicom-web" for example.
    :param user, password: for HTTP basic authentication; none when ``user`` is empty. Refused without https, unless the
        server is this computer, for they would travel readable.
    :param timeout: seconds to wait for an answer.
    :ivar server: its name and port, for messages.
    """

    def __init__(self, url: str, user: str = "", password: str = "", timeout: float = 120.0):
        parts = urlsplit(url.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise M3DError(f"'{url}' is not the address of a DICOMweb server; it looks like https://host/dicom-web.")
        if parts.username is not None or parts.password is not None:
            raise M3DError("The address of the DICOMweb server holds a user name or password; give them apart from it.")
        if user and parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
            raise M3DError("A password is not sent over http, where others can read it; use an https address.")
        try:
            import requests
            from dicomweb_client.api import DICOMwebClient
        except ImportError as error:
            raise M3DError(
                "Sending to a PACS needs the Python package dicomweb-client (Slicer has it; elsewhere: pip install "
                "dicomweb-client).",
            ) from error
        self.server = parts.netloc
        self._requestError = requests.RequestException
        session = requests.Session()
        if user:
            session.auth = (user, password)
        session.request = _withTimeout(session.request, timeout)
        self._client = DICOMwebClient(url.strip().rstrip("/"), session=session)
        # A transfer that is repeated for minutes looks like a program that hangs; the user can press the button again.
        self._client.set_http_retry_params(retry=False)

    def add(self, datasets: Sequence[Dataset], progress: Callable[[float, str], None] = noProgress) -> list[str]:
        """Send objects in one request, so that the server can take all or none, and check that it has them.

        :return: SOP Instance UIDs in the order given.
        :raises M3DError: the server cannot be reached, refuses, or does not find them afterwards; says which it has.
        """
        if not datasets:
            return []
        progress(0.0, f"Sending to {self.server}")
        try:
            response = self._client.store_instances([_withPreamble(dataset) for dataset in datasets])
        except self._requestError as error:
            raise M3DError(f"{self.server} did not take the objects: {_reason(error)}.") from error
        uids = [str(dataset.SOPInstanceUID) for dataset in datasets]
        problems = _failures(response)
        progress(0.7, "Checking that the objects have arrived")
        missing = [dataset for dataset in datasets if not self._has(dataset)]
        if problems or missing:
            stored = len(uids) - len(missing)
            problems.append(f"{self.server} has {stored} of {len(uids)} objects after the transfer.")
            raise M3DError(problems)
        progress(1.0, "Sent")
        return uids

    def _has(self, dataset: Dataset) -> bool:
        try:
            found = self._client.search_for_instances(
                study_instance_uid=str(dataset.StudyInstanceUID),
                series_instance_uid=str(dataset.SeriesInstanceUID),
                search_filters={"SOPInstanceUID": str(dataset.SOPInstanceUID)},
            )
        except self._requestError as error:
            if getattr(error.response, "status_code", None) == 404:
                return False
            raise M3DError(
                f"{self.server} took the objects but cannot be asked whether it has them: {_reason(error)}.",
            ) from error
        return bool(found)


def _withPreamble(dataset: Dataset) -> Dataset:
    """The data set as the client must have it: it writes the file's preamble only where there is one already."""
    result = copy.copy(dataset)
    result.preamble = b"\0" * 128
    return result


def _withTimeout(request, timeout: float):
    def limited(*args, **kwargs):
        kwargs.setdefault("timeout", timeout)
        return request(*args, **kwargs)

    return limited


def _reason(error) -> str:
    """Why a request failed, without address or identifiers of the patient (the address holds UIDs)."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403):
        return f"it refuses access (HTTP {status}); check user name and password"
    if status is not None:
        return f"it answers HTTP {status}"
    name = type(error).__name__
    known = {
        "ConnectionError": "it cannot be reached",
        "ConnectTimeout": "it does not answer in time",
        "ReadTimeout": "it does not answer in time",
        "SSLError": "its certificate is not accepted",
    }
    return known.get(name, name)


def _failures(response: Dataset) -> list[str]:
    """What a STOW-RS response says went wrong (PS3.18 Table I.1-1)."""
    problems = []
    for item in response.get("FailedSOPSequence") or []:
        reason = item.get("FailureReason")
        problems.append(
            "The server refused an object" + (f" (reason 0x{int(reason):04X})." if reason is not None else "."),
        )
    return problems
