"""Colors between sRGB and DICOM's CIELab encoding (PS3.3 C.10.7.1.1: profile connection space of ICC, white D50)."""

from __future__ import annotations

import numpy as np

# IEC 61966-2-1: linear sRGB to CIE XYZ (white D65), and the Bradford adaptation from D65 to D50 (ICC.1 Annex E).
_RGB_TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ],
)
_D65_TO_D50 = np.array(
    [
        [1.0478112, 0.0228866, -0.0501270],
        [0.0295424, 0.9904844, -0.0170491],
        [-0.0092345, 0.0150436, 0.7521316],
    ],
)
_TO_XYZ = _D65_TO_D50 @ _RGB_TO_XYZ
# White is what sRGB's own white becomes, so that grays have exactly a* = b* = 0.
_WHITE = _TO_XYZ @ np.ones(3)
_TO_RGB = np.linalg.inv(_TO_XYZ)
_DELTA = 6 / 29


def labFromRgb(rgb: tuple[float, float, float]) -> np.ndarray:
    """CIELab (D50) of an sRGB color: L* 0 to 100, a* and b* about -128 to 127; float64 (3,).

    :param rgb: each 0 to 1, gamma-encoded as screens and Slicer have it.
    """
    value = np.clip(np.asarray(rgb, dtype=np.float64), 0, 1)
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    ratio = (_TO_XYZ @ linear) / _WHITE
    x, y, z = np.where(ratio > _DELTA**3, np.cbrt(ratio), ratio / (3 * _DELTA**2) + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def rgbFromLab(lab: np.ndarray) -> tuple[float, float, float]:
    """sRGB of a CIELab (D50) color, L*, a* and b* (3,), each clipped to 0 to 1."""
    lightness, a, b = lab
    y = (lightness + 16) / 116
    root = np.array([y + a / 500, y, y - b / 200])
    xyz = _WHITE * np.where(root > _DELTA, root**3, 3 * _DELTA**2 * (root - 4 / 29))
    linear = np.clip(_TO_RGB @ xyz, 0, 1)
    value = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return tuple(float(part) for part in np.clip(value, 0, 1))


def encodeLab(lab: np.ndarray) -> list[int]:
    """CIELab as three unsigned 16-bit numbers: L* from 0 to 100, a* and b* from -128 to 127 over the whole range."""
    lightness, a, b = lab
    scaled = np.array([lightness / 100, (a + 128) / 255, (b + 128) / 255]) * 65535
    return [int(part) for part in np.clip(np.round(scaled), 0, 65535)]


def decodeLab(encoded) -> np.ndarray:
    """The opposite of :func:`encodeLab`; float64 (3,)."""
    lightness, a, b = (int(part) / 65535 for part in encoded)
    return np.array([lightness * 100, a * 255 - 128, b * 255 - 128])
