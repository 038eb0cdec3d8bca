"""Percentiles of values that stand for unequal shares of a whole, as vertices do of an area."""

from __future__ import annotations

import numpy as np

CODES = 1 << 16
BLOCK = 1 << 17


def weightedPercentiles(values: np.ndarray, weights: np.ndarray, percents: list[float]) -> np.ndarray:
    """Percentiles of values (n,) that stand for unequal shares of the whole; NaN when there are none.

    A value sits in the middle of its own share, as in the usual definition for equal shares.
    """
    if not len(values) or weights.sum() <= 0:
        return np.full(len(percents), np.nan)
    parts = [slice(start, start + BLOCK) for start in range(0, len(values), BLOCK)]
    mass, number = np.zeros(CODES), np.zeros(CODES, dtype=np.int64)
    for part in parts:
        codes = _codes(values[part])
        mass += np.bincount(codes, weights[part], CODES)
        number += np.bincount(codes, minlength=CODES)
    # Sorting everything would take several times the memory of the values: only those near the percentiles are sorted.
    occupied = np.flatnonzero(number)
    sums = np.cumsum(mass[occupied])
    shares = np.asarray(percents) / 100
    at = np.searchsorted(sums, shares * sums[-1])
    wanted = np.zeros(CODES, dtype=bool)
    for shift in (-1, 0, 1):
        wanted[occupied[np.clip(at + shift, 0, len(occupied) - 1)]] = True
    picked = np.concatenate([part.start + np.flatnonzero(wanted[_codes(values[part])]) for part in parts])
    picked = picked[np.argsort(values[picked], kind="stable")]
    values, weights = values[picked].astype(np.float64), weights[picked].astype(np.float64)
    group = np.searchsorted(occupied, _codes(values))
    before, own = sums[group] - mass[occupied[group]], np.cumsum(weights)
    place = before + own - (own - weights)[np.searchsorted(group, group)] - weights / 2
    return np.interp(shares, place / sums[-1], values)


def _codes(values: np.ndarray) -> np.ndarray:
    """Numbers from 0 to ``CODES`` - 1 that never fall where values (n,) rise: the upper bits of their float32."""
    # Adding 0.0 turns -0.0 into 0.0.
    bits = (values.astype(np.float32) + np.float32(0)).view(np.int32) >> 16
    return np.where(bits >= 0, bits + CODES // 2, -1 - bits)
