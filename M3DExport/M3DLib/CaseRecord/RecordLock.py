"""One writer at a time of a record, also where the folder lies on a network drive that several machines use."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..Errors import M3DError

# An event is written in milliseconds; whoever holds the lock for longer has died or waits for a slow drive.
LONGEST_WAIT = 30.0
_PAUSE = 0.02


@contextmanager
def recordLock(file: Path, longestWait: float = LONGEST_WAIT) -> Iterator[None]:
    """Hold a lock file, waiting for another writer to be done.

    Locks of the operating system are not passed on by every network drive; that a file can be created only once is.

    :param file: the lock's file, made here and removed at the end.
    :param longestWait: seconds after which the other writer is named in an error.
    :raises M3DError: another writer holds it for too long, or the folder cannot be written.
    """
    until = time.monotonic() + longestWait
    while not _create(file):
        if _holderIsGone(file):
            file.unlink(missing_ok=True)
        elif time.monotonic() > until:
            raise M3DError(
                f"The record is locked by {_holder(file)}; when that process has ended, remove '{file}' and try again."
            )
        else:
            time.sleep(_PAUSE)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def _create(file: Path) -> bool:
    try:
        handle = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    except FileExistsError:
        return False
    except PermissionError as error:
        # Windows says so while the file of another writer is being removed.
        if os.name == "nt" and file.exists():
            return False
        raise M3DError(f"The record cannot be locked: '{file}' cannot be made ({error.strerror}).") from error
    except OSError as error:
        raise M3DError(f"The record cannot be locked: '{file}' cannot be made ({error.strerror}).") from error
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        json.dump({"host": socket.gethostname(), "process": os.getpid()}, stream)
    return True


def _read(file: Path) -> dict:
    """What the holder wrote of itself; empty while it is being written or when it was written in part."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _holderIsGone(file: Path) -> bool:
    """Whether the holder was a process of this machine that has ended; of other machines nobody can tell."""
    content = _read(file)
    if content.get("host") != socket.gethostname() or not isinstance(content.get("process"), int):
        return False
    if os.name == "nt":
        return False
    try:
        os.kill(content["process"], 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _holder(file: Path) -> str:
    content = _read(file)
    if not content:
        return "another writer"
    return f"process {content.get('process')} on {content.get('host')}"
