"""Whether output can be written, asked before hours of work rather than after."""

from __future__ import annotations

import tempfile
from pathlib import Path

from .Errors import M3DError


def requireWritableFolder(folder: Path | str) -> None:
    """Refuse an output folder in which nothing can be written; it need not exist yet, and nothing is made.

    The system is asked by making a hidden folder where the first one would be made, which is removed at once: rights
    alone do not tell of a read-only or a virtual file system.

    :raises M3DError: it is a file, or the system refuses.
    """
    folder = Path(folder).absolute()
    if folder.exists() and not folder.is_dir():
        raise M3DError(f"The output '{folder}' is a file; name a folder.")
    nearest = next(place for place in (folder, *folder.parents) if place.exists())
    if not nearest.is_dir():
        raise M3DError(f"The output folder '{folder}' cannot be made, because '{nearest}' is a file.")
    _try(nearest, f"The output folder '{folder}' cannot be written")


def requireWritableFile(file: Path | str) -> None:
    """Refuse the name of an output file that cannot be written; nothing is made.

    :raises M3DError: it is a folder, its folder does not exist, or the system refuses.
    """
    file = Path(file).absolute()
    if file.is_dir():
        raise M3DError(f"The output '{file}' is a folder; name a file.")
    if not file.parent.is_dir():
        raise M3DError(f"The folder of '{file}' does not exist; make it first.")
    _try(file.parent, f"'{file}' cannot be written")


def _try(folder: Path, sentence: str) -> None:
    try:
        with tempfile.TemporaryDirectory(prefix=".m3d-partial-", dir=folder):
            pass
    except OSError as error:
        raise M3DError(f"{sentence} ({error.strerror or error}); choose another folder.") from error
