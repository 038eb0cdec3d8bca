"""What events say of files: where in the case they lie and what they hold, by SHA-256."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..Errors import M3DError
from .RecordFile import LOCK_FILE, PENDING_FILE, RECORD_FILE

OWN_FILES = (RECORD_FILE, PENDING_FILE, LOCK_FILE)
_BLOCK = 1 << 20


def fileEntry(file: Path, folder: Path, kind: str, **more: Any) -> dict[str, Any]:
    """What an event says of one file.

    :param file: is read for its hash.
    :param folder: of the case; a file in it is named by its place there, any other by its name alone.
    :param kind: what the file is, as "model", "report", "segmentation".
    :param more: further values, as UIDs.
    :raises M3DError: it cannot be read.
    """
    place = placeIn(file, folder)
    named = {"path": place} if place is not None else {"name": file.name}
    size, sha256 = fileHash(file)
    return {"kind": kind, **named, "bytes": size, "sha256": sha256, **more}


def seriesEntry(
    headers: Iterable[Any], kind: str = "series", files: Sequence[Path] = (), folder: Path | None = None
) -> dict[str, Any]:
    """What an event says of a DICOM series: its identifiers, and one hash over those of its instances.

    :param headers: pydicom data sets of the instances.
    :param files: of the series; their contents are hashed, too.
    :param folder: of the case; a series whose files lie together in a folder in it is named by its place there, and
        that folder is looked after when the case is verified.
    :raises M3DError: a file cannot be read.
    """
    found = list(headers)
    instances = sorted(str(header.SOPInstanceUID) for header in found)
    more = {"contentSha256": contentHash(files)} if files else {}
    places = {file.resolve().parent for file in files}
    if folder is not None and len(places) == 1:
        place = placeIn(places.pop(), folder)
        if place not in (None, "."):
            more |= {"folder": place, "folderSha256": folderHash(folder / place)}
    return {
        **more,
        "kind": kind,
        "studyInstanceUid": str(found[0].StudyInstanceUID),
        "seriesInstanceUid": str(found[0].SeriesInstanceUID),
        "instances": len(instances),
        "sha256": hashlib.sha256("\n".join(instances).encode("ascii")).hexdigest(),
    }


def contentHash(files: Iterable[Path]) -> str:
    """One hash over what files hold, whatever they are called and in which order they come."""
    return hashlib.sha256("\n".join(sorted(fileHash(file)[1] for file in files)).encode("ascii")).hexdigest()


def folderHash(folder: Path) -> str:
    """One hash over all files in a folder, by their places in it and what they hold."""
    lines = [f"{fileHash(folder / place)[1]} {place}" for place in filesOf(folder)]
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def placeIn(file: Path, folder: Path) -> str | None:
    """The place of a file in the case, with slashes; None where it lies elsewhere."""
    try:
        return file.resolve().relative_to(folder.resolve()).as_posix()
    except ValueError:
        return None


def fileHash(file: Path) -> tuple[int, str]:
    """Size in bytes and SHA-256 of a file.

    :raises M3DError: it cannot be read.
    """
    digest, size = hashlib.sha256(), 0
    try:
        with file.open("rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
                size += len(block)
    except OSError as error:
        raise M3DError(f"'{file}' cannot be read: {error.strerror}.") from error
    return size, digest.hexdigest()


def filesOf(folder: Path) -> list[str]:
    """Places of all files in a case but those of the record itself, sorted."""
    places = (file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    return sorted(place for place in places if place not in OWN_FILES)
