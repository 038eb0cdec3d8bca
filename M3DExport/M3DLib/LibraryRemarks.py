"""What the libraries remark while a command runs, kept from the terminal line by line and said once at the end."""

from __future__ import annotations

import contextlib
import logging
import re
import warnings
from collections import Counter

from .NumberText import plural

_LIBRARIES = ("pydicom", "highdicom", "pynetdicom", "PIL", "matplotlib")
_LONGEST = 160
# A path tells others where somebody keeps patients' files.
_PATH = re.compile(r"(?:[A-Za-z]:)?(?:[\\/][\w.@ +-]+){2,}")


class _Collector(logging.Handler):
    def __init__(self, remarks: Counter):
        super().__init__(logging.WARNING)
        self._remarks = remarks

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(Exception):
            self._remarks[_sentence(record.name.partition(".")[0], record.getMessage())] += 1


@contextlib.contextmanager
def collectRemarks():
    """Collect Python's warnings and the libraries' log in the ``with`` block; yields a Counter of sentences.

    Such remarks are for programmers. What matters of them to a user is found and said by the code that reads.
    """
    remarks: Counter = Counter()
    handler = _Collector(remarks)
    loggers = [logging.getLogger(name) for name in _LIBRARIES]
    before = [(logger.propagate, logger.level) for logger in loggers]

    def keep(message, category, filename, *_):
        match = re.search(r"site-packages[\\/](\w+)", filename)
        if not issubclass(category, (DeprecationWarning, PendingDeprecationWarning)):
            remarks[_sentence(match[1] if match else "Python", str(message))] += 1

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = keep
        for logger in loggers:
            logger.addHandler(handler)
            logger.propagate = False
        try:
            yield remarks
        finally:
            for logger, (propagate, _level) in zip(loggers, before, strict=True):
                logger.removeHandler(handler)
                logger.propagate = propagate


def _sentence(library: str, text: str) -> str:
    words = " ".join(_PATH.sub("(path)", text).split())
    return f"{library}: {words[:_LONGEST]}"


def remarksSentence(remarks: Counter) -> str:
    """All remarks as one sentence, "" when there are none."""
    if not remarks:
        return ""
    (first, _), *_ = remarks.most_common(1)
    total = sum(remarks.values())
    if total == 1:
        return f"A library remarked: {first}"
    return f"Libraries remarked {total} times on {plural(len(remarks), 'thing')} while reading; most often, {first}"
