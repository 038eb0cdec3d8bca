"""Which vertices of a mesh are neighbors: averages over them, and equations between them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..Mesh.TriangleMesh import TriangleMesh


class Neighborhood:
    """The mean over the direct neighbors of every vertex, as a sparse matrix.

    :ivar matrix: (n, n), each row sums to 1; that of a vertex without triangles to 0.
    """

    def __init__(self, mesh: TriangleMesh):
        from scipy.sparse import csr_matrix

        count = len(mesh.points)
        start, end = mesh.triangles.ravel(), mesh.triangles[:, [1, 2, 0]].ravel()
        if not mesh.isClosed:
            # On a closed surface every edge is there in both directions already.
            start, end = np.concatenate([start, end]), np.concatenate([end, start])
        matrix = csr_matrix((np.ones(len(start)), (start, end)), shape=(count, count))
        matrix.sum_duplicates()
        matrix.data[:] = 1
        self.degree = np.diff(matrix.indptr)
        matrix.data /= np.repeat(np.maximum(self.degree, 1), self.degree)
        self.matrix = matrix
        self.transposed = matrix.T.tocsr()

    def difference(self, values: np.ndarray) -> np.ndarray:
        """Mean of the neighbors less the own value, (n,) or (n, k): the umbrella vector of positions."""
        return self.matrix @ values - values

    def transposedDifference(self, values: np.ndarray) -> np.ndarray:
        """The transposed of :meth:`difference`, as the equations of a least-squares problem need it."""
        return self.transposed @ values - values

    def averaged(self, values: np.ndarray, weights: np.ndarray, rounds: int) -> np.ndarray:
        """Values (n,) averaged with those of the neighbors, weighted, ``rounds`` times over."""
        total = self.matrix @ weights + weights
        for _ in range(rounds):
            values = (self.matrix @ (values * weights) + values * weights) / np.maximum(total, 1e-30)
        return values


def conjugateGradients(
    apply: Callable[[np.ndarray], np.ndarray],
    right: np.ndarray,
    start: np.ndarray,
    diagonal: np.ndarray,
    *,
    most: int = 60,
    tolerance: float = 1e-3,
) -> np.ndarray:
    """Solution (n,) of a symmetric positive system, to a share of the first residual or after ``most`` steps.

    A stop before the end leaves the wide, slow parts of the solution at their start, which no vertex can tell.

    :param apply: the matrix times a vector. :param diagonal: (n,) positive, near the matrix's own.
    """
    solution = start.copy()
    residual = right - apply(solution)
    scaled = residual / diagonal
    direction = scaled.copy()
    size = first = float(residual @ scaled)
    for _ in range(most):
        if size <= tolerance**2 * first or size == 0:
            break
        image = apply(direction)
        step = size / float(direction @ image)
        solution += step * direction
        residual -= step * image
        np.divide(residual, diagonal, out=scaled)
        before, size = size, float(residual @ scaled)
        direction *= size / before
        direction += scaled
    return solution
