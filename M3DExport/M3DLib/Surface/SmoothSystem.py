"""The equations of a smooth motion, solved on two threads.

Of all values u at the vertices the one is looked for that is least in

    sum w (u - a)**2 + sum s (L u - b)**2

where L u is the mean of the neighbors less the own value. The symmetric positive system (W + L' S L) u = W a + L' S b
is solved by conjugate gradients with the diagonal as preconditioner (Shewchuk 1994, "An introduction to the conjugate
gradient method without the agonizing pain"). In float32: values below 1 mm are exact to a ten-thousandth of it.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from .Neighborhood import Neighborhood

# Fewer where the image tells nearly everywhere, and where another look at it follows: what they leave is asked for
# again then.
MOST_STEPS, LAST_STEPS, STEPS_BETWEEN = 60, 50, 25
# The residual at the end as a share of the first one.
TOLERANCE = 1e-3
LEAST = np.float32(1e-30)


def smoothValues(
    neighborhood: Neighborhood,
    weight: np.ndarray,
    asked: np.ndarray,
    stiffness: np.ndarray,
    bend: np.ndarray,
    *,
    most: int = MOST_STEPS,
) -> np.ndarray:
    """The values u (n,), float32, for w = ``weight``, a = ``asked``, s = ``stiffness`` and b = ``bend``, all (n,).

    The search begins at the values asked for. A stop before its end leaves the wide, slow parts of the solution there,
    which no vertex can tell.

    :param most: steps of the search.
    """
    with ThreadPoolExecutor(len(neighborhood.halves)) as pool:
        return _Search(neighborhood, weight, stiffness, pool).run(
            asked.astype(np.float32), bend.astype(np.float32), most
        )


class _Search:
    """Conjugate gradients on vectors float32 (n,); each step of the arithmetic in two halves of the vertices."""

    def __init__(self, neighborhood: Neighborhood, weight: np.ndarray, stiffness: np.ndarray, pool: ThreadPoolExecutor):
        self.pool, self.halves = pool, neighborhood.halves
        self.weight, self.stiffness = weight.astype(np.float32), stiffness.astype(np.float32)
        self.share = 1 / neighborhood.degree
        self.bending, self.shared = np.empty_like(self.weight), np.empty_like(self.weight)
        self.diagonal = np.empty_like(self.weight)
        np.multiply(self.stiffness, self.share, out=self.shared)
        self.shared *= self.share
        self._both(self._diagonal)

    def _diagonal(self, rows: slice, matrix) -> float:
        """That of W + L' S L: a vertex bends itself by its whole value, each neighbor by its share of it."""
        np.add(matrix @ self.shared, self.stiffness[rows], out=self.diagonal[rows])
        self.diagonal[rows] += self.weight[rows]
        np.maximum(self.diagonal[rows], LEAST, out=self.diagonal[rows])
        return 0.0

    def run(self, solution: np.ndarray, bend: np.ndarray, most: int) -> np.ndarray:
        """The solution, in place of the values asked for."""
        residual, scaled, image = (np.empty_like(solution) for _ in range(3))

        def begin(rows: slice, matrix) -> float:
            # Of W (a - u) nothing is left, since the search begins at a.
            np.negative(self._unbent(rows, matrix), out=residual[rows])
            np.divide(residual[rows], self.diagonal[rows], out=scaled[rows])
            return _dot(residual[rows], scaled[rows])

        def apply(rows: slice, matrix) -> float:
            np.multiply(self.weight[rows], direction[rows], out=image[rows])
            image[rows] += self._unbent(rows, matrix)
            return _dot(direction[rows], image[rows])

        def move(rows: slice, _matrix) -> float:
            solution[rows] += step * direction[rows]
            residual[rows] -= step * image[rows]
            np.divide(residual[rows], self.diagonal[rows], out=scaled[rows])
            return _dot(residual[rows], scaled[rows])

        self._bend(solution, bend)
        size = first = self._both(begin)
        direction = scaled.copy()
        for _ in range(most):
            if size <= TOLERANCE**2 * first or size == 0:
                break
            self._bend(direction)
            step = np.float32(size / self._both(apply))
            before, size = size, self._both(move)
            direction *= np.float32(size / before)
            direction += scaled
        return solution

    def _both(self, work: Callable) -> float:
        return sum(self.pool.map(lambda half: work(*half), self.halves))

    def _bend(self, values: np.ndarray, bend: np.ndarray | None = None) -> None:
        """S (L u - b), and the same by the vertices' number of neighbors."""

        def half(rows: slice, matrix) -> float:
            bending = matrix @ values
            bending *= self.share[rows]
            bending -= values[rows]
            if bend is not None:
                bending -= bend[rows]
            np.multiply(bending, self.stiffness[rows], out=self.bending[rows])
            np.multiply(self.bending[rows], self.share[rows], out=self.shared[rows])
            return 0.0

        self._both(half)

    def _unbent(self, rows: slice, matrix) -> np.ndarray:
        """L' of what was bent last."""
        result = matrix @ self.shared
        result -= self.bending[rows]
        return result


def _dot(a: np.ndarray, b: np.ndarray) -> float:
    # Not by BLAS, whose own threads would wait for each other beside these two.
    return float(np.einsum("i,i->", a, b))
