"""The blur of an image along its own grid axes, where scanners and reconstructions have it."""

from __future__ import annotations

import numpy as np

# How often edges that fit badly lose their say.
ROUNDS = 5
# Edges that are needed, and the mean square of what only one combination of the axes' variances has in them.
FEWEST, LEAST_SHARE = 50, 0.005
# Pull of every axis to the mean over all of them, as a share of the edges' number.
PULL = 1e-3


def blurOfGrid(normals: np.ndarray, widths: np.ndarray, axes: np.ndarray) -> np.ndarray | None:
    """Covariance (3, 3), mm2, that the grid's axes are the axes of, from width**2 = n C n.

    What faces of a few directions tell of the blur leaves open how it correlates between them, which is the very thing
    that a ridge between two of them is judged by; scanners blur along their own axes.

    :param normals: (n, 3) unit, of edges. :param widths: (n,) standard deviations of their blur, mm.
    :param axes: (3, 3) unit vectors along i, j, k in columns.
    :return: None where the normals do not tell the three axes apart.
    """
    if len(widths) < FEWEST:
        return None
    design = (normals.astype(np.float64) @ axes) ** 2
    if np.linalg.eigvalsh(design.T @ design / len(design))[0] < LEAST_SHARE:
        return None
    target = widths.astype(np.float64) ** 2
    mean = float(np.median(target))
    weight = np.ones(len(target))
    for _ in range(ROUNDS):
        weighted = design * weight[:, None]
        matrix = weighted.T @ design + PULL * len(target) * np.eye(3)
        solution = mean + np.linalg.solve(matrix, weighted.T @ (target - design.sum(axis=1) * mean))
        misfit = np.abs(target - design @ solution)
        weight = 1 / np.maximum(misfit, np.median(misfit) + 1e-9)
        weight /= weight.mean()
    solution = np.clip(solution, 0.1 * mean, 10 * mean)
    return (axes * solution) @ axes.T
