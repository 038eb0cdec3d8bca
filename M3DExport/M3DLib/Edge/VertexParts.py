"""Work on all vertices of a mesh, part by part and on two threads, as a function of values that returns values.

What belongs to the vertices are arrays (n, ...) and dataclasses of such arrays, also of other such dataclasses. A part
of them is the same dataclass with views of some of the vertices.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np

from ..TwoThreads import inTwoThreads

Values = TypeVar("Values")
# Vertices worked on at a time where nothing asks for fewer: what is held for them stays in the processor's cache.
PART = 1 << 13


def partOf(values: Values, which) -> Values:
    """Values of some of the vertices.

    :param values: an array, a dataclass of arrays, or None.
    :param which: what picks from the first axis of an array: a slice makes views.
    """
    if values is None:
        return None
    if is_dataclass(values):
        return type(values)(*(partOf(getattr(values, field.name), which) for field in fields(values)))
    return values[which]


def sampleOf(usable: np.ndarray, most: int) -> np.ndarray:
    """Numbers of at most so many of the usable vertices (bool (n,)), spread over all and ascending.

    They come from one order of all vertices, so that one usable vertex more or less is no other sample: what is found
    from it would change for the whole mesh.
    """
    if np.count_nonzero(usable) <= most:
        return np.flatnonzero(usable)
    order = _shuffled(len(usable))
    # Mostly a first piece of that order holds enough.
    first = order[: 4 * most]
    chosen = first[usable[first]]
    if len(chosen) < most:
        chosen = order[usable[order]]
    return np.sort(chosen[:most])


@lru_cache(maxsize=1)
def _shuffled(count: int) -> np.ndarray:
    """The same order of so many vertices each time, (n,); surfaces are looked at several times."""
    return np.random.default_rng(2).permutation(count).astype(np.int32 if count < 1 << 31 else np.int64)


def inParts(
    work: Callable[..., Values],
    *values,
    size: int | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> Values:
    """What a function makes of all vertices, from what it makes of each part of them.

    :param work: takes the values of some vertices, returns values of the same vertices in their order.
    :param values: values of all vertices, the first not None.
    :param size: vertices in a part; ``PART`` when None.
    :param progress: told the share done, 0 to 1; what it raises stops the work at once.
    :raises Exception: what the work raises, or ``progress``.
    """
    size, count, result, making = size or PART, _count(values[0]), [], threading.Lock()

    def one(start: int) -> None:
        which = slice(start, start + size)
        made = work(*(partOf(value, which) for value in values))
        with making:
            if not result:
                result.append(_emptyLike(made, count))
        store(result[0], which, made)

    inTwoThreads(one, range(0, count, size), progress)
    return result[0]


def _count(values) -> int:
    while is_dataclass(values):
        values = getattr(values, fields(values)[0].name)
    return len(values)


def _emptyLike(made: Values, count: int) -> Values:
    if made is None:
        return None
    if is_dataclass(made):
        return type(made)(*(_emptyLike(getattr(made, field.name), count) for field in fields(made)))
    return np.empty((count, *made.shape[1:]), dtype=made.dtype)


def store(values: Values, which, made: Values) -> None:
    """Put values of some of the vertices among those of all, in place.

    :param values: an array, a dataclass of arrays, or None. :param which: what picks from the first axis of an array.
    :param made: the same of those vertices.
    """
    if made is None:
        return
    if is_dataclass(made):
        for field in fields(made):
            store(getattr(values, field.name), which, getattr(made, field.name))
    else:
        values[which] = made
