"""Errors of the program, or of the machine it runs on: one sentence, their own exit status, the details in a file."""

from __future__ import annotations

import errno
import os
import tempfile
import traceback
from datetime import datetime

from M3DLib.Software import softwareVersions

from .Stopwatch import peakMemoryMb

# EX_SOFTWARE of sysexits.h. Python's own status of an uncaught error is 1, which here means "something fails".
EXIT_PROGRAM_ERROR = 70
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


def diskIsFull(error: BaseException) -> bool:
    """Whether the system has refused to write because there is no room left for this user."""
    return isinstance(error, OSError) and error.errno in _DISK_FULL


def diskFullSentence(error: OSError) -> str:
    """What a user can do about a full disk, naming the file where the system tells it."""
    place = f" while '{error.filename}' was written" if error.filename else ""
    return f"There is no room left on the disk{place} ({error.strerror}); make room or choose another folder."


def nameIsTooLong(error: BaseException) -> bool:
    """Whether the system has refused the name of a file or folder for its length."""
    return isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG


def tooLongSentence(error: OSError) -> str:
    """What a user can do about a name that is too long, with its beginning."""
    name = os.fsdecode(error.filename or "")
    return f"'{name[:60]}...' ({len(name)} characters) is longer than this system lets a name be; choose a shorter one."


def programErrorSentence(error: Exception, command: str) -> str:
    """One sentence on an error that no user has made; what happened is written to a file of its own, which it names.

    The sentence holds the kind of the error only: the error's own text may hold a value of a header, so it is in the
    file alone, which nobody but the user can read.

    :param command: the command that was run ("validate"), "" when it was not known yet.
    """
    what = f"m3d {command}".strip()
    details = _detailsSentence(error, what)
    if isinstance(error, MemoryError):
        peak = peakMemoryMb()
        used = "" if peak is None else f" after {peak:.0f} MB"
        return (
            f"The memory of this computer was not enough for {what}{used}; nothing was judged. Close other programs, "
            f"or crop the scan to the anatomy. {details}"
        )
    return f"{what} ended by an error of the program ({type(error).__name__}); nothing was judged. {details}"


def _detailsSentence(error: Exception, what: str) -> str:
    lines = [
        "This file may hold what identifies a patient; look through it before it is passed on.",
        f"{what}, {datetime.now().astimezone().isoformat(timespec='seconds')}",
        *softwareVersions(),
        "",
        *traceback.format_exception(error),
    ]
    try:
        # Only its owner can read a file that mkstemp makes.
        descriptor, name = tempfile.mkstemp(prefix="m3d-error-", suffix=".txt")
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write("\n".join(lines))
    except OSError as refused:
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{os.path.basename(last.filename)}, line {last.lineno}"
        return f"The details ({place}) could not be written to a file: {refused.strerror}."
    return f"The details are in {name}."
