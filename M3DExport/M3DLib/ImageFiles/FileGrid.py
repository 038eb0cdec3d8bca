"""What an image file's header says of its grid of voxels, beside or against what ITK makes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..Errors import M3DError
from ..FileSize import inWords, requireRoom

UNIT_MM = {
    "mm": 1.0,
    "millimeter": 1.0,
    "millimeters": 1.0,
    "millimetre": 1.0,
    "millimetres": 1.0,
    "cm": 10.0,
    "centimeter": 10.0,
    "centimeters": 10.0,
    "centimetre": 10.0,
    "centimetres": 10.0,
    "m": 1000.0,
    "meter": 1000.0,
    "meters": 1000.0,
    "metre": 1000.0,
    "metres": 1000.0,
    "um": 0.001,
    "µm": 0.001,
    "μm": 0.001,
    "micron": 0.001,
    "microns": 0.001,
    "micrometer": 0.001,
    "micrometers": 0.001,
    "micrometre": 0.001,
    "micrometres": 0.001,
    "nm": 1e-6,
    "nanometer": 1e-6,
    "in": 25.4,
    "inch": 25.4,
    "inches": 25.4,
}


@dataclass
class FileGrid:
    """:ivar ijkToLps: float64 (4, 4) in the file's unit where it is to be used instead of ITK's; None for ITK's.
    :ivar unitMm: length of the unit along x, y and z (LPS), mm.
    :ivar remarks: what is not said or said twice, one sentence each.
    """

    ijkToLps: np.ndarray | None = None
    unitMm: tuple[float, float, float] = (1.0, 1.0, 1.0)
    remarks: list[str] = field(default_factory=list)


def unitLength(name: str, file: Path) -> float:
    """Length of a unit in mm.

    :raises M3DError: the unit is unknown.
    """
    length = UNIT_MM.get(name.strip().lower())
    if length is None:
        raise M3DError(
            f"'{file.name}' states the unit of length '{name[:30]}', which is not known; save it in millimeters."
        )
    return length


def requireVoxels(file: Path, sizes: list[int], voxelBytes: int, available: int | None) -> None:
    """Refuse a header that promises more voxels than the file or the memory holds.

    :param voxelBytes: bytes of one voxel.
    :param available: bytes of the file after its header; None where they are compressed.
    :raises M3DError: with both numbers.
    """
    if not sizes or min(sizes) < 1:
        raise M3DError(f"'{file.name}' says that it has {' x '.join(map(str, sizes))} voxels; it is damaged.")
    promised = voxelBytes
    for size in sizes:
        promised *= size
    shown = " x ".join(map(str, sizes))
    if available is not None and available < promised:
        raise M3DError(
            f"'{file.name}' is cut short or damaged: its header promises {shown} voxels ({inWords(promised)}), but the "
            f"file holds {inWords(max(available, 0))} of them. Copy it again."
        )
    requireRoom(promised, f"'{file.name}' ({shown} voxels)", None)


def requireLength(file: Path, lengths: list[float]) -> None:
    """Refuse spacings that are zero, negative or no numbers.

    :raises M3DError: names them.
    """
    if not all(np.isfinite(length) and length > 0 for length in lengths):
        shown = " x ".join(f"{length:g}" for length in lengths)
        raise M3DError(f"'{file.name}' says that its voxels are {shown} large; that is no size. Save it again.")
