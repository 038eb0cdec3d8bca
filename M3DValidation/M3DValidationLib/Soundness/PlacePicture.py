"""A picture of one place of a model: the surroundings, seen along a direction, with a ring around the place."""

from __future__ import annotations

import numpy as np

from M3DLib.Mesh.Rendering import renderMesh
from M3DLib.Mesh.TriangleMesh import TriangleMesh

# Orange and dark blue: told apart from bone and from each other by the color-blind too.
RING, RIM = (213, 94, 0), (0, 0, 60)


def renderPlace(
    mesh: TriangleMesh,
    place: np.ndarray,
    direction: np.ndarray,
    radiusMm: float = 15.0,
    size: tuple[int, int] = (600, 600),
) -> np.ndarray | None:
    """The surroundings of a place, with the place in the middle.

    :param place: float64 (3,), LPS mm.
    :param direction: float64 (3,), from the place towards the eye, LPS.
    :param radiusMm: half the width of what is shown.
    :return: uint8 (height, width, 3) sRGB; None when this machine cannot render or nothing is there.
    """
    place = np.asarray(place, dtype=np.float64)
    pieces = _piecesWithin(cornersNear(mesh, place, radiusMm) - place, radiusMm)
    if not len(pieces):
        return None
    points = np.clip(pieces.reshape(-1, 3), -radiusMm, radiusMm)
    triangles = np.arange(len(points)).reshape(-1, 3)
    # Two triangles without area at opposite corners of the box keep the place in the middle of the picture.
    corners = np.repeat([[-radiusMm] * 3, [radiusMm] * 3], 3, axis=0)
    frame = np.arange(6).reshape(2, 3) + len(points)
    part = TriangleMesh(np.concatenate([points, corners]), np.concatenate([triangles, frame]), color=mesh.color)
    direction = np.asarray(direction, dtype=np.float64)
    picture = renderMesh(part, size, viewDirection=tuple(direction / np.linalg.norm(direction)), smooth=False)
    if picture is None:
        return None
    height, width = picture.shape[:2]
    y, x = np.ogrid[:height, :width]
    distance = np.hypot(x - (width - 1) / 2, y - (height - 1) / 2)
    radius = min(height, width) / 12
    picture[np.abs(distance - radius) < 4] = RIM
    picture[np.abs(distance - radius) < 2.5] = RING
    return picture


def cornersNear(mesh: TriangleMesh, place: np.ndarray, reachMm: float) -> np.ndarray:
    """Corners of the triangles that reach into a cube around a place, and of a few more at its edges.

    :param place: float64 (3,), LPS mm.
    :param reachMm: half the cube's side.
    :return: float64 (m, 3 corners, 3 axes), LPS mm.
    """
    return _cornersNotBeyond(mesh, [(mesh.points[:, axis] - place[axis], reachMm) for axis in range(3)])


def cornersAcross(mesh: TriangleMesh, place: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Corners of the triangles that meet the plane through a place, and of a few more very near to it.

    :param place, normal: float64 (3,), LPS mm.
    :return: float64 (m, 3 corners, 3 axes), LPS mm.
    """
    return _cornersNotBeyond(mesh, [((mesh.points - place) @ normal, 1e-6)])


def _cornersNotBeyond(mesh: TriangleMesh, bounds: list[tuple[np.ndarray, float]]) -> np.ndarray:
    """Corners of the triangles that do not lie beyond one bound as a whole.

    :param bounds: for every point a signed number, and how far from 0 it may be.
    """
    beyond = np.zeros(len(mesh.points), dtype=np.uint8)
    for number, (value, most) in enumerate(bounds):
        beyond |= (value > most).astype(np.uint8) << (2 * number) | (value < -most).astype(np.uint8) << (2 * number + 1)
    a, b, c = (beyond[mesh.triangles[:, corner]] for corner in range(3))
    return mesh.points[mesh.triangles[(a & b & c) == 0]].astype(np.float64)


def freestDirection(corners: np.ndarray, place: np.ndarray, directions: np.ndarray, reachMm: float) -> np.ndarray:
    """Of some directions the first one in which nothing hides a place, or else the one that is free farthest.

    :param corners: float64 (m, 3 corners, 3 axes), LPS mm.
    :param place: float64 (3,), LPS mm, off the surface.
    :param directions: float64 (n, 3), from the place towards the eye, each of length 1.
    """
    middles = (corners[:, 0] + corners[:, 1] + corners[:, 2]) / 3
    away = [np.einsum("ij,ij->i", offset, offset) for offset in (corners[:, n] - middles for n in range(3))]
    reaches = np.sqrt(np.maximum(np.maximum(away[0], away[1]), away[2]))
    middles -= place
    lengths = np.einsum("ij,ij->i", middles, middles)
    free = []
    for direction in directions:
        # What the ray passes farther away than any corner is from the middle, it does not meet.
        along = middles @ direction
        touched = corners[(lengths - along**2 <= (reaches + 1e-6) ** 2) & (along >= -reaches)]
        a, first, second = touched[:, 0], touched[:, 1] - touched[:, 0], touched[:, 2] - touched[:, 0]
        offset = place - a
        across = np.cross(offset, first)
        # Moeller and Trumbore 1997, for one ray and all triangles.
        side = np.cross(direction, second)
        slope = np.einsum("ij,ij->i", first, side)
        scale = np.where(slope == 0, np.inf, slope)
        u = np.einsum("ij,ij->i", offset, side) / scale
        v = across @ direction / scale
        distance = np.einsum("ij,ij->i", second, across) / scale
        hit = (slope != 0) & (u >= 0) & (v >= 0) & (u + v <= 1) & (distance > 0)
        free.append(min(float(distance[hit].min(initial=np.inf)), reachMm))
        if free[-1] == reachMm:
            break
    return directions[int(np.argmax(free))]


def _piecesWithin(corners: np.ndarray, radiusMm: float) -> np.ndarray:
    """The part of triangles (m, 3, 3) in a box around the origin, in pieces so small that cutting their corners off at
    the box does not bend them visibly.
    """
    kept = []
    while True:
        reaching = (corners.min(axis=1) <= radiusMm).all(axis=1) & (corners.max(axis=1) >= -radiusMm).all(axis=1)
        corners = corners[reaching]
        edges = np.linalg.norm(corners[:, [1, 2, 0]] - corners, axis=2)
        leaving = (np.abs(corners) > radiusMm).any(axis=(1, 2))
        large = leaving & (edges.max(axis=1) > radiusMm / 20)
        kept.append(corners[~large])
        corners, longest = corners[large], edges[large].argmax(axis=1)
        if not len(corners):
            return np.concatenate(kept)
        row = np.arange(len(corners))
        a, b, c = (corners[row, (longest + step) % 3] for step in range(3))
        middle = (a + b) / 2
        corners = np.concatenate([np.stack([a, middle, c], axis=1), np.stack([middle, b, c], axis=1)])
