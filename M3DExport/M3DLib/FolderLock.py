"""One writer at a time in a folder; the lock goes with the process, however it ends, and leaves no file behind."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

from .Errors import M3DError


@contextmanager
def folderLock(folder: Path):
    """Hold the folder's lock.

    :raises M3DError: another process holds it.
    """
    handle = _open(folder)
    try:
        if not _lock(handle):
            raise M3DError(f"Another process is writing to '{folder}'; wait until it has finished, then try again.")
        yield
    finally:
        os.close(handle)


def isLocked(folder: Path) -> bool:
    """Whether a process holds the folder's lock at this moment."""
    handle = _open(folder)
    try:
        return not _lock(handle)
    finally:
        os.close(handle)


def _open(folder: Path) -> int:
    if sys.platform != "win32":
        return os.open(folder, os.O_RDONLY)
    # Windows cannot lock a folder: a file outside it stands for it.
    name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:32]
    return os.open(Path(tempfile.gettempdir()) / f"m3d-{name}.lock", os.O_RDWR | os.O_CREAT)


def _lock(handle: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
