"""Which vertices of a mesh are neighbors, and averages over them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..Mesh.MeshGeometry import RowHalves
from ..Mesh.TriangleMesh import TriangleMesh
from ..TwoThreads import inTwoThreads

# Share of vertices with other values than 0 below which only those around them are averaged.
FEW = 0.06


class Neighborhood:
    """The direct neighbors of every vertex, as a symmetric sparse matrix of ones whose rows are in two halves.

    Where nothing else is said, values are float32 and so is what comes of them: the rounding of 100 mm is below
    0.00001 mm. About 60 bytes per vertex.

    :ivar degree: number of neighbors of every vertex, float32 (n,), 1 for those that have none.
    :ivar halves: pairs of the vertices (a slice) and their rows of the matrix; small meshes have one.
    :ivar matrix: the same in one piece, (n, n).
    :ivar closed: whether every edge of the mesh is that of exactly two triangles, which run along it both ways.
    """

    def __init__(self, mesh: TriangleMesh):
        from scipy.sparse import csr_matrix

        count = len(mesh.points)
        start, end = mesh.triangles.ravel(), mesh.triangles[:, [1, 2, 0]].ravel()
        matrix = csr_matrix((np.ones(len(start), dtype=np.float32), (start, end)), shape=(count, count))
        backward = matrix.T.tocsr()
        # On a closed surface every edge is there in both directions already.
        bothWays = np.array_equal(matrix.indptr, backward.indptr) and np.array_equal(matrix.indices, backward.indices)
        self.closed = bothWays and bool((matrix.data == 1).all())
        if not bothWays:
            matrix = matrix + backward
        del backward, start, end
        matrix.data[:] = 1
        self.degree = np.maximum(np.diff(matrix.indptr), 1).astype(np.float32)
        self.matrix = matrix
        self.halves = RowHalves(matrix).halves

    def inHalves(self, work: Callable) -> None:
        """Call ``work`` with the vertices and rows of each half, both at once."""
        if len(self.halves) == 1:
            work(*self.halves[0])
        else:
            inTwoThreads(lambda half: work(*half), self.halves)

    def mean(self, values: np.ndarray) -> np.ndarray:
        """The mean of the neighbors of every vertex, (n,) or (n, k) of the values' type; 0 for one without neighbors.

        Sums are exact up to that type: positions in float64 stay what they are to 1e-13 mm.
        """
        values = values if values.dtype == np.float64 else values.astype(np.float32, copy=False)
        result = np.empty_like(values)

        def half(rows: slice, matrix) -> None:
            degree = self.degree[rows] if values.ndim == 1 else self.degree[rows, None]
            np.divide(matrix @ values, degree, out=result[rows])

        self.inHalves(half)
        return result

    def grown(self, which: np.ndarray, rings: int) -> np.ndarray:
        """Vertices, bool (n,), and those at most so many edges away from them."""
        which, last = which.copy(), which
        for _ in range(rings):
            around = np.zeros_like(which)
            around[self.matrix[np.flatnonzero(last)].indices] = True
            last = around & ~which
            which |= around
        return which

    def meanAt(self, which: np.ndarray):
        """The mean of the neighbors of some vertices (numbers), as a sparse matrix (m, n) of float64."""
        from scipy.sparse import diags

        return (diags(1 / self.degree[which].astype(np.float64)) @ self.matrix[which]).tocsr()

    def difference(self, values: np.ndarray) -> np.ndarray:
        """Mean of the neighbors less the own value, (n,) or (n, k): the umbrella vector of positions."""
        result = self.mean(values)
        result -= values
        return result

    def smoothed(self, points: np.ndarray, steps: Sequence[float]) -> np.ndarray:
        """Positions, float64 (n, 3), after steps toward the mean of the neighbors.

        How far the vertices have come is kept apart from where they were, in float32: a tenth of a millimeter has more
        digits so than positions far from the origin have.

        :param points: (n, 3), mm. :param steps: shares of the way to that mean, negative ones away from it.
        """
        # Four columns of which one is empty: the product takes less time than with three.
        away, further, uneven = (np.zeros((len(points), 4), dtype=np.float32) for _ in range(3))
        uneven[:, :3] = self.difference(points.astype(np.float64, copy=False))
        share = (1 / self.degree)[:, None]
        for step in steps:

            def half(rows: slice, matrix, step: float = step, away: np.ndarray = away, further=further) -> None:
                change = matrix @ away
                change *= share[rows]
                change -= away[rows]
                change += uneven[rows]
                change *= np.float32(step)
                np.add(away[rows], change, out=further[rows])

            self.inHalves(half)
            away, further = further, away
        return points + away[:, :3]

    def averaged(self, values: np.ndarray, weights: np.ndarray | None, rounds: int) -> np.ndarray:
        """Values (n,) averaged with those of the neighbors, weighted, ``rounds`` times over, float32.

        :param weights: (n,); all the same when None.
        """
        values = values.astype(np.float32)
        if weights is None:
            return self._averagedAlike(values, rounds)
        weights = weights.astype(np.float32, copy=False)
        weighted, total = np.empty_like(values), np.empty_like(weights)
        share = 1 / self.degree

        def totals(rows: slice, matrix) -> None:
            total[rows] = matrix @ weights
            total[rows] *= share[rows]
            total[rows] += weights[rows]
            np.maximum(total[rows], np.float32(1e-30), out=total[rows])

        def once(rows: slice, matrix) -> None:
            around = matrix @ weighted
            around *= share[rows]
            around += weighted[rows]
            np.divide(around, total[rows], out=values[rows])

        self.inHalves(totals)
        for _ in range(rounds):
            np.multiply(values, weights, out=weighted)
            self.inHalves(once)
        return values

    def _averagedAlike(self, values: np.ndarray, rounds: int) -> np.ndarray:
        """The same with equal weights, in place."""
        # A vertex without neighbors keeps its value.
        share, own = 1 / self.degree, np.where(np.diff(self.matrix.indptr) > 0, np.float32(0.5), np.float32(1))
        some = values != 0
        if np.count_nonzero(some) < FEW * len(values):
            # Farther away all stays 0.
            which = np.flatnonzero(self.grown(some, rounds))
            matrix, share, own = self.matrix[which], share[which], own[which]
            for _ in range(rounds):
                values[which] = own * (share * (matrix @ values) + values[which])
            return values
        before = np.empty_like(values)

        def once(rows: slice, matrix) -> None:
            around = matrix @ before
            around *= share[rows]
            around += before[rows]
            np.multiply(around, own[rows], out=values[rows])

        for _ in range(rounds):
            before[:] = values
            self.inHalves(once)
        return values

    def averagedAt(self, which: np.ndarray, values: np.ndarray, weights: np.ndarray, rounds: int) -> np.ndarray:
        """What :meth:`averaged` makes of columns of values (n, k), at a few vertices (bool (n,)) only, float32 (m, k).

        :param weights: (n,).
        """
        weights = weights.astype(np.float32, copy=False)[:, None]
        weighted, share = values.astype(np.float32) * weights, 1 / self.degree[:, None]
        # Each round is for those that the later ones ask.
        asked = [which]
        for _ in range(rounds - 1):
            asked.append(self.grown(asked[-1], 1))
        for rows in map(np.flatnonzero, reversed(asked)):
            matrix, own = self.matrix[rows], weights[rows]
            total = np.maximum((matrix @ weights) * share[rows] + own, np.float32(1e-30))
            result = ((matrix @ weighted) * share[rows] + weighted[rows]) / total
            weighted[rows] = result * own
        return result
