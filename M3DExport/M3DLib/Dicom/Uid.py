"""New unique identifiers of DICOM objects."""

from __future__ import annotations


def newUid() -> str:
    """A new UID: 2.25. and a random UUID (PS3.5 B.2), so that no registered prefix is needed."""
    from pydicom.uid import generate_uid

    return str(generate_uid(prefix=None))
