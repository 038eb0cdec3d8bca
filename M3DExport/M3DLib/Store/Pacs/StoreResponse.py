"""What a STOW-RS response says of each object (PS3.18 annex I.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..Servers.PacsProblem import reasonText

if TYPE_CHECKING:
    from pydicom import Dataset


def storeAnswer(response) -> Dataset:
    """What a STOW-RS response says; empty for one that says nothing that can be read."""
    from pydicom import Dataset

    kind = response.headers.get("Content-Type", "")
    try:
        if "json" in kind:
            content = response.json()
            return Dataset.from_json(content[0] if isinstance(content, list) else content)
        if "xml" in kind:
            from xml.etree.ElementTree import fromstring

            from dicomweb_client.web import _load_xml_dataset

            return _load_xml_dataset(fromstring(response.content))
    except Exception:
        # What was stored is asked for afterwards in any case.
        return Dataset()
    return Dataset()


def failuresOf(answer: Dataset) -> dict[str, str]:
    """Why each object was not taken, by its UID; "" is the UID of what the server does not name."""
    found = {}
    for item in answer.get("FailedSOPSequence") or []:
        reason = item.get("FailureReason")
        uid = str(item.get("ReferencedSOPInstanceUID") or "")
        found[uid] = reasonText(int(reason)) if reason is not None else "it gives no reason"
    for _item in answer.get("OtherFailuresSequence") or []:
        found.setdefault("", "it could not read it")
    return found
