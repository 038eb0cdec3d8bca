"""The ASCII form of STL, which DICOM forbids and people encapsulate all the same."""

from __future__ import annotations

import itertools
import re

import numpy as np

from ..Errors import M3DError
from .PointMerging import mergePoints
from .TriangleMesh import TriangleMesh

_VERTEX = re.compile(rb"vertex\s+(\S{1,40})\s+(\S{1,40})\s+(\S{1,40})", re.IGNORECASE)
_BATCH = 1 << 16
# Where single precision rounds by more than this (in the file's unit), doubles are kept.
_ROUNDING = 1e-3


def looksLikeAsciiStl(data: np.ndarray) -> bool:
    """Whether uint8 bytes begin like an ASCII STL: "solid", and soon a "facet"."""
    start = data[:4096].tobytes().lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return start.startswith(b"solid") and b"facet" in start


def readAsciiStl(data: np.ndarray, name: str = "") -> TriangleMesh:
    """The mesh in an ASCII STL; coordinates as they stand, as doubles where single precision would not do.

    :raises M3DError: when it holds no triangles, a facet has not three corners, or a number cannot be read.
    """
    text = memoryview(np.ascontiguousarray(data))
    parts = []
    matches = _VERTEX.finditer(text)
    while batch := [match.groups() for match in itertools.islice(matches, _BATCH)]:
        try:
            parts.append(np.array(batch, dtype="S40").astype(np.float64))
        except ValueError as error:
            raise M3DError("The ASCII STL has a coordinate that is not a number.") from error
    if not parts:
        raise M3DError("The ASCII STL holds no triangles.")
    numbers = np.concatenate(parts)
    facets = sum(1 for _ in re.finditer(rb"endfacet", text, re.IGNORECASE))
    if len(numbers) != 3 * facets:
        raise M3DError(f"The ASCII STL is cut short or damaged: {len(numbers)} corners for {facets} facets.")
    corners = numbers.reshape(-1, 3, 3)
    if np.abs(numbers).max() * np.finfo(np.float32).eps > _ROUNDING and np.isfinite(numbers).all():
        points, inverse = np.unique(numbers + 0.0, axis=0, return_inverse=True)
        return TriangleMesh(points, inverse.reshape(-1, 3), name, precise=points)
    # float32 cannot hold every double: what is too large becomes infinite and is refused with the rest.
    with np.errstate(over="ignore"):
        points, triangles = mergePoints(corners.astype(np.float32))
    return TriangleMesh(points, triangles, name)
