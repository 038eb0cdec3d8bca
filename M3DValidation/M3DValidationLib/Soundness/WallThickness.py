"""How thick the walls of a model are, and how wide its gaps, over the whole surface.

From each of many points spread evenly over the surface a ray goes straight into the material (for gaps: out of it) to
the first triangle it meets. Where that is about as far as the limit, the largest ball that touches the surface at the
point and fits between the walls decides; between walls that are not parallel it is the smaller of the two. Only a wall
facing the other way counts as the opposite side, so that an edge of a box is not a thin wall.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from M3DLib.Errors import noProgress
from M3DLib.Intersection.BoxPairs import overlappingBoxesBetween
from M3DLib.Intersection.TriangleIntersection import cross

from .WallSurface import WallSurface

METHOD = (
    "ray along the normal from evenly spread points to the first triangle facing the other way within "
    "37 degrees; near the limit the largest ball touching at the point"
)
# Cosine between the normals of two walls from which on they are opposite sides of a wall: 180 - 37 degrees.
OPPOSITE = -0.8
# Between planes that enclose 37 degrees the ray is 1.13 times as long as the ball is thick.
_BALL_FROM = 1.5
_MOST_BALLS = 8_000


@dataclass
class Thickness:
    """Thickness at points of the surface.

    :ivar points: float64 (k, 3), LPS mm.
    :ivar normals: float64 (k, 3), outward.
    :ivar triangles: int64 (k,), triangle each point lies on.
    :ivar opposite: int64 (k,), triangle on the other side, -1 where none is within reach.
    :ivar values: float64 (k,), mm; infinite where nothing is within reach.
    :ivar areaMm2: surface area each point stands for.
    :ivar reachMm: how far was looked.
    """

    points: np.ndarray
    normals: np.ndarray
    triangles: np.ndarray
    opposite: np.ndarray
    values: np.ndarray
    areaMm2: float
    reachMm: float


@dataclass
class ThinPlace:
    """A connected part of the surface below the limit: area, smallest value, and where that is (LPS mm)."""

    areaMm2: float
    valueMm: float
    place: np.ndarray
    normal: np.ndarray


def measureThickness(
    surface: WallSurface,
    limitMm: float,
    outside: bool = False,
    count: int | None = None,
    progress: Callable[[float, str], None] = noProgress,
) -> Thickness:
    """Thickness of walls (or, ``outside``, width of gaps) up to three times the limit.

    :param surface: prepared for rays of at least that length.
    :param limitMm: values around this one are measured by balls.
    :param count: number of points; by default one per (limit / 3)^2 of area, at least 2000 and at most 60000.
    :raises ValueError: the surface is prepared for shorter rays.
    """
    text = "Measuring gaps" if outside else "Measuring walls"
    progress(0.0, text)
    reach = 3 * limitMm
    if reach > surface.reachMm:
        raise ValueError(f"The surface is prepared for rays of {surface.reachMm:g} mm, not of {reach:g} mm.")
    if outside:
        # A gap is a wall of air.
        surface = surface.turned()
    areas = surface.areas
    total = float(areas.sum())
    if count is None:
        count = int(np.clip(9 * total / limitMm**2, 2000, 60_000))
    points, triangle = _spread(surface, areas, count)
    inward = -surface.normals(triangle)
    values, opposite = _castRays(surface, (points, inward), triangle, reach)
    progress(0.6, text)
    close = np.flatnonzero(values < _BALL_FROM * limitMm)
    if len(close) > _MOST_BALLS:
        # The thinnest, and an even choice of those that the ball could move across the limit.
        order = close[np.argsort(values[close], kind="stable")]
        undecided = order[values[order] >= limitMm]
        step = max(1, -(-len(undecided) // (_MOST_BALLS // 2)))
        close = np.union1d(order[: _MOST_BALLS // 2], undecided[::step])
    values[close], opposite[close] = _fitBalls(
        surface, (points[close], inward[close]), (values[close], opposite[close])
    )
    progress(1.0, text)
    return Thickness(points, inward if outside else -inward, triangle, opposite, values, total / max(count, 1), reach)


def thinPlaces(thickness: Thickness, limitMm: float, usable: np.ndarray | None = None) -> list[ThinPlace]:
    """Parts of the surface below the limit, largest area first.

    :param usable: bool (k,), points to look at; all when None.
    """
    from scipy.spatial import cKDTree

    from M3DLib.Intersection.MeshTopology import connectedComponents

    thin = thickness.values < limitMm
    if usable is not None:
        thin &= usable
    numbers = np.flatnonzero(thin)
    if not len(numbers):
        return []
    points = thickness.points[numbers]
    # Points are spread at about the root of the area each stands for; both sides of a wall are one place.
    near = max(2.5 * np.sqrt(thickness.areaMm2), limitMm)
    pairs = cKDTree(points).query_pairs(near, output_type="ndarray")
    group = connectedComponents(len(points), pairs[:, 0], pairs[:, 1])
    places = []
    for number in range(int(group.max()) + 1):
        members = numbers[group == number]
        thinnest = members[thickness.values[members].argmin()]
        places.append(
            ThinPlace(
                len(members) * thickness.areaMm2,
                float(thickness.values[thinnest]),
                thickness.points[thinnest],
                thickness.normals[thinnest],
            )
        )
    return sorted(places, key=lambda place: -place.areaMm2)


def _spread(surface: WallSurface, areas: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Points spread evenly over the area, and their triangles; the same ones at every call."""
    summed = np.cumsum(areas)
    if not len(areas) or summed[-1] <= 0:
        return np.empty((0, 3)), np.empty(0, dtype=np.int64)
    at = (np.arange(count) + 0.5) / count * summed[-1]
    triangle = np.minimum(np.searchsorted(summed, at, side="right"), len(areas) - 1)
    # A low-discrepancy sequence (R2, Roberts 2018) folded into the triangle.
    number = np.arange(count)
    u, v = (0.5 + number * 0.7548776662466927) % 1, (0.5 + number * 0.5698402909980532) % 1
    fold = u + v > 1
    u, v = np.where(fold, 1 - u, u)[:, None], np.where(fold, 1 - v, v)[:, None]
    a, b, c = surface.corners(triangle)
    return a + u * (b - a) + v * (c - a), triangle


def _castRays(surface: WallSurface, rays, triangle, reach) -> tuple[np.ndarray, np.ndarray]:
    """Distance to the first triangle along each ray and its number; infinite and -1 where it faces another way."""
    points, direction = rays
    values, opposite = np.full(len(points), np.inf), np.full(len(points), -1, dtype=np.int64)
    for i, piece in surface.tree.met(points, direction, reach):
        j = surface.owner(piece)
        keep = triangle[i] != j
        i, j = i[keep], j[keep]  # noqa: PLW2901 (narrowed twice, for speed)
        normal = surface.normals(j)
        slope = np.einsum("ij,ij->i", normal, direction[i])
        # A ray through material leaves it at its first hit: that triangle looks along the ray.
        keep = slope > 1e-6
        i, j, slope, normal = i[keep], j[keep], slope[keep], normal[keep]  # noqa: PLW2901
        corners = surface.corners(j)
        distance = np.einsum("ij,ij->i", normal, corners[0] - points[i]) / slope
        keep = (distance > 1e-7 * reach) & (distance <= reach)
        i, j, distance, normal = i[keep], j[keep], distance[keep], normal[keep]  # noqa: PLW2901
        corners = [corner[keep] for corner in corners]
        hit = points[i] + direction[i] * distance[:, None]
        inside = np.ones(len(i), dtype=bool)
        for one, other in ((0, 1), (1, 2), (2, 0)):
            edge = corners[other] - corners[one]
            side = np.einsum("ij,ij->i", cross(edge, hit - corners[one]), normal)
            inside &= side >= -1e-9 * np.einsum("ij,ij->i", edge, edge)
        i, j, distance = i[inside], j[inside], distance[inside]  # noqa: PLW2901
        order = np.argsort(-distance, kind="stable")
        i, j, distance = i[order], j[order], distance[order]  # noqa: PLW2901
        closer = distance < values[i]
        # Of several hits of one ray the last written, the nearest, stays.
        values[i[closer]], opposite[i[closer]] = distance[closer], j[closer]
    facing = opposite >= 0
    facing[facing] = np.einsum("ij,ij->i", surface.normals(opposite[facing]), direction[facing]) >= -OPPOSITE
    return np.where(facing, values, np.inf), np.where(facing, opposite, -1)


def _fitBalls(surface: WallSurface, rays, start) -> tuple[np.ndarray, np.ndarray]:
    """Diameter of the largest ball touching at each point that holds no opposite triangle, from the rays' lengths."""
    points, direction = rays
    diameter, opposite = start[0].copy(), start[1].copy()
    centers = points + direction * (diameter / 2)[:, None]
    radius = (diameter / 2)[:, None]
    # The ball only shrinks, so what the first one does not reach never matters.
    for i, piece in overlappingBoxesBetween(centers - radius, centers + radius, surface.low, surface.high):
        j = surface.owner(piece)
        keep = np.einsum("ij,ij->i", surface.normals(j), direction[i]) >= -OPPOSITE
        i, j = i[keep], j[keep]  # noqa: PLW2901
        fitted = _ballAgainstTriangle(points[i], direction[i], np.stack(surface.corners(j), axis=1), diameter[i])
        order = np.argsort(-fitted, kind="stable")
        i, j, fitted = i[order], j[order], fitted[order]  # noqa: PLW2901
        smaller = fitted < diameter[i]
        diameter[i[smaller]], opposite[i[smaller]] = fitted[smaller], j[smaller]
    return diameter, opposite


def _ballAgainstTriangle(point, direction, triangle, diameter) -> np.ndarray:
    """Largest diameter, not above the given ones, of a ball touching at the point whose inside misses the triangle."""
    result = diameter.copy()
    active = np.arange(len(point))
    for _ in range(12):
        center = point[active] + direction[active] * (result[active] / 2)[:, None]
        nearest = closestPoints(center, triangle[active])
        reach = nearest - point[active]
        along = np.einsum("ij,ij->i", reach, direction[active])
        within = (np.linalg.norm(nearest - center, axis=1) < result[active] / 2 * (1 - 1e-9)) & (along > 0)
        fitted = np.einsum("ij,ij->i", reach, reach) / np.where(along > 0, along, 1)
        active, fitted = active[within], fitted[within]
        moved = fitted < result[active] * (1 - 1e-6)
        result[active] = np.minimum(result[active], fitted)
        active = active[moved]
        if not len(active):
            break
    return result


def closestPoints(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Nearest point of each triangle to its point; float64 (n, 3) and (n, 3, 3) to (n, 3)."""
    a, b, c = triangles[:, 0], triangles[:, 1], triangles[:, 2]
    normal = cross(b - a, c - a)
    squared = np.einsum("ij,ij->i", normal, normal)
    best = np.full(len(points), np.inf)
    result = np.empty_like(points)
    inside = squared > 0
    for start, end in ((a, b), (b, c), (c, a)):
        edge = end - start
        length = np.einsum("ij,ij->i", edge, edge)
        share = np.einsum("ij,ij->i", points - start, edge) / np.where(length > 0, length, 1)
        candidate = start + np.clip(share, 0, 1)[:, None] * edge
        distance = np.linalg.norm(points - candidate, axis=1)
        nearer = distance < best
        best[nearer], result[nearer] = distance[nearer], candidate[nearer]
        inside &= np.einsum("ij,ij->i", cross(edge, points - start), normal) >= 0
    height = np.einsum("ij,ij->i", points - a, normal) / np.where(squared > 0, squared, 1)
    result[inside] = (points - height[:, None] * normal)[inside]
    return result
