"""How a surface bends at every vertex and in every direction: what blur does to an edge depends on both.

Along a rod the surface is straight, around it round; where the blur or the reach of a fit differs between the two
directions, the mean of their curvatures is not enough.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ..TwoThreads import inTwoThreads
from .MeshGeometry import MeshEdges, RowHalves

# Order in which the six values of a symmetric tensor are stored.
PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
# Along edges whose ends have normals that differ by more (as vectors) nothing is averaged: what lies beyond a ridge
# tells nothing of the surface on this side of it.
RIDGE_TURN = 0.4
# Vertices worked on at a time: what is held for them stays in the processor's cache.
BLOCK = 1 << 12
# The twelve sums at a vertex in groups that are averaged together: neighbors are looked up once for each group.
GROUPS, GROUP = 3, 4


def curvatureTensors(edges: MeshEdges, points: np.ndarray, normals: np.ndarray, smoothings: int = 2) -> np.ndarray:
    """Second fundamental form at every vertex, float32 (n, 6), 1/mm: x K x is twice how far the surface falls at x.

    The symmetric K in the tangent plane for which K dx comes nearest to the change of the normals along the edges dx
    around a vertex, by least squares; its trace is twice the mean curvature, positive where the surface is convex.

    :param points: (n, 3), mm. :param normals: (n, 3), unit, outward.
    :param smoothings: how often the sums at a vertex are averaged with those of its neighbors.
    :return: the values xx, yy, zz, xy, xz, yz of K in LPS; zeros where a vertex has too few edges.
    """
    sums = _edgeSums(edges, points, normals, smoothings)
    result = np.empty((len(points), 6), dtype=np.float32)

    def block(first: int) -> None:
        part = slice(first, first + BLOCK)
        columns = np.concatenate([group.T for group in sums[:, part]])
        result[part] = _tensors(columns, np.array(normals[part].T, dtype=np.float32, order="C")).T

    inTwoThreads(block, range(0, len(points), BLOCK))
    return result


def _edgeSums(edges: MeshEdges, points: np.ndarray, normals: np.ndarray, smoothings: int) -> np.ndarray:
    """Weighted sums of dx dx (6 values) and of the symmetric part of dn dx (6) over the edges at each vertex, as
    (3, n, 4): twelve values in groups of four.

    Beyond the sums about 90 bytes per vertex are held: every edge at both its ends, and both sets of vectors again.
    """
    neighbors = edges.bothWays()
    weights = neighbors.data if edges.neighbors is None else np.empty_like(neighbors.data)
    sums = np.empty((GROUPS, len(points), GROUP), dtype=np.float32)
    _sum(sums, weights, neighbors, [np.array(values.T, dtype=np.float32, order="C") for values in (points, normals)])
    matrix = RowHalves(neighbors, weights)
    for number in range(GROUPS):
        for _ in range(smoothings):
            sums[number] += matrix @ sums[number]
    return sums


def _sum(sums: np.ndarray, weights: np.ndarray, neighbors, columns: list[np.ndarray]) -> None:
    """Make the sums of all vertices, and what each edge counts.

    :param columns: points and normals, (3, n).
    """
    # Vertices with as many edges make tables that need no sums over lists of different lengths.
    degrees = np.diff(neighbors.indptr)
    # Small numbers are sorted several times as fast.
    order = np.argsort(degrees.astype(np.int16) if degrees.max() < 1 << 15 else degrees, kind="stable")
    blocks = [
        (order[first : min(first + BLOCK, last)], degree)
        for degree, (start, last) in enumerate(pairwise([0, *np.cumsum(np.bincount(degrees)).tolist()]))
        for first in range(start, last, BLOCK)
    ]
    inTwoThreads(lambda block: _sumsAt(sums, weights, neighbors, block, columns), blocks)


def _sumsAt(sums: np.ndarray, weights: np.ndarray, neighbors, block: tuple[np.ndarray, int], columns: list[np.ndarray]):
    """The sums of some vertices that have the same number of edges each; what their edges count is put into weights.

    :param block: numbers of the vertices, and how many edges each has. :param columns: points and normals, (3, n).
    """
    which, degree = block
    at = neighbors.indptr.take(which) + np.arange(degree)[:, None]
    # Picked column by column, and by numbers of the type that needs no conversion each time.
    end = neighbors.indices.take(at).astype(np.intp)
    change, turn = (np.stack([values.take(end) - values.take(which) for values in vectors]) for vectors in columns)
    weight = neighbors.data.take(at) * _weight(turn)
    weights[at] = weight
    weighted = change * weight
    result = np.empty((12, len(which)), dtype=np.float32)
    for number, (a, b) in enumerate(PAIRS):
        result[number] = _dot(weighted[a], change[b])
        bend = _dot(weighted[b], turn[a])
        result[number + 6] = bend if a == b else (bend + _dot(weighted[a], turn[b])) / 2
    for group in range(GROUPS):
        sums[group, which] = result[group * GROUP : (group + 1) * GROUP].T


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->j", a, b)


def _weight(turn: np.ndarray) -> np.ndarray:
    """How much edges (3, ...) count by how far the normals turn along them."""
    square = turn[0] * turn[0] + turn[1] * turn[1] + turn[2] * turn[2]
    return np.exp(-((square / np.float32(RIDGE_TURN**2)) ** 2))


def _tensors(sums: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Solve K G + G K = 2 M in the tangent plane of each vertex, (6, n), from sums (12, n) and normals (3, n)."""
    first, second = _frame(normals)
    # Components 11, 22 and 12 of the symmetric tensors in the tangent plane.
    products = [_squareColumns(u, v) for u, v in ((first, first), (second, second), (first, second))]
    g11, g22, g12 = (_dot(sums[:6], product) for product in products)
    m11, m22, m12 = (_dot(sums[6:], product) for product in products)
    least = np.float32(1e-3) * (g11 + g22) + np.float32(1e-20)
    g11, g22 = g11 + least, g22 + least
    mixed = (2 * m12 - g12 * (m11 / g11 + m22 / g22)) / (g11 + g22 - g12**2 * (1 / g11 + 1 / g22))
    k11, k22 = (m11 - mixed * g12) / g11, (m22 - mixed * g12) / g22
    for values in (k11, k22, mixed):
        values[(normals == 0).all(axis=0)] = 0
    tensors = [
        k11 * first[a] * first[b] + k22 * second[a] * second[b] + mixed * (first[a] * second[b] + second[a] * first[b])
        for a, b in PAIRS
    ]
    return np.array(tensors)


def _frame(normals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two unit vectors (3, n) across each normal and each other (Duff et al. 2017, "Building an orthonormal basis,
    revisited").
    """
    x, y, z = normals
    sign = np.copysign(z.dtype.type(1), z)
    share = -1 / (sign + z)
    mixed = x * y * share
    first = np.array([1 + sign * x * x * share, sign * mixed, -sign * x])
    return first, np.array([mixed, sign + y * y * share, -y])


def squares(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Products (n, 6) of two sets of vectors (n, 3) whose sum with a tensor's values is u K v."""
    return _squareColumns(u.T, v.T).T


def _squareColumns(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """The same of vectors (3, n), (6, n)."""
    return np.stack([u[a] * v[b] if a == b else u[a] * v[b] + u[b] * v[a] for a, b in PAIRS])


def applied(tensors: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """K v, (n, 3), of symmetric tensors (n, 6) and vectors (n, 3)."""
    xx, yy, zz, xy, xz, yz = tensors.T
    x, y, z = vectors.T
    return np.stack([xx * x + xy * y + xz * z, xy * x + yy * y + yz * z, xz * x + yz * y + zz * z], axis=1)
