"""From stored to real values: slope, intercept and the unit that follows, or why there is none (DICOM C.11.1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..Errors import M3DError

if TYPE_CHECKING:
    from .SliceHeader import SliceHeader

HOUNSFIELD = "HU"
# Real values are kept in 32 bits.
_LARGEST = 2**31


@dataclass
class Rescale:
    """How the stored values of a series become real ones.

    :ivar scales: slope and intercept of every slice; 1 and 0 where the file has none.
    :ivar unit: "HU", or "" when the values are no Hounsfield units.
    :ivar problems: why the unit is not what one would expect, one sentence each, nothing identifying.
    """

    scales: list[tuple[float, float]]
    unit: str = ""
    problems: list[str] = field(default_factory=list)


def rescaleOf(slices: Sequence[SliceHeader], modality: str, paths: Sequence[Path]) -> Rescale:
    """Slope, intercept and unit of a series.

    In CT both are required (PS3.3 C.8.2.1), and values are Hounsfield units unless Rescale Type says otherwise.

    :param paths: file of each slice, for messages.
    :raises M3DError: a value that is there and cannot be read, a table instead of slope and intercept, or slices of
        which only some can be rescaled; names a file.
    """
    found = [
        (_value(header, "RescaleSlope", path), _value(header, "RescaleIntercept", path))
        for header, path in zip(slices, paths, strict=True)
    ]
    lacking = [index for index, pair in enumerate(found) if None in pair]
    if lacking and len(lacking) < len(found):
        raise M3DError(
            f"{len(lacking)} of {len(found)} slices have no Rescale Slope or Rescale Intercept ({paths[lacking[0]]}, "
            "for example), the others have: their values cannot be compared. Get the series again from the archive."
        )
    result = Rescale(
        [(1.0 if slope is None else slope, 0.0 if intercept is None else intercept) for slope, intercept in found]
    )
    for index, (slope, intercept) in enumerate(result.scales):
        if slope == 0:
            raise M3DError(f"{paths[index]} has a Rescale Slope of 0, which would make every value the same.")
        if max(abs(slope), abs(intercept)) > _LARGEST:
            raise M3DError(
                f"{paths[index]} has a Rescale Slope of {slope:g} and a Rescale Intercept of {intercept:g}; no image "
                "has such values."
            )
    types = Counter(str(header.get("RescaleType", "") or "").strip().upper() for header in slices)
    if len(types) > 1:
        counted = ", ".join(f"{count} of '{name or 'none'}'" for name, count in types.items())
        raise M3DError(f"The slices have values of different kinds (Rescale Type: {counted}): they are not one image.")
    (kind,) = types
    isCt = modality == "CT"
    if lacking and (isCt or any(value is not None for value in found[0])):
        result.problems.append(
            "Rescale Slope or Rescale Intercept (0028,1053, 0028,1052) is missing in all slices, so the values are the "
            "stored ones and no Hounsfield units."
            if isCt
            else "Rescale Slope or Rescale Intercept (0028,1053, 0028,1052) is missing in all slices, so the values "
            "are the stored ones and their scale is not known."
        )
    elif isCt and kind not in ("", HOUNSFIELD):
        result.problems.append(f"Rescale Type (0028,1054) says '{kind}': the values are no Hounsfield units.")
    elif isCt and not kind and _isMultiEnergy(slices):
        result.problems.append(
            "The image is of several energies (0018,9361) without Rescale Type: its values may be no Hounsfield units."
        )
    elif isCt:
        result.unit = HOUNSFIELD
    commas = sorted({name for header in slices for name in header.withComma})
    if commas:
        result.problems.append(f"{', '.join(commas)} is written with a decimal comma, which was read as a point.")
    return result


def rescaleOfSlice(header: SliceHeader, path: Path) -> tuple[float, float]:
    """Slope and intercept of one slice; 1 and 0 where it has none.

    :raises M3DError: as :func:`rescaleOf`, for this slice.
    """
    return rescaleOf([header], "", [path]).scales[0]


def _value(header: SliceHeader, keyword: str, path: Path) -> float | None:
    """The attribute as a number; None where it is absent or empty.

    :raises M3DError: it is there and no finite number.
    """
    if header.get("ModalityLUTSequence") is not None:
        raise M3DError(f"{path} gives its values by a Modality LUT table; only Rescale Slope and Intercept are read.")
    number = header.number(keyword)
    if number is None and header.holds(keyword):
        words = "Rescale Slope" if keyword == "RescaleSlope" else "Rescale Intercept"
        raise M3DError(
            f"{path} has a {words} that is no number ({header.text(keyword)[:40]!r}), so its values mean nothing. Get "
            "the series again from the archive."
        )
    return number


def _isMultiEnergy(slices: Sequence[SliceHeader]) -> bool:
    return any(str(header.get("MultienergyCTAcquisition", "") or "").upper() == "YES" for header in slices[:1])
