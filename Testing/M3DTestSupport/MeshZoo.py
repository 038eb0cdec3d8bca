"""Meshes with exactly one defect each, made by code, and what is to be found in them.

Each maker returns points, triangles, the measured value by requirement id (None where only the verdict is known
beforehand), and the place of the defect or None.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from M3DLib.Mesh.TriangleMesh import TriangleMesh

from .MeshShapes import box, icosphere, together, torus, welded


@dataclass
class Animal:
    """A mesh with one defect: what is measured by requirement id, and where it is (LPS mm)."""

    mesh: TriangleMesh
    expected: dict
    place: np.ndarray | None


ANIMALS: dict[str, Callable[[], Animal]] = {}


def animal(make):
    """Enter a maker into the zoo."""

    def made() -> Animal:
        points, triangles, expected, place = make()
        return Animal(TriangleMesh(points, triangles), expected, None if place is None else np.asarray(place, float))

    ANIMALS[make.__name__] = made
    return make


def _around(triangles, point):
    return np.flatnonzero((triangles == point).any(axis=1))


def _used(points, triangles):
    used = np.zeros(len(points), dtype=bool)
    used[triangles.ravel()] = True
    return points[used], (np.cumsum(used) - 1)[triangles]


@animal
def oneTriangleMissing():
    points, triangles = icosphere()
    return points, np.delete(triangles, 100, axis=0), {"mesh-closed": 3}, points[triangles[100]].mean(axis=0)


@animal
def trianglesAroundAPointMissing():
    points, triangles = icosphere()
    around = _around(triangles, triangles[700, 0])
    rest = _used(points, np.delete(triangles, around, axis=0))
    return *rest, {"mesh-closed": len(around)}, points[triangles[700, 0]]


@animal
def twoHolesMeetingInAPoint():
    points, triangles = icosphere()
    around = _around(triangles, triangles[300, 0])
    other = next(t for t in around if len(np.intersect1d(triangles[t], triangles[around[0]])) == 1)
    return points, np.delete(triangles, (around[0], other), axis=0), {"mesh-closed": 6}, points[triangles[300, 0]]


@animal
def boxWithoutLid():
    points, triangles = box(level=2)
    lid = np.flatnonzero((points[triangles][:, :, 2] == 10).all(axis=1))
    return *_used(points, np.delete(triangles, lid, axis=0)), {"mesh-closed": 16}, (0, 0, 10)


@animal
def crackWithLeftOverPoint():
    points, triangles = box(level=1)
    a, b, c = triangles[5]
    middle = (points[a] + points[b]) / 2
    split = [(a, len(points), c), (len(points), b, c)]
    rest = np.concatenate([np.delete(triangles, 5, axis=0), split])
    return np.concatenate([points, [middle]]), rest, {"mesh-closed": 3}, middle


@animal
def looseTriangle():
    mesh = together(icosphere(), (np.array([[30.0, 0, 0], [34, 0, 0], [30, 4, 0]]), np.array([[0, 1, 2]])))
    return *mesh, {"mesh-closed": 3}, (31.3, 1.3, 0)


@animal
def bodiesJoinedAlongAnEdge():
    mesh = together(box(level=0), box(center=(20, 20, 0), level=0))
    return *welded(*mesh), {"mesh-manifold-edges": 1}, (10, 10, 0)


@animal
def finOnAnEdge():
    points, triangles = icosphere()
    a, b = triangles[40, :2]
    middle = (points[a] + points[b]) / 2
    fin = [[a, b, len(points)]]
    mesh = np.concatenate([points, [middle * 1.6]]), np.concatenate([triangles, fin])
    return *mesh, {"mesh-manifold-edges": 1}, middle


@animal
def bodiesTouchingInAPoint():
    mesh = together(box(level=0), box(center=(20, 20, 20), level=0))
    return *welded(*mesh), {"mesh-manifold-points": 1}, (10, 10, 10)


@animal
def bodiesTouchingInAPointOfEach():
    return *together(box(level=0), box(center=(20, 20, 20), level=0)), {"mesh-manifold-points": 1}, (10, 10, 10)


@animal
def oneTriangleTurned():
    points, triangles = icosphere()
    triangles[77] = triangles[77][::-1]
    return points, triangles, {"mesh-orientation": 1}, points[triangles[77]].mean(axis=0)


@animal
def patchOfTrianglesTurned():
    points, triangles = torus()
    patch = points[triangles].mean(axis=1)[:, 0] > 20
    triangles[patch] = triangles[patch][:, ::-1]
    return points, triangles, {"mesh-orientation": int(patch.sum())}, None


@animal
def insideOut():
    points, triangles = icosphere()
    return points, triangles[:, ::-1], {"mesh-outward": 1}, (0, 0, 0)


@animal
def oneOfTwoBodiesInsideOut():
    points, triangles = icosphere(center=(40, 0, 0))
    return *together(icosphere(), (points, triangles[:, ::-1])), {"mesh-outward": 1}, (40, 0, 0)


@animal
def bodyInsideABody():
    return *together(icosphere(10), icosphere(4, 2)), {"mesh-outward": 1}, (0, 0, 0)


@animal
def overlappingBodies():
    return *together(box(level=0), box((4, 4, 4), (10, 1, 2), level=0)), {"mesh-self-intersections": None}, None


@animal
def smallBodyThroughAWall():
    # The two triangles of the wall, and of each of the four sides of the rod the two triangles that pass it.
    rod = box((2, 2, 8), (2, 3, 10), level=0)
    return *together(box(level=0), rod), {"mesh-self-intersections": None}, (2, 3, 10)


@animal
def spikePulledThroughTheOtherSide():
    points, triangles = icosphere()
    lowest = points[:, 2].argmin()
    points[lowest] *= -1.5
    return points, triangles, {"mesh-self-intersections": None}, (0, 0, 10)


@animal
def foldInAFlatFace():
    points, triangles = box(level=3)
    inside = np.flatnonzero((points == (0, 0, 10)).all(axis=1))[0]
    points[inside] += (5.3, 0.2, 0)
    return points, triangles, {"mesh-self-intersections": None}, (3, 0, 10)


@animal
def dentTouchingTheOppositeFace():
    points, triangles = box(level=2)
    top = np.flatnonzero((points == (0, 0, 10)).all(axis=1))[0]
    points[top] = (1.0, 0.7, -10)
    return points, triangles, {"mesh-self-intersections": None}, None


@animal
def collapsedTrianglePair():
    points, triangles = icosphere()
    a, b = triangles[500, :2]
    points[b] = points[a]
    return points, triangles, {"mesh-degenerate-triangles": 2}, points[a]


@animal
def triangleWithTheSamePointTwice():
    points, triangles = icosphere()
    a, b, _ = triangles[10]
    return points, np.concatenate([triangles, [[a, a, b]]]), {"mesh-degenerate-triangles": 1}, points[a]


@animal
def needleOnAnEdge():
    # A point set on an edge and the sliver beside it: closed, but one triangle has no area.
    points, triangles = box(level=1)
    a, b, c = triangles[5]
    place = points[a] * 0.7 + points[b] * 0.3
    split = [(a, len(points), c), (len(points), b, c), (a, b, len(points))]
    rest = np.concatenate([np.delete(triangles, 5, axis=0), split])
    return np.concatenate([points, [place]]), rest, {"mesh-degenerate-triangles": 1}, place


@animal
def triangleTwice():
    points, triangles = icosphere()
    mesh = points, np.concatenate([triangles, triangles[200:201]])
    return *mesh, {"mesh-duplicate-triangles": 1}, points[triangles[200]].mean(axis=0)


@animal
def triangleTwiceFacingBothWays():
    points, triangles = icosphere()
    mesh = points, np.concatenate([triangles[200:201][:, ::-1], triangles])
    return *mesh, {"mesh-duplicate-triangles": 1}, points[triangles[200]].mean(axis=0)


@animal
def doubleWallBetweenTwoBodies():
    points, triangles = welded(*together(box(level=0), box(center=(20, 0, 0), level=0)))
    wall = np.flatnonzero((points[triangles][:, :, 0] == 10).all(axis=1))
    a, b, c, d = (
        np.flatnonzero((points == (10, y, z)).all(axis=1))[0] for y, z in ((-10, -10), (10, -10), (10, 10), (-10, 10))
    )
    walls = [(a, b, c), (a, c, d), (a, c, b), (a, d, c)]
    rest = np.concatenate([np.delete(triangles, wall, axis=0), walls])
    return points, rest, {"mesh-duplicate-triangles": 2}, (10, 3, -3)


@animal
def pointWithoutTriangle():
    points, triangles = icosphere()
    return np.concatenate([points, [[0, 0, 50.0]]]), triangles, {"mesh-unreferenced-points": 1}, (0, 0, 50)


@animal
def pointNotShared():
    points, triangles = icosphere()
    point = triangles[600, 1]
    triangles[600, 1] = len(points)
    return np.concatenate([points, points[[point]]]), triangles, {"mesh-duplicate-points": 1}, points[point]


@animal
def speckBesideTheModel():
    return *together(icosphere(), icosphere(0.8, 2, (0, 15, 0))), {"mesh-specks": 1}, (0, 15, 0)


@animal
def threeSpecks():
    specks = [icosphere(0.6, 1, (x, 18, 0)) for x in (-4, 0, 4)]
    return *together(box(level=1), *specks), {"mesh-specks": 3}, (4, 18, 0)


@animal
def pointThatIsNotANumber():
    points, triangles = icosphere()
    points[30, 1] = np.nan
    return points, triangles, {"mesh-finite": 1}, None


@animal
def farFromTheOrigin():
    # Moved by a whole number of steps of the coarser grid, so that nothing but the rounding is wrong.
    points, triangles = icosphere(level=2)
    return np.round(points * 32) / 32 + 2.0**18, triangles, {"stl-rounding": 2.0**-5}, None
