"""A surface on its way to fewer triangles, and what each vertex that is left stands for.

Edges are collapsed in pieces of the surface that are small enough to be quick, on two threads; what lies on the seams
between them stays as it is and gets its turn when the surface is cut elsewhere. Since every original vertex knows the
one that stands for it, any part can be given back as it was.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

import numpy as np

from ..Mesh.TriangleMesh import TriangleMesh
from ..TwoThreads import besideEachOther, inTwoThreads
from .EdgeCollapse import EdgeCollapse, planeQuadrics
from .TriangleFans import TriangleFans, loadSearch

# Vertices of a piece: an eighth of all, within these.
SMALLEST, LARGEST = 1 << 15, 1 << 16
# Where the whole is cut first, as shares of it, in turn: so that no seam is a seam twice.
CUTS = (0.5, 0.31, 0.43)
# How far beside a seam edges get another turn, in rings of vertices.
BESIDE_SEAMS = 4


class CoarseSurface:
    """A mesh whose edges are collapsed.

    :ivar center: (3,) LPS mm; all positions are relative to it.
    :ivar original: float64 (n, 3), the vertices as they were. :ivar originalTriangles: int32 (t, 3).
    :ivar points: float64 (n, 3), where the vertices are now. :ivar triangles: int32 (m, 3), what is left.
    :ivar owner: int32 (n,), the vertex that stands for each original one.
    :ivar fans: the original triangles at each original vertex.
    :ivar odd: bool (n,), original vertices whose triangles do not go once all around, as at an open edge.
    :ivar allowed: (n,), how far the new surface may be from what each vertex stands for, mm; 0 for those that stay.
    """

    def __init__(self, mesh: TriangleMesh, allowed: np.ndarray):
        low, high = mesh.points.min(axis=0), mesh.points.max(axis=0)
        self.mesh = mesh
        self.center = (low.astype(np.float64) + high) / 2
        self.original = mesh.points - self.center
        self.originalTriangles = mesh.triangles.astype(np.int32)
        self.points = self.original.copy()
        self.triangles = self.originalTriangles
        self.owner = np.arange(len(self.points), dtype=np.int32)
        self.fans = TriangleFans.of(self.original, self.originalTriangles)
        loadSearch()
        self.quadrics, _ = besideEachOther(
            lambda progress: planeQuadrics(self.points, self.triangles), lambda progress: self.fans.prepareSearch()
        )
        # Points of no triangle lie in no piece.
        self.allowed = np.where(np.diff(self.fans.first) > 0, allowed, 0.0)
        self.odd = _oddVertices(self.originalTriangles, allowed <= 0)

    def collapse(self, progress: Callable[[float], None], active: np.ndarray | None = None) -> None:
        """Collapse as many edges as may be.

        :param active: bool (n,), the only vertices that may be touched; all when None.
        :param progress: told how far it has come, 0 to 1; what it raises stops the work.
        """
        for number, share in enumerate(CUTS):
            seams = self._collapseOnce(share, active, lambda done, number=number: progress((number + done) / len(CUTS)))
            if not seams.any():
                break
            for _ in range(BESIDE_SEAMS):
                seams = self.withNeighbors(seams)
            active = seams if active is None else seams & active

    def withNeighbors(self, vertices: np.ndarray) -> np.ndarray:
        """Vertices, bool (n,), and those that a triangle joins them with."""
        grown = vertices.copy()
        grown[self.triangles.take(np.flatnonzero(touching(vertices, self.triangles)), axis=0)] = True
        return grown

    def _collapseOnce(self, share: float, active: np.ndarray | None, progress: Callable[[float], None]) -> np.ndarray:
        """Collapse in pieces of one cutting; the vertices on their seams, bool (n,)."""
        triangles = self.triangles
        wanted = np.ones(len(triangles), dtype=bool) if active is None else touching(active, triangles)
        used = np.zeros(len(self.points), dtype=bool)
        used[triangles[wanted]] = True
        vertices = np.flatnonzero(used)
        piece = np.full(len(self.points), -1, dtype=np.int16)
        count = 0
        for part in _cut(self.points.take(vertices, axis=0), share):
            piece[vertices[part]] = count
            count += 1
        a, b, c = (piece.take(triangles[:, corner]) for corner in range(3))
        inside = wanted & (a == b) & (b == c)
        seams = np.zeros(len(self.points), dtype=bool)
        seams[triangles[wanted & ~inside]] = True
        fixed = self.allowed <= 0
        fixed[triangles[~inside]] = True
        if active is not None:
            fixed |= ~active
        inner = np.flatnonzero(inside)
        trianglesOf = _grouped(inner, a[inner], count)
        samples = np.flatnonzero(~fixed.take(self.owner))
        samplesOf = _grouped(samples, piece.take(self.owner[samples]), count)
        left: list[np.ndarray] = [triangles[~inside]] + [np.empty((0, 3), dtype=np.int32)] * count
        stopped = threading.Event()

        def work(number: int) -> None:
            left[1 + number] = self._collapsePiece(triangles[trianglesOf[number]], fixed, samplesOf[number], stopped)

        inTwoThreads(work, range(count), progress, stopped)
        self.triangles = np.concatenate(left)
        return seams & (self.allowed > 0)

    def _collapsePiece(self, triangles, fixed, samples, stopped) -> np.ndarray:
        """Collapse edges of some triangles; what is left of them.

        Only what belongs to vertices of this piece that are not fixed is written, so that pieces do not meet.
        """
        vertices = np.unique(triangles)
        local = np.searchsorted(vertices, triangles).astype(np.int64)
        work = EdgeCollapse(
            np.ascontiguousarray(self.points[vertices].T),
            local,
            quadrics=self.quadrics.take(vertices, axis=1),
            allowed=np.where(fixed[vertices], 0.0, self.allowed[vertices]),
            fans=self.fans,
            samples=samples,
            owner=np.searchsorted(vertices, self.owner[samples]),
        )
        work.run(stopped)
        free = ~fixed[vertices]
        moved = vertices[free]
        self.points[moved], self.allowed[moved] = work.points[:, free].T, work.allowed[free]
        self.quadrics[:, moved] = work.quadrics[:, free]
        self.owner[samples] = vertices[work.owner]
        return vertices.astype(np.int32).take(work.corners.T)

    def restore(self, clusters: np.ndarray, allowed: np.ndarray, goOn: Callable[[], None] = lambda: None) -> np.ndarray:
        """Give back, as it was, what some vertices stand for.

        :param clusters: bool (n,), those vertices.
        :param allowed: (n,) mm, what to allow each original vertex that is there again.
        :param goOn: asked now and then whether to go on; what it raises stops the work, with nothing changed.
        :return: bool (n,), the original vertices that are there again; more than asked for where the surface would
            hang together otherwise than before.
        """
        numbers = np.arange(len(self.owner), dtype=np.int32)
        back = news = clusters.take(self.owner)
        while True:
            goOn()
            owner = np.where(back, numbers, self.owner)
            # Each triangle that is left is what an original one has become: elsewhere that changes nothing.
            near = self.fans.trianglesAt(np.flatnonzero(back))
            elsewhere = np.flatnonzero(~touching(clusters, self.triangles))
            triangles = np.concatenate(
                [self.triangles.take(elsewhere, axis=0), _contracted(self.originalTriangles.take(near, axis=0), owner)]
            )
            odd = _oddVertices(triangles, news) & ~self.odd
            # What is there as it was cannot be the reason.
            grown = back | odd.take(self.owner)
            news = grown & ~back
            if not news.any():
                break
            back = grown
            clusters = clusters.copy()
            clusters[self.owner[news]] = True
        which = np.flatnonzero(back)
        self.owner, self.triangles = owner, triangles
        self.points[which] = self.original[which]
        self.allowed[which] = allowed[which]
        used, local = np.unique(self.originalTriangles.take(near, axis=0), return_inverse=True)
        planes = planeQuadrics(self.original[used], local.reshape(-1, 3))
        inner = back[used]
        self.quadrics[:, used[inner]] = planes[:, inner]
        return back

    def result(self) -> TriangleMesh:
        """What is left as a mesh, without the vertices that are used no more."""
        used, triangles = compacted(self.triangles, len(self.points))
        mesh = self.mesh
        points, record = self.points.take(used, axis=0) + self.center, dict(mesh.record)
        return TriangleMesh(points, triangles, mesh.name, mesh.color, mesh.opacity, record=record)


def touching(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Which triangles (m, 3) have a corner among vertices, bool (n,): bool (m,)."""
    # Corner by corner, since numpy's reduction along an axis of three is ten times slower.
    a, b, c = vertices.take(triangles).T
    return a | b | c


def compacted(triangles: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Which of so many vertices triangles (m, 3) or edges (m, 2) have, rising, and these between places among them."""
    isUsed = np.zeros(count, dtype=bool)
    isUsed[triangles.ravel()] = True
    used = np.flatnonzero(isUsed)
    place = np.empty(count, dtype=triangles.dtype)
    place[used] = np.arange(len(used), dtype=triangles.dtype)
    return used, place.take(triangles)


def _contracted(triangles: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """Triangles between the vertices that stand for their corners, without those that have none left."""
    a, b, c = (owner.take(triangles[:, corner]) for corner in range(3))
    stays = (a != b) & (b != c) & (c != a)
    return np.stack([a[stays], b[stays], c[stays]], axis=1)


def _oddVertices(triangles: np.ndarray, around: np.ndarray) -> np.ndarray:
    """Vertices at and next to those asked for whose triangles do not go once all around, bool (n,)."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    odd = np.zeros(len(around), dtype=bool)
    asked = around.copy()
    asked[triangles.take(np.flatnonzero(touching(around, triangles)), axis=0)] = True
    near = triangles.take(np.flatnonzero(touching(asked, triangles)), axis=0).astype(np.int64)
    if not len(near):
        return odd
    # At each corner a triangle joins the two edges there: these are nodes, by vertex and neighbor.
    vertex = near.ravel()
    following, leading = near[:, [1, 2, 0]].ravel(), near[:, [2, 0, 1]].ravel()
    count = len(around)
    nodes, place = np.unique(
        np.concatenate([vertex * count + following, vertex * count + leading]), return_inverse=True
    )
    one, other = np.split(place, 2)
    uses = np.bincount(place, minlength=len(nodes))
    nodeVertex = nodes // count
    odd[nodeVertex[uses != 2]] = True
    size = len(nodes)
    _, label = connected_components(coo_matrix((np.ones(len(one), np.int8), (one, other)), shape=(size, size)), False)
    first = np.r_[True, nodeVertex[1:] != nodeVertex[:-1]]
    start = label[np.flatnonzero(first)][np.cumsum(first) - 1]
    odd[nodeVertex[label != start]] = True
    return odd & asked


def _grouped(values: np.ndarray, group: np.ndarray, count: int) -> list[np.ndarray]:
    """Values (n,) by their group (n,) below ``count``."""
    order = np.argsort(group, kind="stable")
    return np.split(values[order], np.searchsorted(group[order], np.arange(1, count)))


def _cut(points: np.ndarray, share: float) -> Iterable[np.ndarray]:
    """Numbers of points (n, 3) in groups of neighbors: cut in two at ``share``, then in halves, where longest."""
    most = min(max(len(points) // 8, SMALLEST), LARGEST)
    open_ = [(np.arange(len(points), dtype=np.int32), share)]
    while open_:
        part, at = open_.pop()
        if len(part) <= most:
            yield part
            continue
        coordinates = points.take(part, axis=0)
        axis = int(np.ptp(coordinates, axis=0).argmax())
        first = int(at * len(part))
        order = np.argpartition(coordinates[:, axis], first)
        open_ += [(part.take(order[first:]), 0.5), (part.take(order[:first]), 0.5)]
