"""SimpleITK at its border: exceptions become one sentence, and what its C++ code prints does not reach the terminal."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
from pathlib import Path

from ..Errors import M3DError


def readWithItk(file: Path):
    """A SimpleITK image.

    :raises M3DError: the file cannot be read; names it and ITK's reason without paths and places in the source.
    """
    import SimpleITK

    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(str(file))
    try:
        with quietStandardError():
            return reader.Execute()
    except RuntimeError as error:
        raise M3DError(f"'{file.name}' cannot be read as an image: {reasonOf(error, file)}. Save it again.") from error
    except MemoryError as error:
        raise M3DError(f"'{file.name}' needs more memory than there is.") from error


def reasonOf(error: Exception, file: Path) -> str:
    """What ITK says is wrong: the last line of a page of source positions, without the file's folder."""
    lines = [line.strip() for line in str(error).strip().splitlines() if line.strip()]
    reason = lines[-1] if lines else "no reason is given"
    if "determine ImageIO" in reason:
        return "it is of no kind that is known"
    reason = re.sub(r"^(?:sitk::|ITK )ERROR:\s*|\b\w+\(0x[0-9a-f]+\):\s*", "", reason)
    return reason.replace(str(file.parent) + os.sep, "").rstrip(".")[:300]


@contextlib.contextmanager
def quietStandardError():
    """Keep what C++ code writes to the standard error of the process from the terminal, in the ``with`` block.

    ITK's readers and the libraries below them (nifti, NRRD, GDCM) write their remarks there themselves, with paths and
    places in their source. What matters of them is found in the files' headers and said by whoever reads those.
    """
    try:
        descriptor = sys.__stderr__.fileno()
        saved = os.dup(descriptor)
    except (AttributeError, OSError, ValueError):
        # Inside an application without a standard error there is nothing to keep quiet.
        yield
        return
    with tempfile.TemporaryFile() as sink:
        try:
            sys.__stderr__.flush()
            os.dup2(sink.fileno(), descriptor)
            yield
        finally:
            os.dup2(saved, descriptor)
            os.close(saved)
