"""Pieces of one ridge, each with the mean of what those around it tell."""

from __future__ import annotations

import numpy as np

from .RidgeFit import Ridges, whereFacesMeet

# How far pieces count along a ridge, in standard deviations of the blur: as a normal distribution, cut off at the
# second.
SPREAD, FARTHEST = 2.5, 6.5
# They are of one ridge when the cosines between their faces' normals are above the first, and they lie no farther
# beside each other than so many standard deviations of the blur.
ALIKE, BESIDE = 0.85, 2.0


def pooled(ridges: Ridges, blur: float) -> Ridges:
    """The same pieces, with faces and missing areas averaged along their ridges.

    :param blur: standard deviation, mm.
    """
    count = len(ridges.center)
    first, second, swapped, weight = _pairs(ridges, blur)
    normals, curvature, along = ridges.normals[second], ridges.curvature[second], ridges.along[second]
    normals = np.where(swapped[:, None, None], normals[:, ::-1], normals)
    curvature = np.where(swapped[:, None], curvature[:, ::-1], curvature)
    away = ridges.center[first] - ridges.center[second]
    far = np.einsum("pi,pi->p", away, along)
    height = np.einsum("pki,pi->pk", normals, away) + 0.5 * curvature * far[:, None] ** 2
    gradient = normals + (curvature * far[:, None])[:, :, None] * along[:, None]
    total = np.bincount(first, weight, count)

    def mean(values: np.ndarray) -> np.ndarray:
        columns = values.reshape(len(first), -1).T
        return np.stack([np.bincount(first, weight * column, count) / total for column in columns], axis=1)

    normals = mean(gradient).reshape(count, 2, 3)
    normals /= np.linalg.norm(normals, axis=2, keepdims=True)
    along = np.cross(normals[:, 0], normals[:, 1])
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    center = ridges.center + whereFacesMeet(normals, along, -mean(height))
    missing, levels = mean(ridges.missing[second])[:, 0], mean(ridges.levels[second])
    return Ridges(
        center, along, normals, mean(curvature), ridges.convex, missing, ridges.missingDeviation, levels, ridges.fine
    )


def _pairs(ridges: Ridges, blur: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pieces of one ridge, each with itself too: numbers (p,) of both, whether the faces of the second have the other
    order (p,), and what the second counts for the first (p,).
    """
    from scipy.spatial import cKDTree

    pairs = cKDTree(ridges.center).query_pairs(FARTHEST * blur, output_type="ndarray")
    own = np.arange(len(ridges.center))
    first, second = (np.concatenate([pairs[:, one], pairs[:, 1 - one], own]) for one in (0, 1))
    here, there = ridges.normals[first], ridges.normals[second]
    straight, crossed = (np.einsum("pki,pki->pk", here, other).min(axis=1) for other in (there, there[:, ::-1]))
    away = ridges.center[first] - ridges.center[second]
    far = np.einsum("pi,pi->p", away, ridges.along[second])
    beside = np.linalg.norm(away - far[:, None] * ridges.along[second], axis=1)
    one = (np.maximum(straight, crossed) > ALIKE) & (ridges.convex[first] == ridges.convex[second])
    one = (one & (beside < BESIDE * blur)) | (first == second)
    weight = one * np.exp(-0.5 * (far / (SPREAD * blur)) ** 2) / ridges.missingDeviation[second] ** 2
    return first[one], second[one], (crossed > straight)[one], weight[one]
