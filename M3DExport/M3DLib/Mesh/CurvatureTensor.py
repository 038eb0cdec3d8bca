"""How a surface bends at every vertex and in every direction: what blur does to an edge depends on both.

Along a rod the surface is straight, around it round; where the blur or the reach of a fit differs between the two
directions, the mean of their curvatures is not enough.
"""

from __future__ import annotations

import numpy as np

from ..TwoThreads import inTwoThreads
from .MeshGeometry import MeshEdges

# Order in which the six values of a symmetric tensor are stored.
PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
# Along edges whose ends have normals that differ by more (as vectors) nothing is averaged: what lies beyond a ridge
# tells nothing of the surface on this side of it.
RIDGE_TURN = 0.4
# Vertices worked on at a time: what is held for them stays in the processor's cache.
BLOCK = 1 << 14


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
        result[part] = _tensors(sums[:, part].astype(np.float64), normals[part].T.astype(np.float64)).T

    inTwoThreads(block, range(0, len(points), BLOCK))
    return result


def _edgeSums(edges: MeshEdges, points: np.ndarray, normals: np.ndarray, smoothings: int) -> np.ndarray:
    """Weighted sums of dx dx (6 values) and of the symmetric part of dn dx (6) over the edges at each vertex, (12, n).

    Beyond the sums about 60 bytes per vertex are held: every edge at both its ends.
    """
    neighbors = edges.bothWays()
    sums = np.empty((12, len(points)), dtype=np.float32)

    def block(first: int) -> None:
        degrees = np.diff(neighbors.indptr[first : first + BLOCK + 1])
        # Vertices with as many edges make tables that need no sums over lists of different lengths.
        for degree in np.unique(degrees):
            which = first + np.flatnonzero(degrees == degree)
            _sumsAt(sums, neighbors, which, int(degree), (points, normals))

    inTwoThreads(block, range(0, len(points), BLOCK))

    def smooth(column: int) -> None:
        for _ in range(smoothings):
            sums[column] += neighbors @ sums[column]

    inTwoThreads(smooth, range(12))
    return sums


def _sumsAt(sums: np.ndarray, neighbors, which: np.ndarray, degree: int, places: tuple[np.ndarray, np.ndarray]):
    """The sums of vertices that have so many edges each; what their edges count is put into the matrix.

    :param places: points and normals, float32 (n, 3).
    """
    at = neighbors.indptr[which] + np.arange(degree)[:, None]
    end = neighbors.indices.take(at)
    change, turn = (
        np.ascontiguousarray(np.moveaxis(values.take(end, axis=0) - values.take(which, axis=0), 2, 0))
        for values in places
    )
    weight = neighbors.data.take(at) * _weight(turn)
    neighbors.data[at] = weight
    weighted = change * weight
    for number, (a, b) in enumerate(PAIRS):
        sums[number, which] = _dot(weighted[a], change[b])
        bend = _dot(weighted[b], turn[a])
        sums[number + 6, which] = bend if a == b else (bend + _dot(weighted[a], turn[b])) / 2


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
    products = [squares(u.T, v.T).T for u, v in ((first, first), (second, second), (first, second))]
    g11, g22, g12 = (_dot(sums[:6], product) for product in products)
    m11, m22, m12 = (_dot(sums[6:], product) for product in products)
    least = 1e-3 * (g11 + g22) + 1e-20
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
    sign = np.copysign(1.0, z)
    share = -1 / (sign + z)
    mixed = x * y * share
    first = np.array([1 + sign * x * x * share, sign * mixed, -sign * x])
    return first, np.array([mixed, sign + y * y * share, -y])


def squares(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Products (n, 6) of two sets of vectors (n, 3) whose sum with a tensor's values is u K v."""
    return np.stack([u[:, a] * v[:, b] if a == b else u[:, a] * v[:, b] + u[:, b] * v[:, a] for a, b in PAIRS], axis=1)


def applied(tensors: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """K v, (n, 3), of symmetric tensors (n, 6) and vectors (n, 3)."""
    xx, yy, zz, xy, xz, yz = tensors.T
    x, y, z = vectors.T
    return np.stack([xx * x + xy * y + xz * z, xy * x + yy * y + yz * z, xz * x + yz * y + zz * z], axis=1)
