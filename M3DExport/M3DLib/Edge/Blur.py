"""The blur of an image as a covariance, from the widths of edges in many directions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

FEWEST = 50
MOST = 40_000
# Mean square of a direction's own share among the measured ones below which its blur counts as unknown.
LEAST_SHARE = 5e-3


def measureBlur(
    normals: np.ndarray, widths: np.ndarray
) -> tuple[np.ndarray | None, Callable[[np.ndarray], np.ndarray] | None]:
    """Covariance of the blur from width**2 = n C n, robust against odd edges.

    :param normals: (n, 3) unit normals of the edges. :param widths: (n,) standard deviations of their blur, mm.
    :return: covariance (3, 3) in mm2, and a function that tells for normals (m, 3) whether the blur along them was
        measured (bool (m,)); (None, None) when there are too few edges. What the normals leave open is as the mean of
        the rest.
    """
    if len(widths) < FEWEST:
        return None, None
    if len(widths) > MOST:
        normals, widths = normals[:: len(widths) // MOST + 1], widths[:: len(widths) // MOST + 1]
    design = _squares(normals)
    mean = float(np.median(widths.astype(np.float64) ** 2))
    open_ = np.array([mean, mean, mean, 0, 0, 0])
    target = widths.astype(np.float64) ** 2 - design @ open_
    weight = np.ones(len(target))
    pull = 1e-3 * len(target) * np.eye(6)
    for _ in range(4):
        weighted = design * weight[:, None]
        solution = np.linalg.solve(weighted.T @ design + pull, weighted.T @ target)
        misfit = np.abs(target - design @ solution)
        weight = 1 / np.maximum(misfit, np.median(misfit) + 1e-9)
        weight /= weight.mean()
    xx, yy, zz, xy, xz, yz = solution + open_
    values, vectors = np.linalg.eigh(np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]))
    covariance = (vectors * np.clip(values, 0.1 * mean, 10 * mean)) @ vectors.T
    spread = np.linalg.inv(design.T @ design / len(design) + 1e-6 * np.eye(6))

    def known(directions: np.ndarray) -> np.ndarray:
        squares = _squares(directions)
        return np.einsum("ni,ni->n", squares @ spread, squares) < 1 / LEAST_SHARE

    return covariance, known


def _squares(normals: np.ndarray) -> np.ndarray:
    x, y, z = normals.astype(np.float64).T
    return np.stack([x * x, y * y, z * z, 2 * x * y, 2 * x * z, 2 * y * z], axis=1)
