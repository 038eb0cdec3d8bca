"""On which side a point lies, decided exactly: a float filter first, integers where it cannot tell.

Coordinates are float32 values held in float64 arrays, so every one is an integer times a power of two. Rows whose
differences fit 20 (in the plane: 30) bits of such a grid are decided in 64-bit integers, all others in Python's own
integers, which have no limit.
"""

from __future__ import annotations

import numpy as np

# Bounds of the rounding errors of the determinants below, as a multiple of the permanent (the same sum with absolute
# values): each product of differences passes at most seven (five) roundings of 2^-53.
_BOUND_3D = 16 * 2.0**-53
_BOUND_2D = 8 * 2.0**-53


def orientation3d(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> np.ndarray:
    """Sign of the volume of the tetrahedra a, b, c, d, exact.

    :param a, b, c, d: float64 (n, 3) holding float32 values, or (3,) broadcast against the others.
    :return: int8 (n,); 1 where d sees a, b, c counter-clockwise (it lies on the side (b - a) x (c - a) points to),
        -1 on the other side, 0 in the plane.
    """
    a, b, c, d = np.broadcast_arrays(*(np.atleast_2d(points) for points in (a, b, c, d)))
    u, v, w = b - a, c - a, d - a
    products = (
        u[:, 1] * v[:, 2],
        u[:, 2] * v[:, 1],
        u[:, 2] * v[:, 0],
        u[:, 0] * v[:, 2],
        u[:, 0] * v[:, 1],
        u[:, 1] * v[:, 0],
    )
    value = (
        w[:, 0] * (products[0] - products[1])
        + w[:, 1] * (products[2] - products[3])
        + w[:, 2] * (products[4] - products[5])
    )
    magnitude = [np.abs(product) for product in products]
    permanent = (
        np.abs(w[:, 0]) * (magnitude[0] + magnitude[1])
        + np.abs(w[:, 1]) * (magnitude[2] + magnitude[3])
        + np.abs(w[:, 2]) * (magnitude[4] + magnitude[5])
    )
    sign = np.sign(value).astype(np.int8)
    unsure = np.flatnonzero(~(np.abs(value) > _BOUND_3D * permanent))
    if len(unsure):
        sign[unsure] = _exactSigns([corner[unsure] for corner in (a, b, c, d)], bits=20)
    return sign


def orientation2d(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Sign of the area of the triangles a, b, c in the plane, exact.

    :param a, b, c: float64 (n, 2) holding float32 values, or (2,) broadcast against the others.
    :return: int8 (n,); 1 counter-clockwise, -1 clockwise, 0 in one line.
    """
    a, b, c = np.broadcast_arrays(*(np.atleast_2d(points) for points in (a, b, c)))
    u, v = b - a, c - a
    left, right = u[:, 0] * v[:, 1], u[:, 1] * v[:, 0]
    value = left - right
    sign = np.sign(value).astype(np.int8)
    unsure = np.flatnonzero(~(np.abs(value) > _BOUND_2D * (np.abs(left) + np.abs(right))))
    if len(unsure):
        sign[unsure] = _exactSigns([corner[unsure] for corner in (a, b, c)], bits=30)
    return sign


def collinear(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Whether three points of space lie in one line (or coincide), exact.

    :param a, b, c: float64 (n, 3) holding float32 values.
    :return: bool (n,).
    """
    result = np.ones(len(a), dtype=bool)
    for axes in ((0, 1), (1, 2), (2, 0)):
        left = np.flatnonzero(result)
        if len(left):
            flat = [points[left][:, axes] for points in (a, b, c)]
            result[left] = orientation2d(*flat) == 0
    return result


def _exactSigns(corners: list[np.ndarray], bits: int) -> np.ndarray:
    """Signs of the determinants of the corners less the first one; float64 (n, k) each, k = 2 or 3."""
    stacked = np.stack(corners, axis=1)
    unit = _gridExponents(stacked)
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = np.ldexp(stacked, -unit[:, None, None])
    fits = np.abs(scaled).max(axis=(1, 2)) < 2.0**52
    grid = np.where(fits[:, None, None], scaled, 0).astype(np.int64)
    differences = grid[:, 1:] - grid[:, :1]
    fits &= np.abs(differences).max(axis=(1, 2)) < 2**bits
    sign = np.zeros(len(stacked), dtype=np.int8)
    small = np.flatnonzero(fits)
    sign[small] = np.sign(_determinant(differences[small]))
    large = np.flatnonzero(~fits)
    if len(large):
        sign[large] = _unlimitedSigns(stacked[large], unit[large])
    return sign


def _gridExponents(stacked: np.ndarray) -> np.ndarray:
    """Exponent of the largest power of two that divides every coordinate of a row; int32 (n,)."""
    mantissa, exponent = np.frexp(stacked)
    digits = np.ldexp(np.abs(mantissa), 24).astype(np.int64)
    lowest = digits & -digits
    trailing = np.frexp(lowest.astype(np.float64))[1] - 1
    unit = np.where(digits == 0, 2**15, exponent - 24 + trailing)
    smallest = unit.reshape(len(stacked), -1).min(axis=1)
    return np.where(smallest == 2**15, 0, smallest).astype(np.int32)


def _determinant(rows):
    """Determinants of (n, 2, 2) or (n, 3, 3) integers; the last row multiplies the cross product of the others."""
    if rows.shape[1] == 2:
        return rows[:, 0, 0] * rows[:, 1, 1] - rows[:, 0, 1] * rows[:, 1, 0]
    u, v, w = rows[:, 0], rows[:, 1], rows[:, 2]
    return (
        w[:, 0] * (u[:, 1] * v[:, 2] - u[:, 2] * v[:, 1])
        + w[:, 1] * (u[:, 2] * v[:, 0] - u[:, 0] * v[:, 2])
        + w[:, 2] * (u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])
    )


def _unlimitedSigns(stacked: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """The same with Python's integers, for coordinates of very different size."""
    integers = np.empty(stacked.shape, dtype=object)
    flat = integers.reshape(len(stacked), -1)
    for row, (values, exponent) in enumerate(zip(stacked.reshape(len(stacked), -1), unit, strict=True)):
        for column, value in enumerate(values):
            numerator, denominator = float(value).as_integer_ratio()
            shift = -int(exponent) - (denominator.bit_length() - 1)
            flat[row, column] = numerator << shift if shift >= 0 else numerator >> -shift
    determinants = _determinant(integers[:, 1:] - integers[:, :1])
    return np.array([(value > 0) - (value < 0) for value in determinants], dtype=np.int8)
