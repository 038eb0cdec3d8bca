"""The closed surfaces a mesh is made of: which way they face, what they enclose, and which lies inside which."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from M3DLib.Intersection.BoxPairs import overlappingBoxesBetween
from M3DLib.Intersection.ExactPredicates import orientation2d, orientation3d
from M3DLib.Intersection.MeshTopology import MeshTopology, connectedComponents
from M3DLib.Intersection.TriangleBoxes import endsOfTriangles

# Triangles looked at together: what is held for them stays in the processor's cache.
_BLOCK = 1 << 14
# So few rays are held against all triangles.
_FEW_RAYS = 64


@dataclass
class MeshShells:
    """Pieces of surface connected across their edges ("shells"), one row of each array per shell.

    :ivar turned: working triangles that face the other way than the larger part of their shell.
    :ivar oneSided: shells that no turning of triangles makes consistent (a Möbius strip is one).
    :ivar triangleCount: int64 (s,).
    :ivar volume: float64 (s,), signed volume in mm3 after turning; holes are closed by a fan about their center.
    :ivar closed: bool (s,), no boundary edge.
    :ivar judged: bool (s,), whether outside and inside can be told: encloses a volume.
    :ivar depth: int64 (s,), how many other shells it lies in; shells that meet are not counted.
    """

    turned: np.ndarray
    oneSided: np.ndarray
    triangleCount: np.ndarray
    volume: np.ndarray
    closed: np.ndarray
    judged: np.ndarray
    depth: np.ndarray

    @property
    def insideOut(self) -> np.ndarray:
        """Numbers of the shells that face the wrong way: bodies (within cavities too) inward, cavities outward."""
        return np.flatnonzero(self.judged & ((self.volume > 0) == (self.depth % 2 == 1)))

    @property
    def cavities(self) -> np.ndarray:
        """Numbers of the shells around a hollow inside a body, facing into the hollow as they should."""
        return np.flatnonzero(self.judged & (self.depth % 2 == 1) & (self.volume < 0))

    @property
    def solids(self) -> np.ndarray:
        """Numbers of the shells that are the outside of something."""
        return np.flatnonzero(self.judged & (self.depth % 2 == 0))


def meshShells(topology: MeshTopology, meetingPairs: np.ndarray) -> MeshShells:
    """Take the surface apart into its shells.

    :param meetingPairs: int64 (k, 2), pairs of working triangles that intersect; of two shells that do, neither counts
        as inside the other.
    """
    shell = topology.patches
    count = int(shell.max()) + 1 if len(shell) else 0
    flip, oneSided = _turnedTriangles(topology, shell, count)
    sizes = np.bincount(shell, minlength=count)
    volume, area, rim, balanced = _volumes(topology, shell, count, flip)
    closed = rim == 0
    # A sheet that is wide open, or as thin as rounding, has no inside.
    wideOpen = rim**2 > 0.5 * area
    judged = balanced & (np.abs(volume) > np.where(wideOpen, 1e-2, 1e-7) * area**1.5 / 36)
    judged[oneSided] = False
    depth = _depths(topology, shell, count, judged, meetingPairs)
    return MeshShells(np.flatnonzero(flip), oneSided, sizes, volume, closed, judged, depth)


def _turnedTriangles(topology: MeshTopology, shell: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The smaller part of each shell that runs against the larger, bool (w,), and shells without two sides."""
    turned = topology.turnedNeighbors
    flip = np.zeros(len(shell), dtype=bool)
    if not turned.any():
        return flip, np.empty(0, dtype=np.int64)
    one, other = (halfEdges // 3 for halfEdges in topology.neighbors)
    part = connectedComponents(len(shell), one[~turned], other[~turned])
    parts = int(part.max()) + 1
    # Every part stands twice, as it is and turned; a turned edge joins the one kind with the other.
    one, other = part[one[turned]], part[other[turned]]
    side = connectedComponents(2 * parts, np.r_[one, one + parts], np.r_[other + parts, other])
    contradiction = side[:parts] == side[parts:]
    shellOfPart = np.zeros(parts, dtype=np.int64)
    shellOfPart[part] = shell
    oneSided = np.unique(shellOfPart[contradiction])
    sizes = np.bincount(part, minlength=parts)
    total = np.bincount(side, np.r_[sizes, np.zeros(parts)], minlength=int(side.max()) + 1)
    # A part is turned when more triangles of its shell agree with its opposite than with itself.
    agree, against = total[side[:parts]], total[side[parts:]]
    turnPart = (agree < against) | ((agree == against) & (side[:parts] > side[parts:]))
    turnPart &= ~contradiction
    return turnPart[part], oneSided


def _volumes(topology: MeshTopology, shell, count, flip):
    """Signed volume, area, length of all holes' rims and balance of each shell."""
    points, triangles = topology.points, topology.triangles
    low, high = np.full((count, 3), np.inf), np.full((count, 3), -np.inf)
    # One shell after the other only where there are several.
    order = np.argsort(shell, kind="stable") if count > 1 else slice(None)
    begin = np.searchsorted(shell[order], np.arange(count))
    columns = np.ascontiguousarray(points.T)
    for axis in range(3):
        a, b, c = (columns[axis].take(corner) for corner in triangles.T)
        if count:
            low[:, axis] = np.minimum.reduceat(np.minimum(np.minimum(a, b), c)[order], begin)
            high[:, axis] = np.maximum.reduceat(np.maximum(np.maximum(a, b), c)[order], begin)
    center = (low + high) / 2
    volume = np.zeros(count)
    area = np.zeros(count)
    middle = np.ascontiguousarray(center.T)
    for start in range(0, len(triangles), _BLOCK):
        part = slice(start, start + _BLOCK)
        about = middle.take(shell[part], axis=1)
        a, b, c = (columns.take(corner, axis=1) - about for corner in triangles[part].T)
        u, v = b - a, c - a
        normal = [u[i] * v[j] - u[j] * v[i] for i, j in ((1, 2), (2, 0), (0, 1))]
        six = a[0] * normal[0] + a[1] * normal[1] + a[2] * normal[2]
        size = np.sqrt(normal[0] * normal[0] + normal[1] * normal[1] + normal[2] * normal[2])
        volume += np.bincount(shell[part], np.where(flip[part], -six, six), minlength=count) / 6
        area += np.bincount(shell[part], size, minlength=count) / 2
    rim = np.zeros(count)
    for loop in topology.boundaryLoops:
        start, end = topology.edgeEnds(loop)
        rim += np.bincount(shell[loop // 3], np.linalg.norm(points[end] - points[start], axis=1), minlength=count)
        middle = points[start].mean(axis=0)
        triangle = loop // 3
        a, b, c = (corner - center[shell[triangle]] for corner in (points[end], points[start], middle[None]))
        six = np.einsum("ij,ij->i", a, np.cross(b - a, c - a))
        volume += np.bincount(shell[triangle], np.where(flip[triangle], -six, six), minlength=count) / 6
    return volume, area, rim, _balanced(topology, shell, count, flip)


def _balanced(topology: MeshTopology, shell, count, flip) -> np.ndarray:
    """Shells that by themselves close at the edges where more than two triangles meet."""
    balanced = np.ones(count, dtype=bool)
    edge, there = topology.crowdedHalfEdges
    if len(edge):
        sign = np.where(topology.edgeEnds(there)[0] == topology.edgePoints[edge, 0], 1, -1)
        sign = np.where(flip[there // 3], -sign, sign)
        pairs, place = np.unique(edge * count + shell[there // 3], return_inverse=True)
        balanced[pairs[np.bincount(place.reshape(-1), sign) != 0] % count] = False
    return balanced


def _depths(topology: MeshTopology, shell, count, judged, meetingPairs) -> np.ndarray:
    """How many shells each shell lies in, by a ray along +z from a point only it has."""
    depth = np.zeros(count, dtype=np.int64)
    if count < 2:
        return depth
    points, triangles = topology.points, topology.triangles
    lowest, highest = np.full(len(points), count, dtype=shell.dtype), np.full(len(points), -1, dtype=shell.dtype)
    for corner in triangles.T:
        np.minimum.at(lowest, corner, shell)
        np.maximum.at(highest, corner, shell)
    alone = np.flatnonzero(lowest == highest)
    query = np.full(count, -1, dtype=np.int64)
    query[lowest[alone][::-1]] = alone[::-1]
    asked = np.flatnonzero(judged & (query >= 0))
    origin = points[query[asked]]

    crossings = []
    for i, triangle in _passing(origin, topology, judged[shell]):
        other = shell[triangle] != asked[i]
        i, triangle = i[other], triangle[other]  # noqa: PLW2901 (those of other shells)
        crossings.append(_crossings(points[triangles[triangle]], origin[i], asked[i], shell[triangle]))
    pairs = np.concatenate(crossings) if crossings else np.empty((0, 2), dtype=np.int64)
    keys, number = np.unique(pairs[:, 0] * count + pairs[:, 1], return_counts=True)
    inside = keys[number % 2 == 1]
    if len(meetingPairs):
        one, other = shell[meetingPairs[:, 0]].astype(np.int64), shell[meetingPairs[:, 1]].astype(np.int64)
        inside = inside[~np.isin(inside, np.r_[one * count + other, other * count + one])]
    np.add.at(depth, inside // count, 1)
    return depth


def _passing(origin: np.ndarray, topology: MeshTopology, chosen: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Portions (ray, triangle) of the rays along +z and the chosen triangles (bool (w,)) whose boxes they meet."""
    columns = [np.ascontiguousarray(topology.points[:, axis]) for axis in range(2)]
    if len(origin) <= _FEW_RAYS:
        for start in range(0, len(chosen), _BLOCK):
            some = start + np.flatnonzero(chosen[start : start + _BLOCK])
            corners = topology.triangles.take(some, axis=0).T
            (left, right), (front, back) = (endsOfTriangles(column, corners) for column in columns)
            for number, (x, y, _) in enumerate(origin):
                found = some[(left <= x) & (right >= x) & (front <= y) & (back >= y)]
                yield np.full(len(found), number), found
        return
    # Seen along z, a ray is a box without width.
    use, flat = np.flatnonzero(chosen), origin * (1, 1, 0)
    low, high = np.zeros((len(use), 3)), np.zeros((len(use), 3))
    corners = topology.triangles.take(use, axis=0).T
    for axis, column in enumerate(columns):
        low[:, axis], high[:, axis] = endsOfTriangles(column, corners)
    for ray, number in overlappingBoxesBetween(flat, flat, low, high):
        yield ray, use[number]


def _crossings(corners, origin, asking, hit) -> np.ndarray:
    """Pairs (shell asking, shell hit) for every triangle the ray from the origin along +z passes through, exact."""
    flat, start = corners[:, :, :2], origin[:, :2]
    odd = np.zeros(len(corners), dtype=bool)
    for one, other in ((0, 1), (1, 2), (2, 0)):
        p, q = flat[:, one], flat[:, other]
        # Half-open rules along both axes: a ray through an edge or a corner passes exactly one of its triangles.
        rising, falling = (
            (p[:, 1] <= start[:, 1]) & (q[:, 1] > start[:, 1]),
            (q[:, 1] <= start[:, 1]) & (p[:, 1] > start[:, 1]),
        )
        side = orientation2d(p, q, start)
        odd ^= (rising & (side > 0)) | (falling & (side < 0))
    passed = np.flatnonzero(odd)
    a, b, c = (corners[passed, corner] for corner in range(3))
    facing = orientation2d(a[:, :2], b[:, :2], c[:, :2])
    above = facing * orientation3d(a, b, c, origin[passed]) < 0
    return np.stack([asking[passed[above]], hit[passed[above]]], axis=1).astype(np.int64)
