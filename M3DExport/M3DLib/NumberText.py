"""Numbers as people read them: the one place where digits, signs and units are written, for every face and sentence.

A number has the digits that its uncertainty leaves it, or three; what stands before the decimal point is never cut, and
counts are exact. Limits and settings, which somebody has chosen, keep all their digits.
"""

from __future__ import annotations

import math
from numbers import Integral, Real

MINUS = "−"
FIGURES = 3
# Nothing that is measured here is known any better.
FINEST_MM = 0.001
# A share between these is written as one between them, however near to nothing or everything it is.
_LEAST_PERCENT, _MOST_PERCENT = 0.01, 99.99
_SYMBOLS = {"mm2": "mm²", "mm3": "mm³"}
ONE_OF_MANY = {
    "bodies": "body",
    "cavities": "cavity",
    "days": "day",
    "edges": "edge",
    "holes": "hole",
    "islands": "island",
    "bridges": "bridge",
    "parts": "part",
    "points": "point",
    "remarks": "remark",
    "shells": "shell",
    "slices": "slice",
    "triangles": "triangle",
}


def decimalsOf(value: float, uncertainty: float | None = None, figures: int = FIGURES) -> int:
    """How many digits behind the point a measured value is written with.

    :param uncertainty: of the value, in its unit: its first digit is the last one that is written; None where it is not
        known, and the value then has ``figures`` significant digits at most.
    """
    if uncertainty is not None and uncertainty > 0 and math.isfinite(uncertainty):
        return max(0, -math.floor(math.log10(uncertainty)))
    if not value or not math.isfinite(value):
        return 0
    exponent = math.floor(math.log10(abs(value)))
    # 0.9996 has three digits as 1.00, not as 1.000.
    exponent += round(abs(value) / 10.0**exponent, figures - 1) >= 10
    return max(0, figures - 1 - exponent)


def rounded(value: float, uncertainty: float | None = None, limits: tuple = ()) -> float:
    """A measured value with the digits it is written with.

    :param limits: that it is judged by: the rounded value lies on the same side of each of them as the value does, so
        that no number that fails looks as if it kept its limit.
    """
    return round(value, _decimalsBeside(value, uncertainty, limits)) + 0.0


def _decimalsBeside(value: float, uncertainty: float | None, limits: tuple) -> int:
    decimals = decimalsOf(value, uncertainty)
    known = [limit for limit in limits if limit is not None]
    for more in range(decimals, 15):
        near = round(value, more)
        # Where a difference is no more than the rounding of the computer, it decides nothing (Requirement.judge).
        if all(_sameSide(near, value, limit) for limit in known):
            return more
    return 15


def _sameSide(near: float, value: float, limit: float) -> bool:
    # What lies at the limit but for the rounding of the computer is at the limit (Requirement.judge).
    isAtIt = abs(value - limit) <= 1e-9 * max(1.0, abs(value))
    return isAtIt or (near > limit, near < limit) == (value > limit, value < limit)


def number(value: object, uncertainty: float | None = None, limits: tuple = ()) -> str:
    """A measured number; a dash for none; text stays as it is.

    :param uncertainty, limits: as for :func:`rounded`.
    """
    if value is None:
        return "–"
    if isinstance(value, (bool, str)) or not isinstance(value, Real):
        return str(value)
    if isinstance(value, Integral) or not math.isfinite(value):
        return signs(str(value))
    decimals = _decimalsBeside(value, uncertainty, limits)
    text = f"{round(value, decimals) + 0.0:.{decimals}f}"
    return signs(text.rstrip("0").rstrip(".") if "." in text else text)


def fixed(value: float, decimals: int) -> str:
    """A number with so many digits behind the point: where several stand below each other, or make a place."""
    return signs(f"{round(float(value), decimals) + 0.0:.{decimals}f}")


def exactNumber(value: float) -> str:
    """A limit or a setting, with all the digits that it was given."""
    text = f"{value:.12f}".rstrip("0").rstrip(".")
    return signs("0" if text in ("", "-0") else text)


def signs(text: str) -> str:
    """The minus sign instead of the hyphen that computers write."""
    return text.replace("-", MINUS)


def millimeters(value: float | None, signed: bool = False, uncertainty: float | None = None) -> str:
    """A measured length, mm; nothing is 0 mm that is not exactly so.

    :param signed: whether a positive one gets a sign too.
    """
    if value is None:
        return "not measured"
    if 0 < abs(value) < FINEST_MM / 2:
        return f"less than {FINEST_MM:g} mm"
    text = number(round(float(value), 3), uncertainty)
    sign = "+" if signed and text != "0" and not text.startswith(MINUS) else ""
    return f"{sign}{text} mm"


def squareMillimeters(value: float) -> str:
    """A measured area."""
    return f"{number(float(value))} mm²"


def cubicMillimeters(value: float) -> str:
    """A measured volume."""
    return f"{number(float(value))} mm³"


def inDegrees(value: float) -> str:
    """A measured angle."""
    return f"{number(float(value))} degrees"


def percentage(value: float | None, signed: bool = False) -> str:
    """A measured number of percent; nothing is 0 or 100 % that is not exactly so.

    :param signed: whether a positive one gets a sign too: of a change.
    """
    if value is None:
        return "not measured"
    size, sign = abs(value), MINUS if value < 0 else "+" if signed and value > 0 else ""
    if 0 < size < _LEAST_PERCENT:
        return f"< {_LEAST_PERCENT:g} %"
    if _MOST_PERCENT < size < 100:
        return f"> {_MOST_PERCENT:g} %" if value > 0 else f"< {MINUS}{_MOST_PERCENT:g} %"
    decimals = 2 if size > 99 or size < 1 else 1 if size < 100 else 0
    text = f"{size:.{decimals}f}"
    return f"{sign}{text.rstrip('0').rstrip('.') if '.' in text else text} %"


def shareInPercent(value: float | None) -> str:
    """A share (0 to 1) in percent."""
    return percentage(None if value is None else 100 * value)


def plural(count: int, noun: str, pluralNoun: str = "") -> str:
    """A number with its noun: 1 hole, 2 holes."""
    return f"{count} {noun if count == 1 else pluralNoun or noun + 's'}"


def withUnit(text: str, unit: str) -> str:
    """A number that is written already with the unit of a requirement."""
    if unit in ("", "1"):
        return text
    if unit == "of the tolerance":
        return f"{text} × the tolerance"
    if unit == "times":
        return f"{text} ×"
    return f"{text} {ONE_OF_MANY.get(unit, unit) if text == '1' else _SYMBOLS.get(unit, unit)}"


def measuredText(value: object, unit: str, limits: tuple = (), uncertainty: float | None = None) -> str:
    """What was measured, with its unit, as it is written beside its limits; text stays as it is.

    :param unit: of the requirement.
    :param limits: as for :func:`rounded`.
    """
    if value is None or isinstance(value, (bool, str)):
        return number(value)
    value = float(value)
    if unit == "mm":
        text = millimeters(value, uncertainty=uncertainty)
        # What is nothing but less than the finest length is told from a limit above that already.
        isNothing = 0 < abs(value) < FINEST_MM / 2 and all(limit is None or limit >= FINEST_MM for limit in limits)
        if isNothing:
            return text
        near = not any(limit is not None and abs(value - limit) < 2 * FINEST_MM for limit in limits)
    elif unit == "%":
        text = percentage(value)
        near = not any(limit is not None and abs(value - limit) < 0.1 for limit in limits)
    else:
        return withUnit(number(value, uncertainty, limits), unit)
    # Beside its limit a number has the digits that tell the two apart.
    return (
        text
        if near and not _crosses(value, uncertainty, limits)
        else withUnit(number(value, uncertainty, limits), unit)
    )


def _crosses(value: float, uncertainty: float | None, limits: tuple) -> bool:
    return _decimalsBeside(value, uncertainty, limits) > decimalsOf(value, uncertainty)
