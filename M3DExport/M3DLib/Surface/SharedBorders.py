"""Where the surfaces of several segments lie against each other, and all of them as one net of sheets.

Two segments that touch have the same border twice, facing opposite ways, with the same vertices up to what smoothing
did at its rim. Here such vertices become one, and the surfaces become sheets: one between each pair of segments that
touch, and one of each segment for what is left of its surface. Sheets meet along the rims.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..Distance.ClosestSurface import ClosestSurface
from ..Image.ImageVolume import ImageVolume
from ..Mesh.MeshGeometry import vertexGeometry
from ..Mesh.TriangleMesh import TriangleMesh

# Vertices of two surfaces nearer than this, in voxels along each axis, are of one border.
REACH = 0.5
# And of two surfaces as the voxels give them.
SAME = 0.01
# Cosine above which two surfaces that lie together face the same way and are two outlines of one thing.
ALIKE = 0.9
# With fewer of their vertices in pairs, two surfaces have different triangles on their border.
PAIRED_SHARE = 0.7


@dataclass
class Sheet:
    """A piece of one or two surfaces.

    :ivar owners: numbers of the meshes whose surface it is: one, or the two it parts, in order.
    :ivar triangles: (m, 3) into the vertices of the net, facing out of the first owner.
    """

    owners: tuple[int, ...]
    triangles: np.ndarray


@dataclass
class SharedBorders:
    """Surfaces as one net.

    :ivar points: float64 (v, 3), LPS mm: of vertices that became one, the middle.
    :ivar vertices: for each mesh the number of each of its vertices in the net, int64 (n,).
    :ivar sheets: that make up the surfaces together.
    :ivar held: for each mesh, bool (n,): vertices that lie against another surface with which they have no border in
        common, and so stay where they are.
    """

    points: np.ndarray
    vertices: list[np.ndarray]
    sheets: list[Sheet]
    held: list[np.ndarray]

    @classmethod
    def of(
        cls, meshes: Sequence[TriangleMesh], image: ImageVolume, unsmoothed: Sequence[TriangleMesh] | None = None
    ) -> SharedBorders:
        """The net of some surfaces, LPS mm, made from segments of one image.

        :param unsmoothed: the same surfaces, vertex by vertex, before they were smoothed, where that is known: common
            vertices are at the same place then. Else those count that are nearest to each other.
        """
        held = [np.zeros(len(mesh.points), dtype=bool) for mesh in meshes]
        first = np.cumsum([0] + [len(mesh.points) for mesh in meshes])
        pairs = []
        for one, other, left, right in _pairs(unsmoothed or meshes, image, held, SAME if unsmoothed else REACH):
            pairs.append(np.stack([first[one] + left, first[other] + right], axis=1))
        number = _merged(np.concatenate(pairs) if pairs else np.empty((0, 2), dtype=np.int64), first)
        vertices = [number[start:end] for start, end in pairwise(first)]
        points, count = np.zeros((number.max() + 1, 3)), np.bincount(number)
        for mesh, own in zip(meshes, vertices, strict=True):
            np.add.at(points, own, mesh.points.astype(np.float64))
        return cls(points / count[:, None], vertices, _sheets(meshes, vertices, len(points)), held)

    @property
    def groups(self) -> list[list[int]]:
        """The numbers of the meshes, those that hang together by borders beside each other."""
        from scipy.sparse import coo_matrix
        from scipy.sparse.csgraph import connected_components

        joined = [sheet.owners for sheet in self.sheets if len(sheet.owners) == 2]
        ends = np.array(joined, dtype=np.int64).reshape(-1, 2).T
        count = len(self.vertices)
        graph = coo_matrix((np.ones(ends.shape[1]), tuple(ends)), shape=(count, count))
        labels = connected_components(graph, directed=False)[1]
        return [np.flatnonzero(labels == label).tolist() for label in np.unique(labels)]


def _pairs(meshes, image, held, reach):
    """(one, other, vertices of the one, vertices of the other): of borders in common; notes the rest in ``held``."""
    placed = [_Placed(mesh, image, reach) for mesh in meshes]
    for one in range(len(meshes)):
        for other in range(one + 1, len(meshes)):
            if not placed[one].mayMeet(placed[other]):
                continue
            left, nearestOfLeft = placed[one].against(placed[other])
            right, nearestOfRight = placed[other].against(placed[one])
            if not len(left):
                continue
            paired = left[nearestOfLeft[left] >= 0]
            mutual = paired[nearestOfRight[nearestOfLeft[paired]] == paired]
            if 2 * len(mutual) < PAIRED_SHARE * (len(left) + len(right)):
                held[one][left] = held[other][right] = True
                continue
            yield one, other, mutual, nearestOfLeft[mutual]


class _Placed:
    """A surface in voxel indices of the image, where nearness is the same along all of the grid's axes."""

    def __init__(self, mesh: TriangleMesh, image: ImageVolume, reach: float):
        from scipy.spatial import cKDTree

        self.reach = reach
        self.places = image.lpsToIndex(mesh.points.astype(np.float64))
        self.normals = vertexGeometry(mesh).normals
        self.tree = cKDTree(self.places)
        self.low, self.high = self.places.min(axis=0) - reach, self.places.max(axis=0) + reach
        self.mesh = TriangleMesh(self.places, mesh.triangles)

    def mayMeet(self, other: _Placed) -> bool:
        """Whether the boxes around the two meet."""
        return bool((self.low <= other.high).all() and (other.low <= self.high).all())

    def against(self, other: _Placed) -> tuple[np.ndarray, np.ndarray]:
        """Vertices that lie against another surface, and for each vertex the one of that surface at it, -1 if none."""
        within = np.flatnonzero(((self.places >= other.low) & (self.places <= other.high)).all(axis=1))
        distance, nearest = other.tree.query(self.places[within])
        at = distance < self.reach
        near = at
        if self.reach > SAME:
            # Triangles may be larger than the distance of the vertices that are looked for.
            near = at | (ClosestSurface(other.mesh).query(self.places[within]).distance < self.reach)
        near = near & (np.einsum("ni,ni->n", self.normals[within], other.normals[nearest]) < ALIKE)
        partner = np.full(len(self.places), -1)
        partner[within[near & at]] = nearest[near & at]
        return within[near], partner


def _merged(pairs: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Number in the net of every vertex of all meshes; never the same for two vertices of one mesh."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    count = int(first[-1])

    def labelsOf(pairs):
        graph = coo_matrix((np.ones(len(pairs), dtype=np.int8), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
        return connected_components(graph, directed=False)[1]

    labels = labelsOf(pairs)
    mesh = np.repeat(np.arange(len(first) - 1), np.diff(first))
    # Where three segments meet, chains of pairs could lead back to the same surface: those stay apart.
    key, counts = np.unique(labels.astype(np.int64) * len(first) + mesh, return_counts=True)
    doubled = np.unique(key[counts > 1] // len(first))
    if len(doubled):
        labels = labelsOf(pairs[~np.isin(labels[pairs[:, 0]], doubled)])
    return labels.astype(np.int64)


def _sheets(meshes, vertices, count) -> list[Sheet]:
    """Triangles by whom they part: those with all corners on one other mesh are of the border with it."""
    on = np.zeros((len(meshes), count), dtype=bool)
    for number, own in enumerate(vertices):
        on[number, own] = True
    sheets, borders = [], {}
    for number, mesh in enumerate(meshes):
        triangles = vertices[number][mesh.triangles]
        free = np.ones(len(triangles), dtype=bool)
        for other in range(len(meshes)):
            if other == number:
                continue
            border = free & on[other][triangles].all(axis=1)
            if not border.any():
                continue
            free &= ~border
            # The other's triangles there are the same ones, or cut the same quadrangles along the other diagonal.
            borders.setdefault((min(number, other), max(number, other)), {})[number] = triangles[border]
        if free.any():
            sheets.append(Sheet((number,), triangles[free]))
    for owners, triangles in borders.items():
        if owners[0] in triangles:
            sheets.append(Sheet(owners, triangles[owners[0]]))
    return sheets
