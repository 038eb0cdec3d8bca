"""Triangles and points that should not be there: collapsed, repeated, not finite, without use."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from M3DLib.Intersection.ExactPredicates import collinear
from M3DLib.Intersection.MeshTopology import MeshTopology, connectedComponents, firstAtSamePlace, firstEqualRow

# Triangles looked at together: what is held for them stays in the processor's cache.
_BLOCK = 1 << 14


@dataclass
class CleanedMesh:
    """What is left of a mesh without its useless triangles, and what those are.

    :ivar topology: of the working triangles (see :class:`MeshTopology`).
    :ivar notFinite: points with a coordinate that is not a number or infinite.
    :ivar unreferenced: points that no triangle uses.
    :ivar degenerate: triangles without area: two corners at the same place, or all in one line to within the rounding
        of their coordinates.
    :ivar duplicates: triangles that lie on an earlier triangle, facing the same or the opposite way.
    :ivar firstOfDuplicates: the earlier triangle of each.
    :ivar duplicatePoints: points at the same place as an earlier one, where joining them closes the surface. Where
        surfaces merely touch, or a triangle has collapsed, that is the defect, and its points are not listed.
    :ivar thin: bool (w,), working triangles among ``degenerate``: three distinct points in one line.
    """

    topology: MeshTopology
    notFinite: np.ndarray
    unreferenced: np.ndarray
    degenerate: np.ndarray
    duplicates: np.ndarray
    firstOfDuplicates: np.ndarray
    duplicatePoints: np.ndarray
    thin: np.ndarray


def cleanedMesh(points: np.ndarray, triangles: np.ndarray) -> CleanedMesh:
    """Tell useless triangles and points from the others.

    :param points: float32 (n, 3), LPS mm.
    :param triangles: int32 (m, 3).
    """
    finite = np.isfinite(points).all(axis=1)
    usable = np.flatnonzero(finite[triangles].all(axis=1)) if not finite.all() else np.arange(len(triangles))
    used = np.zeros(len(points), dtype=bool)
    used[triangles.reshape(-1)] = True
    unreferenced = np.flatnonzero(~used)
    first = np.arange(len(points), dtype=triangles.dtype)
    referenced = np.flatnonzero(used & finite)
    first[referenced] = referenced[firstAtSamePlace(points[referenced])]

    exact = np.where(finite[:, None], points, 0).astype(np.float64)
    merged = first[triangles] if len(usable) == len(triangles) else first[triangles[usable]]
    collapsed = (merged[:, 0] == merged[:, 1]) | (merged[:, 1] == merged[:, 2]) | (merged[:, 2] == merged[:, 0])
    proper, kept = (merged[~collapsed], usable[~collapsed]) if collapsed.any() else (merged, usable)
    thin = _withoutHeight(exact, proper)
    degenerate = np.sort(np.r_[usable[collapsed], kept[thin]])

    firstAlike = firstEqualRow(np.sort(proper, axis=1))
    repeated = np.flatnonzero(firstAlike != np.arange(len(proper)))
    working = _withoutDuplicates(exact, proper, firstAlike, repeated)
    if len(working) < len(proper):
        topology = MeshTopology(exact, proper[working], kept[working])
    else:
        topology = MeshTopology(exact, proper, kept)

    doubled = np.flatnonzero(first != np.arange(len(points)))
    elsewhere = np.zeros(len(points), dtype=bool)
    if len(doubled):
        elsewhere[merged[collapsed]] = True
        elsewhere[proper[repeated]] = True
        elsewhere[topology.edgePoints[topology.crowdedEdges]] = True
        elsewhere[topology.pinchedPoints] = True
    return CleanedMesh(
        topology,
        np.flatnonzero(~finite),
        unreferenced,
        degenerate,
        kept[repeated],
        kept[firstAlike[repeated]],
        doubled[~elsewhere[first[doubled]]],
        thin[working],
    )


def _withoutHeight(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Triangles whose three distinct corners lie in one line: exactly, or to within one step of their coordinates.

    A point set on an edge by arithmetic lies beside it by up to that step, since float32 has no closer value.
    """
    thin = np.zeros(len(triangles), dtype=bool)
    columns = np.ascontiguousarray(points.T)
    for start in range(0, len(triangles), _BLOCK):
        corners = triangles[start : start + _BLOCK].T
        a, b, c = (columns.take(corner, axis=1) for corner in corners)
        u, v, w = b - a, c - a, c - b
        longest = np.sqrt(np.maximum(np.maximum(_square(u), _square(v)), _square(w)))
        height = np.sqrt(_square([u[i] * v[j] - u[j] * v[i] for i, j in ((1, 2), (2, 0), (0, 1))])) / longest
        largest = np.max([np.abs(corner).max(axis=0) for corner in (a, b, c)], axis=0)
        step = np.spacing(largest.astype(np.float32)).astype(np.float64)
        # A triangle that is small all over is no needle, however close its size comes to the step.
        part = (height <= step) & (height < 1e-3 * longest)
        unsure = np.flatnonzero((height <= 1e-6 * longest) & ~part)
        if len(unsure):
            part[unsure] = collinear(*(points[corner[unsure]] for corner in corners))
        thin[start : start + _BLOCK] = part
    return thin


def _square(vectors) -> np.ndarray:
    """Squared lengths of vectors (3, n)."""
    return vectors[0] * vectors[0] + vectors[1] * vectors[1] + vectors[2] * vectors[2]


def _withoutDuplicates(points, triangles, firstAlike, repeated) -> np.ndarray:
    """Triangles to work with: of those that lie on each other the one that fits its neighbors.

    Two that face each other are left out together where they are a double wall between two bodies; otherwise the one
    that runs against its neighbors is left out.
    """
    keep = np.ones(len(triangles), dtype=bool)
    keep[repeated] = False
    sizes = np.bincount(firstAlike, minlength=len(triangles))
    pairs = repeated[sizes[firstAlike[repeated]] == 2]
    opposite = pairs[_parity(triangles[pairs]) != _parity(triangles[firstAlike[pairs]])]
    if not len(opposite):
        return np.flatnonzero(keep)
    numbers = np.flatnonzero(keep)
    topology = MeshTopology(points, triangles[numbers], numbers)
    halfEdge, first = topology.halfEdges
    one, other = topology.neighbors
    turned = np.zeros(len(halfEdge), dtype=bool)
    turned[one] = turned[other] = topology.turnedNeighbors
    place = np.searchsorted(numbers, firstAlike[opposite])
    against = turned.reshape(-1, 3)[place].all(axis=1)
    # Judged wall by wall: within one, only the edges at its rim say what it is.
    doubled = np.zeros(len(numbers), dtype=bool)
    doubled[place] = True
    edgeOf = np.empty(len(halfEdge), dtype=np.int64)
    edgeOf[halfEdge] = np.repeat(np.arange(len(first)), topology.edgeUse)
    edges = edgeOf.reshape(-1, 3)[place]
    own = np.bincount(edges.reshape(-1), minlength=len(first))
    others = (topology.edgeUse - own)[edges]
    _, compact = np.unique(edges, return_inverse=True)
    compact = compact.reshape(-1, 3) + len(opposite)
    triangle = np.arange(len(opposite))
    wall = connectedComponents(int(compact.max()) + 1, np.tile(triangle, 3), compact.T.reshape(-1))[: len(opposite)]
    needed = np.bincount(wall, (others == 1).any(axis=1))[wall] > 0
    between = ~needed & (np.bincount(wall, (others > 1).any(axis=1))[wall] > 0)
    keep[firstAlike[opposite[between]]] = False
    swapped = opposite[needed & against]
    keep[swapped] = True
    keep[firstAlike[swapped]] = False
    return np.flatnonzero(keep)


def _parity(triangles: np.ndarray) -> np.ndarray:
    """Whether the corners of each triangle are an even permutation of their ascending order."""
    rotated = triangles[np.arange(len(triangles))[:, None], (triangles.argmin(axis=1)[:, None] + np.arange(3)) % 3]
    return rotated[:, 1] < rotated[:, 2]
