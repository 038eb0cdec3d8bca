"""Do two triangles meet? Exact, for many pairs at once, with a quick rejection of the pairs that plainly do not."""

from __future__ import annotations

import numpy as np

from .ExactPredicates import orientation2d, orientation3d

APART = 0
TOUCHING = 1
CROSSING = 2

_EDGES = ((0, 1), (1, 2), (2, 0))


def plainlyApart(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Pairs that a plane or a line parallel to an edge separates by more than rounding could make up.

    :param first, second: float64 (n, 3 corners, 3 axes).
    :return: bool (n,); False says nothing.
    """
    apart = np.zeros(len(first), dtype=bool)
    # Everything relative to one corner: far from the origin the digits would go to the position.
    a = first - first[:, :1]
    b = second - first[:, :1]
    for triangle, points in ((a, b), (b, a)):
        left = np.flatnonzero(~apart)
        apart[left] = _plainlyBeyond(triangle[left], points[left])
    return apart


def _plainlyBeyond(triangle: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Rows whose three points lie on one side of the triangle's plane, or beyond one of its edges."""
    edges = triangle[:, [1, 2, 0]] - triangle
    normal = cross(edges[:, 0], edges[:, 1])
    # What rounding could add to a height, with lengths to the power of the factors in it.
    length = _largest(edges)
    bound = 1e-13 * length**2 * (_largest(points) + _largest(triangle))
    one, two, three = _heights(points, triangle[:, 0], normal).T
    lowest, highest = np.minimum(np.minimum(one, two), three), np.maximum(np.maximum(one, two), three)
    beyond = (lowest > bound) | (highest < -bound)
    near = np.flatnonzero(~beyond)
    bound = (bound * length)[near]
    for edge in range(3):
        # Points out of the triangle across this edge, within its plane.
        outward = cross(edges[near, edge], normal[near])
        one, two, three = _heights(points[near], triangle[near, edge], outward).T
        beyond[near] |= np.minimum(np.minimum(one, two), three) > bound
    return beyond


def meeting(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """How two triangles that share no corner meet, exact.

    :param first, second: float64 (n, 3 corners, 3 axes) holding float32 values; no triangle may be degenerate.
    :return: int8 (n,): APART, TOUCHING (a corner or an edge lies on the other one) or CROSSING (an edge passes through
        the inside of the other one, or both lie in one plane and overlap).
    """
    result = np.zeros(len(first), dtype=np.int8)
    for one, other in ((first, second), (second, first)):
        for start, end in _EDGES:
            left = np.flatnonzero(result < CROSSING)
            if not len(left):
                return result
            how = segmentMeetsTriangle(one[left, start], one[left, end], other[left])
            result[left] = np.maximum(result[left], how)
    return result


def segmentMeetsTriangle(p: np.ndarray, q: np.ndarray, triangle: np.ndarray) -> np.ndarray:
    """How a closed segment meets a closed triangle, exact.

    :param p, q: float64 (n, 3), ends of the segments.
    :param triangle: float64 (n, 3 corners, 3 axes), not degenerate.
    :return: int8 (n,): APART, TOUCHING or CROSSING.
    """
    a, b, c = triangle[:, 0], triangle[:, 1], triangle[:, 2]
    result = np.zeros(len(p), dtype=np.int8)
    sideP, sideQ = orientation3d(a, b, c, p), orientation3d(a, b, c, q)
    through = np.flatnonzero((sideP * sideQ <= 0) & ((sideP != 0) | (sideQ != 0)))
    if len(through):
        ends = p[through], q[through]
        sides = np.stack(
            [orientation3d(*ends, one[through], other[through]) for one, other in ((a, b), (b, c), (c, a))], axis=1
        )
        meets = (sides >= 0).all(axis=1) | (sides <= 0).all(axis=1)
        strict = (sides != 0).all(axis=1) & (sideP[through] * sideQ[through] < 0)
        result[through] = np.where(meets, np.where(strict, CROSSING, TOUCHING), APART)
    flat = np.flatnonzero((sideP == 0) & (sideQ == 0))
    if len(flat):
        result[flat] = _meetingInPlane(p[flat], q[flat], triangle[flat])
    return result


def foldedOver(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> np.ndarray:
    """Whether triangles a, b, c and a, b, d, which share the edge a b, lie in one plane on the same side of it.

    :param a, b, c, d: float64 (n, 3) holding float32 values.
    :return: bool (n,).
    """
    result = orientation3d(a, b, c, d) == 0
    flat = np.flatnonzero(result)
    if len(flat):
        axes = _projection(a[flat], b[flat], c[flat])
        a2, b2, c2, d2 = (np.take_along_axis(points[flat], axes, axis=1) for points in (a, b, c, d))
        result[flat] = orientation2d(a2, b2, c2) == orientation2d(a2, b2, d2)
    return result


def _meetingInPlane(p, q, triangle) -> np.ndarray:
    """The same for a segment in the plane of the triangle: CROSSING when it runs through the triangle's inside."""
    axes = _projection(triangle[:, 0], triangle[:, 1], triangle[:, 2])
    p, q = (np.take_along_axis(points, axes, axis=1) for points in (p, q))
    corners = [np.take_along_axis(triangle[:, corner], axes, axis=1) for corner in range(3)]
    turn = orientation2d(*corners)
    sidesP, sidesQ = (
        np.stack([turn * orientation2d(corners[start], corners[end], point) for start, end in _EDGES], axis=1)
        for point in (p, q)
    )
    # A line parallel to an edge, or the segment's own line, separates two convex shapes of the plane if anything does.
    beyond = ((sidesP < 0) & (sidesQ < 0)).any(axis=1)
    beside = ((sidesP <= 0) & (sidesQ <= 0)).any(axis=1)
    line = np.stack([orientation2d(p, q, corner) for corner in corners], axis=1)
    aside = (line > 0).all(axis=1) | (line < 0).all(axis=1)
    along = (line >= 0).all(axis=1) | (line <= 0).all(axis=1)
    return np.where(beyond | aside, APART, np.where(beside | along, TOUCHING, CROSSING)).astype(np.int8)


def _projection(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """The two axes to keep so that the triangles do not collapse in projection; int64 (n, 2)."""
    normal = np.abs(cross(b - a, c - a))
    dropped = normal.argmax(axis=1)
    choices = np.array([[1, 2], [2, 0], [0, 1]])
    axes = choices[dropped]
    # For a sliver the float normal may mislead; then the exact test picks an axis.
    for axis in range(3):
        flat = [np.take_along_axis(points, axes, axis=1) for points in (a, b, c)]
        collapsed = orientation2d(*flat) == 0
        if not collapsed.any():
            break
        axes[collapsed] = choices[axis]
    return axes


def _heights(points: np.ndarray, origin: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Heights of the three points of each row above its origin; (n, 3, 3), (n, 3), (n, 3) to (n, 3)."""
    return np.einsum("nij,nj->ni", points - origin[:, None], direction)


def _largest(values: np.ndarray) -> np.ndarray:
    """Largest absolute value of each row of (n, 3, 3), column by column: a reduction along short axes is slow."""
    columns = np.abs(values.reshape(len(values), 9)).T
    result = columns[0].copy()
    for column in columns[1:]:
        np.maximum(result, column, out=result)
    return result


def cross(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Cross product of rows; several times quicker than numpy's for (n, 3)."""
    result = np.empty(np.broadcast_shapes(u.shape, v.shape))
    for axis in range(3):
        one, two = (axis + 1) % 3, (axis + 2) % 3
        result[..., axis] = u[..., one] * v[..., two] - u[..., two] * v[..., one]
    return result
