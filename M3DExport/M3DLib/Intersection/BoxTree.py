"""Which boxes rays meet: a tree of boxes, for boxes of any shape.

A grid (see ``BoxPairs``) has cells as large as the boxes are long; where a thousand needles lie side by side, as on a
cylinder from a CAD program, a cell holds all of them and a ray would be compared with each.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

_LEAF = 4
_CHUNK = 1_000_000
# So many rays near each other go through the upper levels as one.
_BUNDLE = 8
_APART = tuple(
    (np.uint64(shift), np.uint64(mask))
    for shift, mask in ((16, 0x0000FF0000FF), (8, 0x00F00F00F00F), (4, 0x0C30C30C30C3), (2, 0x249249249249))
)


def raysMeetingBoxes(
    points: np.ndarray, directions: np.ndarray, reach: float, low: np.ndarray, high: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of a ray and a box that it meets or all but meets, each pair once, in portions.

    :param points, directions: float64 (n, 3); directions of length 1.
    :param reach: length of the rays.
    :param low, high: float64 (m, 3), lower and upper corners of the boxes.
    :return: portions (i, j): number of the ray, number of the box; int64 each.
    """
    if len(low):
        yield from BoxTree(low, high, reach).met(points, directions, reach)


class BoxTree:
    """A tree of boxes, for rays that are cast several times."""

    def __init__(self, low: np.ndarray, high: np.ndarray, longest: float):
        """:param low, high: float64 or float32 (m, 3), lower and upper corners; at least one.
        :param longest: no ray is longer.
        """
        # Rounding must not lose a box that a ray only touches, nor one without thickness that it lies in.
        self.slack = 1e-7 * longest + 1e-12 * max(float(np.abs(low).max()), float(np.abs(high).max()))
        self.order, self.levels = _tree(low, high, self.slack)

    def met(self, points: np.ndarray, directions: np.ndarray, reach: float) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Portions (ray, box), integers (k,) each, of the boxes that rays meet, as :func:`raysMeetingBoxes` says.

        :param points, directions: float64 (r, 3), where the rays begin and their unit vectors.
        :param reach: length of the rays, at most that of the tree.
        """
        order, levels = self.order, self.levels
        steep = np.where(np.abs(directions) < 1e-200, 1e-200, directions)
        starts, slopes = np.ascontiguousarray(points.T), np.ascontiguousarray((1 / steep).T)
        waiting = list(self._begun(points, directions, reach))
        while waiting:
            level, ray, node = waiting.pop()
            bottom, top = levels[level]
            enter, leave = np.zeros(len(ray)), np.full(len(ray), reach + self.slack)
            for axis in range(3):
                start, slope = starts[axis].take(ray), slopes[axis].take(ray)
                one, other = (bottom[axis].take(node) - start) * slope, (top[axis].take(node) - start) * slope
                np.maximum(enter, np.minimum(one, other), out=enter)
                np.minimum(leave, np.maximum(one, other), out=leave)
            met = np.flatnonzero(enter <= leave)
            ray, node = ray.take(met), node.take(met)
            if not len(ray):
                continue
            if level == len(levels) - 1:
                real = node < len(order)
                yield ray[real], order[node[real]]
                continue
            children = _LEAF if level == len(levels) - 2 else 2
            ray, node = np.repeat(ray, children), (node[:, None] * children + np.arange(children)).reshape(-1)
            for first in range(0, len(ray), _CHUNK):
                waiting.append((level + 1, ray[first : first + _CHUNK], node[first : first + _CHUNK]))

    def _begun(self, points, directions, reach: float) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Where rays begin: a level, and there rays and nodes that they may meet.

        The upper levels are asked for bundles of rays near each other, by the boxes around these.
        """
        if not len(points):
            return
        along = np.argsort(_mortonCode(points, points), kind="stable")
        first = np.arange(0, len(along), _BUNDLE)
        ends = points + directions * (reach + 2 * self.slack)
        start = [np.minimum.reduceat(np.minimum(points[along, axis], ends[along, axis]), first) for axis in range(3)]
        end = [np.maximum.reduceat(np.maximum(points[along, axis], ends[along, axis]), first) for axis in range(3)]
        bundle, node = np.arange(len(first)), np.zeros(len(first), dtype=np.int64)
        for level, (bottom, top) in enumerate(self.levels):
            met = np.ones(len(bundle), dtype=bool)
            for axis in range(3):
                met &= bottom[axis].take(node) <= end[axis].take(bundle)
                met &= top[axis].take(node) >= start[axis].take(bundle)
            bundle, node = bundle[met], node[met]
            if level >= len(self.levels) - 2 or bottom.shape[1] >= 2 * len(first):
                break
            bundle, node = np.repeat(bundle, 2), (2 * node[:, None] + np.arange(2)).reshape(-1)
        for begin in range(0, len(bundle), _CHUNK // _BUNDLE):
            part = slice(begin, begin + _CHUNK // _BUNDLE)
            place = bundle[part, None] * _BUNDLE + np.arange(_BUNDLE)
            there = place < len(along)
            yield level, along[place[there]], np.broadcast_to(node[part, None], place.shape)[there]


def _tree(
    low: np.ndarray, high: np.ndarray, slack: float = 0.0
) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]]]:
    """Order of the boxes in the last level, and the levels from the root on: corners (3, number of boxes) each, float32
    and rounded away from the boxes.

    :param slack: by how much the boxes are widened on every side.
    """
    order = np.argsort(_mortonCode(low, high), kind="stable")
    leaves = 1 << max(0, int(np.ceil(np.log2(max(len(low) / _LEAF, 1)))))
    # The last box stands in for those that are missing.
    padded = order[np.minimum(np.arange(leaves * _LEAF), len(order) - 1)]
    bottom, top = (np.empty((3, len(padded)), dtype=np.float32) for _ in range(2))
    # Column by column: numpy gathers rows of three, and reduces along short axes, several times slower.
    for axis in range(3):
        for corner, wide, result in ((low, -slack, bottom), (high, slack, top)):
            values = corner[:, axis].take(padded).astype(np.float64)
            values += wide
            towards = np.float32(-np.inf if result is bottom else np.inf)
            np.nextafter(values.astype(np.float32), towards, out=result[axis])
    levels = [(bottom, top)]
    bottom, top = _joined(*_joined(bottom, top))
    levels.append((bottom, top))
    while bottom.shape[1] > 1:
        bottom, top = _joined(bottom, top)
        levels.append((bottom, top))
    return order, levels[::-1]


def _joined(bottom: np.ndarray, top: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (3, n) that hold two neighbors each, (3, n / 2)."""
    return np.minimum(bottom[:, ::2], bottom[:, 1::2]), np.maximum(top[:, ::2], top[:, 1::2])


def _mortonCode(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Numbers along a curve that fills space, so that boxes near each other come near each other."""
    start = (low.min(axis=0).astype(np.float64) + high.min(axis=0)) / 2
    extent = float(((low.max(axis=0).astype(np.float64) + high.max(axis=0)) / 2 - start).max()) or 1.0
    code = np.zeros(len(low), dtype=np.uint64)
    for axis in range(3):
        middle = (low[:, axis].astype(np.float64) + high[:, axis]) / 2
        bits = np.clip((middle - start[axis]) / extent * (2**16 - 1), 0, 2**16 - 1).astype(np.uint64)
        # Sixteen bits are moved apart until two free ones lie between each two: first eight, then four, two and one.
        for shift, mask in _APART:
            bits |= bits << shift
            bits &= mask
        code |= bits << np.uint64(axis)
    return code
