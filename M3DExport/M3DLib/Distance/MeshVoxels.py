"""Which points of a grid lie inside a closed mesh, by the surface's crossings of the grid's lines."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

# Triangles looked at together: what is held for them stays in the processor's cache.
BLOCK = 1 << 14


def insideGrid(points: np.ndarray, triangles: np.ndarray, size: tuple[int, int, int]) -> np.ndarray:
    """Whether the points of a grid lie inside a closed mesh: behind an odd number of its triangles.

    A line along k meets every triangle that covers it; a line that runs exactly through an edge or a corner counts as
    moved aside by less than anything, the same way for all triangles, so that none is missed or met twice. A grid point
    exactly on the surface is inside where the surface faces down k and outside where it faces up.

    :param points: (n, 3) in units of the grid (i, j, k), whose points have whole coordinates from 0.
    :param triangles: (m, 3).
    :param size: number of the grid's points along i, j and k.
    :return: bool (k, j, i).
    """
    crossed = np.zeros((size[2] + 1, size[1], size[0]), dtype=np.uint8)
    flat = crossed.reshape(-1)
    for place, _ in _crossings(points, triangles, size):
        np.bitwise_xor.at(flat, place, np.uint8(1))
    _upwards(np.bitwise_xor, crossed)
    return crossed[:-1].view(bool)


def windingGrid(points: np.ndarray, triangles: np.ndarray, size: tuple[int, int, int]) -> np.ndarray:
    """How often a closed mesh goes around the points of a grid: where bodies of one mesh overlap, more than once.

    :param points, triangles, size: as for :func:`insideGrid`.
    :return: int8 (k, j, i); 0 outside, 1 inside a mesh that faces outward, -1 inside one that faces inward.
    """
    winding = np.zeros((size[2] + 1, size[1], size[0]), dtype=np.int8)
    flat = winding.reshape(-1)
    for place, faces in _crossings(points, triangles, size):
        np.add.at(flat, place, faces)
    _upwards(np.add, winding)
    return winding[:-1]


def _upwards(total: np.ufunc, array: np.ndarray) -> None:
    """Put in each layer of an array (k, j, i) the total of all up to it; a whole layer at a time is many times quicker
    than what numpy does along the first axis.
    """
    for below, layer in pairwise(array):
        total(below, layer, out=layer)


def _crossings(points, triangles, size) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Where the grid's lines along k meet triangles: number of the first grid point beyond, and 1 where the line enters
    a mesh that faces outward, -1 where it leaves it; a block of triangles at a time.
    """
    # Columns: numpy is several times slower along rows of three.
    columns = np.ascontiguousarray(np.asarray(points, dtype=np.float64).T)
    for start in range(0, len(triangles), BLOCK):
        corners = [columns.take(corner, axis=1) for corner in triangles[start : start + BLOCK].T]
        triangle, column, row = _coveredLines([corner[:2] for corner in corners], size)
        height, faces = _heights([corner.take(triangle, axis=1) for corner in corners], column, row)
        hit = np.flatnonzero(np.isfinite(height))
        layer = np.clip(np.ceil(height[hit]), 0, size[2]).astype(np.int64)
        yield (layer * size[1] + row[hit]) * size[0] + column[hit], faces[hit]


def _coveredLines(corners: list[np.ndarray], size: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Triangle, i and j of every grid line within the rectangle around each triangle (corners (2, m)), each (n,)."""
    a, b, c = corners
    last = np.array(size[:2])[:, None] - 1
    low = np.maximum(np.ceil(np.minimum(np.minimum(a, b), c)), 0).astype(np.int64)
    high = np.minimum(np.floor(np.maximum(np.maximum(a, b), c)), last).astype(np.int64)
    width = np.maximum(high - low + 1, 0)
    counts = width[0] * width[1]
    triangle = np.repeat(np.arange(len(counts)), counts)
    place = np.arange(len(triangle)) - np.repeat(np.cumsum(counts) - counts, counts)
    across = np.maximum(width[0], 1)[triangle]
    row = place // across
    return triangle, low[0, triangle] + place - row * across, low[1, triangle] + row


def _heights(corners: list[np.ndarray], column: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each line meets its triangle (corners (3, n)), along k, not a number where it does not; and 1 where it
    enters what the triangle bounds, -1 where it leaves it, int8.
    """
    areas, signs = [], []
    for corner in range(3):
        first, second = corners[(corner + 1) % 3], corners[(corner + 2) % 3]
        # Both triangles at an edge compute with its ends in the same order, and so find the same side.
        swapped = (first[0] > second[0]) | ((first[0] == second[0]) & (first[1] > second[1]))
        low = np.where(swapped, second[:2], first[:2])
        along = np.where(swapped, first[:2], second[:2]) - low
        area = along[0] * (row - low[1]) - along[1] * (column - low[0])
        # On the edge: as if the line lay further along j by a little, and along i by less than that.
        side = np.where(area != 0, np.sign(area), np.where(along[0] > 0, 1.0, -1.0))
        turn = np.where(swapped, -1.0, 1.0)
        areas.append(area * turn)
        signs.append(side * turn)
    total = areas[0] + areas[1] + areas[2]
    met = (signs[0] == signs[1]) & (signs[1] == signs[2]) & (total != 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        height = sum(area * corners[corner][2] for corner, area in enumerate(areas)) / total
    # Corners that run clockwise seen along k face down it: the line enters there.
    return np.where(met, height, np.nan), -signs[0].astype(np.int8)
