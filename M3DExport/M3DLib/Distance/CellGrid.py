"""A grid of cells where points and the triangles near them are."""

from __future__ import annotations

import numpy as np

from .MergedSurface import MergedSurface

BLOCK = 1 << 14
# A cell is so many times as wide as most triangles are, and wider by the reach.
WIDTH = 2.4
# More cells than this for each point and triangle are mostly empty.
MOST_CELLS = 64
# Layers of cells, so that their numbers are 16 bits wide.
MOST_LAYERS = 1 << 14
# Cells along the longest extent of a surface where triangles near few points are looked up.
ALONG = 192


class CellGrid:
    """Where the cells lie.

    :param surface: the mesh. :param points: (n, 3) LPS mm. :param which: int (k,), the points to search for.
    :param reach: how far away triangles are looked for, mm. :param edge: how long most triangles are, mm.

    :ivar which: those of the points that may have a triangle within the reach.
    :ivar cell: width of a cell, mm. :ivar reach: mm, with what rounding may do to a position.
    :ivar axes: the axes of the grid in the order of its cells; layers lie across the last.
    :ivar low: where the grid begins along each of its axes, mm from the surface's center. :ivar size: its cells.
    :ivar pays: whether there are points, and not too many cells.
    """

    def __init__(self, surface: MergedSurface, points: np.ndarray, which: np.ndarray, reach: float, edge: float):
        self.surface, self.points = surface, points
        self.cell = WIDTH * edge + reach
        low, high = (
            place(axis=1).astype(np.float64) - surface.center for place in (surface.columns.min, surface.columns.max)
        )
        self.reach = reach * (1 + 1e-6) + 1e-9 * float(np.abs([surface.center, low, high]).max())
        low, high = low - self.reach, high + self.reach
        inside, lows, highs = [np.empty(0, dtype=which.dtype)], [high], [low]
        for start in range(0, len(which), BLOCK):
            part = which[start : start + BLOCK]
            place = points.take(part, axis=0) - surface.center
            within = ((place >= low) & (place <= high)).all(axis=1)
            if not within.all():
                part, place = part[within], place[within]
            inside.append(part)
            lows.append(place.min(axis=0, initial=np.inf))
            highs.append(place.max(axis=0, initial=-np.inf))
        self.which = np.concatenate(inside)
        # No farther than there are both points and triangles.
        low, high = np.min(lows, axis=0), np.max(highs, axis=0)
        size = np.floor((high - low) / self.cell).astype(np.int64) + 1
        # Layers lie across the longest axis; the shortest rows come first.
        self.axes = np.argsort(size, kind="stable")
        self.low, self.size = low[self.axes], size[self.axes]
        most = MOST_CELLS * (len(self.which) + len(surface.triangles) + 1024.0)
        self.pays = (
            len(self.which) > 0 and self.size[2] <= MOST_LAYERS and float(size.astype(np.float64).prod()) <= most
        )

    def along(self, axis: int, values: np.ndarray) -> np.ndarray:
        """Numbers of the cells along one of the grid's axes, of coordinates in mm from the surface's center."""
        return np.floor((values - self.low[axis]) / self.cell)


def trianglesNear(surface: MergedSurface, points: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """Triangles that may come as near to any of a few points as said, with others that lie near these.

    :param points: (n, 3) LPS mm. :param reach: (n,) mm, finite.
    :return: numbers in rising order; none that comes so near is missing, and all are there where the points reach far.
    """
    center = surface.center[:, None]
    low, high = surface.columns.min(axis=1) - surface.center, surface.columns.max(axis=1) - surface.center
    cell = max(float((high - low).max()) / ALONG, 4 * surface.edge)
    size = np.floor((high - low) / cell).astype(np.int64) + 1
    # One more cell on either side: a triangle of no more than two cells begins in a marked cell or beside one.
    marked = np.zeros(size, dtype=bool)
    begins = np.floor((points - surface.center - reach[:, None] - low) / cell - 1e-6).astype(np.int64) - 1
    ends = np.floor((points - surface.center + reach[:, None] - low) / cell + 1e-6).astype(np.int64) + 2
    begins, ends = begins.clip(0, size), ends.clip(0, size)
    if (ends - begins).prod(axis=1).sum() > marked.size:
        return np.arange(len(surface.triangles))
    for (i, j, k), (iEnd, jEnd, kEnd) in zip(begins.tolist(), ends.tolist(), strict=True):
        marked[i:iEnd, j:jEnd, k:kEnd] = True
    cells = [
        np.minimum((column - middle - first) / cell, most).astype(np.int16)
        for column, middle, first, most in zip(surface.columns, center, low, size - 1, strict=True)
    ]
    isNear = marked[tuple(cells)]
    found = []
    for start in range(0, len(surface.triangles), BLOCK):
        corners = surface.triangles[start : start + BLOCK].T
        chosen = isNear.take(corners[0])
        for along in cells:
            a, b, c = (along.take(corner) for corner in corners)
            chosen |= np.maximum(np.maximum(a, b), c) - np.minimum(np.minimum(a, b), c) > 1
        found.append(np.flatnonzero(chosen) + start)
    return np.concatenate(found)
