"""Where a sheet of surface would pass at its rim, if it went on as it does beside it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Vertices beside the rim that a curved surface is laid through, and fewest of them.
NEIGHBORS, FEWEST = 24, 10
# How little a curvature is believed against the vertices, as a share of their number.
RIDGE = 0.02
# A place that differs by more than this, in mean distances of the vertices, from where its surroundings went is none.
FARTHEST = 0.75


@dataclass
class RimPlaces:
    """What a sheet asks of the vertices of its rim, arrays (r, ...).

    :ivar normals: (r, 3) unit. :ivar height: mm along them, from where the sheet was at first.
    """

    normals: np.ndarray
    height: np.ndarray


def rimPlaces(
    start: np.ndarray, points: np.ndarray, normals: np.ndarray, rim: np.ndarray, trust: np.ndarray
) -> RimPlaces | None:
    """The places from a quadratic surface through the vertices beside each vertex of the rim.

    :param start: (n, 3) mm, where the sheet was at first. :param points: (n, 3), where it is, but for the rim.
    :param normals: (n, 3) unit. :param rim: bool (n,). :param trust: (n,) weights.
    :return: None where there are too few vertices beside the rim to tell.
    """
    inner = np.flatnonzero(~rim & (np.abs(normals).sum(axis=1) > 0))
    if len(inner) < FEWEST:
        return None
    from scipy.spatial import cKDTree

    places = start[rim]
    distance, near = cKDTree(start[inner]).query(places, k=min(NEIGHBORS, len(inner)))
    near = inner[near]
    normal = normals[near[:, :6]].sum(axis=1)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    weight = trust[near] * (np.einsum("rki,ri->rk", normals[near], normal) > 0.5)
    gone = np.einsum("rki,ri->rk", points[near] - start[near], normal)
    usual = (gone * weight).sum(axis=1) / np.maximum(weight.sum(axis=1), 1e-9)
    # A frame at the rim as it went along: the first two axes across the normal.
    first = np.cross(normal, np.eye(3)[np.abs(normal).argmin(axis=1)])
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    frame = np.stack([first, np.cross(normal, first), normal], axis=1)
    scale = distance.mean(axis=1)
    local = np.einsum("rai,rki->rka", frame, points[near] - (places + usual[:, None] * normal)[:, None])
    x, y, z = (local / scale[:, None, None]).transpose(2, 0, 1)
    design = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=2)
    weighted = design * weight[:, :, None]
    pull = np.diag([1e-6, 1e-4, 1e-4, RIDGE, RIDGE, RIDGE]) * np.maximum(weight.sum(axis=1), 1e-9)[:, None, None]
    matrix = np.einsum("rka,rkb->rab", weighted, design) + pull + 1e-12 * np.eye(6)
    solution = np.linalg.solve(matrix, np.einsum("rka,rk->ra", weighted, z)[:, :, None])[:, :, 0]
    height = np.where(np.abs(solution[:, 0]) < FARTHEST, solution[:, 0] * scale, 0.0)
    slope = np.where((np.abs(solution[:, 1:3]) < 1).all(axis=1)[:, None], solution[:, 1:3], 0.0)
    tilted = normal - np.einsum("ra,rai->ri", slope, frame[:, :2])
    tilted /= np.linalg.norm(tilted, axis=1, keepdims=True)
    # The surface passes at usual + height above the start along the normal; along the tilted one it is a bit nearer.
    return RimPlaces(tilted, (usual + height) * np.einsum("ri,ri->r", tilted, normal))
