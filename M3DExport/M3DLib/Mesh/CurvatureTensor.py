"""How a surface bends at every vertex and in every direction: what blur does to an edge depends on both.

Along a rod the surface is straight, around it round; where the blur or the reach of a fit differs between the two
directions, the mean of their curvatures is not enough.
"""

from __future__ import annotations

import numpy as np

from .MeshGeometry import MeshEdges

# Order in which the six values of a symmetric tensor are stored.
PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
# Along edges whose ends have normals that differ by more (as vectors) nothing is averaged: what lies beyond a ridge
# tells nothing of the surface on this side of it.
RIDGE_TURN = 0.4
BLOCK = 100_000
# Sums of the edges that are made at a time.
COLUMNS = 3


def curvatureTensors(edges: MeshEdges, points: np.ndarray, normals: np.ndarray, smoothings: int = 2) -> np.ndarray:
    """Second fundamental form at every vertex, float32 (n, 6), 1/mm: x K x is twice how far the surface falls at x.

    The symmetric K in the tangent plane for which K dx comes nearest to the change of the normals along the edges dx
    around a vertex, by least squares; its trace is twice the mean curvature, positive where the surface is convex.

    :param points: (n, 3), mm. :param normals: (n, 3), unit, outward.
    :param smoothings: how often the sums at a vertex are averaged with those of its neighbors.
    :return: the values xx, yy, zz, xy, xz, yz of K in LPS; zeros where a vertex has too few edges.
    """
    sums = _edgeSums(edges, points, normals, smoothings)
    return np.concatenate(
        [
            _tensors(sums[:, first : first + BLOCK].T, normals[first : first + BLOCK].astype(np.float64))
            for first in range(0, len(normals), BLOCK)
        ]
    )


def _edgeSums(edges: MeshEdges, points: np.ndarray, normals: np.ndarray, smoothings: int) -> np.ndarray:
    """Weighted sums of dx dx (6 values) and of the symmetric part of dn dx (6) over the edges at each vertex, (12, n).

    Some columns at a time, so that beyond the sums no more than about 60 bytes per vertex are held.
    """
    sums = np.empty((12, len(points)), dtype=np.float32)
    weights = np.empty(len(edges.end), dtype=np.float32)
    for part, start, end in edges.parts():
        weights[part] = _weight(_changes(normals, start, end))
    neighbors = edges.matrix(weights * edges.weight)
    backward = neighbors.T
    values = np.empty((COLUMNS, len(edges.end)), dtype=np.float32)
    for first in range(0, 12, COLUMNS):
        for part, start, end in edges.parts():
            change, turn = _changes(points, start, end), _changes(normals, start, end)
            weighted = weights[part] * change
            for column, target in enumerate(values[:, part], start=first):
                a, b = PAIRS[column % 6]
                if column < 6:
                    np.multiply(weighted[a], change[b], out=target)
                elif a == b:
                    np.multiply(weighted[b], turn[a], out=target)
                else:
                    target[:] = (weighted[b] * turn[a] + weighted[a] * turn[b]) / 2
        for column, ofEdges in enumerate(values, start=first):
            total = edges.sumAtEnds(ofEdges)
            for _ in range(smoothings):
                total = total + neighbors @ total + backward @ total
            sums[column] = total
    return sums


def _changes(vectors: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """How vectors (n, 3) change from the start to the end of edges, (3, k)."""
    return np.ascontiguousarray((vectors.take(end, axis=0) - vectors.take(start, axis=0)).T)


def _weight(turn: np.ndarray) -> np.ndarray:
    """How much an edge (3, k) counts by how far the normals turn along it."""
    return np.exp(-((np.einsum("ij,ij->j", turn, turn) / RIDGE_TURN**2) ** 2))


def _tensors(sums, normals) -> np.ndarray:
    """Solve K G + G K = 2 M in the tangent plane of each vertex."""
    helper = np.zeros_like(normals)
    helper[np.arange(len(normals)), np.abs(normals).argmin(axis=1)] = 1
    first = np.cross(normals, helper)
    first /= np.maximum(np.linalg.norm(first, axis=1, keepdims=True), 1e-30)
    second = np.cross(normals, first)

    # Components 11, 22 and 12 of the symmetric tensors in the tangent plane.
    products = [squares(u, v) for u, v in ((first, first), (second, second), (first, second))]
    g11, g22, g12 = (np.einsum("ij,ij->i", sums[:, :6], product) for product in products)
    m11, m22, m12 = (np.einsum("ij,ij->i", sums[:, 6:], product) for product in products)
    least = 1e-3 * (g11 + g22) + 1e-20
    g11, g22 = g11 + least, g22 + least
    mixed = (2 * m12 - g12 * (m11 / g11 + m22 / g22)) / (g11 + g22 - g12**2 * (1 / g11 + 1 / g22))
    k11, k22 = (m11 - mixed * g12) / g11, (m22 - mixed * g12) / g22
    tensors = [
        k11 * first[:, a] * first[:, b]
        + k22 * second[:, a] * second[:, b]
        + mixed * (first[:, a] * second[:, b] + second[:, a] * first[:, b])
        for a, b in PAIRS
    ]
    return np.stack(tensors, axis=1).astype(np.float32)


def squares(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Products (n, 6) of two sets of vectors (n, 3) whose sum with a tensor's values is u K v."""
    return np.stack([u[:, a] * v[:, b] if a == b else u[:, a] * v[:, b] + u[:, b] * v[:, a] for a, b in PAIRS], axis=1)


def applied(tensors: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """K v, (n, 3), of symmetric tensors (n, 6) and vectors (n, 3)."""
    xx, yy, zz, xy, xz, yz = tensors.T
    x, y, z = vectors.T
    return np.stack([xx * x + xy * y + xz * z, xy * x + yy * y + yz * z, xz * x + yz * y + zz * z], axis=1)
