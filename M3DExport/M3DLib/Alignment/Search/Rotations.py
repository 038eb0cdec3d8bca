"""Rotations spread evenly over all there are, and how far two motions lie apart."""

from __future__ import annotations

import numpy as np

# The constants of the spiral (Alexa 2022, "Super-Fibonacci Spirals: Fast, Low-Discrepancy Sampling of SO(3)", CVPR).
_PHI, _PSI = np.sqrt(2.0), 1.533751168755204288118041


def evenRotations(count: int) -> np.ndarray:
    """Rotation matrices, float64 (count, 3, 3), spread evenly (super-Fibonacci spiral)."""
    place = np.arange(count) + 0.5
    inner, outer = np.sqrt(place / count), np.sqrt(1 - place / count)
    first, second = 2 * np.pi * place / _PHI, 2 * np.pi * place / _PSI
    x, y, z, w = inner * np.sin(first), inner * np.cos(first), outer * np.sin(second), outer * np.cos(second)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def motionDistance(first: np.ndarray, second: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Root mean square distance between where motions (..., 4, 4) bring points (n, 3), mm (...)."""
    difference = np.asarray(first) - np.asarray(second)
    center = points.mean(axis=0)
    spread = (points - center).T @ (points - center) / len(points)
    shift = difference[..., :3, :3] @ center + difference[..., :3, 3]
    turned = np.einsum("...ij,jk,...ik->...", difference[..., :3, :3], spread, difference[..., :3, :3])
    return np.sqrt(np.maximum((shift**2).sum(axis=-1) + turned, 0))


def angleDegrees(matrix: np.ndarray) -> float:
    """Angle of the rotation of a motion (4, 4) or (3, 3), degrees."""
    turn = np.asarray(matrix)[:3, :3]
    sine = np.linalg.norm([turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]]) / 2
    return float(np.degrees(np.arctan2(sine, (np.trace(turn) - 1) / 2)))
