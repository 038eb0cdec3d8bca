"""Noise of an image, from places that happen to be uniform: nobody has to draw a region.

Every block of some millimeters within the slices has a standard deviation. Blocks in uniform tissue all have that of
the noise, blocks with structure have more, each another: the most frequent value is the noise (after the global noise
level of Christianson et al. 2015, AJR 205:W93). Blocks whose quarters differ by much more than noise would make them
are left out beforehand, for images with little uniform tissue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

BLOCK_MM = 5.0
FEWEST_BLOCKS = 20
# Quarters of a block of white noise differ by a third of its deviation; correlated noise by up to about this much.
QUARTERS_SHARE = 0.8
# Over a hundred values noise extends over about five deviations; an edge, with values on two sides, over two to three.
LEAST_EXTENT = 3.8
MOST_SLICES = 80


@dataclass
class NoiseLevel:
    """:ivar sd: standard deviation. :ivar level: mean value of the blocks. :ivar blocks: how many there were."""

    sd: float
    level: float
    blocks: int


@dataclass
class Blocks:
    """Square blocks within slices, each array (n,).

    :ivar mean: mean value. :ivar sd: standard deviation about the block's own plane.
    :ivar constant: whether all its values are the same.
    :ivar uniform: whether its values are spread as those of noise are.
    """

    mean: np.ndarray
    sd: np.ndarray
    constant: np.ndarray
    uniform: np.ndarray


def findBlocks(slices: Sequence[np.ndarray], spacing: np.ndarray) -> Blocks:
    """Blocks of about BLOCK_MM in evenly spread ones of some slices (j, i), as an array (k, j, i) has them."""
    width, height = (2 * max(3, round(BLOCK_MM / step / 2)) for step in spacing[:2])
    rows, columns = slices[0].shape[0] // height, slices[0].shape[1] // width
    if not rows or not columns:
        none = np.empty(0)
        return Blocks(none, none, none.astype(bool), none.astype(bool))
    parts = []
    v, u = (axis.ravel() for axis in np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j])
    for k in np.unique(np.linspace(0, len(slices) - 1, min(len(slices), MOST_SLICES)).astype(int)):
        cut = slices[k][: rows * height, : columns * width].astype(np.float64)
        square = cut.reshape(rows, height, columns, width).swapaxes(1, 2).reshape(rows * columns, height, width)
        halves = square.reshape(len(square), 2, height // 2, 2, width // 2).mean(axis=(2, 4)).reshape(len(square), 4)
        blocks = square.reshape(len(square), -1)
        mean = blocks.mean(axis=1)
        # The plane through the block is not noise: subtract the squares that it explains.
        energy = (blocks**2).sum(axis=1) - blocks.shape[1] * mean**2
        for slope in (u, v):
            energy -= (blocks @ slope) ** 2 / (slope @ slope)
        sd = np.sqrt(np.maximum(energy, 0) / (blocks.shape[1] - 3))
        extent = np.ptp(blocks, axis=1)
        uniform = (np.ptp(halves, axis=1) <= QUARTERS_SHARE * sd) & (extent >= LEAST_EXTENT * sd)
        parts.append((mean, sd, extent == 0, uniform))
    joined = [np.concatenate(part) for part in zip(*parts, strict=True)]
    return Blocks(*joined)


def noiseLevel(blocks: Blocks, chosen: np.ndarray) -> NoiseLevel | None:
    """Most frequent standard deviation among the chosen uniform blocks; None when there are too few."""
    chosen = chosen & blocks.uniform
    if np.count_nonzero(chosen) < FEWEST_BLOCKS:
        return None
    # Half-sample mode: the shortest interval with half of the values, again and again.
    part = np.sort(blocks.sd[chosen])
    while len(part) > 3:
        half = (len(part) + 1) // 2
        start = int((part[half - 1 :] - part[: len(part) - half + 1]).argmin())
        part = part[start : start + half]
    mode = float(part.mean())
    near = chosen & (np.abs(blocks.sd - mode) <= 0.25 * max(mode, 1e-9))
    level = float(np.median(blocks.mean[near])) if near.any() else float(np.median(blocks.mean[chosen]))
    return NoiseLevel(mode, level, int(np.count_nonzero(near)))
