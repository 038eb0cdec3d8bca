"""Which boxes rays meet: a tree of boxes, for boxes of any shape.

A grid (see ``BoxPairs``) has cells as large as the boxes are long; where a thousand needles lie side by side, as on a
cylinder from a CAD program, a cell holds all of them and a ray would be compared with each.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

_LEAF = 4
_CHUNK = 1_000_000
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
    if not len(points) or not len(low):
        return
    # Rounding must not lose a box that a ray only touches, nor one without thickness that it lies in.
    slack = 1e-7 * reach + 1e-12 * max(float(np.abs(low).max()), float(np.abs(high).max()))
    order, levels = _tree(low - slack, high + slack)
    steep = np.where(np.abs(directions) < 1e-200, 1e-200, directions)
    starts, slopes = np.ascontiguousarray(points.T), np.ascontiguousarray((1 / steep).T)
    waiting = [(0, np.arange(first, min(first + _CHUNK, len(points))), None) for first in range(0, len(points), _CHUNK)]
    while waiting:
        level, ray, node = waiting.pop()
        if node is None:
            node = np.zeros(len(ray), dtype=np.int64)
        bottom, top = levels[level]
        enter, leave = np.zeros(len(ray)), np.full(len(ray), reach + slack)
        for axis in range(3):
            start, slope = starts[axis][ray], slopes[axis][ray]
            one, other = (bottom[axis][node] - start) * slope, (top[axis][node] - start) * slope
            np.maximum(enter, np.minimum(one, other), out=enter)
            np.minimum(leave, np.maximum(one, other), out=leave)
        met = np.flatnonzero(enter <= leave)
        ray, node = ray[met], node[met]
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


def _tree(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]]]:
    """Order of the boxes in the last level, and the levels from the root on: corners (3, number of boxes) each."""
    order = np.argsort(_mortonCode((low + high) / 2), kind="stable")
    leaves = 1 << max(0, int(np.ceil(np.log2(max(len(low) / _LEAF, 1)))))
    # The last box stands in for those that are missing.
    padded = order[np.minimum(np.arange(leaves * _LEAF), len(order) - 1)]
    # Column by column: numpy gathers rows of three, and reduces along short axes, several times slower.
    bottom, top = (np.stack([corner[:, axis].take(padded) for axis in range(3)]) for corner in (low, high))
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


def _mortonCode(places: np.ndarray) -> np.ndarray:
    """Numbers along a curve that fills space, so that what is near each other comes near each other."""
    start = places.min(axis=0)
    extent = float((places.max(axis=0) - start).max()) or 1.0
    code = np.zeros(len(places), dtype=np.uint64)
    for axis in range(3):
        bits = ((places[:, axis] - start[axis]) / extent * (2**16 - 1)).astype(np.uint64)
        # Sixteen bits are moved apart until two free ones lie between each two: first eight, then four, two and one.
        for shift, mask in _APART:
            bits |= bits << shift
            bits &= mask
        code |= bits << np.uint64(axis)
    return code
