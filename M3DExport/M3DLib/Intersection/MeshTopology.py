"""How the triangles of a mesh hang together: shared points, edges, holes, fans and bodies.

Everything is about the *working* triangles: points at the same place count as one, and triangles that have collapsed to
a line or that lie on another triangle are left out, so that such a defect is reported once, as itself, and not a second
time as a hole or as a triple edge.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

# Rows looked at together: what is held for them stays in the processor's cache.
_BLOCK = 1 << 15
# Around points of more triangles it is not gone corner by corner.
_MOST_STEPS = 64


@dataclass
class MeshTopology:
    """Connections between the working triangles.

    :ivar points: float64 (n, 3), the mesh's points, LPS mm.
    :ivar triangles: int32 or int64 (w, 3), indices into ``points``; of points at the same place the first is used
        throughout.
    :ivar original: int64 (w,), number of each working triangle in the mesh.
    """

    points: np.ndarray
    triangles: np.ndarray
    original: np.ndarray

    @cached_property
    def _sides(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Points of each edge, smaller first, (e, 2) of the type of ``triangles``; half-edge numbers (3 t + corner),
        those of an edge beside each other; and the place where each edge begins.
        """
        count, number = len(self.points), self.triangles.size
        key = np.empty(self.triangles.shape, dtype=np.int64)
        for corner in range(3):
            start, end = self.triangles[:, corner], self.triangles[:, (corner + 1) % 3]
            np.multiply(np.minimum(start, end), count, out=key[:, corner], dtype=np.int64)
            key[:, corner] += np.maximum(start, end)
        key = key.reshape(-1)
        numberBits = number.bit_length()
        type_ = np.int32 if number < 1 << 31 else np.int64
        if (count * count).bit_length() + numberBits <= 63:
            # Key and number sorted as one integer: several times quicker than sorting an index.
            key <<= numberBits
            key |= np.arange(number)
            key.sort()
            halfEdge = (key & ((1 << numberBits) - 1)).astype(type_)
            key >>= numberBits
        else:
            order = np.argsort(key, kind="stable")
            key, halfEdge = key[order], order.astype(type_)
            del order
        first = np.flatnonzero(np.r_[True, key[1:] != key[:-1]]) if number else np.empty(0, dtype=np.int64)
        key = key[first]
        points = np.empty((len(first), 2), dtype=self.triangles.dtype)
        np.floor_divide(key, max(count, 1), out=points[:, 0], casting="unsafe")
        np.remainder(key, max(count, 1), out=points[:, 1], casting="unsafe")
        return points, halfEdge, first.astype(type_)

    def forgetEdges(self) -> None:
        """Let go of the list of all edges, some 50 bytes per triangle; made anew where it is asked for again."""
        for name in ("_sides", "edgeUse", "neighbors", "turnedNeighbors"):
            self.__dict__.pop(name, None)

    @property
    def halfEdges(self) -> tuple[np.ndarray, np.ndarray]:
        """Half-edge numbers (3 t + corner), those of an edge beside each other, (3 w,); where each edge begins, (e,);
        integers.
        """
        return self._sides[1:]

    @cached_property
    def edgeUse(self) -> np.ndarray:
        """Number of triangles at each edge, integers (e,)."""
        halfEdge, first = self.halfEdges
        return np.diff(np.append(first, first.dtype.type(len(halfEdge))))

    @property
    def edgePoints(self) -> np.ndarray:
        """The two points of each edge, smaller index first, integers (e, 2)."""
        return self._sides[0]

    @cached_property
    def neighbors(self) -> tuple[np.ndarray, np.ndarray]:
        """The two half-edges (3 t + corner) of every edge with exactly two triangles, integers (k,) each."""
        halfEdge, first = self.halfEdges
        double = first[self.edgeUse == 2]
        return halfEdge[double], halfEdge[double + 1]

    @cached_property
    def boundaryHalfEdges(self) -> np.ndarray:
        """Half-edges (3 t + corner) of edges with only one triangle, integers (k,)."""
        halfEdge, first = self.halfEdges
        return halfEdge[first[self.edgeUse == 1]]

    @cached_property
    def crowdedEdges(self) -> np.ndarray:
        """Numbers of the edges with more than two triangles, integers (k,)."""
        return np.flatnonzero(self.edgeUse > 2)

    @cached_property
    def crowdedHalfEdges(self) -> tuple[np.ndarray, np.ndarray]:
        """Edge and half-edge (3 t + corner), integers (k,) each, for every triangle at an edge with more than two."""
        halfEdge, first = self.halfEdges
        use = self.edgeUse[self.crowdedEdges]
        begin = np.repeat(first[self.crowdedEdges] - np.cumsum(use) + use, use)
        return np.repeat(self.crowdedEdges, use), halfEdge[begin + np.arange(len(begin))]

    def edgeEnds(self, halfEdges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points (k,) where half-edges (k,) start and end, in the direction their triangle has them."""
        triangle, corner = halfEdges // 3, halfEdges % 3
        return self.triangles[triangle, corner], self.triangles[triangle, (corner + 1) % 3]

    @cached_property
    def turnedNeighbors(self) -> np.ndarray:
        """Whether the two triangles of each pair in ``neighbors`` run along their edge in the same direction, so that
        one of them faces the wrong way; bool (k,).
        """
        one, other = self.neighbors
        return self.edgeEnds(one)[0] == self.edgeEnds(other)[0]

    @cached_property
    def patches(self) -> np.ndarray:
        """Number of the piece of surface each triangle belongs to, connected across edges with exactly two triangles;
        int32 (w,).
        """
        one, other = self.neighbors
        return connectedComponents(len(self.triangles), one // 3, other // 3)

    @cached_property
    def boundaryLoops(self) -> list[np.ndarray]:
        """The holes: half-edges, integers (k,), of each connected run of boundary edges, longest first."""
        halfEdges = self.boundaryHalfEdges
        if not len(halfEdges):
            return []
        start, end = self.edgeEnds(halfEdges)
        _, compact = np.unique(np.r_[start, end], return_inverse=True)
        run = connectedComponents(int(compact.max()) + 1, compact[: len(start)], compact[len(start) :])
        ofEdge = run[compact[: len(start)]]
        order = np.argsort(ofEdge, kind="stable")
        loops = np.split(halfEdges[order], np.flatnonzero(np.diff(ofEdge[order])) + 1)
        return sorted(loops, key=self.lengthMm, reverse=True)

    def lengthMm(self, halfEdges: np.ndarray) -> float:
        """Sum of the lengths of half-edges, mm."""
        start, end = self.edgeEnds(halfEdges)
        return float(np.linalg.norm(self.points[end] - self.points[start], axis=1).sum())

    @cached_property
    def pinchedPoints(self) -> np.ndarray:
        """Points where surfaces touch in the point alone: more than one fan of triangles, at least one of them closed.

        Points of edges with more than two triangles are left out (the edge is the defect), and so are points where only
        open fans meet (several holes meeting in a point; the holes are the defect).
        """
        if not len(self.triangles):
            return np.empty(0, dtype=np.int64)
        count = len(self.points)
        point = self.triangles.reshape(-1)
        ordinary = np.ones(count, dtype=bool)
        start, end = self.edgeEnds(self.boundaryHalfEdges)
        ordinary[start] = ordinary[end] = False
        one, other = self.neighbors
        turned = self.turnedNeighbors
        ordinary[np.concatenate(self.edgeEnds(one[turned]))] = False
        crowded = self.edgePoints[self.crowdedEdges].reshape(-1)
        ordinary[crowded] = False

        # Around an ordinary point each corner has a next one. Whoever is back where he began before he has come by all
        # corners of the point has gone around one fan of several.
        following = np.arange(len(point), dtype=self.triangles.dtype)
        one, other = one[~turned], other[~turned]
        following[one] = _nextCorner(other)
        following[other] = _nextCorner(one)
        begin = np.zeros(count, dtype=self.triangles.dtype)
        begin[point] = np.arange(len(point), dtype=begin.dtype)
        left = np.bincount(point, minlength=count)
        pinched = np.zeros(count, dtype=bool)
        at = np.flatnonzero(ordinary & (left > 0))
        corner, start, left = begin[at], begin[at], left[at]
        for _ in range(_MOST_STEPS):
            corner = following.take(corner)
            left -= 1
            back = corner == start
            if back.any():
                pinched[at[back & (left > 0)]] = True
                on = np.flatnonzero(~back)
                at, corner, start, left = (values.take(on) for values in (at, corner, start, left))
            if not len(at):
                break

        # Points at a boundary or beside a turned triangle, and of very many: their corners are joined one by one.
        special = ~ordinary
        special[crowded] = False
        special[at] = True
        if special.any():
            pinched |= self._pinchedAmong(special)
        return np.flatnonzero(pinched)

    def _pinchedAmong(self, special: np.ndarray) -> np.ndarray:
        """The same for marked points, whatever their triangles look like."""
        corners = np.flatnonzero(special[self.triangles.reshape(-1)])
        compact = np.full(self.triangles.size, -1, dtype=np.int64)
        compact[corners] = np.arange(len(corners))
        one, other = self.neighbors
        pairs = []
        for cornerOne, cornerOther in self._cornersAcross(one, other):
            use = (compact[cornerOne] >= 0) & (compact[cornerOther] >= 0)
            pairs.append((compact[cornerOne[use]], compact[cornerOther[use]]))
        fan = connectedComponents(len(corners), *(np.concatenate(side) for side in zip(*pairs, strict=True)))
        point = self.triangles.reshape(-1)[corners]
        fans = int(fan.max()) + 1
        pointOfFan = np.zeros(fans, dtype=np.int64)
        pointOfFan[fan] = point
        openFan = np.zeros(fans, dtype=bool)
        ends = np.concatenate([self.boundaryHalfEdges, _nextCorner(self.boundaryHalfEdges)])
        openFan[fan[compact[ends]]] = True
        number = np.bincount(pointOfFan, minlength=len(self.points))
        closed = np.bincount(pointOfFan[~openFan], minlength=len(self.points))
        return special & (number > 1) & (closed > 0)

    def _cornersAcross(self, one: np.ndarray, other: np.ndarray):
        """Pairs of corners at the same point on the two sides of an edge, for both ends of the edge."""
        oneStart, otherStart = self.edgeEnds(one)[0], self.edgeEnds(other)[0]
        same = oneStart == otherStart
        yield one, np.where(same, other, _nextCorner(other))
        yield _nextCorner(one), np.where(same, _nextCorner(other), other)

    def centers(self, triangles: np.ndarray) -> np.ndarray:
        """Centers of working triangles, float64 (k, 3), LPS mm."""
        return self.points[self.triangles[triangles]].mean(axis=1)


def connectedComponents(count: int, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Number of the connected component of each of ``count`` nodes joined by pairs; int32 (count,)."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    if not count:
        return np.empty(0, dtype=np.int32)
    graph = coo_matrix((np.ones(len(one), dtype=bool), (one, other)), shape=(count, count)).tocsr()
    return connected_components(graph, directed=False)[1]


def firstAtSamePlace(points: np.ndarray) -> np.ndarray:
    """For each point the number of the first point with exactly the same coordinates; int64 (n,).

    :param points: float32 (n, 3); 0.0 and -0.0 are the same.
    """
    return firstEqualRow((np.asarray(points, dtype=np.float32) + np.float32(0)).view(np.uint32))


def firstEqualRow(rows: np.ndarray) -> np.ndarray:
    """For each row of three non-negative integers the number of the first row equal to it; int64 (n,)."""
    first = np.arange(len(rows), dtype=np.int64)
    factors = [np.uint64(factor) for factor in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9)]
    hashed = np.empty(len(rows), dtype=np.uint64)
    for start in range(0, len(rows), _BLOCK):
        part = rows[start : start + _BLOCK]
        a, b, c = (part[:, place].astype(np.uint64) * factor for place, factor in enumerate(factors))
        hashed[start : start + _BLOCK] = a ^ (b >> np.uint64(7)) ^ (c << np.uint64(3)) ^ (c >> np.uint64(31))
    ordered = np.sort(hashed)
    repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    if not len(repeated):
        return first
    # Equal hashes are only suspects; the rows themselves decide.
    suspects = np.flatnonzero(np.isin(hashed, np.unique(repeated)))
    _, earliest, group = np.unique(rows[suspects], axis=0, return_index=True, return_inverse=True)
    first[suspects] = suspects[earliest[group.reshape(-1)]]
    return first


def _nextCorner(halfEdges: np.ndarray) -> np.ndarray:
    """The corner at which each half-edge ends."""
    return np.where(halfEdges % 3 == 2, halfEdges - 2, halfEdges + 1)
