"""As few triangles as keep a surface within a stated distance of what it was, measured in both directions.

Edges are collapsed (``EdgeCollapse``); then the two surfaces are measured against each other (``SurfaceGap``). Where
they are too far apart, or the new surface passes through itself, the original comes back and less is allowed there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ..Errors import M3DError, noProgress
from ..Intersection.SelfIntersection import selfIntersections
from ..Intersection.TriangleBoxes import trianglesAround
from ..Mesh.TriangleMesh import TriangleMesh
from ..TwoThreads import inTwoThreads
from .CoarseSurface import CoarseSurface, compacted
from .SurfaceGap import SurfaceGap

TEXT = "Simplifying the surface"
# What is known of the largest distance.
KIND = "upper bound, proved at all corners of both surfaces and all along the new edges"
# Share of the allowed distance that is spent: what is not measured on the way adds a little at some places.
SPENT = 0.9
# Share of it from which a place is too far away, for the rounding of stored coordinates.
MEASURED = 0.995
# Places that are too far away get back what was there, and are allowed less; in the end nothing.
SMALLER = (0.85, 0.7, 0.5, 0.3, 0.0)
ATTEMPTS = 14
# Where thin parts are nearer to each other than what is allowed, coarse triangles pass through what came back beside
# them, and ever more has to come back: at so many times the fewest triangles that is given up, and half is allowed.
RUNAWAY, HALVINGS = 1.5, 8
# Share of the vertices below which looking for what is near them is quicker than looking at all of the surface.
FEW = 0.1


def simplifySurface(
    mesh: TriangleMesh,
    maxError: float,
    progress: Callable[[float, str], None] = noProgress,
    fixed: np.ndarray | None = None,
) -> TriangleMesh:
    """A copy of a mesh with fewer triangles.

    Closed stays closed, no edge gets more than two triangles that had no more, no triangles meet that were apart.

    :param mesh: LPS mm. :param maxError: no corner of either surface and no point of an edge of the new one is farther
        from the other surface, mm.
    :param fixed: bool (n,), vertices that stay, with all triangles between them.
    :return: with the figures in ``record["simplification"]``: ``triangles`` and ``trianglesBefore``,
        ``largestDistance`` (mm; ``largestDistanceIs`` says in words what kind of figure it is), ``maxError`` (mm).
    :raises M3DError: when the distance is not above 0, or the mesh has no triangles or points that are not finite.
    """
    if not (np.isfinite(maxError) and maxError > 0):
        raise M3DError(f"The largest error of the simplified surface must be above 0 mm, not {maxError}.")
    if not len(mesh.triangles) or not np.isfinite(mesh.points).all():
        raise M3DError(f"Mesh '{mesh.name}' has no triangles, or points that are not finite; repair it first.")
    extent = float(np.ptp(mesh.points[np.unique(mesh.triangles)], axis=0).min())
    if 0 < extent <= 2 * maxError:
        raise M3DError(
            f"'{mesh.name}' is {extent:.3g} mm across at its narrowest, and within {maxError:g} mm nothing of its "
            "shape would have to be left; give a smaller largest error."
        )
    progress(0.0, TEXT)
    stays = _fixedVertices(mesh) if fixed is None else _fixedVertices(mesh) | fixed
    found, spent = _within(mesh, maxError, stays, progress), maxError
    for _ in range(HALVINGS):
        if found is not None:
            break
        spent /= 2
        found = _within(mesh, spent, stays, lambda done, text: progress(1.0, text))
    # Not expected to be missing: then nothing has been gained that could be stated.
    small, largest = found or (replace(mesh, record=dict(mesh.record)), 0.0)
    small.record["simplification"] = {
        "trianglesBefore": len(mesh.triangles),
        "triangles": len(small.triangles),
        "largestDistance": largest,
        "largestDistanceIs": KIND,
        "maxError": float(maxError),
    }
    progress(1.0, TEXT)
    return small


def _within(
    mesh: TriangleMesh, maxError: float, stays: np.ndarray, progress: Callable[[float, str], None]
) -> tuple[TriangleMesh, float] | None:
    """A mesh with fewer triangles within a distance (mm) and that distance; None when more and more has to come back.

    :param stays: bool (n,), vertices that stay.
    """
    surface = CoarseSurface(mesh, np.where(stays, 0.0, SPENT * maxError))
    # What each original vertex is allowed, whatever has become of it.
    allowance = surface.allowed.copy()
    progress(0.02, TEXT)
    surface.collapse(lambda done: progress(0.02 + 0.58 * done, TEXT))
    fewest = len(surface.triangles)
    gap = SurfaceGap(surface, MEASURED * maxError)
    changed = None
    for number in range(ATTEMPTS):
        begin, share = 0.6 + 0.3 * (number > 0) + 0.1 * number / ATTEMPTS, 0.3 if number == 0 else 0.1 / ATTEMPTS

        def part(first, last, begin=begin, share=share):
            return lambda done: progress(begin + share * (first + (last - first) * done), TEXT)

        gap.measure(part(0, 0.6), changed)
        bad = gap.tooFar() | _crossings(surface, changed, part(0.6, 0.9))
        if not bad.any():
            return surface.result(), gap.largest()
        if number >= len(SMALLER) and len(surface.triangles) > RUNAWAY * fewest:
            break
        smaller = SMALLER[min(number, len(SMALLER) - 1)]
        for _ in range(number - len(SMALLER)):
            bad = surface.withNeighbors(bad)

        allowance[bad.take(surface.owner)] *= smaller
        back = surface.restore(bad, allowance, lambda part=part: part(0.9, 1)(0.0))
        changed = surface.withNeighbors(back)
        surface.collapse(part(0.9, 1), changed)
        changed = surface.withNeighbors(changed)
    return None


def _fixedVertices(mesh: TriangleMesh) -> np.ndarray:
    """Vertices of open edges and of edges with more than two triangles, which stay as they are, bool (n,)."""
    count = len(mesh.points)
    corners = mesh.triangles.T.astype(np.int64)
    sides = [np.empty(0), np.empty(0)]

    def gather(way: int) -> None:
        pairs = [(corners[at], corners[at - 2]) for at in range(3)]
        # Sides from the lower to the higher number, and those that run back.
        ways = [(start, end) if way == 0 else (end, start) for start, end in pairs]
        sides[way] = np.concatenate([(low * count + high)[low < high] for low, high in ways])
        sides[way].sort()

    inTwoThreads(gather, (0, 1))
    there, back = sides
    odd = [one[1:][one[1:] == one[:-1]] for one in sides]
    if not np.array_equal(there, back):
        odd += [one[~_isAmong(one, other)] for one, other in ((there, back), (back, there))]
    fixed = np.zeros(count, dtype=bool)
    fixed[np.concatenate(np.divmod(np.concatenate(odd), count))] = True
    return fixed


def _isAmong(values: np.ndarray, rising: np.ndarray) -> np.ndarray:
    """Which values (k,) are among others that rise, bool (k,)."""
    if not len(rising):
        return np.zeros(len(values), dtype=bool)
    return rising.take(np.searchsorted(rising, values), mode="clip") == values


def _crossings(surface: CoarseSurface, changed: np.ndarray | None, progress: Callable[[float], None]) -> np.ndarray:
    """Vertices of triangles that pass through others where the original surface does not, bool (n,).

    :param changed: the only vertices (n,) at which that may be; any when None.
    """
    bad = np.zeros(len(surface.points), dtype=bool)
    used, triangles = compacted(surface.triangles, len(bad))
    points = (surface.points.take(used, axis=0) + surface.center).astype(np.float32).astype(np.float64)
    if changed is not None:
        changed = changed.take(used)
        if changed.sum() < FEW * len(used):
            some, triangles = compacted(triangles[trianglesAround(points, triangles, changed)], len(used))
            used, points = used[some], points[some]
    triangles = triangles.astype(np.int64)
    pairs = selfIntersections(points, triangles, lambda done, text: progress(done)).pairs
    if not len(pairs):
        return bad
    corners = points[triangles[pairs].reshape(len(pairs), -1)]
    places = corners.mean(axis=1)
    reach = float(np.linalg.norm(corners - places[:, None], axis=2).max())
    mesh = surface.mesh
    near = _near(mesh.points, places, reach)[mesh.triangles].any(axis=1)
    compact, old = np.unique(mesh.triangles[near], return_inverse=True)
    found = selfIntersections(mesh.points[compact].astype(np.float64), old.reshape(-1, 3).astype(np.int64)).pairs
    if len(found):
        there = mesh.points[mesh.triangles[near][found]].reshape(len(found), -1, 3).mean(axis=1)
        pairs = pairs[~_near(places, there, reach)]
    bad[used[triangles[pairs]]] = True
    return bad


def _near(points: np.ndarray, places: np.ndarray, reach: float) -> np.ndarray:
    from scipy.spatial import cKDTree

    distance, _ = cKDTree(places).query(points, distance_upper_bound=reach)
    return np.isfinite(distance)
