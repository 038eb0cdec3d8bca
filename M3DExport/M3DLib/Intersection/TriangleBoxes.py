"""Boxes around triangles, or around pieces of long ones."""

from __future__ import annotations

import numpy as np

from .BoxPairs import overlappingBoxesBetween


def boxesOf(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper corners of the boxes of triangles (n, 3 corners, 3 axes); (n, 3) each.

    Corner by corner, since numpy's reduction along an axis of three is ten times slower.
    """
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    return np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)


def boxesOfPieces(corners: np.ndarray, size: float, most: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes that cover triangles without covering much else: long triangles in several small boxes each.

    :param size: triangles with a longer edge are halved across it, again and again.
    :param most: no more halving beyond about so many pieces.
    :return: lower and upper corners (n, 3), and the triangle each box belongs to, int64 (n,).
    """
    long = _longestSide2(corners) > size * size
    if len(corners) + int(long.sum()) > most:
        long[:] = False
    short, owner = np.flatnonzero(~long), np.flatnonzero(long)
    # Mostly all of them, which are not copied then.
    done = [(*boxesOf(corners if len(short) == len(corners) else corners[short]), short)]
    count = len(corners) + len(owner)
    parts, owner = _halves(corners[owner]), np.concatenate([owner, owner])
    while len(parts):
        long = _longestSide2(parts) > size * size
        if count + int(long.sum()) > most:
            long[:] = False
        done.append((*boxesOf(parts[~long]), owner[~long]))
        parts, owner = _halves(parts[long]), np.concatenate([owner[long], owner[long]])
        count += int(long.sum())
    return tuple(np.concatenate(column) for column in zip(*done, strict=True))


def _longestSide2(corners: np.ndarray) -> np.ndarray:
    """Square of the longest side of triangles (n, 3 corners, 3 axes), (n,)."""
    longest = np.zeros(len(corners))
    for one, other in ((0, 1), (1, 2), (2, 0)):
        square = np.zeros(len(corners))
        for axis in range(3):
            side = corners[:, other, axis] - corners[:, one, axis]
            square += side * side
        np.maximum(longest, square, out=longest)
    return longest


def _halves(corners: np.ndarray) -> np.ndarray:
    """Triangles cut in two across their longest side: first the one halves of all, then the others."""
    edges = corners[:, [1, 2, 0]] - corners
    longest = np.einsum("nij,nij->ni", edges, edges).argmax(axis=1)
    row = np.arange(len(corners))
    a, b, c = (corners[row, (longest + step) % 3] for step in range(3))
    middle = (a + b) / 2
    return np.concatenate([np.stack([a, middle, c], axis=1), np.stack([middle, b, c], axis=1)])


def boxesOfTriangles(points: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper corners of triangles, float32 (m, 3) each, axis by axis in memory.

    :param points: (n, 3) holding float32 values. :param columns: (3, m), numbers of the triangles' corners.
    """
    low, high = (np.empty((3, columns.shape[1]), dtype=np.float32).T for _ in range(2))
    for axis in range(3):
        low[:, axis], high[:, axis] = endsOfTriangles(points[:, axis].astype(np.float32), columns)
    return low, high


def endsOfTriangles(values: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest value of the corners of each triangle, (m,) each.

    :param values: (n,), one coordinate of the points. :param columns: (3, m), numbers of the triangles' corners.
    """
    a, b, c = (values.take(corner) for corner in columns)
    return np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)


def trianglesAround(points: np.ndarray, triangles: np.ndarray, changed: np.ndarray) -> np.ndarray:
    """Numbers of all triangles that may meet one with a changed corner: those whose boxes overlap."""
    return MovingTriangles(points, triangles).around(points, changed)


class MovingTriangles:
    """The boxes of triangles of which some corners move from time to time; about 36 bytes per triangle."""

    def __init__(self, points: np.ndarray, triangles: np.ndarray):
        """:param points: (n, 3) holding float32 values, where they are at first. :param triangles: (m, 3)."""
        self.columns = np.ascontiguousarray(triangles.T)
        self.low, self.high = boxesOfTriangles(points, self.columns)

    def around(self, points: np.ndarray, changed: np.ndarray) -> np.ndarray:
        """Numbers of all triangles that may meet one with a changed corner: those whose boxes overlap.

        :param points: (n, 3), where they are now. :param changed: bool (n,), those that moved since the last time.
        """
        a, b, c = (changed.take(corner) for corner in self.columns)
        near = a | b | c
        own = np.flatnonzero(near)
        self.low[own], self.high[own] = boxesOfTriangles(points, self.columns[:, own])
        for _, other in overlappingBoxesBetween(self.low[own], self.high[own], self.low, self.high):
            near[other] = True
        return np.flatnonzero(near)
