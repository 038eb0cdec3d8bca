"""Text files that users write."""

from __future__ import annotations

from pathlib import Path

from .Errors import M3DError


def readTextFile(file: Path | str) -> str:
    """The text of a UTF-8 file, without a byte order mark.

    :raises M3DError: it cannot be read, or is no text in UTF-8.
    """
    try:
        return Path(file).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise M3DError(f"'{file}' cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise M3DError(f"'{file}' is not a text file in UTF-8.") from error
