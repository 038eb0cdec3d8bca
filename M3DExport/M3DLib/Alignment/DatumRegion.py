"""Datum surfaces: the places of the reference that an alignment is to fit, whatever the rest does.

JSON; a point belongs to the region when it lies in one of the balls or boxes::

    {"coordinateSystem": "LPS",
     "balls": [{"center": [10, 0, 5], "radius": 8}],
     "boxes": [{"low": [-40, -40, -1], "high": [40, 40, 1]}]}

Coordinates are B's, LPS mm unless "RAS" is said. A mesh file (the datum surfaces cut out of B) does as well.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..Errors import M3DError
from ..MeshFiles.MeshReader import readMesh
from ..TextFile import readTextFile
from .Search.SurfaceSample import sampleSurface

# Points of a datum surface, and how far from them a point of the reference may lie, as a share of their spacing.
SAMPLED, SPACINGS = 20_000, 3.0
_SIGNS = {"LPS": (1, 1, 1), "RAS": (-1, -1, 1)}


def readDatum(file: Path | str, unit: str | None = None) -> Callable[[np.ndarray], np.ndarray]:
    """Function that tells which of points (n, 3), LPS mm, belong to the datum region in a file, bool (n,).

    :param unit: of a mesh file that states none.
    :raises M3DError: the file cannot be read or names no region.
    """
    path = Path(file)
    if path.suffix.lower() != ".json":
        return _nearMesh(path, unit)
    try:
        data = json.loads(readTextFile(path))
    except ValueError as error:
        raise M3DError(f"'{path}' is not valid JSON: {error}.") from error
    if not isinstance(data, dict):
        raise M3DError(f"'{path}' must hold an object with 'balls' or 'boxes'.")
    sign = _SIGNS.get(str(data.get("coordinateSystem", "LPS")).upper())
    if sign is None:
        raise M3DError(
            f"'{path}': the coordinate system '{data['coordinateSystem']}' is unknown; allowed are LPS and RAS."
        )
    balls = [
        (
            _numbers(path, "balls", k, ball, key="center", count=3) * sign,
            float(_numbers(path, "balls", k, ball, key="radius", count=1)[0]),
        )
        for k, ball in enumerate(_list(path, data, "balls"))
    ]
    boxes = [
        np.sort([_numbers(path, "boxes", k, box, key=key, count=3) * sign for key in ("low", "high")], axis=0)
        for k, box in enumerate(_list(path, data, "boxes"))
    ]
    if not balls and not boxes:
        raise M3DError(f"'{path}' names no datum region; give balls (center, radius) or boxes (low, high).")

    def belongs(points: np.ndarray) -> np.ndarray:
        inside = np.zeros(len(points), dtype=bool)
        for center, radius in balls:
            inside |= np.linalg.norm(points - center, axis=1) <= radius
        for low, high in boxes:
            inside |= ((points >= low) & (points <= high)).all(axis=1)
        return inside

    return belongs


def _nearMesh(path: Path, unit: str | None) -> Callable[[np.ndarray], np.ndarray]:
    from scipy.spatial import cKDTree

    sample = sampleSurface(readMesh(path, unit)[0], SAMPLED)
    tree, reach = cKDTree(sample.points), SPACINGS * np.sqrt(sample.areaMm2 / SAMPLED)
    return lambda points: np.isfinite(tree.query(points, distance_upper_bound=reach)[0])


def _list(path: Path, data: dict, key: str) -> list[dict]:
    entries = data.get(key, [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise M3DError(f"'{path}': {key} must be a list of objects.")
    return entries


def _numbers(path: Path, name: str, number: int, entry: dict, *, key: str, count: int) -> np.ndarray:
    try:
        values = np.atleast_1d(np.array(entry.get(key), dtype=np.float64))
    except (TypeError, ValueError):
        values = np.empty(0)
    if values.shape != (count,) or not np.isfinite(values).all() or (key == "radius" and values[0] <= 0):
        wanted = "a number above 0" if count == 1 else "three numbers"
        raise M3DError(f"'{path}', {name}[{number}].{key} must be {wanted}, not {entry.get(key)!r}.")
    return values
