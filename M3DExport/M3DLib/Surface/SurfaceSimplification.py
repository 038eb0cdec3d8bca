"""As few triangles as keep a surface within a stated distance of what it was, measured in both directions.

Edges are collapsed (``EdgeCollapse``); then the two surfaces are measured against each
other, exactly, at the corners of both and within the larger triangles. Where they are too far apart, or the new surface
passes through itself, less is allowed there and all is done again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ..Distance.SurfaceDeviation import surfaceDeviation
from ..Errors import M3DError, noProgress
from ..Intersection.SelfIntersection import selfIntersections
from ..Mesh.MeshRefinement import refined
from ..Mesh.TriangleMesh import TriangleMesh
from .EdgeCollapse import collapsedEdges

TEXT = "Simplifying the surface"
# Share of the allowed distance that is spent: what is not measured on the way adds a little at few places.
SPENT = 0.9
# How often it is tried; each time less is allowed around the places that were too far away, in mean edge lengths.
ATTEMPTS = 6
SMALLER, AROUND = 0.4, 6.0


def simplifySurface(
    mesh: TriangleMesh, maxError: float, progress: Callable[[float, str], None] = noProgress
) -> TriangleMesh:
    """A copy of a mesh with fewer triangles.

    Closed stays closed, no edge gets more than two triangles that had no more, no triangles meet that were apart.

    :param mesh: LPS mm. :param maxError: no point of either surface is farther from the other one, mm.
    :return: with the figures in ``record["simplification"]``: ``triangles`` and ``trianglesBefore``,
        ``largestDistance`` (mm), ``maxError`` (mm).
    :raises M3DError: when the distance is not above 0, or the mesh has no triangles or points that are not finite.
    """
    if not (np.isfinite(maxError) and maxError > 0):
        raise M3DError(f"The largest error of the simplified surface must be above 0 mm, not {maxError}.")
    if not len(mesh.triangles) or not np.isfinite(mesh.points).all():
        raise M3DError(f"Mesh '{mesh.name}' has no triangles, or points that are not finite; repair it first.")
    allowed = np.where(_fixedVertices(mesh), 0.0, SPENT * maxError)
    edge = float(np.linalg.norm(np.diff(mesh.points[mesh.triangles[:, :2]], axis=1), axis=2).mean())
    for number in range(ATTEMPTS):

        def part(first, last, number=number):
            return lambda done: progress((number + first + (last - first) * done) / ATTEMPTS, TEXT)

        small = collapsedEdges(mesh, allowed, part(0, 0.5))
        largest, places = _tooFar(mesh, small, maxError, part(0.5, 0.8))
        places = np.concatenate([places, _crossings(mesh, small, part(0.8, 1))])
        if not len(places):
            break
        # In the end what is too far away is not touched at all.
        allowed[_near(mesh.points, places, AROUND * edge)] *= SMALLER if number < ATTEMPTS - 2 else 0.0
    else:
        # Not expected: then nothing has been gained that could be stated.
        small, largest = replace(mesh, record=dict(mesh.record)), 0.0
    small.record["simplification"] = {
        "trianglesBefore": len(mesh.triangles),
        "triangles": len(small.triangles),
        "largestDistance": largest,
        "maxError": float(maxError),
    }
    progress(1.0, TEXT)
    return small


def _fixedVertices(mesh: TriangleMesh) -> np.ndarray:
    """Vertices of open edges and of edges with more than two triangles, which stay as they are, bool (n,)."""
    from scipy.sparse import csr_matrix

    count = len(mesh.points)
    start, end = mesh.triangles.ravel(), mesh.triangles[:, [1, 2, 0]].ravel()
    sides = csr_matrix((np.ones(len(start), dtype=np.int8), (start, end)), shape=(count, count))
    sides.sum_duplicates()
    fixed = np.zeros(count, dtype=bool)
    odd = (sides != sides.T).tocoo()
    fixed[odd.row] = fixed[odd.col] = True
    many = sides.tocoo()
    fixed[many.row[many.data > 1]] = fixed[many.col[many.data > 1]] = True
    return fixed


def _tooFar(mesh, small, maxError, progress) -> tuple[float, np.ndarray]:
    """Largest distance between two surfaces, mm, and the places that are farther apart than allowed, (k, 3)."""
    there = surfaceDeviation(mesh, small, progress=lambda done, text: progress(0.5 * done))
    # The largest triangles are looked at inside as well, about as finely as the original was.
    longest = 1.5 * float(np.sqrt(2.3 * mesh.areaMm2 / len(mesh.triangles)))
    back = surfaceDeviation(refined(small, longest), mesh, progress=lambda done, text: progress(0.5 + 0.5 * done))
    places, largest = [], 0.0
    for deviation in (there, back):
        # Points that no triangle uses are not on the surface.
        size = np.where(deviation.areas > 0, np.abs(deviation.distance), 0)
        largest = max(largest, float(size.max()))
        places.append(deviation.mesh.points[size > maxError])
    return largest, np.concatenate(places).astype(np.float64)


def _crossings(mesh, small, progress) -> np.ndarray:
    """Places (k, 3) at which the new surface passes through itself and the original one does not."""
    points, triangles = small.points.astype(np.float64), small.triangles.astype(np.int64)
    pairs = selfIntersections(points, triangles, lambda done, text: progress(done)).pairs
    if not len(pairs):
        return np.empty((0, 3))
    places = points[triangles[pairs].reshape(len(pairs), -1)].mean(axis=1)
    reach = np.linalg.norm(points[triangles[pairs]].reshape(len(pairs), -1, 3) - places[:, None], axis=2).max()
    near = _near(mesh.points, places, float(reach))[mesh.triangles].any(axis=1)
    used, compact = np.unique(mesh.triangles[near], return_inverse=True)
    found = selfIntersections(mesh.points[used].astype(np.float64), compact.reshape(-1, 3).astype(np.int64)).pairs
    if not len(found):
        return places
    old = mesh.points[mesh.triangles[near][found]].reshape(len(found), -1, 3).mean(axis=1)
    return places[~_near(places, old, float(reach))]


def _near(points: np.ndarray, places: np.ndarray, reach: float) -> np.ndarray:
    from scipy.spatial import cKDTree

    distance, _ = cKDTree(places).query(points, distance_upper_bound=reach)
    return np.isfinite(distance)
