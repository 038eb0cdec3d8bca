"""Vertices moved to the faces, lines and corners of ridges so that no triangle bridges them, and none folds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .SharpPlaces import SharpPlaces

# Vertices that follow a ridge less than this are on no line.
WHOLLY = 0.9
# Cosine of normals below which two faces are not the same.
ALIKE = 0.85
# The way to a line and to a corner, in usual distances between neighbors, at most.
FARTHEST, FARTHEST_CORNER = 1.8, 3.0
# Rings of neighbors of which only one goes to a corner.
CORNER_RINGS = 4
# Steps by which vertices come to lie evenly on their faces and lines, and how far each goes.
EVENINGS, STEP = 6, 0.5
# A triangle has turned when the cosine between its normal and each of its vertices' faces is below this, and is none
# when it is lower than this share of its longest side.
TURNED, FLAT = 0.4, 0.02
# Rounds in which vertices of such triangles leave their lines, then go half the way, then stay.
OFF_LINE, HALF, ROUNDS = 2, 4, 8


def movedToRidges(
    points: np.ndarray,
    triangles: np.ndarray,
    places: SharpPlaces,
    rows,
    *,
    spacing: float,
    allowed: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Positions (n, 3) with the vertices near ridges where they belong, and how far each of these went there, (m,).

    :param points: (n, 3) mm. :param rows: sparse (m, n), the mean of the neighbors of each of those vertices.
    :param spacing: usual distance between neighboring vertices, mm.
    :param allowed: tells of vertices (numbers) and places (k, 3) which may go there, bool (k,).
    """
    number = np.full(len(points), -1)
    number[places.which] = np.arange(len(places.which))
    own = number[triangles]
    own = own[(own >= 0).all(axis=1)]
    if not len(own):
        return points, np.zeros(len(places.which))
    corner = _corners(places, own, FARTHEST_CORNER * spacing)
    line = _lines(places, own, corner, FARTHEST * spacing)
    share = places.share.copy()
    for round_ in range(ROUNDS):
        way = np.where(line[:, None], places.toLine, places.toFace)
        way[corner] = places.toCorner[corner]
        result = points.copy()
        result[places.which] += share[:, None] * way
        _even(result, places, rows, STEP * np.minimum(share / WHOLLY, 1) * ~corner, line)
        there = result[places.which]
        hit = ~allowed(places.which, there)
        hit[own[_folded(there, own, places.normals[:, 0])].ravel()] = True
        if not hit.any():
            return result, share
        line &= ~hit
        if round_ >= OFF_LINE:
            share[hit] *= 0.5 if round_ < HALF else 0.0
            corner &= ~hit
    # What is still not allowed where it is, beside others that stay, goes back without them.
    result[places.which[hit]] = points[places.which[hit]]
    share[hit] = 0
    return result, share


def _edges(own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The ends of all edges of triangles (t, 3), each edge once."""
    sides = np.concatenate([own[:, [0, 1]], own[:, [1, 2]], own[:, [2, 0]]])
    return tuple(np.unique(np.sort(sides, axis=1), axis=0).T)


def _corners(places: SharpPlaces, own: np.ndarray, farthest: float) -> np.ndarray:
    """Vertices that go to a point where three faces meet, bool (m,): of its surroundings the nearest."""
    way = np.linalg.norm(places.toCorner, axis=1)
    candidate = (way < farthest) & (places.share > WHOLLY)
    if not candidate.any():
        return candidate
    start, end = _edges(own)
    way = np.where(candidate, way, np.inf)
    nearest = way.copy()
    for _ in range(CORNER_RINGS):
        around = nearest.copy()
        np.minimum.at(around, start, nearest[end])
        np.minimum.at(around, end, nearest[start])
        nearest = around
    return candidate & (way <= nearest)


def _lines(places: SharpPlaces, own: np.ndarray, corner: np.ndarray, farthest: float) -> np.ndarray:
    """Vertices that go to a line so that every edge between two faces has one of its ends there, bool (m,).

    Of each edge the end that is nearer goes, unless a triangle would have all its corners on the line.
    """
    start, end = _edges(own)
    faces, others = places.normals[:, 0], places.normals[:, 1]
    across = _dot(faces[start], faces[end]) < np.maximum(_dot(faces[start], others[end]), ALIKE)
    across &= (places.share[start] > WHOLLY) & (places.share[end] > WHOLLY) & ~corner[start] & ~corner[end]
    start, end = start[across], end[across]
    way = np.linalg.norm(places.toLine, axis=1)
    line = corner.copy()
    beside: dict[int, list[tuple[int, int]]] = {}
    for a, b, c in own[np.isin(own, np.concatenate([start, end])).any(axis=1)].tolist():
        for one, two, three in ((a, b, c), (b, c, a), (c, a, b)):
            beside.setdefault(one, []).append((two, three))

    def free(vertex: int) -> bool:
        return way[vertex] < farthest and not any(line[two] and line[three] for two, three in beside[vertex])

    for number in np.argsort(np.minimum(way[start], way[end])):
        near, far = sorted((start[number], end[number]), key=way.__getitem__)
        if not (line[near] or line[far]):
            line[near] = free(near)
            line[far] = not line[near] and free(far)
    # Those whose edges all end on a line without them are not needed there.
    ends: dict[int, list[int]] = {}
    for one, two in zip(start.tolist(), end.tolist(), strict=True):
        ends.setdefault(one, []).append(two)
        ends.setdefault(two, []).append(one)
    for vertex in sorted(ends, key=lambda vertex: -way[vertex]):
        line[vertex] &= not line[ends[vertex]].all()
    return line & ~corner


def _even(points: np.ndarray, places: SharpPlaces, rows, free: np.ndarray, line: np.ndarray):
    """Draw vertices toward the middle of their neighbors, on their faces and lines, in place.

    :param free: (m,) share of the way that each goes at a time.
    """
    normal = places.normals[:, 0]
    along = np.cross(normal, places.normals[:, 1])
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-12)
    for _ in range(EVENINGS):
        way = rows @ points - points[places.which]
        onLine = _dot(way, along)[:, None] * along
        onFace = way - _dot(way, normal)[:, None] * normal
        points[places.which] += free[:, None] * np.where(line[:, None], onLine, onFace)


def _folded(points: np.ndarray, own: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Which triangles (t, 3) of vertices (m, 3) with faces of some normals have turned or have no area, bool (t,)."""
    corners = points[own]
    product = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    size = np.linalg.norm(product, axis=1)
    cosine = _dot(normals[own], product[:, None]).max(axis=1)
    longest2 = np.square(corners - corners[:, [1, 2, 0]]).sum(axis=2).max(axis=1)
    return (cosine < TURNED * size) | (size < FLAT * longest2)


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("...i,...i->...", a, b)
