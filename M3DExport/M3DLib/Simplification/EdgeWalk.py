"""From one end of a new edge to the other over the original triangles below it, many edges at a time.

Along the cut of a plane through the edge, upright on the surface, one original triangle after the other is passed. From
the place where one is entered to the place where it is left the distance between edge and triangle is a convex function
and so nowhere larger than at both. So the largest distance of the edge from the sides that are passed, and of its ends,
is a bound for all of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..Distance.TriangleDistance import cross, dot
from ..TwoThreads import inTwoThreads
from .TriangleFans import TriangleFans, expanded

# Edges at a time, and how many triangles are passed at most.
BLOCK, MOST_STEPS = 1 << 13, 200


@dataclass
class NearPoints:
    """Points and what of the original surface is near.

    :ivar columns: float64 (3, n). :ivar distance: (n,) mm, from the surface, an upper bound.
    :ivar triangle: (n,), of the original surface, no farther away than that.
    :ivar still: bool (n,), those that are the original vertices of the same numbers.
    """

    columns: np.ndarray
    distance: np.ndarray
    triangle: np.ndarray
    still: np.ndarray


def walkedDistance(
    fans: TriangleFans, points: NearPoints, edges: np.ndarray, limit: float, progress: Callable[[float], None]
) -> np.ndarray:
    """Upper bound of the distance of edges (k, 2) from the original surface all along, mm (k,).

    :param limit: walks end where the distance is larger.
    :return: infinite where a walk did not come to the end.
    """
    bound = np.empty(len(edges))

    def work(start: int) -> None:
        bound[start : start + BLOCK] = _Walk(fans, points, edges[start : start + BLOCK].T).run(limit)

    inTwoThreads(work, range(0, len(edges), BLOCK), progress)
    return bound


class _Walk:
    """Some edges on their way.

    :ivar right, left: the ends of the original side that each one passes next, either hand.
    """

    def __init__(self, fans: TriangleFans, points: NearPoints, edges: np.ndarray):
        self.fans, self.points = fans, points
        self.start, self.stop = edges
        self.begin, self.end = (points.columns.take(ends, axis=1) for ends in edges)
        upright = sum(self._normals(points.triangle.take(ends)) for ends in edges)
        # Points to the right of the way, when seen from outside.
        self.across = cross(self.end - self.begin, upright)
        self.offset = dot(self.across, self.begin)
        # The triangle in which the way ends; -1 where any one at the last vertex does.
        self.goal = np.where(points.still.take(self.stop), -1, points.triangle.take(self.stop))
        self.bound = np.maximum(points.distance.take(self.start), points.distance.take(self.stop))

    def _normals(self, triangles) -> np.ndarray:
        a, b, c = (self.fans.columns.take(corner, axis=1) for corner in self.fans.triangles.take(triangles, axis=0).T)
        normal = cross(b - a, c - a)
        normal /= np.maximum(np.sqrt(dot(normal, normal)), 1e-300)
        return normal

    def _isRight(self, edge, vertex) -> np.ndarray:
        across, offset = self.across.take(edge, axis=1), self.offset.take(edge)
        return dot(across, self.fans.columns.take(vertex, axis=1)) > offset

    def run(self, limit: float) -> np.ndarray:
        """The bounds; see :func:`walkedDistance`."""
        result = np.full(len(self.start), np.inf)
        still = self.points.still.take(self.start)
        edge, right, left, there = (
            np.concatenate(both) for both in zip(self._out(still), self._from(~still), strict=True)
        )
        result[edge[there]] = self.bound[edge[there]]
        edge, right, left = edge[~there], right[~there], left[~there]
        for _ in range(MOST_STEPS):
            ends = (self.fans.columns.take(vertex, axis=1) for vertex in (right, left))
            over = segmentDistance(self.begin.take(edge, axis=1), self.end.take(edge, axis=1), *ends)
            self.bound[edge] = np.maximum(self.bound[edge], over)
            near = np.flatnonzero(self.bound[edge] <= limit)
            edge, right, left = edge[near], right[near], left[near]
            which, triangle, vertex = self._beyond(right, left)
            edge, right, left = edge[which], right[which], left[which]
            stop = self.stop.take(edge)
            there = (triangle == self.goal.take(edge)) | (
                (self.goal.take(edge) < 0) & ((vertex == stop) | (right == stop) | (left == stop))
            )
            result[edge[there]] = self.bound[edge[there]]
            onward = np.flatnonzero(~there)
            if not len(onward):
                break
            edge, right, left, vertex = edge[onward], right[onward], left[onward], vertex[onward]
            isRight = self._isRight(edge, vertex)
            right, left = np.where(isRight, vertex, right), np.where(isRight, left, vertex)
        return result

    def _out(self, which):
        """Edges from an original vertex, the side opposite of it that they pass, and whether they are there already."""
        edge = np.flatnonzero(which)
        vertex = self.start.take(edge)
        row, triangle = self._around(vertex)
        corners = self.fans.triangles.take(triangle, axis=0)
        own = vertex.take(row)
        at = np.where(corners[:, 0] == own, 0, np.where(corners[:, 1] == own, 1, 2))
        places = np.arange(0, 3 * len(at), 3)
        right, left = (corners.ravel().take(places + (at + shift) % 3) for shift in (1, 2))
        edge = edge.take(row)
        stop, goal = self.stop.take(edge), self.goal.take(edge)
        there = (triangle == goal) | ((goal < 0) & ((right == stop) | (left == stop)))
        ahead = self._isRight(edge, right) & ~self._isRight(edge, left)
        return _oneEach(edge, right, left, there, ahead | there)

    def _from(self, which):
        """Edges from a point near a triangle, the side of it over which they leave, and whether they are there."""
        edge = np.flatnonzero(which)
        triangle = self.points.triangle.take(self.start.take(edge))
        corners = self.fans.triangles.take(triangle, axis=0).T
        isRight = [self._isRight(edge, corner) for corner in corners]
        right, left = corners[0].copy(), corners[1].copy()
        leaves = np.zeros(len(edge), dtype=bool)
        for at in range(3):
            here = isRight[at] & ~isRight[(at + 1) % 3]
            right[here], left[here] = corners[at][here], corners[(at + 1) % 3][here]
            leaves |= here
        stop, goal = self.stop.take(edge), self.goal.take(edge)
        there = (triangle == goal) | ((goal < 0) & (corners == stop).any(axis=0))
        return _oneEach(edge, right, left, there, leaves | there)

    def _around(self, vertex):
        begins = self.fans.first.take(vertex)
        row, within = expanded(self.fans.first.take(vertex + 1) - begins)
        return row, self.fans.around.take(begins.take(row) + within)

    def _beyond(self, right, left):
        """For sides their numbers, the triangle on the other side, and its third corner; only where there is one."""
        row, triangle = self._around(right)
        a, b, c = self.fans.triangles.take(triangle, axis=0).T
        ours, theirs = left.take(row), right.take(row)
        at = np.flatnonzero(
            ((a == ours) & (b == theirs)) | ((b == ours) & (c == theirs)) | ((c == ours) & (a == theirs))
        )
        row = row[at]
        once = np.flatnonzero(np.r_[True, row[1:] != row[:-1]]) if len(row) else row
        at, row = at[once], row[once]
        return row, triangle[at], a[at] + b[at] + c[at] - right[row] - left[row]


def _oneEach(edge, right, left, there, valid):
    """Of ways to begin those that are valid, one for each edge, rather one that is at the end at once."""
    valid = np.flatnonzero(valid)
    valid = valid[np.lexsort((~there[valid], edge[valid]))]
    own = edge[valid]
    if len(valid):
        valid = valid[np.r_[True, own[1:] != own[:-1]]]
    return edge[valid], right[valid], left[valid], there[valid]


def segmentDistance(a, b, c, d) -> np.ndarray:
    """Distance of the segments from a to b and from c to d, all (3, n), or a little more."""
    u, v, w = b - a, d - c, a - c
    uu, uv, vv, uw, vw = dot(u, u), dot(u, v), dot(v, v), dot(u, w), dot(v, w)
    s = ((uv * vw - vv * uw) / np.maximum(uu * vv - uv * uv, 1e-300)).clip(0, 1)
    t = ((uv * s + vw) / np.maximum(vv, 1e-300)).clip(0, 1)
    s = ((uv * t - uw) / np.maximum(uu, 1e-300)).clip(0, 1)
    w += s * u - t * v
    return np.sqrt(dot(w, w))
