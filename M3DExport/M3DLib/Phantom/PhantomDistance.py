"""Distances of many points to a shape, computed only where they matter: at the shape's surface.

A signed distance changes by no more than the way one goes. So one value tells the sign of a whole neighborhood when it
is larger than that, and of several surfaces only those that are near can decide.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .PhantomShapes import Difference, Gyroid, HollowShell, Intersection, Moved, Shape, Union

# Room for shapes whose distance is only of first order; surplus cells cost time, never correctness.
SURPLUS = 1.1
# Voxels along each side of a neighborhood whose sign is asked for at once.
_NEIGHBORHOOD = 6
# Points that are measured at once: their arrays stay in the processor's cache.
_POINTS_AT_ONCE = 1 << 15
# Where distances change their slope by more than this from a point of the grid to the next, mm, is an edge or a bend
# that a paraboloid does not follow. A ball of 10 mm in voxels of 1 mm stays below, the edge of a box does not.
MOST_BEND_MM = 0.08


def halfDiagonal(edges: np.ndarray) -> float:
    """Half the longest diagonal of the parallelepiped whose edges are the columns, mm."""
    signs = np.array([[1, 1, 1], [1, 1, -1], [1, -1, 1], [-1, 1, 1]], dtype=np.float64)
    return float(np.linalg.norm(signs @ edges.T, axis=1).max() / 2)


def gridDistances(shape: Shape, matrix: np.ndarray, first: np.ndarray, counts: Sequence[int], reach: float):
    """Signed distances of a grid's points: right in sign everywhere, and exact where they are less than ``reach``.

    :param matrix: (3, 3) steps along i, j, k as columns, mm.
    :param first: (3,) the first point, LPS mm.
    :param counts: points along i, j, k.
    :return: float64 (k, j, i).
    """
    size = _NEIGHBORHOOD
    blocks = [-(-count // size) for count in counts]
    inner = _indices([size] * 3) @ matrix.T
    corners = size * _indices(blocks) @ matrix.T + first
    middle = matrix @ np.full(3, (size - 1) / 2)
    around = SURPLUS * halfDiagonal(matrix * size)
    atMiddle = shape.signedDistance(corners + middle)
    values = np.repeat(atMiddle[:, None], len(inner), axis=1)
    near = np.flatnonzero(np.abs(atMiddle) < around + reach)
    if len(near):
        values[near] = neighborDistances(shape, corners[near] + middle, inner - middle, around)
    values = values.reshape(*blocks[::-1], size, size, size).transpose(0, 3, 1, 4, 2, 5)
    values = values.reshape([size * count for count in blocks[::-1]])
    return values[: counts[2], : counts[1], : counts[0]]


def neighborDistances(shape: Shape, centers: np.ndarray, offsets: np.ndarray, reach: float) -> np.ndarray:
    """Signed distances at the same offsets from each of several centers, float64 (n, m).

    :param centers: (n, 3) LPS mm.
    :param offsets: (m, 3) mm, none longer than ``reach``.
    """
    members, sign = _members(shape)
    if not members or not all(_isExact(member) for member, _ in members):
        return _measured(shape, centers, offsets)
    # The largest decides. What is smaller by twice the reach at a center is smaller at all its neighbors.
    atCenters = np.stack([turn * member.signedDistance(centers) for member, turn in members])
    decides = atCenters >= atCenters.max(axis=0) - 2 * reach
    values = np.full((len(centers), len(offsets)), -np.inf)
    for (member, turn), rows in zip(members, map(np.flatnonzero, decides), strict=True):
        if len(rows):
            own = turn * neighborDistances(member, centers[rows], offsets, reach)
            values[rows] = np.maximum(values[rows], own)
    return sign * values


def quadraticDistances(distances: np.ndarray, at: Sequence[np.ndarray], steps: np.ndarray):
    """Distances between the points of a grid, from the 27 around: what a smooth surface has to second order.

    What is left out is of third order: below 1e-4 mm for voxels of 1 mm and bends of 50 mm.

    :param distances: (k, j, i), exact at the points asked for and all around them.
    :param at: indices k, j, i (n,) of the points, none of them at the border.
    :param steps: (m, 3) offsets from each point in steps of the grid along i, j, k.
    :return: float64 (n, m), and bool (n,), where the surface is smooth enough for it.
    """
    flat = distances.reshape(-1)
    strides = [1, distances.shape[2], distances.shape[1] * distances.shape[2]]
    center = (at[0] * strides[2] + at[1] * strides[1]) + at[2]
    value = flat[center]
    terms, weights = [], []
    smooth = np.ones(len(center), dtype=bool)
    for axis, stride in enumerate(strides):
        before, after = flat[center - stride], flat[center + stride]
        bend = after + before - 2 * value
        smooth &= np.abs(bend) <= MOST_BEND_MM
        terms += [(after - before) / 2, bend / 2]
        weights += [steps[:, axis], steps[:, axis] ** 2]
        for other in range(axis):
            one, two = stride + strides[other], stride - strides[other]
            twist = (flat[center + one] + flat[center - one] - flat[center + two] - flat[center - two]) / 4
            smooth &= np.abs(twist) <= MOST_BEND_MM
            terms.append(twist)
            weights.append(steps[:, axis] * steps[:, other])
    return np.stack(terms, axis=1) @ np.stack(weights) + value[:, None], smooth


def _members(shape: Shape) -> tuple[list[tuple[Shape, int]], int]:
    """Shapes and signs of which the largest signed value, times the sign returned, is the distance of a combination."""
    if isinstance(shape, Intersection):
        return [(member, 1) for member in shape.shapes], 1
    if isinstance(shape, Union):
        return [(member, -1) for member in shape.shapes], -1
    if isinstance(shape, Difference):
        return [(shape.shape, 1), (shape.removed, -1)], 1
    return [], 1


def _isExact(shape: Shape) -> bool:
    """Whether a shape's distance changes by no more than the way one goes."""
    if isinstance(shape, (Moved, HollowShell)):
        return _isExact(shape.shape)
    return not isinstance(shape, Gyroid) and all(_isExact(member) for member, _ in _members(shape)[0])


def _measured(shape: Shape, centers: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    values = np.empty((len(centers), len(offsets)))
    step = max(1, _POINTS_AT_ONCE // len(offsets))
    for start in range(0, len(centers), step):
        points = (centers[start : start + step, None] + offsets).reshape(-1, 3)
        values[start : start + step] = shape.signedDistance(points).reshape(-1, len(offsets))
    return values


def _indices(counts: Sequence[int]) -> np.ndarray:
    """Indices i, j, k of a grid's points, i fastest, float64 (n, 3)."""
    k, j, i = np.meshgrid(*(np.arange(count) for count in counts[::-1]), indexing="ij")
    return np.stack([i, j, k], axis=-1).reshape(-1, 3).astype(np.float64)
